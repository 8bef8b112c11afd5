"""Whom a policy would trust that is made from a bundle: its signer, once somebody else vouches for who that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.starting_policy import Expected
from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.showing import claim_of
from attest.verified import Rejection, RejectionKind
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError, TrustError
from dbom.printable import printable
from dbom.rules.admission import BUNDLE_UNPROVEN

if TYPE_CHECKING:
    from datetime import datetime

    from attest.trust import TrustRoot
    from attest.verified import VerifiedStatement

__all__ = ["expected_of_bundle"]


def expected_of_bundle(
    raw: bytes, *, where: str, root: TrustRoot | None, key_pem: bytes | None, now: datetime
) -> tuple[Expected, VerifiedStatement]:
    """Return whom a bundle's policy expects: the very signer that was verified under a root or a key of one's own.

    Raises `EvidenceError` where the bundle doesn't hold, `TrustError` where nothing at hand vouches for its signer;
    both say whom it claims to be signed by.
    """
    claim = claim_of(raw, where=where)
    claimed = f"it claims to be signed by {claim.signer or 'a bare key'}"
    if claim.signer is None and key_pem is not None:
        authority = Authority("signer", key_pem=key_pem)
    elif claim.signer is not None and root is not None:
        exact = IdentityPattern.exact(claim.signer.subject, claim.signer.issuer)
        authority = Authority("signer", (exact,), root)
    else:
        needed = "--key, the public key" if claim.signer is None else "--trusted-root, the root that vouches for it"
        raise TrustError(BUNDLE_UNPROVEN, f"{claimed}, and nothing here vouches for that", where=where, expected=needed)
    answer = verify_bundle(raw, [authority], where=where, now=now)
    if isinstance(answer, Rejection):
        kind = TrustError if answer.kind is RejectionKind.UNDECIDED else EvidenceError
        raise kind(BUNDLE_UNPROVEN, f"{claimed}, and that isn't so: {printable(answer.reason)}", where=where)
    signer = answer.signer
    return Expected(signer, root) if isinstance(signer, Identity) else Expected(key_pem=key_pem), answer
