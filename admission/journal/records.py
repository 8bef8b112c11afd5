"""A record of the journal: one line of canonical JSON, with its number and the sha256 of the line before it.

docs/formats/journal.md specifies the format.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import msgspec

from dbom.canonical import canonical_json, json_object
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = [
    "CONTENT",
    "CONTINUED",
    "CONTINUES",
    "COUNTS",
    "DECISION",
    "END",
    "FORMAT",
    "GENESIS",
    "LATE",
    "START",
    "Head",
    "Record",
    "canonical",
    "instant",
    "line_digest",
    "line_of",
    "moment_of",
]

FORMAT: Final = "dbom.dev/journal/v2"
GENESIS: Final = "0" * 64
START: Final = "start"
DECISION: Final = "decision"
CONTENT: Final = "content"
COUNTS: Final = "counts"
LATE: Final = "late"
END: Final = "end"
CONTINUES: Final = "continues"
CONTINUED: Final = "continued"
_KEYS: Final = frozenset(("at", "facts", "format", "kind", "number", "previous"))
_LONGEST_LINE: Final = 8 * 1024 * 1024
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Head(msgspec.Struct, frozen=True):
    """The newest record of a journal: its number and the sha256 in hex of its line, which stands for all before it."""

    number: int
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A line that was read; `digest` is the sha256 in hex of its bytes."""

    number: int
    previous: str
    kind: str
    at: datetime
    facts: JsonObject
    digest: str

    @classmethod
    def parse(cls, line: bytes) -> Self | None:
        """Return a line as a record, or None where it isn't one in its one canonical form."""
        try:
            found = json_object(line, where="", limit=_LONGEST_LINE)
            if found.keys() != _KEYS or found["format"] != FORMAT or canonical(found) != line:
                return None
        except DocumentError:
            return None
        number, previous, kind = found["number"], found["previous"], found["kind"]
        at, facts = moment_of(found["at"]), found["facts"]
        if type(number) is not int or not isinstance(previous, str) or not isinstance(kind, str):
            return None
        if at is None or not isinstance(facts, dict):
            return None
        return cls(number, previous, kind, at, facts, line_digest(line))


def canonical(value: Json) -> bytes:
    """Return the RFC 8785 bytes of a value; raises `DocumentError` as `canonical_json` does.

    Where all is ASCII and no number is a fraction, sorted keys and the shortest escapes are all that it asks, so that
    the faster encoder gives the same bytes (a property test compares the two).
    """
    try:
        line = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return canonical_json(value)
    return line if line.isascii() and not _has_numbers_beyond(value) else canonical_json(value)


def line_of(number: int, previous: str, kind: str, at: str, facts: bytes) -> bytes:
    """Return the line of a record, without its line feed; `facts` are canonical already, the rest is plain."""
    head = f',"format":"{FORMAT}","kind":"{kind}","number":{number},"previous":"{previous}"}}'
    return b"".join((b'{"at":"', at.encode(), b'","facts":', facts, head.encode()))


def line_digest(line: bytes) -> str:
    """Return the digest of a line, by which the next one names it."""
    return hashlib.sha256(line).hexdigest()


def instant(moment: datetime) -> str:
    """Return a moment as records write it: RFC 3339, in UTC."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat().replace("+00:00", "Z")


def moment_of(text: Json) -> datetime | None:
    """Return the moment that a record means, None where it is none."""
    if not isinstance(text, str) or not text.endswith("Z"):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if instant(found) == text else None


def _has_numbers_beyond(value: Json) -> bool:
    """Return whether there is a number that the two encoders write, or refuse, each in its way."""
    if isinstance(value, dict):
        return any(map(_has_numbers_beyond, value.values()))
    if isinstance(value, list):
        return any(map(_has_numbers_beyond, value))
    return isinstance(value, float) or (isinstance(value, int) and abs(value) >= 1 << 53)
