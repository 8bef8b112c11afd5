"""The published schema and the reader agree: what is read is valid, and what a schema can refuse is refused by both."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policies import policy_document, small_spec, whole_spec

from admission.policy import Policy
from admission.policy_schema import policy_json_schema
from attest.local import open_local
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

VALIDATOR = jsonschema_rs.validator_for(policy_json_schema().decode())
WORDS = st.sampled_from(
    [
        "signer",
        "people",
        "root",
        "oci://**",
        "*",
        "enforce",
        "MIT",
        "model",
        "",
        "a" * 2000,
        "\u0445",
        "..",
        "data",
        "😀\n",
    ]
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    WORDS,
    st.lists(WORDS, max_size=3),
    st.dictionaries(WORDS, WORDS, max_size=2),
)


@pytest.fixture(scope="module", name="whole")
def make_whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = open_local(tmp_path_factory.mktemp("home"), now=lambda: datetime.now(UTC)).trusted_root()
    return policy_document(whole_spec(root.decode()))


def faults_of(document: object) -> tuple[str, ...]:
    try:
        Policy.parse(json.dumps(document).encode(), where="p", base=None)
    except DocumentError as error:
        return error.faults or (error.what,)
    return ()


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def changed(document: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Return the document with one thing taken out, put in, doubled, or replaced."""
    found: Any = copy.deepcopy(document)
    *way, last = data.draw(st.sampled_from([place for place in places(found) if place and place[0] == "spec"]))
    holder = found
    for step in way:
        holder = holder[step]
    match data.draw(st.sampled_from(["drop", "replace", "add", "double"])):
        case "drop":
            del holder[last]
        case "add" if isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["mode", "name", "data", "extra", "authorities", "licences"]))] = (
                data.draw(VALUES)
            )
        case "double" if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[int(last)]))
        case _:
            holder[last] = data.draw(VALUES)
    return found  # type: ignore[no-any-return]  # it is JSON


def test_whole_policies_are_read_and_valid(whole: dict[str, Any]) -> None:
    for document in (whole, policy_document(small_spec()), policy_document({"mode": "audit", "authorities": []})):
        assert faults_of(document) == ()
        VALIDATOR.validate(document)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(data=st.data())
def test_what_is_read_is_valid_and_what_is_not_valid_is_not_read(whole: dict[str, Any], data: st.DataObject) -> None:
    document = changed(whole, data)
    for _ in range(data.draw(st.integers(0, 2))):
        document = changed(document, data) if document.get("spec") else document
    if not faults_of(document):
        assert list(VALIDATOR.iter_errors(document)) == []


OF_SHAPE = (
    "unknown key",
    "expected a string",
    "expected a list",
    "expected an object",
    "expected true or false",
    "nothing stands here",
    "too few",
    "too long",
    "too many",
)
"""What a schema can say too: had the reader alone said it, the schema would be missing something."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(data=st.data())
def test_what_is_valid_and_not_read_is_refused_for_its_meaning(whole: dict[str, Any], data: st.DataObject) -> None:
    document = changed(whole, data)
    if VALIDATOR.is_valid(document):
        for fault in faults_of(document):
            assert not any(words in fault for words in OF_SHAPE), fault
