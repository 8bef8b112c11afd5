"""The pins of the table that a tree may be, told without loading what reads tables where there is none."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.model import Kind

if TYPE_CHECKING:
    from dbom.formats.table_snapshot import TablePin
    from dbom.model import Finding, Fingerprint

__all__ = ["Pins", "may_be_table"]

_MARKS = ("_delta_log/", "metadata/")


@dataclass(frozen=True, slots=True)
class Pins:
    """The pins of the table that a folder is (one for each format it is in), or why there is none."""

    pins: tuple[TablePin, ...] = ()
    findings: tuple[Finding, ...] = ()


def may_be_table(fingerprint: Fingerprint) -> bool:
    """Return whether a tree has one of the folders in which tables keep what they are made of."""
    entries = fingerprint.entries  # ordered by path
    if fingerprint.kind is not Kind.TREE:
        return False
    places = [bisect_left(entries, mark, key=lambda entry: entry.path) for mark in _MARKS]
    return any(
        place < len(entries) and entries[place].path.startswith(mark)
        for place, mark in zip(places, _MARKS, strict=True)
    )
