"""Patterns of paths, on a disk and in a store alike: which files of a folder are meant (docs/formats/remote.md)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Self

from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.artifacts import CHOICE_OF_FILES

__all__ = ["Glob", "choice_note", "glob_pattern"]


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern of paths below a folder: `*` and `?` within a segment, `**` for any number of whole segments.

    `root` is the folder before the first segment with one of them, `text` the pattern of the paths below it.
    """

    root: str
    text: str
    _whole: re.Pattern[str]
    _above: tuple[re.Pattern[str], ...]
    _any_depth: bool

    @classmethod
    def of(cls, path: str) -> Self | None:
        """Return the pattern that a path is, or None for one without `*`, and for one that names what is there."""
        if "*" not in path or os.path.lexists(path):
            return None
        root, slash, _ = re.split(r"[*?]", path, maxsplit=1)[0].rpartition("/")
        text = path.removeprefix(root + slash)
        segments = text.split("/")
        fixed = segments.index("**") if "**" in segments else len(segments) - 1
        above = tuple(glob_pattern(segment) for segment in segments[:fixed])
        return cls(root or slash or ".", text, glob_pattern(text), above, "**" in segments)

    def takes(self, path: str) -> bool:
        """Return whether a file of this path is meant."""
        return self._whole.fullmatch(path) is not None

    def may_hold(self, path: str) -> bool:
        """Return whether files below a folder of this path can be meant: else nobody needs to enter it."""
        segments = path.split("/")
        if len(segments) > len(self._above) and not self._any_depth:
            return False
        return all(pattern.fullmatch(name) for pattern, name in zip(self._above, segments, strict=False))


def choice_note(text: str) -> Finding:
    """Return the remark that a fingerprint is of the files that a pattern matches, and of no others."""
    return Finding(CHOICE_OF_FILES.id, Severity.NOTE, f"only the files that match {printable(text)}")


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Return what a path must match in full: `*` and `?` within a segment, `**` for any number of whole segments."""
    parts = []
    segments = re.sub(r"(?:(?<=/)|^)\*\*(?:/\*\*)+(?=/|$)", "**", glob).split("/")
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "**":
            parts.append(".+" if last else "(?:.+/)?")
        else:
            parts.append(_segment(segment) if last else f"{_segment(segment)}/")
    return re.compile("".join(parts), re.DOTALL)


def _segment(segment: str) -> str:
    first, *rest = (_literal(part) for part in re.split(r"\*+", segment))
    if not rest:
        return first
    # What stands between two stars is matched where it comes first and never again (an atomic group): the leftmost
    # match is as good as any, and a hostile name can't make the matching of many stars explode.
    between = "".join(f"(?>[^/]*?{part})" for part in rest[:-1])
    return f"{first}{between}[^/]*{rest[-1]}"


def _literal(part: str) -> str:
    return "".join("[^/]" if char == "?" else re.escape(char) for char in part)
