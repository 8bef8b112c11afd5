"""One door: the same digest by every way in, and words that don't go together refused."""

from __future__ import annotations

import uuid
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import fsspec
import pytest

import dbom
from dbom.cache import Cache
from dbom.errors import UsageError
from dbom.fingerprinting import fingerprint, is_url
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _CallersExecutor(Executor):
    """An executor that nobody here knows: it runs each call at once, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        self.calls += 1
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  an executor hands every error over
            future.set_exception(error)
        return future


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    for number in range(20):
        (folder / "sub" / f"{number}.bin").write_bytes(bytes([number]) * number)
    (folder / "link").symlink_to("sub")
    return folder


def test_every_way_in_gives_the_same_digest(tree: Path, tmp_path: Path) -> None:
    expected = fingerprint_path(tree)
    own = _CallersExecutor()
    with ThreadPoolExecutor(2) as threads:
        found = [
            fingerprint(tree),
            fingerprint(str(tree), jobs=3),
            fingerprint(tree.as_uri()),
            fingerprint(tree, engine="threads", jobs=2),
            fingerprint(tree, executor=threads),
            fingerprint(tree, executor=own),
            fingerprint(tree, journal=tmp_path / "journal"),
            fingerprint(tree, cache=Cache(tmp_path / "cache.sqlite")),
            fingerprint(tree, engine="threads", cache=Cache(tmp_path / "cache.sqlite")),
            dbom.fingerprint(tree, executor=own),
        ]
    assert {expected.digest} == {one.digest for one in found}
    assert [expected.manifest()] * len(found) == [one.manifest() for one in found]
    assert own.calls >= 2


def test_a_single_file_too(tree: Path, tmp_path: Path) -> None:
    path = tree / "sub" / "7.bin"
    expected = fingerprint_path(path)
    assert expected == fingerprint(path, journal=tmp_path / "journal") == fingerprint(path, executor=_CallersExecutor())


def test_a_run_resumes_from_its_journal(tree: Path, tmp_path: Path) -> None:
    import os

    for path in (tree / "sub").iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    first = fingerprint(tree, journal=tmp_path / "journal")
    size = (tmp_path / "journal").stat().st_size
    assert first == fingerprint(tree, journal=tmp_path / "journal")
    assert size == (tmp_path / "journal").stat().st_size


def test_a_file_that_changed_since_the_journal_is_read_again(tree: Path, tmp_path: Path) -> None:
    before = fingerprint(tree, journal=tmp_path / "journal")
    (tree / "sub" / "9.bin").write_bytes(b"9" * 9)
    after = fingerprint(tree, journal=tmp_path / "journal")
    assert before.digest != after.digest == fingerprint_path(tree).digest


def test_words_that_do_not_go_together_are_refused(tree: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two answers"):
        fingerprint(tree, engine="threads", executor=_CallersExecutor())
    with pytest.raises(UsageError, match="no such engine"):
        fingerprint(tree, engine="dask")
    with pytest.raises(UsageError, match="Ray address"):
        fingerprint(tree, ray_address="ray://x")
    with pytest.raises(UsageError, match="a cache is for local paths"):
        fingerprint("s3://bucket/x", cache=Cache(tmp_path / "cache"))
    with pytest.raises(UsageError, match="following links is for local paths"):
        fingerprint("s3://bucket/x", follow_links=True)


def test_a_url_has_a_journal_too(tree: Path, tmp_path: Path) -> None:
    place = f"memory://{uuid.uuid4().hex}"
    fsspec.filesystem("memory").put(str(tree / "sub"), place, recursive=True)
    first = fingerprint(place, journal=tmp_path / "journal")
    assert (tmp_path / "journal").stat().st_size > 0
    assert (
        first.digest == fingerprint(place, journal=tmp_path / "journal").digest == fingerprint_path(tree / "sub").digest
    )


@pytest.mark.parametrize(
    ("source", "expected"), [("s3://b/x", True), ("file:///x", True), ("./a://b", False), ("x", False), ("://x", False)]
)
def test_a_url_begins_with_its_protocol(source: str, *, expected: bool) -> None:
    assert expected == is_url(source)


def test_offline_forbids_a_url() -> None:
    from dbom.errors import StoreError

    with pytest.raises(StoreError, match="--offline"):
        fingerprint("s3://bucket/x", offline=True)
