"""Careful looks into a parsed document: what is not there, or is of another type, is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["member", "objects", "property_value", "text", "walk_objects"]


def member(value: Json, *keys: str) -> Json:
    """Return what stands under `keys`, one inside the other, or None where a step is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def objects(value: Json, *keys: str) -> tuple[JsonObject, ...]:
    """Return the objects of the array under `keys`; empty where there is none."""
    found = member(value, *keys)
    return tuple([item for item in found if isinstance(item, dict)]) if isinstance(found, list) else ()


def text(value: Json, *keys: str) -> str:
    """Return the text under `keys`; empty where there is none."""
    found = member(value, *keys)
    return found if isinstance(found, str) else ""


def property_value(value: Json, name: str) -> str:
    """Return the value of the first CycloneDX property of this name; empty where there is none."""
    for item in objects(value, "properties") if isinstance(value, dict) and "properties" in value else ():
        if item.get("name") == name:
            return text(item, "value")
    return ""


def walk_objects(value: Json) -> list[JsonObject]:
    """Return every object in the document, in its order, without recursion."""
    found: list[JsonObject] = []
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        # The reader makes dicts and lists and nothing derived from them, so the exact types will do. Most of a document
        # holds nothing: what can't isn't waited for.
        if type(item) is dict:
            found.append(item)
            inner = [one for one in item.values() if type(one) is dict or type(one) is list]
        elif type(item) is list:
            inner = [one for one in item if type(one) is dict or type(one) is list]
        else:
            continue
        inner.reverse()
        waiting += inner
    return found
