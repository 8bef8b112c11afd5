"""Saved fingerprints: written as canonical JSON, read strictly, believed in nothing but their arithmetic."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dbom.canonical import canonical_json
from dbom.errors import DocumentError
from dbom.fingerprints import SAVED_FINGERPRINT, read_fingerprint, write_fingerprint
from dbom.model import Basis, Entry, Finding, Fingerprint, Known, Severity, tree_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

A, B = "a" * 64, "b" * 64
ENTRIES = (Entry("b", 2, B, Known(Basis.STORE_ATTESTED, "s3")), Entry("é/x", 1, A))
TREE = Fingerprint(
    "data",
    tree_digest(ENTRIES),
    ENTRIES,
    ("/.git/",),
    (".git/",),
    (Finding("DBOM-109", Severity.WARNING, "can't be told", "b"),),
)


def test_what_is_written_is_read_back_as_declared() -> None:
    found = read_fingerprint(write_fingerprint(TREE), where="f.json")
    declared = tuple(Entry(e.path, e.size, e.sha256, Known(Basis.DECLARED, "f.json")) for e in ENTRIES)
    assert Fingerprint("data", TREE.digest, declared, TREE.ignores, TREE.ignored, TREE.findings) == found


def test_a_files_fingerprint_too() -> None:
    one = Fingerprint.of_file(Entry("x.csv", 3, A))
    assert one.digest == read_fingerprint(write_fingerprint(one), where="f").digest


def test_it_is_canonical_and_says_how_each_file_was_known() -> None:
    data = write_fingerprint(TREE)
    document = json.loads(data)
    assert canonical_json(document) == data
    assert document["schema"] == SAVED_FINGERPRINT == "dbom.dev/saved-fingerprint/v1"
    assert [file.get("known") for file in document["files"]] == ["store-attested (s3)", None]


def test_any_layout_of_the_json_is_read() -> None:
    data = json.dumps(json.loads(write_fingerprint(TREE)), indent=2).encode()
    assert TREE.digest == read_fingerprint(data, where="f").digest


def _set(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.__setitem__(key, value)


def _file(key: str, value: object, number: int = 0) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["files"][number].__setitem__(key, value)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_set("schema", "dbom.dev/fingerprint/v1"), "its schema is not"),
        (_set("colour", 1), "colour is no key of it"),
        (lambda document: document.pop("ignores"), "ignores is missing"),
        (_set("name", 1), "name is not a text"),
        (_set("name", "../x"), "the name ../x"),
        (_set("digest", "md5:1"), "the digest is not sha256"),
        (_set("digest", f"tree:sha256:{A}"), "that of the files is"),
        (_set("digest", f"sha256:{A}"), "has 2 files"),
        (_set("files", []), "at least one file"),
        (_set("files", {}), "at least one file"),
        (_set("files", [1]), "files[0] is not an object"),
        (_set("ignores", "x"), "ignores is not a list"),
        (_set("ignored", [1]), "ignored[0] is not a text"),
        (_set("findings", [1]), "findings[0] is not an object"),
        (_set("findings", [{"rule": "r", "severity": "dire", "message": "m", "where": ""}]), "severity is not one of"),
        (_file("path", "a/../b"), "empty, . or .. segment"),
        (_file("path", "é/x"), "stands twice"),
        (_file("path", "ü"), "out of order"),
        (_file("path", "é", 0), "both a file and a folder"),
        (_file("bytes", -1), "bytes is not a size"),
        (_file("bytes", value=True), "bytes is not a size"),
        (_file("bytes", "2"), "bytes is not a size"),
        (_file("sha256", B.upper()), "not 64 lower-case hex digits"),
        (_file("sha256", A), "that of the files is"),
        (_file("known", 1), "known is not a text"),
        (_file("mode", 1), "mode is no key of it"),
    ],
)
def test_a_document_that_contradicts_itself_or_the_format_is_refused(
    spoil: Callable[[dict[str, Any]], None], fault: str
) -> None:
    document = json.loads(write_fingerprint(TREE))
    spoil(document)
    with pytest.raises(DocumentError) as caught:
        read_fingerprint(json.dumps(document).encode(), where="f.json")
    assert any(fault in text for text in (str(caught.value), *caught.value.faults)), caught.value.faults
    assert "DBOM-180" == caught.value.rule.id


def test_every_fault_is_named() -> None:
    document = json.loads(write_fingerprint(TREE))
    document |= {"name": 1, "ignores": 2}
    document["files"][1]["bytes"] = -1
    with pytest.raises(DocumentError, match="3 faults") as caught:
        read_fingerprint(json.dumps(document).encode(), where="f.json")
    assert 3 == len(caught.value.faults)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"schema": 1, "schema": 2}', write_fingerprint(TREE)[:-9]])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read_fingerprint(data, where="f.json")
