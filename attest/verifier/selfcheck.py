"""The last look before a bundle leaves: read again and verified, as a stranger would who has only the trust root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.trust import TrustRoot
from attest.verified import Rejection
from attest.verifier.keyless import check_by_sigstore
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError, SigningError, TrustError
from dbom.rules.attestations import SELF_CHECK

if TYPE_CHECKING:
    from datetime import datetime

    from attest.identity import Identity

__all__ = ["check_accepted", "check_bundle"]


def check_bundle(
    bundle: bytes, payload: bytes, *, identity: Identity, trusted_root: bytes | TrustRoot, now: datetime
) -> None:
    """Check that others will accept `bundle` as a statement of `payload` by `identity`. Raises `SigningError`.

    sigstore-python reads and verifies it, and our verifier checks what that leaves out, such as every time stamp.
    """
    root = trusted_root
    if isinstance(root, bytes):
        root = TrustRoot.parse(root, where="the trust root")
    authority = Authority("signer", (IdentityPattern.exact(identity.subject, identity.issuer),), root)
    check_accepted(bundle, payload, authority, now=now)
    try:
        theirs = check_by_sigstore(bundle, root, identity, where="the new bundle")
    except (EvidenceError, TrustError) as error:
        raise SigningError(SELF_CHECK, f"sigstore-python doesn't accept the new bundle: {error.what}") from error
    if theirs != payload:
        raise SigningError(SELF_CHECK, "sigstore-python sees other bytes than were to be signed")


def check_accepted(bundle: bytes, payload: bytes, authority: Authority, *, now: datetime) -> None:
    """Check that whoever expects `authority` will accept `bundle` as its statement of `payload`; else as above."""
    result = verify_bundle(bundle, [authority], where="the new bundle", now=now)
    if isinstance(result, Rejection):
        raise SigningError(SELF_CHECK, f"the new bundle doesn't verify: {result.reason}")
    if result.statement.payload != payload:
        raise SigningError(SELF_CHECK, "the new bundle holds other bytes than were to be signed")
