"""Laws of BOMs and of the readers behind them, for any input."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbom.bom import Bom, matches
from dbom.bom.describing import describe
from dbom.bom.facts import ArtifactType, Facts, Parent
from dbom.errors import DocumentError
from dbom.formats.huggingface import read_card
from dbom.formats.recognition import HEAD_BYTES, recognise, recognise_file
from dbom.formats.safetensors import read_safetensors
from dbom.formats.yaml_reader import load_yaml
from dbom.model import Basis, Derivation, Digest, Entry, Fingerprint, Kind, Known, Relation, tree_digest

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
NAME = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
DIGITS = st.binary(max_size=4).map(lambda data: hashlib.sha256(data).hexdigest())
PROPERTIES = st.lists(st.fixed_dictionaries({"name": TEXT, "value": TEXT}), max_size=3)
METRICS = st.fixed_dictionaries({"type": TEXT, "value": TEXT})
COMPONENTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["data", "library", "machine-learning-model"]), "name": TEXT},
    optional={
        "description": TEXT,
        "copyright": TEXT,
        "hashes": st.lists(DIGITS.map(lambda digits: {"alg": "SHA-256", "content": digits}), max_size=2),
        "properties": PROPERTIES,
        "tags": st.lists(TEXT, max_size=3),
        "modelCard": st.fixed_dictionaries(
            {},
            optional={
                "quantitativeAnalysis": st.fixed_dictionaries({"performanceMetrics": st.lists(METRICS, max_size=2)}),
                "considerations": st.fixed_dictionaries({"users": st.lists(TEXT, max_size=2)}),
                "properties": PROPERTIES,
            },
        ),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"bomFormat": st.just("CycloneDX"), "specVersion": st.sampled_from(["1.6", "1.7"])},
    optional={
        "version": st.integers(1, 2**70),
        "metadata": st.fixed_dictionaries({"component": COMPONENTS}, optional={"properties": PROPERTIES}),
        "components": st.lists(COMPONENTS, max_size=3, unique_by=lambda item: json.dumps(item, sort_keys=True)),
        "services": st.lists(
            st.fixed_dictionaries({"name": TEXT}, optional={"description": TEXT, "x-trust-boundary": st.booleans()}),
            max_size=2,
            unique_by=lambda item: json.dumps(item, sort_keys=True),
        ),
        "vulnerabilities": st.lists(
            st.fixed_dictionaries(
                {"ratings": st.lists(st.fixed_dictionaries({"score": st.floats(0, 10, width=32)}), max_size=2)}
            ),
            max_size=1,
        ),
        "properties": PROPERTIES,
    },
)
WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)
KNOWN = st.builds(Known, st.sampled_from(Basis), TEXT)
PARENTS = st.lists(
    st.builds(
        Parent,
        st.builds(Derivation, st.sampled_from(Relation), NAME, st.builds(Digest, st.sampled_from(Kind), DIGITS), KNOWN),
        st.sampled_from(["", "dataset", "model", "data"]),
        TEXT,
    ),
    max_size=5,
    unique_by=lambda parent: (parent.derivation.relation, parent.derivation.parent),
)


@given(DOCUMENTS)
def test_what_is_loaded_is_saved_whole(document: dict[str, Any]) -> None:
    """Parts that nothing here models survive, in content and in order."""
    bom = Bom.parse(json.dumps(document).encode(), where="any")
    assert json.loads(bom.to_json()) == document
    assert list(json.loads(bom.to_json())) == list(document)
    assert json.loads(bom.to_json_line()) == document


@given(DOCUMENTS, DIGITS)
def test_a_bom_is_about_one_digest_at_most(document: dict[str, Any], digits: str) -> None:
    bom = Bom.parse(json.dumps(document).encode(), where="any")
    assert not (matches(bom, Digest(Kind.FILE, digits)) and matches(bom, Digest(Kind.TREE, digits)))


@pytest.mark.parametrize("spec_version", ["1.6", "1.7"])
@given(parents=PARENTS, names=st.lists(NAME, min_size=1, max_size=4, unique=True), data=st.data())
def test_what_is_written_is_valid_read_back_and_free_of_order(
    spec_version: str, parents: list[Parent], names: list[str], data: st.DataObject
) -> None:
    """`Bom.of_document` checks the official schema, so that `describe` returns at all is half of the law."""
    entries = tuple(Entry(name, 1, hashlib.sha256(name.encode()).hexdigest()) for name in names)
    fingerprint = Fingerprint("x", tree_digest(entries), entries)

    def written(order: list[Parent]) -> Bom:
        facts = Facts(type=ArtifactType.MODEL, name="x", parents=tuple(order))
        return describe(fingerprint, facts, spec_version=spec_version)

    bom = written(parents)
    assert written(data.draw(st.permutations(parents))).to_json() == bom.to_json()
    assert matches(bom, fingerprint.digest)
    assert set(Bom.parse(bom.to_json(), where="x").derivations) == {parent.derivation for parent in parents}


@given(JSON)
def test_json_is_yaml_and_means_the_same(value: object) -> None:
    assert load_yaml(json.dumps(value, ensure_ascii=False).encode(), where="any") == value


@pytest.mark.parametrize(
    "read",
    [
        lambda data: load_yaml(data, where="any"),
        lambda data: read_card(b"---\n" + data + b"\n---\n", where="any"),
        lambda data: read_safetensors(io.BytesIO(data), len(data), where="any"),
        lambda data: read_safetensors(io.BytesIO(len(data).to_bytes(8, "little") + data), len(data) + 8, where="any"),
        lambda data: Bom.parse(data, where="any"),
    ],
    ids=["yaml", "card", "safetensors", "safetensors-header", "bom"],
)
@given(data=st.binary(max_size=200) | TEXT.map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_readers_give_a_value_or_one_clear_error(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        read(data)
    except DocumentError as error:
        assert str(error).startswith("any: ")  # noqa: PT017  either outcome is right; anything else is not


@given(st.binary(max_size=300) | TEXT.map(str.encode), st.integers(0, 2 * HEAD_BYTES))
def test_any_bytes_have_a_format(data: bytes, beyond: int) -> None:
    recognise(data, data, len(data) + beyond)
    recognise_file(io.BytesIO(data), len(data))


@given(
    st.dictionaries(NAME.filter(lambda name: name != "__metadata__"), st.integers(0, 5), min_size=1, max_size=4),
    st.data(),
)
def test_weights_that_lose_or_gain_a_byte_are_refused(sizes: dict[str, int], data: st.DataObject) -> None:
    header, position = {}, 0
    for name, size in sizes.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    whole = len(text).to_bytes(8, "little") + text + bytes(position)
    assert sum(read_safetensors(io.BytesIO(whole), len(whole), where="x").parameters().values()) == position
    length = data.draw(st.integers(0, len(whole) - 1) | st.integers(len(whole) + 1, len(whole) + 9))
    broken = whole[:length] + bytes(max(0, length - len(whole)))
    with pytest.raises(DocumentError):
        read_safetensors(io.BytesIO(broken), len(broken), where="x")
