"""An artifact from where it lies to a folder: what an init container puts onto a volume before it is checked there."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from dbom.artifact import find_artifact
from dbom.errors import PathError, UsageError
from dbom.executors import open_executor
from dbom.hashing import unreadable_error
from dbom.ignores import Ignores
from dbom.keys import demand_files, list_keys
from dbom.members import demand_online, is_member, is_url, local_path
from dbom.model import Kind
from dbom.oci import is_reference
from dbom.printable import printable
from dbom.rules.artifacts import COPY_UNSUPPORTED, COPY_UNWRITABLE
from dbom.storage.objects import open_sources, place_of, source_of
from dbom.storage.ranges import RANGE_BYTES, whole_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dbom.items import Progress
    from dbom.storage.objects import RemoteObject, Source

__all__ = ["STAGED_SUFFIX", "copy_artifact", "staged"]

STAGED_SUFFIX: Final = ".dbom-partial"
"""What the name of a copy ends in until all of it is there."""

_READERS: Final = 4
_PIECE: Final = 1024 * 1024


class _Sized(Protocol):
    @property
    def size(self) -> int: ...


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give a path beside `target` to write to, which takes its place when the block ends well.

    What an earlier run left there is removed first, and what this one leaves where it fails. Raises `PathError` where
    it can't be written, or where `target` is there already and can't be replaced: an empty folder can, a mount point
    or a folder with something in it can't.
    """
    beside = target.with_name(f".{target.name}{STAGED_SUFFIX}")
    try:
        _remove(beside)
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.rename(target)
    except OSError as error:
        what = f"can't be written: {error.strerror}"
        raise PathError(COPY_UNWRITABLE, what, where=printable(str(target))) from error
    finally:
        with suppress(OSError):
            _remove(beside)


def copy_artifact(source: str, into: Path, *, progress: Progress | None = None, offline: bool = False) -> None:
    """Copy the file, tree, object or prefix at `source` to `into`, which isn't there yet.

    What a fingerprint leaves out by default (`names.DEFAULT_IGNORES`) isn't copied. Nothing is checked here: whoever
    copies fingerprints what came. Raises `UsageError` for archives' members and OCI references, `PathError` for what is
    missing or refused, `NameRefusedError` for keys that no disk can hold, `ChangedError` where anything changes
    meanwhile, `StoreError` for a store that can't be reached, and `OSError` where `into` can't be written.
    """
    if is_url(source) and (is_member(source) or is_reference(source)):
        raise UsageError(
            COPY_UNSUPPORTED,
            "can't be copied from here",
            where=printable(source),
            expected="a path, or an object or prefix at s3://, gs://, az://, hf:// or https://",
        )
    if source.startswith(("file://", "local://")) or not is_url(source):
        _copy_local(local_path(source) if is_url(source) else source, into, progress)
        return
    demand_online(source, offline=offline)
    with open_sources():
        _copy_remote(source, into, progress)


def _copy_local(path: str, into: Path, progress: Progress | None) -> None:
    artifact = find_artifact(path, Ignores.of(None))
    files = {("" if artifact.kind is Kind.FILE else item.path): item for item in artifact.listing}
    _expect(progress, files.values())
    for place, item in files.items():
        _write(into / place, _read_local(item.real), progress)
    artifact.demand_unchanged()


def _copy_remote(url: str, into: Path, progress: Progress | None) -> None:
    place = place_of(url)
    source = source_of(place.root)
    single = source.find(place.key)
    if single is not None:
        files = {"": single}
    else:
        prefix = "" if not place.key else place.key.rstrip("/") + "/"
        where = source.shown(place.key)
        listing = list_keys(source.below(prefix), prefix, where, Ignores.of(None))
        demand_files(listing, where)
        files = listing.files
    _expect(progress, files.values())
    with open_executor(_READERS) as threads:
        for done in [
            threads.submit(_write, into / place, _read_remote(source, item), progress) for place, item in files.items()
        ]:
            done.result()


def _read_local(real: str) -> Iterator[bytes]:
    try:
        with open(real, "rb") as file:  # noqa: PTH123  the listing's paths are texts
            while data := file.read(_PIECE):
                yield data
    except OSError as error:
        raise unreadable_error(real, error) from error


def _read_remote(source: Source, item: RemoteObject) -> Iterator[bytes]:
    if item.streamed:
        yield from source.stream(item)
    else:
        fetch, where = partial(source.fetch, item), source.shown(item.key)
        for start in range(0, item.size, RANGE_BYTES):
            yield whole_range(fetch, start, min(start + RANGE_BYTES, item.size), where)
    source.demand_same(item)


def _write(target: Path, data: Iterable[bytes], progress: Progress | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        for piece in data:
            file.write(piece)
            if progress is not None:
                progress.advance(len(piece))


def _expect(progress: Progress | None, items: Iterable[_Sized]) -> None:
    if progress is not None:
        progress.expect(sum(item.size for item in items))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
