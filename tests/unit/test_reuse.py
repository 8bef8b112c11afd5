"""Digests taken over from a saved fingerprint: only by a verified statement, only for files in the very same state."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from evidence import clock, key_signed, public_pem, statement_about, statement_of

import dbom
from attest.authority import Authority
from attest.reusing import reuse_of
from attest.stores.sidecar import Sidecar
from attest.stores.store import StoredBundle
from dbom.cache import Cache
from dbom.errors import DocumentError, EvidenceError, NoEvidenceError, PathError, UsageError
from dbom.fingerprinting import fingerprint, source_name
from dbom.fingerprints import read_fingerprint, read_states, write_fingerprint
from dbom.model import COMPUTED, FROM_CACHE, Basis, tree_digest
from dbom.names import PREDICATE_LOCATION
from dbom.reuse import Reuse, States, state_of
from dbom.storage.objects import RemoteItem, RemoteObject
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from dbom.model import Fingerprint

KEY = ec.generate_private_key(ec.SECP256R1())
OWNER = (Authority("owner", key_pem=public_pem(KEY)),)
HOUR = timedelta(hours=1)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (root / name).write_bytes(name.encode() * 50)
    return root


def later() -> datetime:
    return clock() + timedelta(hours=2)


def saved(root: Path, file: Path, *, after: timedelta = HOUR) -> Fingerprint:
    """Fingerprint a tree as if some time after its files were written, and save that with its states."""
    noting = Reuse.begin(clock() + after)
    found = fingerprint(root, reuse=noting)
    file.write_bytes(write_fingerprint(found, States(source_name(root), noting.noted)))
    return found


def signed(found: Fingerprint, root: Path, key: ec.EllipticCurvePrivateKey = KEY) -> None:
    statement = statement_of(found)
    Sidecar.of(root).add_bundle(key_signed(statement.payload, key), statement)


def ready(root: Path, tmp_path: Path) -> tuple[Path, Fingerprint]:
    file = tmp_path / "saved.json"
    found = saved(root, file)
    signed(found, root)
    return file, found


def changed(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(file.read_bytes())
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def test_what_is_as_it_was_is_taken_over_and_known_as_derived(tree: Path, tmp_path: Path) -> None:
    file, found = ready(tree, tmp_path)
    (tree / "b").write_bytes(b"new")
    (tree / "d").write_bytes(b"more")
    reuse, statement = reuse_of(file, tree, OWNER, now=later())
    again = fingerprint(tree, reuse=reuse)
    assert fingerprint_path(tree).digest == again.digest != found.digest
    assert (2, 300) == (reuse.taken, reuse.size)
    bases = {entry.path: entry.known.basis for entry in again.entries}
    assert {"a": "derived", "b": "computed", "d": "computed", "sub/c": "derived"} == bases
    assert Basis.DERIVED is again.known.basis
    assert again.known.by == f"from bom signed by {statement.signer}, bundle sha256:{statement.bundle_sha256[:16]}"


def test_a_file_edited_with_its_mtime_put_back_is_read(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)
    times = (tree / "a").stat()
    (tree / "a").write_bytes(b"A" * times.st_size)
    os.utime(tree / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    reuse, _ = reuse_of(file, tree, OWNER, now=later())
    assert fingerprint_path(tree).digest == fingerprint(tree, reuse=reuse).digest
    assert 2 == reuse.taken


def test_an_older_version_of_the_same_size_is_read(tree: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.write_bytes(b"o" * 50)
    os.utime(older, ns=(0, 0))
    file, _ = ready(tree, tmp_path)
    older.rename(tree / "a")
    reuse, _ = reuse_of(file, tree, OWNER, now=later())
    assert fingerprint_path(tree).digest == fingerprint(tree, reuse=reuse).digest
    assert 2 == reuse.taken


def test_a_file_written_just_before_the_saving_has_no_state(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    signed(saved(tree, file, after=timedelta(0)), tree)
    assert "source" not in json.loads(file.read_bytes())
    with pytest.raises(UsageError, match="no states") as raised:
        reuse_of(file, tree, OWNER, now=later())
    assert "DBOM-183" == raised.value.rule.id


def test_nothing_is_taken_over_without_a_statement(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    saved(tree, file)
    with pytest.raises(NoEvidenceError, match="no verified statement") as raised:
        reuse_of(file, tree, OWNER, now=later())
    assert "DBOM-184" == raised.value.rule.id
    with pytest.raises(UsageError, match="nobody is expected"):
        reuse_of(file, tree, (), now=later())


def test_another_signers_statement_counts_for_nothing(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    signed(saved(tree, file), tree, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(EvidenceError, match="no verified statement"):
        reuse_of(file, tree, OWNER, now=later())


def test_a_broken_bundle_beside_a_good_one_refuses(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)
    (Sidecar.of(tree).folder / "bom-0123456789abcdef.sigstore.json").write_text("{}")
    with pytest.raises(EvidenceError, match="no verified statement"):
        reuse_of(file, tree, OWNER, now=later())


def test_a_statement_of_a_place_says_nothing_of_content(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    statement = statement_about(saved(tree, file).digest, predicate_type=PREDICATE_LOCATION)
    bundle = StoredBundle.of(key_signed(statement.payload, KEY), where="b")
    with pytest.raises(EvidenceError, match="no verified statement"):
        reuse_of(file, tree, OWNER, now=later(), bundles=[bundle])


def test_a_statement_about_a_file_of_the_same_digits_is_none_about_a_tree(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    found = saved(tree, file)
    statement = statement_of(replace(found, digest=replace(found.digest, kind=fingerprint(tree / "a").kind)))
    bundle = StoredBundle.of(key_signed(statement.payload, KEY), where="b")
    with pytest.raises(EvidenceError, match="no verified statement"):
        reuse_of(file, tree, OWNER, now=later(), bundles=[bundle])


def test_an_altered_digest_contradicts_its_files(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)
    changed(file, lambda document: document.update(digest=f"tree:sha256:{'0' * 64}"))
    with pytest.raises(DocumentError, match="the digest is"):
        reuse_of(file, tree, OWNER, now=later())


def test_a_file_with_another_sha256_makes_a_digest_that_nobody_signed(tree: Path, tmp_path: Path) -> None:
    file, found = ready(tree, tmp_path)
    forged = (replace(found.entries[0], sha256="0" * 64), *found.entries[1:])

    def forge(document: dict[str, Any]) -> None:
        document["files"][0]["sha256"] = "0" * 64
        document["digest"] = str(tree_digest(forged))

    changed(file, forge)
    with pytest.raises(EvidenceError, match="no verified statement"):
        reuse_of(file, tree, OWNER, now=later())


def test_two_states_that_were_swapped_fit_no_file(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)

    def swap(document: dict[str, Any]) -> None:
        first, second, _ = document["files"]
        first["state"], second["state"] = second["state"], first["state"]

    changed(file, swap)
    reuse, _ = reuse_of(file, tree, OWNER, now=later())
    assert fingerprint_path(tree).digest == fingerprint(tree, reuse=reuse).digest
    assert 1 == reuse.taken


def test_an_edited_state_is_believed_as_an_edited_cache_is_and_a_reading_is_not_fooled(
    tree: Path, tmp_path: Path
) -> None:
    """The states are nobody's statement: whoever can write to this user's files can make one fit."""
    file, found = ready(tree, tmp_path)
    (tree / "a").write_bytes(b"A" * 50)
    noting = Reuse.begin(clock() + HOUR)
    fingerprint(tree, reuse=noting)
    changed(file, lambda document: document["files"][0].update(state=noting.noted["a"]))
    fooled, _ = reuse_of(file, tree, OWNER, now=later())
    assert found.digest == fingerprint(tree, reuse=fooled).digest
    assert found.digest != fingerprint(tree).digest


def test_another_source_is_refused(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)
    other = tree.rename(tmp_path / "other")
    with pytest.raises(UsageError, match="another source") as raised:
        reuse_of(file, other, OWNER, now=later())
    assert (str(tmp_path / "data"), str(other)) == (raised.value.got, raised.value.expected)


def test_a_file_that_everybody_may_write_to_is_refused(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)
    file.chmod(0o666)
    with pytest.raises(PathError, match="others may write to it"):
        reuse_of(file, tree, OWNER, now=later())
    with pytest.raises(PathError, match="no such saved fingerprint"):
        reuse_of(tmp_path / "missing", tree, OWNER, now=later())


def test_to_read_all_and_to_take_over_is_a_contradiction(tree: Path, tmp_path: Path) -> None:
    file, _ = ready(tree, tmp_path)
    reuse, _ = reuse_of(file, tree, OWNER, now=later())
    with pytest.raises(UsageError, match="two answers"):
        fingerprint(tree, reuse=reuse, computed=True)


def test_a_single_file_and_one_reached_by_a_link_are_taken_over_too(tree: Path, tmp_path: Path) -> None:
    (tree / "link").symlink_to("a")
    file, found = ready(tree, tmp_path)
    reuse, _ = reuse_of(file, tree, OWNER, now=later())
    assert found.digest == fingerprint(tree, reuse=reuse).digest
    assert 3 == reuse.taken
    single = tmp_path / "single.json"
    signed(saved_file(tree / "a", single), tree / "a")
    reuse, _ = reuse_of(single, tree / "a", OWNER, now=later())
    assert Basis.DERIVED is fingerprint(tree / "a", reuse=reuse).known.basis


def saved_file(path: Path, file: Path) -> Fingerprint:
    noting = Reuse.begin(clock() + HOUR)
    found = fingerprint(path, reuse=noting)
    file.write_bytes(write_fingerprint(found, States(source_name(path), noting.noted)))
    return found


def test_what_is_taken_over_can_be_saved_and_taken_over_again(tree: Path, tmp_path: Path) -> None:
    """The second time it rests on a statement about the new tree, not on that of the first."""
    file, _ = ready(tree, tmp_path)
    reuse, _ = reuse_of(file, tree, OWNER, now=later())
    found = fingerprint(tree, reuse=reuse)
    second = tmp_path / "second.json"
    second.write_bytes(write_fingerprint(found, States(source_name(tree), reuse.noted)))
    assert all(item["known"].startswith("derived (from ") for item in json.loads(second.read_bytes())["files"])
    once_more, _ = reuse_of(second, tree, OWNER, now=later())
    assert found.digest == fingerprint(tree, reuse=once_more).digest
    assert 3 == once_more.taken


def test_the_cache_is_asked_for_what_is_not_taken_over_and_learns_nothing_of_the_rest(
    tree: Path, tmp_path: Path
) -> None:
    file, _ = ready(tree, tmp_path)
    (tree / "b").write_bytes(b"new")
    cache = Cache(tmp_path / "cache.sqlite", now_ns=lambda: int(later().timestamp() * 1e9))
    for known in (COMPUTED, FROM_CACHE):
        reuse, _ = reuse_of(file, tree, OWNER, now=later())
        assert known == fingerprint(tree, reuse=reuse, cache=cache).entries[1].known
    assert 1 == cache.hits
    fingerprint(tree, cache=cache)
    assert 2 == cache.hits


def test_documents_with_and_without_states_are_read(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    found = saved(tree, file)
    plain = write_fingerprint(found)
    assert read_fingerprint(plain, where="f") == read_fingerprint(file.read_bytes(), where="f")
    assert read_states(plain, where="f")[1] is None
    _, states = read_states(file.read_bytes(), where="f")
    assert states is not None
    assert (str(tree), {"a", "b", "sub/c"}) == (states.source, set(states.files))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.pop("source"), "go together"),
        (lambda d: [f.pop("state") for f in d["files"]], "go together"),
        (lambda d: d.update(source=7), "source is not a text"),
        (lambda d: d["files"][0].update(state=7), "state is not a text"),
    ],
)
def test_malformed_states_are_faults(
    tree: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    file = tmp_path / "saved.json"
    saved(tree, file)
    changed(file, change)
    with pytest.raises(DocumentError, match=said):
        read_states(file.read_bytes(), where="f")


def remote(*, tag: str = "", version: str = "", attested: str = "") -> RemoteItem:
    return RemoteItem("a", "memory://bucket", RemoteObject("k/a", 3, tag, version, attested))


def test_an_object_has_a_state_where_its_store_keeps_a_version_of_it_and_only_there() -> None:
    assert "" == state_of(remote(tag='"etag"'), 0)
    assert "" == state_of(remote(tag='"etag"', version="v1", attested="0" * 64), 0)
    first, second = state_of(remote(tag='"etag"', version="v1"), 0), state_of(remote(tag='"etag"', version="v2"), 0)
    assert "" not in {first, second}
    assert first != second


def test_objects_of_the_same_version_are_not_asked_for_again() -> None:
    reuse = Reuse.begin(clock())
    assert ([], [remote(version="v1")]) == reuse.divided([remote(version="v1")])
    earlier = fingerprint_of("a", b"abc")
    reuse = Reuse.begin(clock(), earlier, States("memory://bucket", dict(reuse.noted)))
    entries, rest = reuse.divided([remote(version="v1"), replace(remote(version="v1"), path="b")])
    assert (["a"], ["b"]) == ([entry.path for entry in entries], [item.path for item in rest])
    assert ([], 1) == (reuse.divided([remote(version="v2")])[0], reuse.taken)


def fingerprint_of(name: str, content: bytes) -> Fingerprint:
    import hashlib

    from dbom.model import Entry, Fingerprint

    return Fingerprint.of_file(Entry(name, len(content), hashlib.sha256(content).hexdigest()))


def test_a_source_is_named_without_what_may_be_secret(tmp_path: Path) -> None:
    assert "s3://b/k" == source_name("s3://b/k/")
    assert "https://h/p" == source_name("https://user:secret@h/p?signature=secret#x")
    assert str(tmp_path) == source_name(tmp_path) == source_name(tmp_path.as_uri())


def test_the_same_from_python(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.api._now", later)
    (tmp_path / "key.pub").write_bytes(public_pem(KEY))
    found = dbom.fingerprint(tree, save=tmp_path / "saved.json")
    with pytest.raises(NoEvidenceError):
        dbom.fingerprint(tree, reuse=tmp_path / "saved.json", key=tmp_path / "key.pub")
    signed(found, tree)
    again = dbom.fingerprint(tree, reuse=tmp_path / "saved.json", key=tmp_path / "key.pub")
    assert (found.digest, Basis.DERIVED) == (again.digest, again.known.basis)


def test_a_path_that_is_not_utf_8_has_a_name_too(tmp_path: Path) -> None:
    assert source_name(os.fsencode(tmp_path).decode() + "/\udcff").endswith("/\\xff")
