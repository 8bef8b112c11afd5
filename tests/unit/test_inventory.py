"""What a document says of an artifact: told by its content, and counted for no more than a claim."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evidence import BOM, local_sigstore, statement_of

from attest.inventory import Source, read_document
from attest.statement import Statement, Subject
from dbom.bom.facts import ArtifactType
from dbom.bom.generating import Options, generate_bom
from dbom.errors import DocumentError, PathError, UndecidedError
from dbom.fingerprints import write_fingerprint
from dbom.model import Basis, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from dbom.bom import Bom
    from dbom.canonical import JsonObject
    from dbom.model import Fingerprint


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "x").write_bytes(b"one")
    (folder / "sub" / "y").write_bytes(b"twelve")
    return folder


@pytest.fixture
def found(data: Path) -> Fingerprint:
    return fingerprint_path(data, ignores=("*.tmp",))


def _bom(path: Path, found: Fingerprint) -> Bom:
    return generate_bom(path, found, Options(type=ArtifactType.DATASET))


def _written(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "document.bin"
    path.write_bytes(data)
    return str(path)


def _signed(statement: Statement) -> bytes:
    from datetime import UTC, datetime

    return local_sigstore(Path(os.environ["DBOM_HOME"])).signer(now=lambda: datetime.now(UTC)).sign(statement)


def test_a_manifest_names_files_and_no_sizes(tmp_path: Path, found: Fingerprint) -> None:
    side = read_document(_written(tmp_path, found.manifest()))
    assert side is not None
    assert (Source.MANIFEST, found.digest, None) == (side.source, side.digest, side.ignores)
    assert {"x", "sub/y"} == set(side.files if not isinstance(side.files, Unknown) else ())
    assert (isinstance(side.total, Unknown), dict(side.sizes)) == (True, {})
    assert Basis.DECLARED is side.known.basis


def test_a_bom_names_files_sizes_and_the_ignore_list(tmp_path: Path, data: Path, found: Fingerprint) -> None:
    side = read_document(_written(tmp_path, _bom(data, found).to_json()))
    assert side is not None
    assert (Source.BOM, found.digest, 9, ("*.tmp",)) == (side.source, side.digest, side.total, side.ignores)
    assert {"x": 3, "sub/y": 6} == dict(side.sizes)


def test_a_bom_of_a_file_names_the_file(tmp_path: Path, data: Path) -> None:
    one = fingerprint_path(data / "x")
    side = read_document(_written(tmp_path, _bom(data / "x", one).to_json()))
    assert side is not None
    assert (one.digest, {"x": one.digest.hex}, 3, None) == (side.digest, side.files, side.total, side.ignores)


def test_a_bom_whose_files_dont_add_up_names_none(tmp_path: Path, data: Path, found: Fingerprint) -> None:
    document = json.loads(_bom(data, found).to_json())
    document["metadata"]["component"]["components"].pop()
    side = read_document(_written(tmp_path, json.dumps(document).encode()))
    assert side is not None
    assert Unknown("the files that the BOM lists don't add up to its digest") == side.files


def test_a_bom_of_nobody_of_ours_lists_no_files(tmp_path: Path, found: Fingerprint) -> None:
    document: JsonObject = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "component": {
                "type": "data",
                "name": "d",
                "mime-type": "application/vnd.dbom.tree.v1",
                "hashes": [{"alg": "SHA-256", "content": found.digest.hex}],
            }
        },
    }
    side = read_document(_written(tmp_path, json.dumps(document).encode()))
    assert side is not None
    assert (Unknown("the BOM lists no files"), None) == (side.files, side.ignores)
    assert isinstance(side.total, Unknown)


def test_a_bom_about_no_bytes_can_not_be_told(tmp_path: Path) -> None:
    with pytest.raises(UndecidedError, match="no SHA-256"):
        read_document(_written(tmp_path, json.dumps(BOM).encode()))


def test_a_bundle_is_a_claim_with_the_signed_ignore_list(tmp_path: Path, data: Path, found: Fingerprint) -> None:
    statement = statement_of(found, predicate=_bom(data, found).document)
    side = read_document(_written(tmp_path, _signed(statement)))
    assert side is not None
    assert (Source.BUNDLE, found.digest, ("*.tmp",), 9) == (side.source, side.digest, side.ignores, side.total)
    assert "signature isn't checked" in side.known.by


@pytest.mark.parametrize(
    ("kind", "predicate", "why"),
    [
        (PREDICATE_PROVENANCE, {}, "by its digest alone"),
        (PREDICATE_BOM, {"bomFormat": "x"}, "its BOM can't be read"),
        (PREDICATE_BOM, BOM, "its BOM is about other bytes"),
    ],
)
def test_a_bundle_that_lists_nothing_says_why(
    tmp_path: Path, found: Fingerprint, kind: str, predicate: JsonObject, why: str
) -> None:
    statement = statement_of(found, predicate_type=kind, predicate=predicate)
    side = read_document(_written(tmp_path, _signed(statement)))
    assert side is not None
    assert isinstance(side.files, Unknown)
    assert why in side.files.reason


def test_a_bundle_about_a_file_names_it(tmp_path: Path, data: Path) -> None:
    one = fingerprint_path(data / "x")
    side = read_document(_written(tmp_path, _signed(statement_of(one))))
    assert side is not None
    assert (one.digest, {"x": one.digest.hex}, None) == (side.digest, side.files, side.ignores)


def test_a_bundle_about_several_artifacts_can_not_be_told(tmp_path: Path, data: Path, found: Fingerprint) -> None:
    one = fingerprint_path(data / "x")
    payload = json.loads(statement_of(found).payload)
    payload["subject"].append({"name": "x", "digest": {"sha256": one.digest.hex}})
    raw = json.dumps(payload).encode()
    statement = Statement((Subject.of("x", one.digest),), PREDICATE_BOM, BOM, raw)
    bundle = json.loads(_signed(statement_of(one)))
    import base64

    bundle["dsseEnvelope"]["payload"] = base64.b64encode(statement.payload).decode()
    with pytest.raises(UndecidedError, match="about 2 artifacts"):
        read_document(_written(tmp_path, json.dumps(bundle).encode()))


def test_a_saved_fingerprint_names_everything(tmp_path: Path, found: Fingerprint) -> None:
    side = read_document(_written(tmp_path, write_fingerprint(found)))
    assert side is not None
    assert (Source.FINGERPRINT, found.digest, 9, ("*.tmp",)) == (side.source, side.digest, side.total, side.ignores)
    assert Basis.DECLARED is side.known.basis


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b'{"x": 1}',
        b'{"note": "bomFormat"}',
        b'{"text": {"bomFormat": "CycloneDX"}}',
        b"\xff\xfe",
        b"a" * 64 + b"\n",
        b"A" * 64 + b"  x\n",
    ],
)
def test_anything_else_is_data(tmp_path: Path, content: bytes) -> None:
    assert read_document(_written(tmp_path, content)) is None


def test_a_folder_a_pipe_and_nothing_are_no_documents(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "pipe", "nothing", "pipe/x"):
        assert read_document(str(tmp_path / name)) is None
    assert read_document("a\0b") is None


@pytest.mark.parametrize(
    "content",
    [
        b"a" * 64 + b"  x",
        b"a" * 64 + b"  x\nrubbish\n",
        b'{"bomFormat": "CycloneDX"',
        b'{"bomFormat": "CycloneDX", "specVersion": "9"}',
        b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}',
        b'{"schema": "dbom.dev/saved-fingerprint/v1"}',
    ],
)
def test_a_damaged_document_is_never_taken_for_data(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(_written(tmp_path, content))
    assert ("DBOM-182", 2) == (caught.value.rule.id, caught.value.exit_code)


def test_what_can_not_be_read_is_an_error() -> None:
    with pytest.raises(PathError, match="can't be read"):
        read_document("/proc/self/mem")
