"""What a report says of each thing that was looked at: one value, whatever the form it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbom.rules import Rule

__all__ = ["Level", "Problem", "Reported"]


class Level(StrEnum):
    """How grave a problem is: it denies, it can't be told or only warns, or it is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: its rule, what is wrong in words fit to be shown, and the JSON path in the object, if any."""

    rule: Rule
    level: Level
    message: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """One thing that was looked at: its name, the file it stands in, the outcome in a word, and its problems.

    `line` is where it begins in the file, from 1. Without a problem it passed.
    """

    name: str
    file: str
    outcome: str
    problems: tuple[Problem, ...] = ()
    line: int = 1
