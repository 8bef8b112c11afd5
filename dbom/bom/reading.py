"""Careful looks into a parsed document: what is not there, or is of another type, is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    return tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()


def text(value: Json, *keys: str) -> str:
    """Return the text under `keys`; empty where there is none."""
    found = member(value, *keys)
    return found if isinstance(found, str) else ""


def property_value(value: Json, name: str) -> str:
    """Return the value of the first CycloneDX property of this name; empty where there is none."""
    return next((text(item, "value") for item in objects(value, "properties") if item.get("name") == name), "")


def walk_objects(value: Json) -> Iterator[JsonObject]:
    """Yield every object in the document, in its order, without recursion."""
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            inner: Iterable[Json] = item.values()
        else:
            inner = item if isinstance(item, list) else ()
        # Most of a document holds nothing: what can't isn't waited for.
        waiting.extend(reversed([one for one in inner if isinstance(one, (dict, list))]))
