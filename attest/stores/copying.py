"""Bundles from one place to another, byte for byte, and what each of them claims on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from attest.showing import claim_of
from attest.stores.store import StoredBundle, UnreadBundle
from dbom.errors import DbomError, EvidenceError
from dbom.model import Finding, Severity
from dbom.printable import printable
from dbom.rules.stores import BUNDLE_ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from attest.showing import Claim
    from attest.statement import Statement
    from attest.stores.holding import Holding
    from dbom.model import Digest

__all__ = ["Copied", "CopiedBundle", "Target", "attach_bundles", "claims_in", "copy_bundles"]


class Target(Protocol):
    """Where bundles are added: a store, or a sidecar."""

    @property
    def url(self) -> str:
        """Where it is."""

    def add(self, raw: bytes, statement: Statement) -> str:
        """Add a bundle and return its name there; the same bundle twice is one."""


@dataclass(frozen=True, slots=True)
class CopiedBundle:
    """A bundle that was added: what it claims, the target's URL, and its name there."""

    claim: Claim
    target: str
    name: str


@dataclass(frozen=True, slots=True)
class Copied:
    """What was added, and what was left out and why."""

    added: tuple[CopiedBundle, ...]
    left_out: tuple[Finding, ...]


def copy_bundles(
    entries: Iterable[StoredBundle | UnreadBundle], targets: Sequence[Target], *, holding: Holding | None = None
) -> Copied:
    """Add bundles to each target, each once; with `holding`, those that are about it.

    A bundle that can't be read, isn't one or is about something else is left out, and that is said. No signature is
    checked: that is for whoever relies on it. Raises `StoreError` where a target can't be written.
    """
    added: list[CopiedBundle] = []
    left_out: list[Finding] = []
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, UnreadBundle):
            left_out.append(_finding(entry.error, entry.where))
        elif entry.sha256 not in seen:
            seen.add(entry.sha256)
            try:
                claim = _demanded(entry, holding)
            except EvidenceError as error:
                left_out.append(_finding(error, entry.where))
                continue
            added += _added(entry, claim, targets)
    return Copied(tuple(added), tuple(left_out))


def attach_bundles(
    bundles: Sequence[StoredBundle], targets: Sequence[Target], *, holding: Holding
) -> tuple[CopiedBundle, ...]:
    """Add bundles to each target after checking that every one of them is about `holding`; else none is added.

    Raises `EvidenceError` that names each bundle that isn't one or is about something else.
    """
    claims: list[Claim] = []
    errors: list[EvidenceError] = []
    for bundle in bundles:
        try:
            claims.append(_demanded(bundle, holding))
        except EvidenceError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise EvidenceError(
            errors[0].rule, f"{len(errors)} bundles can't be attached", faults=tuple(str(error) for error in errors)
        )
    return tuple(item for bundle, claim in zip(bundles, claims, strict=True) for item in _added(bundle, claim, targets))


def claims_in(
    entries: Iterable[StoredBundle | UnreadBundle], *, about: frozenset[Digest] = frozenset()
) -> Iterator[Claim | Finding]:
    """Yield what each bundle claims, once, or why it can't be read; with `about`, of those that have such a subject."""
    seen: set[str] = set()
    for entry in entries:
        if isinstance(entry, UnreadBundle):
            yield _finding(entry.error, entry.where)
        elif entry.sha256 not in seen:
            seen.add(entry.sha256)
            try:
                claim = claim_of(entry.raw, where=printable(entry.where))
            except EvidenceError as error:
                yield _finding(error, entry.where)
                continue
            if not about or any(subject.digest in about for subject in claim.statement.subjects):
                yield claim


def _demanded(bundle: StoredBundle, holding: Holding | None) -> Claim:
    claim = claim_of(bundle.raw, where=printable(bundle.where))
    if holding is not None and not holding.is_about(claim.statement):
        stated = sorted(str(subject.digest) for subject in claim.statement.subjects if subject.digest is not None)
        raise EvidenceError(
            BUNDLE_ELSEWHERE,
            f"is not about {printable(holding.where)}",
            where=printable(bundle.where),
            got=", ".join(stated[:3]) or "no usable digest",
        )
    return claim


def _added(bundle: StoredBundle, claim: Claim, targets: Sequence[Target]) -> list[CopiedBundle]:
    return [CopiedBundle(claim, target.url, target.add(bundle.raw, claim.statement)) for target in targets]


def _finding(error: DbomError, where: str) -> Finding:
    sides = [f"{label} {side}" for label, side in (("got", error.got), ("expected", error.expected)) if side]
    what = error.what + (f": {', '.join(sides)}" if sides else "")
    return Finding(error.rule.id, Severity.WARNING, printable(what), printable(where))
