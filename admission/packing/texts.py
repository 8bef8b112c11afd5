"""A table of texts, each there once: rows hold places in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from admission.packing.statements import clean
from dbom.model import Digest
from lineage.graph import Named

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.graph import NodeKey

__all__ = ["ReadTexts", "Texts"]

_NAMED = "name:"


@dataclass(slots=True)
class Texts:
    """The texts of rows that are being made, by their places. It takes new ones unless it is `is_complete`."""

    places: dict[str, int] = field(default_factory=dict)
    is_complete: bool = False

    @classmethod
    def gathering(cls) -> Self:
        """Return a table that is empty yet."""
        return cls()

    def in_order(self) -> Self:
        """Return the same texts, sorted; this table takes no others."""
        return type(self)({text: place for place, text in enumerate(sorted(self.places))}, is_complete=True)

    def place(self, text: object) -> int:
        """Return the place of a text (or of a value's text)."""
        key = clean(str(text))
        if self.is_complete:
            return self.places[key]
        return self.places.setdefault(key, len(self.places))

    def optional(self, text: object | None) -> int | None:
        """Return the place of a text, or None where there is none."""
        return None if text is None else self.place(text)

    def all(self, texts: Iterable[object]) -> tuple[int, ...]:
        """Return the places of several texts."""
        return tuple(map(self.place, texts))

    @property
    def listed(self) -> tuple[str, ...]:
        """All texts, in the order of their places."""
        return tuple(self.places)


class ReadTexts:
    """The texts of rows that are read; a digest is read once. Raises `ValueError` for a place that isn't there."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._texts = texts
        self._keys: dict[int, NodeKey] = {}

    def at(self, place: int) -> str:
        """Return the text at a place."""
        if not 0 <= place < len(self._texts):
            raise ValueError(f"no text {place}: there are {len(self._texts)}")
        return self._texts[place]

    def optional(self, place: int | None) -> str | None:
        """Return the text at a place, or None where there is none."""
        return None if place is None else self.at(place)

    def all(self, places: Iterable[int]) -> tuple[str, ...]:
        """Return several texts."""
        return tuple(map(self.at, places))

    def digest(self, place: int) -> Digest:
        """Return the digest at a place."""
        found = self.key(place)
        if not isinstance(found, Digest):
            raise ValueError("a name in the place of a digest")  # noqa: TRY004  of what was read, not of a type
        return found

    def key(self, place: int) -> NodeKey:
        """Return the digest at a place, or the bare name."""
        if place not in self._keys:
            text = self.at(place)
            is_name = text.startswith(_NAMED)
            self._keys[place] = Named(text.removeprefix(_NAMED)) if is_name else Digest.parse(text)
        return self._keys[place]
