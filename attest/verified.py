"""What the verifier hands out: statements that were verified, and reasons why others weren't."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from attest.demands import NOTHING_DEMANDED, Demands

if TYPE_CHECKING:
    from datetime import datetime

    from attest.identity import Identity, KeyIdentity
    from attest.statement import Statement

__all__ = ["Rejection", "RejectionKind", "SignedTime", "TimeBasis", "VerifiedStatement"]


class TimeBasis(StrEnum):
    """Whose word the time of a signature rests on."""

    TRUSTED = "trusted"
    SELF_ASSERTED = "self-asserted"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SignedTime:
    """When something was signed, and whose word that is. Only a trusted time answers questions of age or order."""

    basis: TimeBasis
    at: datetime | None = None
    by: str = ""

    def __str__(self) -> str:
        if self.at is None:
            return "no time"
        return f"{self.at.isoformat().replace('+00:00', 'Z')} ({self.basis}{' by ' + self.by if self.by else ''})"


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement whose signature, signer, authority, time and log entry were checked.

    Only `attest.verifier.verifying` makes one. `authority` is the name of the accepted authority, `root` the sha256 of
    the trust root it rests on (empty for a bare key), `log_index` the transparency log's index where the authority
    demands a log, `bundle_sha256` the hex sha256 of the bundle's raw bytes, `where` the place it was read from.
    `shown` says what was demanded and holds: of what it names as False nothing is known, whatever the bundle brings.
    `holds_until` is the last moment at which verifying it again can give the same, where the clock alone can change
    that: a trust root expires, and so does a certificate that is judged by the verifier's own clock.
    """

    statement: Statement
    signer: Identity | KeyIdentity
    authority: str
    root: str
    time: SignedTime
    log_index: int | None
    bundle_sha256: str
    where: str
    shown: Demands = NOTHING_DEMANDED
    holds_until: datetime | None = None


class RejectionKind(StrEnum):
    """Why a bundle isn't a verified statement: broken, by somebody nobody asked for, not decidable here, or revoked."""

    BROKEN = "broken"
    UNTRUSTED = "untrusted"
    UNDECIDED = "undecided"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A bundle that gave no verified statement, and why.

    `statement` and `signer` are what the bundle claims, unverified, where they can be read. `UNTRUSTED` means that
    the bundle is well formed but that no given authority accepts its signer; `BROKEN` that something in it does not
    hold; `UNDECIDED` that this can't be told (an expired or missing trust root); `REVOKED` that it was verified, and is
    revoked: its statement and signer are known.

    `rule` is the typed and stable reason, `reason` says it in words, `got` and `expected` are the two sides where there
    are two; digests and ids are in hex.
    """

    kind: RejectionKind
    rule: str
    reason: str
    bundle_sha256: str
    where: str
    statement: Statement | None = None
    signer: Identity | KeyIdentity | None = None
    got: str | None = None
    expected: str | None = None
