"""Structural schemas: checked here as an API server would check them, and rewritten as JSON Schema.

A structural schema is OpenAPI v3 as Kubernetes takes it for custom resources (its documentation, "Specifying a
structural schema"). What is read here of it: type, properties, required, items, enum, pattern, and the bounds of
lengths. Patterns mean the same in RE2, ECMAScript and Python: they are anchored, and use ASCII classes only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.documents import meant
from dbom.printable import printable

if TYPE_CHECKING:
    from admission.documents import Node
    from dbom.canonical import Json, JsonObject

__all__ = ["bounded", "check_schema", "json_schema_of"]

_MOST_ITEMS: Final = 1000
_LONGEST_TEXT: Final = 1024
_ANYTHING: Final = "x-kubernetes-preserve-unknown-fields"


def bounded(schema: JsonObject) -> JsonObject:
    """Return a schema in which every list and every text has a bound, those that state one their own."""
    found = dict(schema)
    if isinstance(properties := schema.get("properties"), dict):
        found["properties"] = {key: bounded(part) for key, part in properties.items() if isinstance(part, dict)}
    if isinstance(items := schema.get("items"), dict):
        found["items"] = bounded(items)
    if schema.get("type") == "array":
        found.setdefault("maxItems", _MOST_ITEMS)
    if schema.get("type") == "string" and "enum" not in schema:
        found.setdefault("maxLength", _LONGEST_TEXT)
    return found


def json_schema_of(schema: JsonObject) -> JsonObject:
    """Return a structural schema as JSON Schema 2020-12 that refuses keys it doesn't know."""
    found: JsonObject = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if schema.get(_ANYTHING) is True:
        found["type"] = ["object", "string"]
    if isinstance(properties := schema.get("properties"), dict):
        found["properties"] = {key: json_schema_of(part) for key, part in properties.items() if isinstance(part, dict)}
        found["additionalProperties"] = False
    if isinstance(items := schema.get("items"), dict):
        found["items"] = json_schema_of(items)
    return found


def check_schema(node: Node, schema: JsonObject) -> None:
    """Note every fault of what stands at `node` under a structural schema, unknown keys among them."""
    if node.value is None:
        node.fault("nothing stands here; fill it in, or take the key out")
    elif schema.get(_ANYTHING) is True:
        if not isinstance(node.value, (dict, str)):
            node.text()
    else:
        _CHECKS[str(schema["type"])](node, schema)


def _check_object(node: Node, schema: JsonObject) -> None:
    properties = schema.get("properties")
    assert isinstance(properties, dict)
    for key, child in node.members():
        part = properties.get(key)
        if isinstance(part, dict):
            check_schema(child, part)
        else:
            child.fault(f"unknown key{meant(key, properties)}")
    if isinstance(node.value, dict):
        for key in _texts(schema.get("required")):
            if key not in node.value:
                node.get(key).fault("missing")


def _check_array(node: Node, schema: JsonObject) -> None:
    part, value = schema["items"], node.value
    assert isinstance(part, dict)
    if isinstance(value, list) and _is_over(len(value), schema.get("maxItems")):
        node.fault(f"too many: got {len(value)}, expected at most {schema['maxItems']}")
        return
    if isinstance(value, list) and _is_over(schema.get("minItems"), len(value)):
        node.fault(f"too few: got {len(value)}, expected at least {schema['minItems']}")
    for item in node.items():
        check_schema(item, part)


def _check_string(node: Node, schema: JsonObject) -> None:
    text = node.text()
    if text is None:
        return
    allowed, pattern = _texts(schema.get("enum")), schema.get("pattern")
    if allowed:
        node.choice(allowed, "")
    elif _is_over(len(text), schema.get("maxLength")):
        node.fault(f"too long: got {len(text)} characters, expected at most {schema['maxLength']}")
    elif _is_over(schema.get("minLength"), len(text)):
        node.fault("missing")
    elif isinstance(pattern, str) and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text) is None:
        node.fault(f"got '{printable(text)}', expected {pattern}")


def _check_integer(node: Node, schema: JsonObject) -> None:
    value = node.value
    if not isinstance(value, int) or isinstance(value, bool):
        node.fault("expected a whole number")
    elif _is_over(schema.get("minimum"), value) or _is_over(value, schema.get("maximum")):
        node.fault(f"got {value}, expected {schema.get('minimum', '')} to {schema.get('maximum', '')}")


def _check_boolean(node: Node, _: JsonObject) -> None:
    node.flag()


def _is_over(left: Json, right: Json) -> bool:
    return isinstance(left, int) and isinstance(right, int) and left > right


def _texts(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


_CHECKS: Final = {
    "object": _check_object,
    "array": _check_array,
    "string": _check_string,
    "integer": _check_integer,
    "boolean": _check_boolean,
}
