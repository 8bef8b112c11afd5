"""Reading documents that strangers wrote: every value has its path, and every fault is kept, not just the first."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dbom.canonical import Json

__all__ = ["Node"]

_LONGEST_KNOWN: Final = 64
_MOST_FAULTS: Final = 1000
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Node(msgspec.Struct, frozen=True, gc=False):
    """A value of a document, its place in it, and the list in which all faults gather.

    A value of None is one that isn't there. Reading one of the wrong type notes a fault and gives what an absent value
    gives, so that a reader goes on and meets the other faults; whoever reads must look at `faults` in the end.
    `root` is the path of the outermost node; any other is the `step` (a key or a number) from the one `above` it.
    """

    value: Json
    root: str = ""
    faults: list[str] = msgspec.field(default_factory=list)
    above: Node | None = None
    step: str | int = ""

    @property
    def path(self) -> str:
        """The path (`spec.containers[0].args`), told when it is asked for: most nodes are only looked at."""
        steps: list[str | int] = []
        node = self
        while node.above is not None:
            steps.append(node.step)
            node = node.above
        path = node.root
        for step in reversed(steps):
            path = f"{path}[{step}]" if isinstance(step, int) else _joined(path, step)
        return path

    @property
    def is_there(self) -> bool:
        """Whether there is a value other than null."""
        return self.value is not None

    def fault(self, what: str) -> None:
        """Note a fault at this place, unless there are a thousand already: to tell a million would take all memory."""
        if len(self.faults) >= _MOST_FAULTS:
            return
        path = self.path
        self.faults.append(f"{path}: {what}" if path else what)

    def get(self, key: str) -> Node:
        """Return what stands under a key; absent where this isn't an object (which is noted) or has no such key."""
        if isinstance(self.value, dict):
            return Node(self.value.get(key), "", self.faults, self, key)
        if self.value is not None:
            self._is(dict, "an object")
        return Node(None, "", self.faults, self, key)

    def at(self, *keys: str) -> Node:
        """Return what stands under a chain of keys."""
        node = self
        for key in keys:
            node = node.get(key)
        return node

    def members(self) -> Iterator[tuple[str, Node]]:
        """Yield the keys of an object with what stands under them."""
        if self.value is not None and self._is(dict, "an object") and isinstance(self.value, dict):
            for key, item in self.value.items():
                yield key, Node(item, "", self.faults, self, key)

    def items(self) -> Iterator[Node]:
        """Yield the items of a list."""
        if self.value is not None and self._is(list, "a list") and isinstance(self.value, list):
            for number, item in enumerate(self.value):
                yield Node(item, "", self.faults, self, number)

    def text(self) -> str | None:
        """Return a string, or None where it is absent."""
        if self.value is None or not self._is(str, "a string"):
            return None
        return str(self.value)

    def flag(self) -> bool | None:
        """Return a boolean, or None where it is absent."""
        if self.value is None or not self._is(bool, "true or false"):
            return None
        return bool(self.value)

    def required(self) -> str:
        """Return a string that must be there and not be empty; the empty string, and a fault, where it isn't."""
        if self.value is None or self.value == "":
            self.fault("missing")
            return ""
        return self.text() or ""

    def texts(self) -> list[str]:
        """Return a list of strings that aren't empty."""
        return [item.required() for item in self.items()]

    def only(self, *allowed: str) -> None:
        """Note every key that isn't one of `allowed`, with the nearest of them."""
        for key, node in self.members():
            if key not in allowed:
                node.fault(f"unknown key{meant(key, allowed)}")

    def choice(self, allowed: Collection[str], default: str) -> str:
        """Return one of `allowed`; the default where it is absent or, with a fault, something else."""
        found = self.text()
        if found is None:
            return default
        if found not in allowed:
            self.fault(f"got '{printable(found)}', expected one of {', '.join(sorted(allowed))}{meant(found, allowed)}")
            return default
        return found

    def moment(self) -> datetime | None:
        """Return a time with its zone, in UTC; None where it is absent or, with a fault, something else."""
        found = self.text()
        if found is None:
            return None
        try:
            moment = datetime.fromisoformat(found)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            # (A first day of the first year has no time in another zone.)
            pass
        self.fault(f"got '{printable(found)}', expected a time with its zone, such as 2026-01-02T00:00:00Z")
        return None

    def _is(self, expected: type, named: str) -> bool:
        if isinstance(self.value, expected):
            return True
        self.fault(f"got {_kind_of(self.value)}, expected {named}")
        return False


def meant(word: str, allowed: Collection[str]) -> str:
    """Return `; did you mean …?` where one of `allowed` is near, else nothing."""
    near = get_close_matches(word, sorted(allowed), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _joined(path: str, key: str) -> str:
    # Long keys are a stranger's, and aren't kept.
    suffix = _known_suffix(key) if len(key) <= _LONGEST_KNOWN else _suffix(key)
    return path + suffix if path else suffix.removeprefix(".")


def _suffix(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f'["{printable(key)}"]'


_known_suffix = lru_cache(maxsize=1024)(_suffix)


def _kind_of(value: Json) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
