"""One way from a value to bytes, and one careful way back.

Writing is RFC 8785 (JSON Canonicalization Scheme). Reading is stricter than the standard library's: a duplicate key,
a NaN or infinity, a text that isn't UTF-8, a document that is too large or nested too deeply is refused, because two
programs would read it as two things.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TypeAlias

from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.documents import JSON_MALFORMED

__all__ = ["MAX_DEPTH", "MAX_DOCUMENT_BYTES", "Json", "JsonObject", "canonical_json", "json_object", "load_json"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What JSON can hold."""

JsonObject: TypeAlias = dict[str, Json]
"""A JSON object."""

MAX_DOCUMENT_BYTES = 256 * 1024 * 1024
"""The largest document that is read, in bytes."""

MAX_DEPTH = 200
"""The deepest nesting of objects and arrays that is read."""


def canonical_json(value: Json) -> bytes:
    """Return the RFC 8785 bytes of `value`.

    Raises `DocumentError` for what JSON of that kind can't hold: NaN, infinities, integers beyond 2^53.
    """
    import rfc8785  # noqa: PLC0415  only what signs or compares pays for it

    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise DocumentError(JSON_MALFORMED, f"can't be written as canonical JSON: {error}") from error


def load_json(data: bytes, *, where: str, limit: int = MAX_DOCUMENT_BYTES) -> Json:
    """Read a JSON document from at most `limit` bytes; `where` names it in messages.

    Raises `DocumentError` where the text is too large, not UTF-8, not JSON, nested deeper than `MAX_DEPTH`, or where
    an object has one key twice.
    """
    if len(data) > limit:
        raise DocumentError(
            JSON_MALFORMED, "too large", where=where, got=f"{len(data)} bytes", expected=f"at most {limit}"
        )
    try:
        if (plain := _plainly_written(data)) is not None:
            return plain
        text = data.decode("utf-8")
        value: Json = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite
        )
        # The plain search first: it is many times as fast, and most documents have no escapes.
        if "\\u" in text and _SURROGATE.search(text) is not None:
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise DocumentError(JSON_MALFORMED, f"not JSON: {printable(str(error))}", where=where) from error
    except RecursionError as error:
        raise DocumentError(JSON_MALFORMED, "nested too deeply", where=where) from error
    if _deeper_than(value, MAX_DEPTH):
        raise DocumentError(JSON_MALFORMED, "nested too deeply", where=where, expected=f"at most {MAX_DEPTH} levels")
    return value


def json_object(data: bytes, *, where: str, limit: int = MAX_DOCUMENT_BYTES) -> JsonObject:
    """Read a JSON document that must be an object; otherwise as `load_json`."""
    value = load_json(data, where=where, limit=limit)
    if not isinstance(value, dict):
        raise DocumentError(JSON_MALFORMED, "not a JSON object", where=where, got=type(value).__name__)
    return value


def _plainly_written(data: bytes) -> Json:
    """Return the document where it is written without blanks and needless escapes, else None: most evidence is.

    What comes out again as it went in has no key twice, and reads alike to every reader; this one is many times as fast
    as one that looks at each object.
    """
    if b'": ' in data[:_LOOK] or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        return None
    import msgspec  # noqa: PLC0415  `dbom --help` doesn't pay for it

    try:
        value: Json = msgspec.json.decode(data)
        return value if msgspec.json.encode(value) == data else None
    except ValueError:
        return None


_LOOK = 200
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _RefusedValueError(ValueError):
    """A value that the JSON reader won't take; only ever seen by `load_json`."""


def _without_duplicates(pairs: list[tuple[str, Json]]) -> JsonObject:
    value: JsonObject = dict(pairs)
    if len(value) != len(pairs):
        # Counted in one pass: a stranger's document may have a million keys before the one that is there already.
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _RefusedValueError(f"the key {twice!r} stands twice in one object")
    return value


def _no_constant(name: str) -> Json:
    raise _RefusedValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _RefusedValueError(f"{text} is beyond what a double can hold")
    return number


def _deeper_than(value: Json, depth: int) -> bool:
    # Only what can hold something goes on to the next level: most of a document can't. The reader makes dicts and lists
    # and nothing derived from them, so the exact types will do, which is more than twice as fast.
    level = [value] if type(value) is dict or type(value) is list else []
    for _ in range(depth):
        if not level:
            return False
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
    return bool(level)
