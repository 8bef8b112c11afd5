"""From files to chains: which files follow which, what is missing between them, and what two of them contradict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from admission.journal.checking import Fault
from admission.journal.files import family_of
from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.admission import JOURNAL_BROKEN
from dbom.rules.journals import JOURNAL_FOREIGN, JOURNAL_FORKED, JOURNAL_GAP, JOURNAL_TAIL_LOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from admission.journal.heads import ProvenHead
    from admission.journal.reading import JournalFile

__all__ = ["Chain", "chains_of", "foreign_files"]

_UNKNOWN: Final = "a chain that can't be told"


@dataclass(slots=True)
class Chain:
    """The files of one chain in order, what is wrong between them, and the newest head that was proven to be in it."""

    name: str
    files: list[JournalFile]
    faults: list[Fault] = field(default_factory=list)
    gaps: list[Finding] = field(default_factory=list)
    proven: ProvenHead | None = None

    @property
    def replica(self) -> str:
        """Which gate says that it wrote it."""
        return next((item.replica for item in self.files if item.replica), "")

    @property
    def holds(self) -> bool:
        """Whether nothing in it or between its files is at fault."""
        return not self.faults and not any(item.faults for item in self.files)

    @property
    def all_faults(self) -> list[Fault]:
        """Every fault of its files, and those between them."""
        return [*(fault for item in self.files for fault in item.faults), *self.faults]

    def digest_of(self, number: int) -> str | None:
        """Return the digest of a record by its number, None where it isn't there."""
        return next((found for item in self.files if (found := item.check.digests.get(number))), None)

    @property
    def last_number(self) -> int:
        """The number of its last record, -1 where there is none."""
        return max((item.last.number for item in self.files if item.last is not None), default=-1)

    def check_heads(self, heads: Iterable[ProvenHead]) -> None:
        """Hold signed heads against it: each must be in it, and the newest says up to where nothing was cut off."""
        for item in sorted(heads, key=lambda found: found.head.number):
            head, found = item.head, self.digest_of(item.head.number)
            where = self.files[-1].check.where
            signed = f"a head signed by {printable(item.signer)} ({item.time}, {printable(item.where)})"
            if found == head.digest:
                self.proven = item
            elif found is not None:
                what = f"it is {found}, and {signed} says {head.digest}"
                self.faults.append(Fault(JOURNAL_FORKED, where, head.number, what))
            elif head.number > self.last_number:
                what = f"not there: the journal ends at record {self.last_number}, and {signed} names this one"
                self.faults.append(Fault(JOURNAL_TAIL_LOST, where, head.number, what))
                return
            else:
                what = f"{signed} names it, and it isn't there"
                self.faults.append(Fault(JOURNAL_GAP, where, head.number, what))


def chains_of(files: Sequence[JournalFile]) -> list[Chain]:
    """Return the chains that files make, in the order of replica and name; the order of the files means nothing."""
    grouped: dict[str, list[JournalFile]] = {}
    for item in files:
        name = item.chain or f"{_UNKNOWN} ({item.check.where})"
        grouped.setdefault(name, []).append(item)
    chains = [_linked(name, members) for name, members in grouped.items()]
    return sorted(chains, key=lambda chain: (chain.replica, chain.name))


def _linked(name: str, members: list[JournalFile]) -> Chain:
    members = sorted(members, key=lambda item: (_first(item), -item.check.records, str(item.path)))
    chain = Chain(name, [])
    for item in members:
        if chain.files and _is_copy(chain, item):
            continue
        if chain.files:
            _join(chain, chain.files[-1], item)
        elif _first(item) > 1:
            what = f"records 0 to {_first(item) - 1} come before this file, and aren't given"
            chain.gaps.append(Finding(JOURNAL_GAP.id, Severity.WARNING, what, item.check.where))
        chain.files.append(item)
    last = chain.files[-1]
    if last.is_continued:
        what = f"it is full, and the file that continues it after record {chain.last_number} isn't given"
        chain.gaps.append(Finding(JOURNAL_GAP.id, Severity.WARNING, what, last.check.where))
    return chain


def _first(item: JournalFile) -> int:
    return 0 if item.first is None else item.first.number


def _is_copy(chain: Chain, item: JournalFile) -> bool:
    """Return whether the chain has all of a file's records already, or note a fork where it has others."""
    shared = [number for number in item.check.digests if chain.digest_of(number) is not None]
    differing = [number for number in shared if chain.digest_of(number) != item.check.digests[number]]
    if differing:
        what = f"{chain.files[-1].check.where} holds another record of this number: the chain was forked"
        chain.faults.append(Fault(JOURNAL_FORKED, item.check.where, min(differing), what))
    return len(shared) == len(item.check.digests) and not differing


def _join(chain: Chain, before: JournalFile, item: JournalFile) -> None:
    first, last = item.first, before.last
    if first is None or last is None or first.number <= last.number:
        return
    where = item.check.where
    if first.number > before.check.next_number:
        what = f"records {before.check.next_number} to {first.number - 1} before it: not there"
        chain.faults.append(Fault(JOURNAL_GAP, where, first.number, what))
    elif first.previous != before.check.head:
        what = f"it follows {first.previous[:64]!r}, and {before.check.where} ends with {before.check.head}"
        chain.faults.append(Fault(JOURNAL_BROKEN, where, first.number, what))


def foreign_files(files: Sequence[JournalFile]) -> list[Fault]:
    """Return a fault for each file that stands among those of another chain, by their names."""
    families: dict[Path, list[JournalFile]] = {}
    for item in files:
        families.setdefault(family_of(item.path), []).append(item)
    found: list[Fault] = []
    for members in families.values():
        own = next((item for item in reversed(members) if item.path == family_of(item.path)), members[-1])
        for item in members:
            if item.chain and own.chain and item.chain != own.chain:
                what = f"it is of another journal than {own.check.where}: of the replica '{item.replica}'"
                found.append(Fault(JOURNAL_FOREIGN, item.check.where, _first(item), what))
    return found
