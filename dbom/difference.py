"""What differs between two trees, file by file and in bytes, and the strict reader of manifests."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.errors import DocumentError
from dbom.model import Basis, Entry, Fingerprint, Kind, Known, Unknown
from dbom.pathname import path_fault, path_order
from dbom.printable import printable
from dbom.rules.artifacts import MANIFEST_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

__all__ = [
    "Amount",
    "Difference",
    "Tally",
    "compare",
    "compare_files",
    "files_that_are_folders",
    "parse_manifest",
    "tally",
]

_LINE = re.compile(rb"(?P<sha256>[0-9a-f]{64}) [ *](?P<path>.+)", re.DOTALL)

_MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, by path, each ordered by the bytes of the paths.

    `added` are only in what is there, `removed` only in what was expected, `changed` in both with other bytes.
    `renamed` pairs a removed path with an added one where both have the same bytes; the two stand in `removed` and
    `added` too.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed)

    def lines(self, *, limit: int = 20) -> tuple[str, ...]:
        """Return one line for each difference, fit to be shown, and one that counts those beyond `limit`."""
        lines = tuple(self._all_lines())
        rest = len(lines) - limit
        return (*lines[:limit], f"… and {rest} more") if rest > 0 else lines

    def _all_lines(self) -> Iterator[str]:
        yield from (f"changed  {printable(path)}" for path in self.changed)
        yield from (f"removed  {printable(path)}" for path in self.only_removed)
        yield from (f"added    {printable(path)}" for path in self.only_added)
        yield from (f"renamed  {printable(old)} -> {printable(new)}" for old, new in self.renamed)

    @property
    def only_removed(self) -> tuple[str, ...]:
        """The removed paths whose bytes are not there under another path either."""
        moved = {old for old, _ in self.renamed}
        return tuple(path for path in self.removed if path not in moved)

    @property
    def only_added(self) -> tuple[str, ...]:
        """The added paths whose bytes were not there under another path either."""
        moved = {new for _, new in self.renamed}
        return tuple(path for path in self.added if path not in moved)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of files and their bytes together; unknown, never 0, where the size of one of them isn't stated."""

    files: int
    size: int | Unknown


@dataclass(frozen=True, slots=True)
class Tally:
    """How much differs, each file counted once: a renamed file is neither added nor removed here.

    `changed_from` are the changed files as they were, `changed_to` as they are.
    """

    added: Amount
    removed: Amount
    changed_from: Amount
    changed_to: Amount
    renamed: Amount
    same: Amount


def tally(difference: Difference, files: Iterable[str], before: Mapping[str, int], after: Mapping[str, int]) -> Tally:
    """Return how much `difference` is, given the paths of all `files` before, and the sizes that are known.

    Files of equal bytes have equal sizes, so for what was renamed or stayed the same one of the two sides is enough.
    """
    gone = {*difference.removed, *difference.changed}
    either = {**before, **after}
    renamed = {new: before[old] for old, new in difference.renamed if old in before} | dict(after)
    return Tally(
        added=_amount(difference.only_added, after),
        removed=_amount(difference.only_removed, before),
        changed_from=_amount(difference.changed, before),
        changed_to=_amount(difference.changed, after),
        renamed=_amount([new for _, new in difference.renamed], renamed),
        same=_amount([path for path in files if path not in gone], either),
    )


def _amount(paths: Sequence[str], sizes: Mapping[str, int]) -> Amount:
    missing = sum(path not in sizes for path in paths)
    if missing:
        return Amount(len(paths), Unknown(f"the size of {missing} of {len(paths)} files isn't stated"))
    return Amount(len(paths), sum(sizes[path] for path in paths))


def compare(expected: Fingerprint | Mapping[str, str], actual: Fingerprint) -> Difference:
    """Return how `actual` differs from what was `expected`: a fingerprint, or paths with their sha256 in hex.

    Two files are compared by their bytes alone: the name of a single file is no part of its identity.
    """
    if isinstance(expected, Mapping):
        return compare_files(expected, _digests(actual))
    if expected.kind is actual.kind is Kind.FILE:
        return Difference() if expected.digest == actual.digest else Difference(changed=(actual.entries[0].path,))
    return compare_files(_digests(expected), _digests(actual))


def _digests(fingerprint: Fingerprint) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in fingerprint.entries}


def compare_files(expected: Mapping[str, str], actual: Mapping[str, str]) -> Difference:
    """Return how the files of one tree differ from those of another, each given by path and sha256 in hex."""
    added = sorted(actual.keys() - expected.keys(), key=path_order)
    removed = sorted(expected.keys() - actual.keys(), key=path_order)
    changed = [path for path in expected.keys() & actual.keys() if expected[path] != actual[path]]
    arrivals: dict[str, list[str]] = {}
    for path in reversed(added):
        arrivals.setdefault(actual[path], []).append(path)
    renamed = tuple((path, arrivals[expected[path]].pop()) for path in removed if arrivals.get(expected[path]))
    return Difference(tuple(added), tuple(removed), tuple(sorted(changed, key=path_order)), renamed)


def parse_manifest(data: bytes, *, where: str) -> tuple[Entry, ...]:
    """Read `sha256sum` lines into entries, ordered by the bytes of their paths; sizes are unknown and stand as 0.

    Raises `DocumentError`, with every faulty line up to a number, for a line of another form, a path that a manifest
    can't hold, a path that stands twice, and a path that is a folder of another.
    """
    faults: list[str] = []
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(data, where), start=1):
        fault = _take_line(line, found)
        if fault is not None:
            faults.append(f"line {number}: {fault}")
    faults.extend(f"{printable(path)} is both a file and a folder" for path in files_that_are_folders(found))
    if faults:
        raise DocumentError(
            MANIFEST_MALFORMED, f"{len(faults)} faults in this manifest", where=where, faults=faults[:_MAX_FAULTS]
        )
    known = Known(Basis.DECLARED, where)
    return tuple(Entry(path, 0, found[path], known) for path in sorted(found, key=path_order))


def _lines(data: bytes, where: str) -> list[bytes]:
    if not data:
        raise DocumentError(MANIFEST_MALFORMED, "the manifest is empty", where=where)
    if not data.endswith(b"\n"):
        raise DocumentError(MANIFEST_MALFORMED, "the manifest is cut off: its last line has no end", where=where)
    return data[:-1].split(b"\n")


def _take_line(line: bytes, found: dict[str, str]) -> str | None:
    """Add a line's path and digest to `found`, or return what is wrong with it."""
    match = _LINE.fullmatch(line)
    if match is None:
        return f"not <64 hex digits>  <path>: {printable(line.decode(errors='replace'), limit=100)}"
    path = match["path"].decode(errors="surrogateescape")
    if (fault := path_fault(path)) is not None:
        return f"the path {printable(path)} {fault}"
    if path in found:
        return f"the path {printable(path)} stands twice"
    found[path] = match["sha256"].decode()
    return None


def files_that_are_folders(paths: Collection[str]) -> list[str]:
    """Return those of `paths` that are a folder of another of them, which no disk could hold, in their order."""
    folders = {path[:at] for path in paths for at, char in enumerate(path) if char == "/"}
    return sorted(folders.intersection(paths), key=path_order)
