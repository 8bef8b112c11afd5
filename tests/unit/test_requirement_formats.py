"""The requirement `formats`: of which formats files may be, and that none runs code when it is loaded."""

from __future__ import annotations

import json
import pickle
import struct
from typing import TYPE_CHECKING

import pytest
from judging import DATA, MODEL, World, bom, briefly, read, refused_to_read, signed, statement

from admission.requirements.formats import FormatRule
from dbom.bom.facts import ArtifactType
from dbom.bom.generating import Options, generate_bom
from dbom.names import PREDICATE_BOM
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json

NO, CANT_TELL = ("DBOM-555", "no"), ("DBOM-556", "can't tell")


def of_files(**formats: int) -> bytes:
    counts = [(f"dbom:format:{name.replace('_', '-')}", str(count)) for name, count in formats.items()]
    total = sum(formats.values())
    return bom(MODEL, properties=[("dbom:files", str(total)), *counts], files=[f"f{i}" for i in range(total)])


def judged(value: Json, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (read(FormatRule, value),)).judged())


@pytest.mark.parametrize(
    ("value", "bundle", "expected"),
    [
        ({"allow": ["safetensors", "json"]}, of_files(safetensors=2, json=1), []),
        ({"allow": ["safetensors"]}, of_files(safetensors=2, json=1), [NO]),
        ({"allow": ["safetensors", "pickle"]}, of_files(safetensors=1, pickle=1), [NO]),
        ({"allow": ["safetensors", "pickle"], "codeExecuting": "allow"}, of_files(pickle=1), []),
        ({"codeExecuting": "deny"}, of_files(onnx=1, gguf=1, parquet=1, arrow_file=1, empty=1, text=1), []),
        ({"codeExecuting": "deny"}, of_files(pickle=1), [NO]),
        ({"codeExecuting": "deny"}, of_files(zip=1), [CANT_TELL]),
        ({"codeExecuting": "deny"}, of_files(hdf5=1), [CANT_TELL]),
        ({"codeExecuting": "deny"}, of_files(numpy=1), [CANT_TELL]),
        ({"codeExecuting": "deny"}, of_files(unknown=1), [CANT_TELL]),
        ({"codeExecuting": "deny"}, of_files(a_format_of_tomorrow=1), [CANT_TELL]),
        ({"codeExecuting": "deny", "unknown": "allow"}, of_files(zip=1), []),
        ({"codeExecuting": "deny"}, bom(MODEL), [CANT_TELL]),
        ({"codeExecuting": "deny", "unknown": "allow"}, bom(MODEL), []),
        ({"codeExecuting": "deny"}, bom(DATA), [CANT_TELL]),
        ({"codeExecuting": "deny"}, bom(MODEL, by="nobody"), [CANT_TELL]),
    ],
)
def test_formats(value: Json, bundle: bytes, expected: list[tuple[str, str]]) -> None:
    assert judged(value, bundle) == expected


def test_text_in_files_that_nobody_lists_may_be_a_program() -> None:
    counted = [("dbom:files", "1"), ("dbom:format:text", "1")]
    assert judged({"codeExecuting": "deny"}, bom(MODEL, properties=counted)) == [CANT_TELL]
    weights = [("dbom:files", "1"), ("dbom:format:safetensors", "1")]
    assert judged({"codeExecuting": "deny"}, bom(MODEL, properties=weights)) == []


@pytest.mark.parametrize("name", ["modeling_x.py", "a/b.SO", "lib.so.1", "run.sh", "kernel.cu"])
def test_a_program_is_told_by_its_name_as_loaders_do(name: str) -> None:
    counted = [("dbom:files", "1"), ("dbom:format:text", "1")]
    assert judged({"codeExecuting": "deny"}, bom(MODEL, properties=counted, files=[name])) == [NO]


def test_every_accepted_bom_counts_so_that_another_never_loosens() -> None:
    assert judged({"codeExecuting": "deny"}, of_files(safetensors=1), of_files(pickle=1)) == [NO]


def test_what_generate_says_of_real_files(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")
    rule = read(FormatRule, {"allow": ["safetensors", "pickle", "text"]})

    def answer() -> list[str]:
        found = fingerprint_path(folder)
        document = generate_bom(folder, found, Options(type=ArtifactType.MODEL)).document
        bundle = signed(statement(found.digest, PREDICATE_BOM, document))
        return [item.got for item in World((bundle,), (rule,)).judged(found.digest)]

    assert answer() == []
    (folder / "w.bin").write_bytes(pickle.dumps({"a": 1}))
    assert answer() == ["pickle"]
    (folder / "w.bin").unlink()
    (folder / "modeling.py").write_text("print(1)\n")
    assert answer() == ["modeling.py"]


@pytest.mark.parametrize("value", [{"allow": ["exe"]}, {"codeExecuting": "allow"}, {"allow": "json"}, {"x": 1}])
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(FormatRule, value)


def test_it_is_explained_in_sentences() -> None:
    assert len(read(FormatRule, {"allow": ["json"], "unknown": "allow"}).explain()) == 3
