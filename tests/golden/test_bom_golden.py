"""Whole BOMs, byte for byte: a change of what we emit is seen in review, and made on purpose.

After a wanted change, run these tests once with `DBOM_GOLDEN_UPDATE=1` and commit what they wrote.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cyclonedx.model.bom import Bom as LibraryBom

from dbom.bom import Bom
from dbom.bom.generating import Options, generate_bom
from dbom.bom.parents import read_parent
from dbom.model import Digest, Relation
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = b'{"architectures": ["TinyForSequenceClassification"], "model_type": "tiny"}\n'
CARD = b"""---
license: apache-2.0
base_model: example/base
base_model_relation: finetune
datasets:
- example/reviews
language: en
library_name: transformers
pipeline_tag: text-classification
tags: [tiny, test]
---

# Tiny
"""
GOLDEN = Path(__file__).parent / "bom"


def vega(name: str) -> Path:
    """Return a real table of the vega_datasets distribution, without importing it."""
    files = importlib.metadata.files("vega_datasets") or []
    return Path(next(str(file.locate()) for file in files if file.name == name))


def tiny_model(root: Path) -> Path:
    folder = root / "tiny-model"
    folder.mkdir()
    header = {
        "__metadata__": {"format": "pt"},
        "bias": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "weight": {"dtype": "F16", "shape": [2, 3], "data_offsets": [8, 20]},
    }
    data = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(data).to_bytes(8, "little") + data + bytes(20))
    (folder / "config.json").write_bytes(CONFIG)
    (folder / "README.md").write_bytes(CARD)
    return folder


def table_bom(_: Path) -> Bom:
    path = vega("stocks.csv")
    return generate_bom(path, fingerprint_path(path), Options(licenses=("BSD-3-Clause",), supplier="Vega"))


def model_bom(root: Path) -> Bom:
    path = tiny_model(root)
    return generate_bom(path, fingerprint_path(path))


def model_with_inputs_bom(root: Path) -> Bom:
    path = tiny_model(root)
    parents = (
        read_parent(str(vega("cars.json")), Relation.TRAINED_ON),
        read_parent(str(vega("iris.json")), Relation.EVALUATED_ON),
        read_parent(str(vega("stocks.csv")), Relation.INPUT),
    )
    options = Options(version="1.2", parents=parents, spec_version="1.7")
    return generate_bom(path, fingerprint_path(path), options, timestamp=datetime(2024, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("build", [table_bom, model_bom, model_with_inputs_bom], ids=lambda build: build.__name__)
def test_the_bom_is_the_golden_one(build: Callable[[Path], Bom], tmp_path: Path) -> None:
    golden = GOLDEN / f"{build.__name__.removesuffix('_bom').replace('_', '-')}.cdx.json"
    data = build(tmp_path).to_json()
    if os.environ.get("DBOM_GOLDEN_UPDATE") == "1":
        golden.write_bytes(data)
    assert golden.read_bytes() == data


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.cdx.json")), ids=lambda path: path.name)
def test_the_cyclonedx_library_reads_ours(golden: Path) -> None:
    """Somebody else's reader finds the artifact and its digest where we put them."""
    ours = Bom.parse(golden.read_bytes(), where=golden.name)
    theirs = LibraryBom.from_json(json.loads(golden.read_bytes()))  # type: ignore[attr-defined]  # made at run time
    assert theirs.metadata.component.name == ours.name
    assert isinstance(ours.artifact, Digest)
    assert [item.content for item in theirs.metadata.component.hashes] == [ours.artifact.hex]
    assert str(theirs.serial_number) == str(ours.document["serialNumber"]).removeprefix("urn:uuid:")
