"""Verifying bundles: from raw bytes and the authorities that count to a verified statement, or the reason for none.

This is the only place that makes a `VerifiedStatement`. Each authority is tried with its own root or key only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attest.bundle import Bundle
from attest.key_verifying import VerifyingKey
from attest.keyless import KeylessEvidence, check_keyless, claims_root, holds_by_itself
from attest.statement import Statement
from attest.verified import Rejection, RejectionKind, SignedTime, TimeBasis, VerifiedStatement
from dbom.errors import EvidenceError, TrustError
from dbom.names import DSSE_PAYLOAD_TYPE
from dbom.printable import printable
from dbom.rules.attestations import (
    SIGNATURE_INVALID,
    SIGNER_UNEXPECTED,
    STATEMENT_MALFORMED,
    TRUST_ROOT_MISSING,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.authority import Authority
    from attest.identity import Identity
    from attest.trust import TrustRoot
    from dbom.rules import Rule

__all__ = ["verify_bundle"]

# What a bundle is called when several authorities answer it with no: the first of these that any of them says.
_WEIGHT = (RejectionKind.BROKEN, RejectionKind.UNDECIDED, RejectionKind.UNTRUSTED)


@dataclass(frozen=True, slots=True)
class _Case:
    """One bundle, read, and what it claims; `claimed` is None where it names a bare key."""

    bundle: Bundle
    statement: Statement
    claimed: Identity | None
    where: str

    def rejected(self, kind: RejectionKind, rule: Rule, reason: str) -> Rejection:
        return Rejection(kind, rule.id, reason, self.bundle.sha256, self.where, self.statement, self.claimed)

    def unexpected(self, expected: str, because: str = "") -> Rejection:
        who = f"signed by {self.claimed}" if self.claimed is not None else "signed by a bare key"
        return self.rejected(RejectionKind.UNTRUSTED, SIGNER_UNEXPECTED, f"{because}{who}, expected {expected}")


def verify_bundle(
    raw: bytes, authorities: Sequence[Authority], *, where: str, now: datetime
) -> VerifiedStatement | Rejection:
    """Return the statement in a bundle, verified under one of `authorities`, or why there is none.

    `where` is the place it was read from, for messages; `now` decides whether a trust root has expired. Nothing is
    raised for what a bundle holds. Raises `DocumentError` for a key of an authority that can't be used.
    """
    try:
        case = _read(raw, where)
    except EvidenceError as error:
        return Rejection(RejectionKind.BROKEN, error.rule.id, _said(error), hashlib.sha256(raw).hexdigest(), where)
    rejections: list[Rejection] = []
    for authority in authorities:
        # Keyless bundles are for keyless authorities, bundles of a bare key for keys.
        if (authority.key_pem is None) != (case.claimed is not None):
            continue
        answer = (
            _bare_key(case, authority)
            if case.claimed is None
            else _keyless(case, case.claimed, authority=authority, now=now)
        )
        if isinstance(answer, VerifiedStatement):
            return answer
        rejections.append(answer)
    if not rejections:
        return case.unexpected(" or ".join(authority.expects for authority in authorities) or "nobody")
    return min(rejections, key=lambda rejection: _WEIGHT.index(rejection.kind))


def _read(raw: bytes, where: str) -> _Case:
    """Read a bundle and check all that needs no trust. Raises `EvidenceError`."""
    bundle = Bundle.parse(raw, where=where)
    if bundle.payload_type != DSSE_PAYLOAD_TYPE:
        raise EvidenceError(
            STATEMENT_MALFORMED,
            "the signed payload is of another type",
            where=where,
            got=printable(bundle.payload_type),
            expected=DSSE_PAYLOAD_TYPE,
        )
    # A payload that nobody signed needn't be read: the signature first.
    claimed = holds_by_itself(bundle, where=where) if bundle.certificate is not None else None
    return _Case(bundle, Statement.parse(bundle.payload, where=where), claimed, where)


def _keyless(case: _Case, claimed: Identity, *, authority: Authority, now: datetime) -> VerifiedStatement | Rejection:
    expected = any(pattern.matches(claimed) for pattern in authority.identities)
    root = authority.root
    evidence = _evidence(case, root, now)
    if isinstance(evidence, KeylessEvidence):
        if not expected or root is None or evidence.signer != claimed:
            return case.unexpected(authority.expects)
        return VerifiedStatement(
            case.statement,
            evidence.signer,
            authority.name,
            root.sha256,
            evidence.time,
            evidence.log_index,
            case.bundle.sha256,
            case.where,
        )
    if isinstance(evidence, TrustError):
        undecided = case.rejected(RejectionKind.UNDECIDED, evidence.rule, _said(evidence))
        return undecided if expected else case.unexpected(authority.expects)
    # A certificate that names one of this root's authorities and doesn't hold under it was changed or forged;
    # one that names another was never this root's to judge.
    if root is not None and claims_root(case.bundle, root, where=case.where):
        return case.rejected(RejectionKind.BROKEN, evidence.rule, _said(evidence))
    return case.unexpected(authority.expects, "no authority of the trust root issued its certificate; ")


def _evidence(case: _Case, root: TrustRoot | None, now: datetime) -> KeylessEvidence | EvidenceError | TrustError:
    if root is None:
        return TrustError(TRUST_ROOT_MISSING, "no trust root is at hand for this authority")
    try:
        return check_keyless(case.bundle, root, where=case.where, now=now)
    except (EvidenceError, TrustError) as error:
        return error


def _bare_key(case: _Case, authority: Authority) -> VerifiedStatement | Rejection:
    key = VerifyingKey.parse(authority.key_pem or b"", where=f"key {printable(authority.name)}")
    if key.signed(case.bundle):
        return VerifiedStatement(
            case.statement,
            key.identity,
            authority.name,
            "",
            SignedTime(TimeBasis.NONE),
            None,
            case.bundle.sha256,
            case.where,
        )
    if key.is_hinted(case.bundle):
        reason = f"the signature isn't one of this payload by the key that the bundle names, {key.identity}"
        return case.rejected(RejectionKind.BROKEN, SIGNATURE_INVALID, reason)
    return case.unexpected(str(key.identity))


def _said(error: EvidenceError | TrustError) -> str:
    """Return the message of an error without its place, which a rejection has of its own."""
    sides = [
        f"{label} {side}" for label, side in (("got", error.got), ("expected", error.expected)) if side is not None
    ]
    return error.what + (": " + ", ".join(sides) if sides else "")
