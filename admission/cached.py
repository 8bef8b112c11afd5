"""Answers that were given before, to the same question, from the same policies and evidence, while they still hold.

The key is all that `decide` is given but the clock: the question (`Review.question`, of which the verdict is made), the
policies with their roots, and the snapshot of evidence. The clock is met by the time until which a decision holds.
A hit skips nothing else: whoever asks gets a decision of its own, at its own time.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from admission.gate import decide
from dbom.rules.admission import LINEAGE_UNFINISHED
from dbom.rules.everyday import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from admission.decision import Decision
    from admission.evidence import Evidence
    from admission.policy import Policy
    from admission.review import Review

__all__ = ["CachedGate", "Key", "VerdictCache"]

_MOST_BYTES: Final = 16 * 1024 * 1024
_LARGEST_ENTRY: Final = 256 * 1024
_NEVER_KEPT: Final = (INTERNAL, LINEAGE_UNFINISHED)

Key: TypeAlias = tuple[bytes, bytes, str, str, str, str, bool]
"""What an answer is kept by: digests of what it is made from and of the relevant part, and the rest of the question."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A decision, and how many bytes it is taken to need."""

    decision: Decision
    size: int


@dataclass(slots=True)
class VerdictCache:
    """A bounded cache of decisions, the least recently used ones leaving first. Safe to use from several threads.

    `most_bytes` bounds what all entries take together, `largest_entry` what one may take: a large object's decision is
    made anew each time, and pushes nobody's out.
    """

    most_bytes: int = _MOST_BYTES
    largest_entry: int = _LARGEST_ENTRY
    size: int = 0
    _entries: OrderedDict[Key, _Entry] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _working: dict[Key, threading.Lock] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key, now: datetime) -> Decision | None:
        """Return the decision under a key, None where there is none that holds now."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            found = entry.decision
            # Not before it was made, nor when it may be another one.
            if found.at > now or (found.until is not None and now >= found.until):
                return None
            self._entries.move_to_end(key)
            return found

    def put(self, key: Key, decision: Decision, size: int) -> None:
        """Keep a decision that takes about so many bytes, unless that is too many."""
        if size > self.largest_entry:
            return
        with self._lock:
            before = self._entries.pop(key, None)
            self._entries[key] = _Entry(decision, size)
            self.size += size - (0 if before is None else before.size)
            while self.size > self.most_bytes:
                _, gone = self._entries.popitem(last=False)
                self.size -= gone.size

    def working(self, key: Key) -> threading.Lock:
        """Return the lock that whoever works out the decision under a key holds; `done` lets it go."""
        with self._lock:
            return self._working.setdefault(key, threading.Lock())

    def done(self, key: Key) -> None:
        """Forget the lock of a key whose decision was worked out."""
        with self._lock:
            self._working.pop(key, None)


@dataclass(frozen=True, slots=True)
class CachedGate:
    """Policies and a snapshot of evidence, with a cache that may be shared with those before and after them."""

    policies: Sequence[Policy]
    evidence: Evidence
    cache: VerdictCache = field(default_factory=VerdictCache)
    _base: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        base = hashlib.sha256(f"{self.evidence.key}\n{self.evidence.digest}\n".encode())
        for policy in self.policies:
            base.update(f"{policy.namespace}\n{policy.name!r}\n{policy.digest}\n{policy.mode}\n".encode())
        object.__setattr__(self, "_base", base.digest())

    def known(self, review: Review, *, now: datetime) -> Decision | None:
        """Return the decision that was made before and still holds, as that of this moment, or None."""
        found = self.recalled(review, now=now)
        return None if found is None else found.of_moment(now)

    def recalled(self, review: Review, *, now: datetime) -> Decision | None:
        """Return the decision that was made before and holds at this moment, too, as it was made, or None."""
        return self.cache.get(self.key(review), now)

    def key(self, review: Review) -> Key:
        """Return the key under which the decision on a review is kept."""
        part = review.part_digest or b""
        return (self._base, part, review.group, review.kind, review.namespace, review.operation, review.is_unchanged)

    def decide(self, review: Review, *, now: datetime) -> Decision:
        """Return what `admission.gate.decide` returns. Never raises.

        Of several threads that ask the same at once, one works it out and the others wait for that.
        """
        key = self.key(review)
        found = self.known(review, now=now)
        if found is not None:
            return found
        if review.part is not None and len(review.part) > self.cache.largest_entry:
            return decide(review, self.policies, self.evidence, now=now)
        with self.cache.working(key):
            found = self.cache.get(key, now)
            if found is not None:
                return found.of_moment(now)
            try:
                decision = decide(review, self.policies, self.evidence, now=now)
                if not any(reason.rule in _NEVER_KEPT for reason in decision.all_reasons):
                    self.cache.put(key, decision, decision.size)
            finally:
                self.cache.done(key)
        return decision
