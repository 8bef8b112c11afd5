"""The one schema: what is published is what is read, and what an API server would take."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
from policies import policy_document, small_spec

from admission.crd import crd_document, render_crd
from admission.explaining import explain_policy
from admission.policy import Policy
from admission.policy_schema import SPEC_SCHEMA, policy_json_schema
from admission.requirements.known import REQUIREMENTS
from dbom.formats.yaml_reader import load_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.canonical import Json, JsonObject

PUBLISHED = Path(__file__).parents[2] / "docs" / "formats" / "policy.schema.json"
STRUCTURAL = {
    "default",
    "description",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-preserve-unknown-fields",
}


def schemas(part: JsonObject, path: str) -> Iterator[tuple[str, JsonObject]]:
    yield path, part
    properties = part.get("properties")
    for key, inner in properties.items() if isinstance(properties, dict) else ():
        assert isinstance(inner, dict)
        yield from schemas(inner, f"{path}.{key}")
    if isinstance(items := part.get("items"), dict):
        yield from schemas(items, f"{path}[]")


def test_the_published_schema_is_the_one_that_policies_are_read_by() -> None:
    """After a wanted change, run this once with `DBOM_GOLDEN_UPDATE=1` and commit what it wrote."""
    if os.environ.get("DBOM_GOLDEN_UPDATE") == "1":
        PUBLISHED.write_bytes(policy_json_schema())
    assert policy_json_schema() == PUBLISHED.read_bytes()


def test_the_published_schema_is_json_schema() -> None:
    assert jsonschema_rs.meta.is_valid(json.loads(policy_json_schema()))


def test_the_yaml_of_the_definition_says_what_the_definition_says() -> None:
    assert crd_document() == load_yaml(render_crd().encode(), where="crd")


@pytest.mark.parametrize(("path", "part"), list(schemas(SPEC_SCHEMA, "spec")))
def test_every_part_is_structural_and_bounded(path: str, part: JsonObject) -> None:
    """A list or text without a bound would let one policy cost without end."""
    assert set(part) <= STRUCTURAL, path
    if "x-kubernetes-preserve-unknown-fields" in part:
        return
    kind = part["type"]
    needed: dict[Json, set[str]] = {
        "object": {"properties"},
        "array": {"items", "maxItems"},
        "string": set() if "enum" in part else {"maxLength"},
    }
    assert needed.get(kind, set()) <= set(part), path
    required, properties = part.get("required", []), part.get("properties", {})
    assert isinstance(required, list)
    assert isinstance(properties, dict)
    assert set(map(str, required)) <= set(properties), path


def test_every_requirement_is_a_key_of_its_own() -> None:
    keys = [requirement.KEY for requirement in REQUIREMENTS]
    assert len(keys) == len(set(keys))
    properties = SPEC_SCHEMA["properties"]
    assert isinstance(properties, dict)
    assert set(keys) <= set(properties)


GUIDE = PUBLISHED.parents[1] / "guide" / "policies.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_guide_is_read_and_explained(example: str) -> None:
    part = load_yaml(example.encode(), where="example")
    assert isinstance(part, dict)
    document = policy_document({**small_spec(), **part})
    (policy,) = Policy.parse(json.dumps(document).encode(), where="example", base=None)
    assert len(explain_policy(policy)) > len(policy.requirements)


def test_the_guide_has_an_example_of_every_requirement() -> None:
    shown = {key for example in EXAMPLES for key in re.findall(r"^([A-Za-z]+):", example, re.MULTILINE)}
    assert {item.KEY for item in REQUIREMENTS} - {"identity"} <= shown
