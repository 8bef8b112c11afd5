"""The referrers of an artifact as a store of bundles."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import changed, key_signed, statement_about
from memory_registry import EMPTY, MANIFEST, MemoryRegistry, digest_of, file_layer, memory_registry

from attest.locating import LocationReader
from attest.location import Location
from attest.showing import Claim
from attest.statement import Statement, Subject
from attest.stores.copying import attach_bundles, claims_in, copy_bundles
from attest.stores.holding import Holding
from attest.stores.registry import RegistryStore
from attest.stores.sidecar import Sidecar
from attest.stores.store import StoredBundle, UnreadBundle, all_entries, open_store
from attest.verified import RejectionKind
from dbom.errors import DbomError, EvidenceError, MismatchError, PathError, StoreError, UsageError
from dbom.model import COMPUTED, Digest, Kind
from dbom.rules.artifacts import STORE_UNREACHABLE
from dbom.storage.oci.referrers import Settling
from dbom.storage.retries import Retries
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.storage.retries.RETRIES", Retries(attempts=2, first=0.0))


@pytest.fixture
def held() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        running.add_artifact(file_layer("a", b"content"))
        yield running


def _bundle(digest: Digest, number: int = 0) -> tuple[bytes, Statement]:
    statement = Statement.build(Subject.of(f"iris{number}", digest), "https://cyclonedx.org/bom", {"n": number})
    return key_signed(statement.payload, _KEY), statement


def _digest(held: MemoryRegistry) -> str:
    return digest_of(held.manifests["v1"][0])


def test_a_bundle_comes_back_byte_for_byte_and_once(held: MemoryRegistry) -> None:
    store = open_store(held.url("v1"))
    raw, statement = _bundle(Digest(Kind.TREE, "a" * 64))
    name = store.add(raw, statement)
    assert name == store.add(raw, statement)
    (found,) = store.bundles()
    assert (raw, hashlib.sha256(raw).hexdigest(), held.url(name)) == (found.raw, found.sha256, found.where)


def test_the_url_says_what_a_tag_meant(held: MemoryRegistry) -> None:
    assert f"oci://{held.host}/models/iris:v1@{_digest(held)}" == open_store(held.url("v1")).url
    assert held.url(_digest(held)) == open_store(held.url(_digest(held))).url


def test_the_manifest_is_cosign_s(held: MemoryRegistry) -> None:
    raw, statement = _bundle(Digest(Kind.TREE, "a" * 64))
    name = open_store(held.url("v1")).add(raw, statement)
    subject = held.manifests["v1"][0]
    expected = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": _BUNDLE,
        "config": {"mediaType": EMPTY, "digest": digest_of(b"{}"), "size": 2},
        "layers": [{"mediaType": _BUNDLE, "digest": digest_of(raw), "size": len(raw)}],
        "subject": {"mediaType": MANIFEST, "digest": digest_of(subject), "size": len(subject)},
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://cyclonedx.org/bom",
        },
    }
    assert expected == json.loads(held.manifests[name][0])


@pytest.mark.parametrize("version", ["0.1", "0.2"])
def test_older_bundles_keep_their_version_in_a_form_that_a_registry_takes(held: MemoryRegistry, version: str) -> None:
    raw, statement = _bundle(Digest(Kind.TREE, "a" * 64))
    old = changed(
        raw, lambda bundle: bundle.update(mediaType=f"application/vnd.dev.sigstore.bundle+json;version={version}")
    )
    store = open_store(held.url("v1"))
    name = store.add(old, statement)
    assert f"application/vnd.dev.sigstore.bundle.v{version}+json" == json.loads(held.manifests[name][0])["artifactType"]
    assert [old] == [found.raw for found in store.bundles()]


@pytest.mark.parametrize("referrers", [True, False])
def test_referrers_that_are_no_bundles_are_none_of_ours(held: MemoryRegistry, referrers: bool) -> None:  # noqa: FBT001  a parameter
    held.referrers = referrers
    store = open_store(held.url("v1"))
    raw, statement = _bundle(Digest(Kind.TREE, "a" * 64))
    store.add(raw, statement)
    subject, media_type = held.manifests["v1"]
    for kind in ("application/spdx+json", ""):
        document: dict[str, object] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            **({"artifactType": kind} if kind else {}),
            "config": {"mediaType": EMPTY, "digest": digest_of(b"{}"), "size": 2},
            "layers": [],
            "subject": {"mediaType": media_type, "digest": digest_of(subject), "size": len(subject)},
        }
        held.add_manifest(document)
    assert len(list(store.entries())) == 1


def test_what_can_not_be_read_is_an_entry_of_its_own(held: MemoryRegistry) -> None:
    store = open_store(held.url("v1"))
    names = [store.add(*_bundle(Digest(Kind.TREE, "a" * 64), number)) for number in range(3)]
    blob = json.loads(held.manifests[names[0]][0])["layers"][0]["digest"]
    held.spoilt[blob] = lambda data: data + b" "
    held.spoilt[names[1]] = lambda data: data + b" "
    found = list(store.entries())
    unread = [entry for entry in found if isinstance(entry, UnreadBundle)]
    assert {held.url(names[0]), held.url(names[1])} == {entry.where for entry in unread}
    assert {"DBOM-377"} == {entry.rejection.rule for entry in unread}
    assert sum(isinstance(entry, StoredBundle) for entry in found) == 1
    with pytest.raises(DbomError):
        list(store.bundles())


def test_a_referrer_of_something_else_is_no_evidence(held: MemoryRegistry) -> None:
    held.referrers = False
    store = open_store(held.url("v1"))
    name = store.add(*_bundle(Digest(Kind.TREE, "a" * 64)))
    other = held.add_artifact(file_layer("b", b"other"), tags=("v2",))
    tag = _digest(held).replace(":", "-")
    held.manifests[other.replace(":", "-")] = held.manifests[tag]
    (entry,) = open_store(held.url("v2")).entries()
    assert isinstance(entry, UnreadBundle)
    assert (held.url(name), "DBOM-376") == (entry.where, entry.rejection.rule)


@pytest.mark.parametrize(("url", "error"), [("oci://h/repo", UsageError), ("oci://h/repo:v1?x", UsageError)])
def test_what_is_no_reference_is_no_store(url: str, error: type[DbomError]) -> None:
    with pytest.raises(error):
        open_store(url)


def test_a_store_that_is_not_there_or_may_not_be_reached(held: MemoryRegistry) -> None:
    with pytest.raises(PathError):
        open_store(held.url("nowhere"))
    with pytest.raises(StoreError, match="offline"):
        open_store(held.url("v1"), offline=True)


def test_a_store_that_is_away_is_one_unread_entry_for_who_only_reads(tmp_path: Path) -> None:
    with memory_registry() as held:
        held.add_artifact(file_layer("a", b"content"))
        store = open_store(held.url("v1"), at_once=False)
        missing = open_store(held.url("nowhere"), at_once=False)
        assert not held.seen
        raw, statement = _bundle(Digest(Kind.FILE, "0" * 64))
        store.add(raw, statement)
        assert [raw] == [entry.raw for entry in all_entries(store) if isinstance(entry, StoredBundle)]
        (entry,) = all_entries(missing)
        assert isinstance(entry, UnreadBundle)
        assert entry.where == held.url("nowhere")
        away = open_store(held.url(_digest(held)), at_once=False)
    for store in (away, open_store(str(tmp_path / "nowhere"))):
        (entry,) = all_entries(store)
        assert isinstance(entry, UnreadBundle)
        assert entry.rejection.kind is RejectionKind.UNDECIDED
        with pytest.raises(DbomError):
            list(store.entries())


def test_a_tag_means_for_a_store_what_it_meant_first(held: MemoryRegistry) -> None:
    store = open_store(held.url("v1"), at_once=False)
    first = store.url
    held.add_artifact(file_layer("a", b"other"))
    assert first == store.url != open_store(held.url("v1")).url


def test_pushing_twice_at_once_loses_nothing(held: MemoryRegistry) -> None:
    from concurrent.futures import ThreadPoolExecutor

    held.referrers = False
    store = open_store(held.url("v1"))
    assert isinstance(store, RegistryStore)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.add(*_bundle(Digest(Kind.TREE, "a" * 64), number)), range(8)))
    assert {_bundle(Digest(Kind.TREE, "a" * 64), n)[0] for n in range(8)} == {found.raw for found in store.bundles()}


def _artifact(tmp_path: Path, data: bytes = b"content") -> Path:
    folder = tmp_path / "iris"
    folder.mkdir()
    (folder / "a").write_bytes(data)
    return folder


def test_what_a_registry_holds_is_its_tree_its_manifest_and_its_only_file(held: MemoryRegistry, tmp_path: Path) -> None:
    holding = Holding.at(held.url("v1"))
    found = fingerprint_path(_artifact(tmp_path))
    for subject in (
        Subject.of("iris", found.digest, ignores=found.ignores),
        Subject.of("iris", found.digest, ignores=("*.log",)),
        Subject("iris", found.digest, "application/vnd.dbom.tree.v1"),
        Subject.of("iris", Digest(Kind.FILE, _digest(held).removeprefix("sha256:"))),
        Subject.of("a", Digest(Kind.FILE, hashlib.sha256(b"content").hexdigest())),
    ):
        assert holding.is_about(Statement.build(subject, "https://x/", {}))
    for subject in (
        Subject.of("iris", Digest(Kind.FILE, found.digest.hex)),
        Subject.of("iris", Digest(Kind.TREE, _digest(held).removeprefix("sha256:"))),
        Subject.of("iris", found.digest, ignores=("a",)),
        Subject.of("iris", found.digest, ignores=("a/../b",)),
    ):
        assert not holding.is_about(Statement.build(subject, "https://x/", {}))


def test_what_is_not_there_is_an_error_and_no_answer(tmp_path: Path) -> None:
    with pytest.raises(PathError):
        Holding.at(tmp_path / "nothing").is_about(statement_about(Digest(Kind.FILE, "a" * 64)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(PathError):
        Holding.at(tmp_path / "empty").is_about(statement_about(Digest(Kind.FILE, "a" * 64)))


def test_only_what_is_about_the_artifact_is_copied_and_the_rest_is_named(held: MemoryRegistry, tmp_path: Path) -> None:
    path = _artifact(tmp_path)
    found = fingerprint_path(path)
    ours = Statement.build(Subject.of("iris", found.digest, ignores=found.ignores), "https://cyclonedx.org/bom", {})
    good = StoredBundle.of(key_signed(ours.payload, _KEY), where="good")
    other = StoredBundle.of(_bundle(Digest(Kind.FILE, "a" * 64))[0], where="other")
    broken = StoredBundle.of(b"{}", where="broken")
    unread = UnreadBundle(StoreError(STORE_UNREACHABLE, "can't be read", got="x"), "unread")
    target = open_store(held.url("v1"))
    copied = copy_bundles([good, good, other, broken, unread], [target, Sidecar.of(path)], holding=Holding.at(path))
    assert [target.url, str(Sidecar.of(path).folder)] == [item.target for item in copied.added]
    assert ["other", "broken", "unread"] == [finding.where for finding in copied.left_out]
    assert [good.raw] == [item.raw for item in target.bundles()] == [item.raw for item in Sidecar.of(path).bundles()]
    assert len(copy_bundles([other], [target]).added) == 1


def test_one_bundle_about_something_else_attaches_none(held: MemoryRegistry, tmp_path: Path) -> None:
    path = _artifact(tmp_path)
    found = fingerprint_path(path)
    ours = Statement.build(Subject.of("iris", found.digest, ignores=found.ignores), "https://cyclonedx.org/bom", {})
    good = StoredBundle.of(key_signed(ours.payload, _KEY), where="good")
    others = [StoredBundle.of(_bundle(Digest(Kind.FILE, "a" * 64), n)[0], where=f"other {n}") for n in range(2)]
    target = open_store(held.url("v1"))
    with pytest.raises(EvidenceError) as caught:
        attach_bundles([good, others[0]], [target], holding=Holding.at(path))
    assert (caught.value.rule.id, "other 0") == ("DBOM-381", caught.value.where)
    with pytest.raises(EvidenceError, match="2 bundles"):
        attach_bundles([good, *others], [target], holding=Holding.at(path))
    assert list(target.bundles()) == []
    assert len(attach_bundles([good], [target], holding=Holding.at(held.url("v1")))) == 1


def test_claims_are_listed_once_and_by_digest() -> None:
    bundles = [StoredBundle.of(_bundle(Digest(Kind.FILE, digit * 64))[0], where=digit) for digit in "ab"]
    entries = [*bundles, bundles[0], StoredBundle.of(b"{}", where="broken")]
    assert [Claim, Claim, False] == [type(item) if isinstance(item, Claim) else False for item in claims_in(entries)]
    about = claims_in(bundles, about=frozenset({Digest(Kind.FILE, "b" * 64)}))
    assert ["b"] == [item.where for item in about]


def test_a_location_is_computed_by_reading_it(held: MemoryRegistry, tmp_path: Path) -> None:
    path = _artifact(tmp_path)
    location = Location.parse(held.url(_digest(held)))
    assert COMPUTED == LocationReader()(location, fingerprint_path(path))
    assert COMPUTED == LocationReader()(location, fingerprint_path(path / "a"))
    assert any("/blobs/" in seen for _, seen, _ in held.seen)
    (path / "a").write_bytes(b"else")
    with pytest.raises(MismatchError) as caught:
        LocationReader()(location, fingerprint_path(path))
    assert caught.value.rule.id == "DBOM-383"
    with pytest.raises(StoreError):
        LocationReader(offline=True)(location, fingerprint_path(path))


def test_settling_is_what_it_says() -> None:
    assert Settling().attempts > 1
    assert 0 <= Settling().jitter() < 1
