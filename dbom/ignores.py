"""What is left out of a tree: the patterns, and what they match (specified in docs/formats/tree.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from dbom.errors import UsageError
from dbom.names import BUNDLE_SUFFIX, DEFAULT_IGNORES, SIDECAR_BOM, SIDECAR_MANIFEST, SIDECAR_SUFFIX
from dbom.pathname import segment_fault
from dbom.printable import printable
from dbom.rules.artifacts import IGNORE_MALFORMED

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

__all__ = ["SIDECAR_PATTERN", "IgnorePattern", "Ignores", "chosen_ignores", "is_sidecar"]

SIDECAR_PATTERN = f"*{SIDECAR_SUFFIX}/"
"""The one pattern with a meaning of its own: folders of this name, while they hold nothing but sidecar files."""


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """One pattern: a path with `*` and `?` for characters of one segment.

    `text` is as it was given. `anchored` (a leading `/`) means from the root of the tree, otherwise the pattern matches
    at any depth; `folders_only` (a trailing `/`) means that a file of that name stays.
    """

    text: str
    segments: tuple[str, ...]
    anchored: bool
    folders_only: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises `UsageError` for one that could never match or could be read in two ways."""
        body = text.removeprefix("/").removesuffix("/")
        segments = tuple(body.split("/"))
        for segment in segments:
            if (fault := segment_fault(segment)) is not None:
                raise UsageError(
                    IGNORE_MALFORMED, f"not an ignore pattern: a segment of it {fault}", got=printable(text)
                )
        return cls(text, segments, text.startswith("/"), text.endswith("/"))

    @property
    def is_literal_name(self) -> bool:
        """Whether it is one name at any depth, without `*` or `?`, for files and folders alike."""
        return not (self.anchored or self.folders_only or len(self.segments) > 1 or set("*?") & set(self.segments[0]))

    def expression(self) -> str:
        """Return the regular expression that a path (with a trailing `/` for a folder) must match in full."""
        start = "" if self.anchored else "(?:.*/)?"
        return start + "/".join(map(_segment_expression, self.segments)) + ("/" if self.folders_only else "/?")


@dataclass(frozen=True, slots=True)
class Ignores:
    """A list of patterns, ready to be asked."""

    patterns: tuple[IgnorePattern, ...]
    _plain: re.Pattern[str] | None
    _sidecars: bool

    @classmethod
    def of(cls, texts: Sequence[str] | None = None) -> Self:
        """Read a list of patterns, None being the default list. Raises `UsageError` for a malformed one."""
        wanted = DEFAULT_IGNORES if texts is None else texts
        patterns = tuple(IgnorePattern.parse(text) for text in dict.fromkeys(wanted))
        plain = [pattern.expression() for pattern in patterns if pattern.text != SIDECAR_PATTERN]
        expression = re.compile("|".join(plain), re.DOTALL) if plain else None
        return cls(patterns, expression, any(pattern.text == SIDECAR_PATTERN for pattern in patterns))

    @property
    def texts(self) -> tuple[str, ...]:
        """The patterns as they were given, each once."""
        return tuple(pattern.text for pattern in self.patterns)

    def match(self, path: str, *, folder: bool) -> bool:
        """Return whether a pattern leaves out this path of the tree; a sidecar is asked for apart."""
        return self._plain is not None and self._plain.fullmatch(path + "/" if folder else path) is not None

    def may_be_sidecar(self, path: str) -> bool:
        """Return whether a folder of this path is left out if it turns out to hold nothing but sidecar files."""
        name = path.rpartition("/")[2]
        return self._sidecars and name.endswith(SIDECAR_SUFFIX)


def chosen_ignores(more: Sequence[str] = (), *, defaults: bool = True) -> tuple[str, ...]:
    """Return the patterns that `--ignore` and `--no-default-ignores` ask for: the default list, then `more`."""
    return (*(DEFAULT_IGNORES if defaults else ()), *more)


def is_sidecar(children: Iterable[os.DirEntry[str]]) -> bool:
    """Return whether a folder with these children holds only a BOM, a manifest and bundles, all regular files."""
    return all(
        child.is_file(follow_symlinks=False)
        and (child.name in (SIDECAR_BOM, SIDECAR_MANIFEST) or child.name.endswith(BUNDLE_SUFFIX))
        for child in children
    )


def _segment_expression(segment: str) -> str:
    first, *rest = (_literal(part) for part in re.split(r"\*+", segment))
    if not rest:
        return first
    # What stands between two stars is matched where it comes first and never again (an atomic group): the leftmost
    # match is as good as any, and a hostile pattern of many stars can't make the matching explode.
    between = "".join(f"(?>[^/]*?{part})" for part in rest[:-1])
    return f"{first}{between}[^/]*{rest[-1]}"


def _literal(part: str) -> str:
    return "".join("[^/]" if char == "?" else re.escape(char) for char in part)
