"""Verifying bundles: from raw bytes and the authorities that count to a verified statement, or the reason for none.

This is the only place that makes a `VerifiedStatement`. Each authority is tried with its own root or key only.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from attest.bundle import Bundle
from attest.certificates import UNKNOWN_AUTHORITY, identity_of, load_certificate
from attest.statement import Statement, Subject
from attest.verified import Rejection, RejectionKind, SignedTime, TimeBasis, VerifiedStatement
from attest.verifier import vouching
from attest.verifier.issuing import issuing_chains
from attest.verifier.key_verifying import VerifyingKey
from attest.verifier.signed_content import SignedContent
from dbom.errors import DocumentError, EvidenceError, TrustError
from dbom.names import BUNDLE_SUFFIX, DSSE_PAYLOAD_TYPE, EARLY_MODEL_PREDICATES
from dbom.printable import printable
from dbom.rules.attestations import (
    BUNDLE_NAME,
    MATERIAL_INVALID,
    SIGNATURE_INVALID,
    SIGNER_UNEXPECTED,
    STATEMENT_MALFORMED,
    TRUST_ROOT_MISSING,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from attest.authority import Authority
    from attest.identity import Identity, KeyIdentity
    from attest.trust import TrustRoot
    from attest.verifier.vouching import Vouched
    from dbom.model import Fingerprint
    from dbom.rules import Rule

__all__ = ["bind_model", "verify_bundle"]

_NAMED_BY_DIGEST: Final = re.compile(rf"-(?P<digits>[0-9a-f]{{16}}|[0-9a-f]{{64}}){re.escape(BUNDLE_SUFFIX)}$")

# What a bundle is called when several authorities answer it with no: the first of these that any of them says.
_WEIGHT = (RejectionKind.BROKEN, RejectionKind.UNDECIDED, RejectionKind.UNTRUSTED)


@dataclass(frozen=True, slots=True)
class _Case:
    """One bundle, read, and what it claims; `certificate` and `claimed` are None where it names a bare key."""

    bundle: Bundle
    content: SignedContent
    statement: Statement
    certificate: Certificate | None
    claimed: Identity | None
    sha256: str
    where: str
    now: datetime

    def asked(self, authority: Authority, root: TrustRoot) -> vouching.Case:
        return vouching.Case(self.bundle, self.content, root, authority.must_show, self.where, self.now)

    def verified(
        self, authority: Authority, signer: Identity | KeyIdentity, vouched: Vouched | None
    ) -> VerifiedStatement:
        return VerifiedStatement(
            self.statement,
            signer,
            authority.name,
            "" if authority.root is None or vouched is None else authority.root.sha256,
            SignedTime(TimeBasis.NONE) if vouched is None else vouched.time,
            None if vouched is None else vouched.log_index,
            self.sha256,
            self.where,
            authority.must_show,
            None if vouched is None else vouched.until,
        )

    def rejected(
        self, kind: RejectionKind, rule: Rule, reason: str, *, got: str | None = None, expected: str | None = None
    ) -> Rejection:
        claimed = self.claimed
        return Rejection(kind, rule.id, reason, self.sha256, self.where, self.statement, claimed, got, expected)

    def failed(self, kind: RejectionKind, error: EvidenceError | TrustError) -> Rejection:
        return self.rejected(kind, error.rule, _said(error), got=error.got, expected=error.expected)

    def unexpected(self, expected: str, because: str = "") -> Rejection:
        who = str(self.claimed) if self.claimed is not None else "a bare key"
        reason = f"{because}signed by {who}, expected {expected}"
        return self.rejected(RejectionKind.UNTRUSTED, SIGNER_UNEXPECTED, reason, got=who, expected=expected)


def verify_bundle(
    raw: bytes, authorities: Sequence[Authority], *, where: str, now: datetime
) -> VerifiedStatement | Rejection:
    """Return the statement in a bundle, verified under one of `authorities`, or why there is none.

    `where` is the place it was read from, for messages; `now` decides whether a trust root has expired and what lies
    in the future. Nothing is raised for what a bundle holds. Raises `DocumentError` for a key of an authority that
    can't be used.
    """
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        case = _read(raw, sha256, where, now)
    except EvidenceError as error:
        kind = RejectionKind.BROKEN
        return Rejection(kind, error.rule.id, _said(error), sha256, where, None, None, error.got, error.expected)
    rejections: list[Rejection] = []
    for authority in authorities:
        # Bundles with a certificate are for identities, bundles of a bare key for keys.
        if (authority.key_pem is None) != (case.certificate is not None):
            continue
        answer = _by_key(case, authority) if case.certificate is None else _by_certificate(case, authority)
        if isinstance(answer, VerifiedStatement):
            return _misnamed(case) or answer
        rejections.append(answer)
    if not rejections:
        return case.unexpected(" or ".join(authority.expects for authority in authorities) or "nobody")
    return min(rejections, key=lambda rejection: _WEIGHT.index(rejection.kind))


def bind_model(verified: VerifiedStatement, fingerprint: Fingerprint) -> VerifiedStatement:
    """Return a signed model's statement as one about the artifact of this fingerprint.

    It is for models that were signed by digests from which no identity follows, and for whoever has read the files to
    both in one read and found the digests to be those that were signed (`attest.oms.binding`).
    """
    subject = Subject.of(fingerprint.name, fingerprint.digest, ignores=fingerprint.ignores)
    return replace(verified, statement=replace(verified.statement, subjects=(subject,)))


def _read(raw: bytes, sha256: str, where: str, now: datetime) -> _Case:
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
    content = SignedContent.of_envelope(bundle.payload_type, bundle.payload, bundle.signature)
    certificate, claimed = None, None
    if bundle.certificate is not None:
        # A payload that nobody signed needn't be read: the signature first.
        certificate = load_certificate(bundle.certificate, where=where)
        _check_signature(certificate, content, where)
        claimed = identity_of(certificate, where=where, issued_by=UNKNOWN_AUTHORITY)
    statement = Statement.parse(bundle.payload, where=where)
    if content.early_sha256 is not None and statement.predicate_type not in EARLY_MODEL_PREDICATES:
        # A payload that only speaks of such a kind is of none.
        content = replace(content, early_sha256=None)
        if certificate is not None:
            _check_signature(certificate, content, where)
    return _Case(bundle, content, statement, certificate, claimed, sha256, where, now)


def _misnamed(case: _Case) -> Rejection | None:
    """Return the answer to a bundle that is kept under another's digest, or None where its name is its own."""
    named = _NAMED_BY_DIGEST.search(case.where)
    if named is None or case.sha256.startswith(named["digits"]):
        return None
    sides = {"got": case.sha256, "expected": named["digits"]}
    reason = f"the file isn't the bundle that its name says: got sha256 {case.sha256}, expected {named['digits']}…"
    return case.rejected(RejectionKind.BROKEN, BUNDLE_NAME, reason, **sides)


def _check_signature(certificate: Certificate, content: SignedContent, where: str) -> None:
    """Step 4.5 of the client specification: the signature is one of the content by the certificate's key."""
    try:
        key = VerifyingKey.of(certificate.public_key(), where=where)
    except DocumentError as error:
        raise EvidenceError(
            MATERIAL_INVALID, "the certificate's key is of a kind that isn't checked", where=where
        ) from error
    if not key.signed(content):
        raise EvidenceError(
            SIGNATURE_INVALID, "the signature isn't one of this payload by the bundle's certificate", where=where
        )


def _by_certificate(case: _Case, authority: Authority) -> VerifiedStatement | Rejection:
    root = authority.root
    if root is None:
        missing = TrustError(TRUST_ROOT_MISSING, "no trust root is at hand for this authority")
        return _undecided(case, authority, missing)
    certificate, claimed = case.certificate, case.claimed
    assert certificate is not None
    assert claimed is not None
    vouched = _asked(lambda: vouching.check_certificate(case.asked(authority, root), certificate, claimed))
    if isinstance(vouched, TrustError):
        return _undecided(case, authority, vouched)
    if isinstance(vouched, EvidenceError):
        # A certificate that names one of this root's authorities and doesn't hold under it was changed or forged;
        # one that names another was never this root's to judge.
        if issuing_chains(certificate, root):
            return case.failed(RejectionKind.BROKEN, vouched)
        return case.unexpected(authority.expects, "no authority of the trust root issued its certificate; ")
    signer = vouched.signer
    if signer is None or not any(pattern.matches(signer) for pattern in authority.identities):
        return case.unexpected(authority.expects)
    return case.verified(authority, signer, vouched)


def _undecided(case: _Case, authority: Authority, error: TrustError) -> Rejection:
    """Say that it can't be told, but only of a signer who might be the expected one."""
    claimed = case.claimed
    expected = claimed is not None and any(
        pattern.subject.matches(claimed.subject)
        and (claimed.issuer == UNKNOWN_AUTHORITY or pattern.issuer.matches(claimed.issuer))
        for pattern in authority.identities
    )
    return case.failed(RejectionKind.UNDECIDED, error) if expected else case.unexpected(authority.expects)


def _by_key(case: _Case, authority: Authority) -> VerifiedStatement | Rejection:
    key = VerifyingKey.parse(authority.key_pem or b"", where=f"key {printable(authority.name)}")
    if not key.signed(case.content):
        if not key.is_hinted(case.bundle):
            return case.unexpected(str(key.identity))
        reason = f"the signature isn't one of this payload by the key that the bundle names, {key.identity}"
        return case.rejected(RejectionKind.BROKEN, SIGNATURE_INVALID, reason)
    root = authority.root
    if root is None:
        return case.verified(authority, key.identity, None)
    vouched = _asked(lambda: vouching.check_key(case.asked(authority, root), key.spki))
    if isinstance(vouched, TrustError):
        return case.failed(RejectionKind.UNDECIDED, vouched)
    if isinstance(vouched, EvidenceError):
        return case.failed(RejectionKind.BROKEN, vouched)
    return case.verified(authority, key.identity, vouched)


def _asked(check: Callable[[], Vouched]) -> Vouched | EvidenceError | TrustError:
    try:
        return check()
    except (EvidenceError, TrustError) as error:
        return error


def _said(error: EvidenceError | TrustError) -> str:
    """Return the message of an error without its place, which a rejection has of its own."""
    sides = [
        f"{label} {side}" for label, side in (("got", error.got), ("expected", error.expected)) if side is not None
    ]
    return error.what + (": " + ", ".join(sides) if sides else "")
