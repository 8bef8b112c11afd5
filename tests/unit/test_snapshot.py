"""Snapshots: what is handed to a webhook is taken whole, and is what was verified; anything else is refused."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from judging import NOW
from policies import policy_document, small_spec, some_key
from snapshot_samples import BUNDLES, POD, evidence_of, source

from admission.evidence import Evidence
from admission.gate import decide
from admission.packing.pieces import PIECE_BYTES, cut, join
from admission.policy_files import policies_at
from admission.policy_sources import PolicySource, read_sources
from admission.review import Review
from admission.snapshot import (
    MANIFEST_NAME,
    Manifest,
    PackedSnapshot,
    Snapshot,
    next_sequence,
    pack_snapshot,
    read_manifest,
    read_snapshot,
    write_snapshot,
)
from dbom.canonical import canonical_json
from dbom.errors import DocumentError
from dbom.model import Finding, Severity
from dbom.rules.cluster import SNAPSHOT_INCOMPLETE, SNAPSHOT_MALFORMED, SNAPSHOT_OLDER, SNAPSHOT_TOO_LARGE

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject
    from dbom.rules import Rule

SOURCES = (
    source("p", "", "licenses", "ancestors", "revocation", "rules"),
    source("p", "prod", "revocation", mode="warn"),
)


def written(folder: Path, *, sequence: int = 7, bundles: tuple[bytes, ...] = BUNDLES) -> Evidence:
    evidence = evidence_of(SOURCES, bundles)
    write_snapshot(str(folder), pack_snapshot(SOURCES, evidence), sequence=sequence, made_at=NOW)
    return evidence


def refused(folder: Path, rule: Rule, before: Snapshot | None = None) -> str:
    with pytest.raises(DocumentError) as caught:
        read_snapshot(folder, before=before)
    assert rule == caught.value.rule
    return str(caught.value)


def changed(folder: Path, **fields: Json) -> None:
    document = json.loads((folder / MANIFEST_NAME).read_bytes())
    (folder / MANIFEST_NAME).write_bytes(json.dumps({**document, **fields}).encode())


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    evidence = written(tmp_path)
    found = read_snapshot(tmp_path)
    assert dict(evidence.policies) == dict(found.evidence.policies)
    assert evidence.findings == found.evidence.findings
    assert (evidence.digest, evidence.read, NOW) == (
        found.evidence.digest,
        found.evidence.read,
        found.evidence.synced_at,
    )
    assert ["p", "prod/p"] == [policy.name for policy in found.policies]
    assert (7, NOW) == (found.sequence, found.made_at)


def test_the_decisions_are_the_very_same(tmp_path: Path) -> None:
    evidence = written(tmp_path)
    policies = tuple(policy for item in SOURCES for policy in item.policies())
    found = read_snapshot(tmp_path)
    for days in (0, 1, 5, 4000):
        review, now = Review.of_object(POD, where="pod"), NOW + timedelta(days=days)
        theirs = decide(review, found.policies, found.evidence, now=now)
        assert decide(review, policies, evidence, now=now).to_json() == theirs.to_json()


def test_the_same_input_gives_the_same_bytes_whatever_the_order_it_was_read_in() -> None:
    first = pack_snapshot(SOURCES, evidence_of(SOURCES, BUNDLES))
    again = pack_snapshot(SOURCES, evidence_of(SOURCES, BUNDLES))
    assert [piece.data for piece in first.pieces] == [piece.data for piece in again.pieces]


def test_predicates_that_nothing_asks_for_again_are_left_out() -> None:
    plain, asking = (source("p"),), (source("p", "", "rules"),)
    evidence = evidence_of(plain, BUNDLES)
    assert all("bomFormat" not in text for text in _documents(pack_snapshot(plain, evidence)))
    assert any("bomFormat" in text for text in _documents(pack_snapshot(asking, evidence)))


def _documents(packed: PackedSnapshot) -> list[str]:
    return [zlib.decompress(piece.data).decode() for piece in packed.pieces]


def test_an_empty_snapshot_is_one(tmp_path: Path) -> None:
    write_snapshot(str(tmp_path), pack_snapshot((), Evidence()), sequence=1, made_at=NOW)
    found = read_snapshot(tmp_path)
    assert ((), {}, None) == (found.policies, dict(found.evidence.policies), found.evidence.synced_at)


def test_policy_files_are_handed_over_with_the_keys_and_roots_that_they_name(tmp_path: Path) -> None:
    spec = small_spec()
    authority: JsonObject = {"name": "signer", "key": {"path": "keys/signer.pem"}}
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/signer.pem").write_text(some_key())
    path = tmp_path / "p.json"
    path.write_text(json.dumps(policy_document({**spec, "authorities": [authority]})))
    sources = read_sources([path])
    write_snapshot(str(tmp_path / "s"), pack_snapshot(sources, Evidence()), sequence=1, made_at=NOW)
    (tmp_path / "keys/signer.pem").rename(tmp_path / "gone")
    found = read_snapshot(tmp_path / "s").policies
    (tmp_path / "gone").rename(tmp_path / "keys/signer.pem")
    assert policies_at([path]) == found


def test_a_file_that_was_not_handed_over_is_not_looked_for() -> None:
    document = policy_document({**small_spec(), "authorities": [{"name": "signer", "key": {"path": "signer.pem"}}]})
    with pytest.raises(DocumentError, match="handed over"):
        PolicySource(json.dumps(document).encode(), "p").policies()


def test_what_is_there_already_is_not_read_again(tmp_path: Path) -> None:
    written(tmp_path)
    before = read_snapshot(tmp_path)
    packed = pack_snapshot(SOURCES, evidence_of(SOURCES, BUNDLES))
    later = NOW + timedelta(minutes=5)
    write_snapshot(str(tmp_path), replace(packed, synced_at=later), sequence=8, made_at=later)
    for piece in packed.pieces:
        (tmp_path / piece.name).unlink()
    found = read_snapshot(tmp_path, before=before)
    assert before.digest == found.digest
    assert {later} == {found.evidence.synced_at, *(item.synced_at for item in found.evidence.policies.values())}
    assert before.evidence.key != found.evidence.key


def test_an_older_snapshot_is_not_taken(tmp_path: Path) -> None:
    written(tmp_path)
    before = read_snapshot(tmp_path)
    written(tmp_path, sequence=6)
    assert "sequence 6" in refused(tmp_path, SNAPSHOT_OLDER, before=before)


def test_another_snapshot_of_the_same_sequence_is_not_taken(tmp_path: Path) -> None:
    written(tmp_path)
    before = read_snapshot(tmp_path)
    assert before == read_snapshot(tmp_path, before=before)
    written(tmp_path, bundles=BUNDLES[:3])
    refused(tmp_path, SNAPSHOT_OLDER, before=before)


def test_a_snapshot_without_its_manifest_is_none(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / MANIFEST_NAME).unlink()
    assert MANIFEST_NAME in refused(tmp_path, SNAPSHOT_INCOMPLETE)


def test_every_piece_must_be_there_and_be_what_its_name_says(tmp_path: Path) -> None:
    written(tmp_path)
    for sha256, size in read_manifest(tmp_path).pieces:
        path = tmp_path / f"{sha256}.piece"
        data = path.read_bytes()
        assert size == len(data)
        path.unlink()
        assert sha256 in refused(tmp_path, SNAPSHOT_INCOMPLETE)
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        refused(tmp_path, SNAPSHOT_INCOMPLETE)
        path.write_bytes(data)
    read_snapshot(tmp_path)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"schema": "dbom.dev/snapshot/v2"}, SNAPSHOT_MALFORMED),
        ({"schema": None}, SNAPSHOT_MALFORMED),
        ({"more": 1}, SNAPSHOT_MALFORMED),
        ({"sequence": 0}, SNAPSHOT_MALFORMED),
        ({"sequence": 2**53}, SNAPSHOT_MALFORMED),
        ({"sequence": "7"}, SNAPSHOT_MALFORMED),
        ({"digest": "0" * 64}, SNAPSHOT_MALFORMED),
        ({"madeAt": "yesterday"}, SNAPSHOT_MALFORMED),
        ({"madeAt": "2026-13-01T00:00:00Z"}, SNAPSHOT_MALFORMED),
        ({"syncedAt": "2026-01-01T00:00:00"}, SNAPSHOT_MALFORMED),
        ({"syncedAt": None}, SNAPSHOT_MALFORMED),
        ({"ownNamespace": "../x"}, SNAPSHOT_MALFORMED),
        ({"ownNamespace": "other"}, SNAPSHOT_MALFORMED),
        ({"parts": []}, SNAPSHOT_MALFORMED),
    ],
)
def test_a_manifest_is_read_strictly(tmp_path: Path, fields: JsonObject, rule: Rule) -> None:
    written(tmp_path)
    changed(tmp_path, **fields)
    refused(tmp_path, rule)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"schema":"dbom.dev/snapshot/v1"}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(data)
    refused(tmp_path, SNAPSHOT_MALFORMED)


def part(kind: str, size: int = 2, pieces: int = 1, piece: int = 10) -> JsonObject:
    listed: list[Json] = [{"sha256": f"{number:064x}", "size": piece} for number in range(pieces)]
    return {"kind": kind, "sha256": "0" * 64, "size": size, "pieces": listed}


@pytest.mark.parametrize(
    ("parts", "rule"),
    [
        ([part("policies"), part("evidence", size=2**40)], SNAPSHOT_TOO_LARGE),
        ([part("policies"), part("evidence", size=-1)], SNAPSHOT_TOO_LARGE),
        ([part("policies"), part("evidence", pieces=33)], SNAPSHOT_TOO_LARGE),
        ([part("policies"), part("evidence", piece=PIECE_BYTES + 1)], SNAPSHOT_MALFORMED),
        ([part("policies", piece=PIECE_BYTES + 1), part("evidence", piece=PIECE_BYTES + 1)], SNAPSHOT_TOO_LARGE),
        ([part("policies"), part("evidence", pieces=0)], SNAPSHOT_MALFORMED),
        ([part("policies", piece=0), part("evidence", piece=0)], SNAPSHOT_MALFORMED),
        ([part("evidence"), part("policies")], SNAPSHOT_MALFORMED),
        ([part("policies"), part("surprise"), part("evidence")], SNAPSHOT_MALFORMED),
        ([part("policies"), {**part("evidence"), "sha256": "x"}], SNAPSHOT_MALFORMED),
    ],
)
def test_what_a_manifest_declares_is_bounded_before_anything_is_read(
    tmp_path: Path, parts: list[Json], rule: Rule
) -> None:
    written(tmp_path)
    changed(tmp_path, parts=parts)
    refused(tmp_path, rule)


def remade(folder: Path, place: int, document: bytes, *, size: int | None = None) -> None:
    """Put another document in the place of a part's, with its digests and the manifest's made to fit."""
    manifest = read_manifest(folder)
    made, pieces = cut(document)
    made = made if size is None else replace(made, size=size)
    parts = [*manifest.parts]
    parts[place] = (parts[place][0], made)
    for piece in pieces:
        (folder / piece.name).write_bytes(piece.data)
    (folder / MANIFEST_NAME).write_bytes(replace(manifest, parts=tuple(parts)).document())


def test_no_more_is_unpacked_than_was_declared(tmp_path: Path) -> None:
    written(tmp_path)
    remade(tmp_path, -1, b"[" * 50_000_000, size=1000)
    assert "1000 bytes" in refused(tmp_path, SNAPSHOT_MALFORMED)
    remade(tmp_path, -1, b"[" * 1000, size=2000)
    refused(tmp_path, SNAPSHOT_MALFORMED)


def test_what_is_no_zlib_stream_or_has_something_behind_it_is_refused() -> None:
    made, (piece,) = cut(b"{}")
    for data in (b"no stream", piece.data + b"more"):
        sha256 = hashlib.sha256(data).hexdigest()
        with pytest.raises(DocumentError):
            join(replace(made, pieces=((sha256, len(data)),)), {sha256: data}.__getitem__, where="x")
    with pytest.raises(DocumentError, match="declared"):
        join(replace(made, sha256="0" * 64), {piece.sha256: piece.data}.__getitem__, where="x")


def test_a_large_part_is_cut_into_pieces_that_fit() -> None:
    document = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(60_000))
    made, pieces = cut(document)
    assert len(pieces) == 3
    assert max(len(piece.data) for piece in pieces) == PIECE_BYTES
    held = {piece.sha256: piece.data for piece in pieces}
    assert document == join(made, held.__getitem__, where="x")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[",
        b"[" * 100_000,
        b'["policies"]',
        b'["evidence","",0,[],[],[],[],[],false,1]',
        b'["evidence","",0,["0001-01-01T00:00:00"],[],[],[[0,[],[],[],[],[[],[],[],true],[null,0],false,0,true]],[],true]',
        b'["evidence","",0,["x"],[],[],[[0,[],[],[],[],[[],[],[],true],[null,5],false,0,true]],[],true]',
        b'["evidence","",0,["x"],[],[],[[0,[],[],[],[],[[],[],[],true],[null,-1],false,0,true]],[],true]',
        b'["evidence","",0,["x"],[],[],[[0,[],[],[],[],[[7],[],[],true],[null,0],false,0,true]],[],true]',
        b'["evidence","",0,["x"],[],[],[[0,[[0,[0]]],[],[],[],[[],[],[],true],[null,0],false,0,true]],[],true]',
        b'["evidence","",0,["x"],[],[],[],[],false]',
        b'["evidence","",0,["x"],[[0,0,0,0,0,null,[],null,null]],[],[],[],true]',
    ],
)
def test_rows_that_cannot_be_are_refused(tmp_path: Path, document: bytes) -> None:
    written(tmp_path)
    remade(tmp_path, -1, document)
    refused(tmp_path, SNAPSHOT_MALFORMED)


def test_policies_with_faults_are_neither_written_nor_read(tmp_path: Path) -> None:
    wrong = PolicySource(b'{"kind": "ProvenancePolicy"}', "wrong")
    with pytest.raises(DocumentError):
        pack_snapshot([wrong], Evidence())
    written(tmp_path)
    remade(tmp_path, 0, b'["policies",[["e30=","wrong",[],true]]]')
    with pytest.raises(DocumentError, match="wrong"):
        read_snapshot(tmp_path)


def test_a_text_that_is_no_utf_8_is_handed_over_as_an_escape(tmp_path: Path) -> None:
    finding = Finding("DBOM-116", Severity.WARNING, "m", "store/\udcff")
    evidence = replace(evidence_of(SOURCES, ()), findings=(finding,))
    write_snapshot(str(tmp_path), pack_snapshot(SOURCES, evidence), sequence=1, made_at=NOW)
    assert (replace(finding, where="store/\\udcff"),) == read_snapshot(tmp_path).evidence.findings


def test_a_mounted_folder_is_read_as_it_is_at_one_moment(tmp_path: Path) -> None:
    written(tmp_path / "..1")
    (tmp_path / "..data").symlink_to("..1")
    assert read_snapshot(tmp_path).sequence == 7


def test_a_sequence_grows_even_where_the_last_one_is_lost() -> None:
    second = int(NOW.timestamp())
    assert [second, second, second + 11] == [next_sequence(item, NOW) for item in (0, 5, second + 10)]


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    written(tmp_path)
    data = (tmp_path / MANIFEST_NAME).read_bytes()
    assert data == Manifest.parse(data, where="x").document() == canonical_json(json.loads(data))


def test_the_vector_of_the_specification(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/formats/snapshot.md").read_text(encoding="utf-8")
    made_at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    packed = pack_snapshot((), Evidence())
    manifest = write_snapshot(str(tmp_path), packed, sequence=1, made_at=made_at)
    assert f"`digest` is `{manifest.digest}`" in text
    assert all(zlib.decompress(piece.data).decode() in text for piece in packed.pieces)
