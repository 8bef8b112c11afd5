"""What verifying an artifact gives: the verdict, the statements that count, those that don't and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Self

from attest.verified import Rejection
from dbom.model import Severity
from dbom.names import short_predicate
from dbom.printable import printable

if TYPE_CHECKING:
    from attest.statement import Statement
    from attest.verified import VerifiedStatement
    from dbom.difference import Difference
    from dbom.errors import DbomError
    from dbom.model import Digest, Finding

__all__ = ["Answer", "Source", "Uncounted", "Verdict", "Verification"]


class Source(StrEnum):
    """Where a bundle came from. A broken one in the sidecar or given by name is a no; in a store it is a remark."""

    SIDECAR = "sidecar"
    GIVEN = "given"
    STORE = "store"


class Verdict(StrEnum):
    """What verifying came to."""

    VERIFIED = "verified"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the verifier made of a bundle, and where it came from. Its raw bytes are no part: a store holds many.

    `accepted_by` names every authority that accepts its signer: one identity may stand in several. `is_unread` says
    that it couldn't be read at all.
    """

    source: Source
    result: VerifiedStatement | Rejection
    accepted_by: tuple[str, ...] = ()
    is_unread: bool = False

    @property
    def statement(self) -> Statement | None:
        """The statement: verified, or claimed, or None where it can't be read."""
        return self.result.statement


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A bundle that counts for nothing, the rule that says why, and the reason in words."""

    answer: Answer
    rule: str
    reason: str

    @property
    def sides(self) -> tuple[str | None, str | None]:
        """What was found and what was expected, where the verifier names both; digests and ids are in hex."""
        result = self.answer.result
        return (result.got, result.expected) if isinstance(result, Rejection) else (None, None)


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying one artifact came to.

    `where` is the path or digest that was asked about, `digest` the digest that was found or asked about.
    `bytes_checked` says whether the bytes were read. `difference` names the files that differ from what was signed,
    where a list of the signed files is proven. `uncovered` are the paths that are there and that no statement of
    content vouches for, since each was signed with an ignore list that leaves them out. `error` is what kept the
    artifact from being checked at all. `consulted` are the revocations and their heads that were looked at.
    """

    where: str
    name: str
    digest: Digest | None
    bytes_checked: bool
    verdict: Verdict
    counted: tuple[VerifiedStatement, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()
    uncovered: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    difference: Difference | None = None
    error: DbomError | None = None
    consulted: tuple[VerifiedStatement, ...] = ()

    @classmethod
    def failed(cls, where: str, error: DbomError) -> Self:
        """Return the result for an artifact that couldn't be checked."""
        verdict = Verdict.REFUSED if error.exit_code == 1 else Verdict.UNDECIDED
        return cls(where, where, None, bytes_checked=False, verdict=verdict, error=error)

    @property
    def exit_code(self) -> int:
        """0 verified, 1 refused, 3 undecided; the error's own where there was one."""
        if self.error is not None:
            return self.error.exit_code
        return {Verdict.VERIFIED: 0, Verdict.REFUSED: 1, Verdict.UNDECIDED: 3}[self.verdict]

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The findings that made the verdict what it is, where it isn't a yes."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    def _repr_html_(self) -> str:
        """Return the verdict, its reasons and who signed what, for a notebook."""
        who = [f"{short_predicate(item.statement.predicate_type)}: signed by {item.signer}" for item in self.counted]
        why = [] if self.error is None else [str(self.error)]
        why += [finding.message for finding in self.findings]
        lines = [*why, *(self.difference.lines() if self.difference is not None else ()), *who]
        rows = "".join(f"<li>{escape(printable(line, limit=2000))}</li>" for line in lines)
        colour = {Verdict.VERIFIED: "#1a7f37", Verdict.REFUSED: "#b42318", Verdict.UNDECIDED: "#9a6700"}[self.verdict]
        return (
            f"<div><b style='color:{colour}'>{self.verdict}</b> {escape(printable(self.where))}<br>"
            f"<code>{self.digest or 'no digest'}</code><ul>{rows}</ul></div>"
        )
