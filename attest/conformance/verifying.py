"""What sigstore-conformance asks of a verifier: bundles of statements, and of bare files, about an artifact."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.bundle import MessageBundle
from attest.certificates import UNKNOWN_AUTHORITY, identity_of, load_certificate
from attest.expecting import expected_authorities
from attest.files import read_file
from attest.stores.store import MAX_BUNDLE_BYTES
from attest.verified import Rejection
from attest.verifier import vouching
from attest.verifier.key_verifying import VerifyingKey
from attest.verifier.signed_content import SignedContent
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError
from dbom.rules import rule_by_id
from dbom.rules.attestations import NOT_ABOUT_THESE_BYTES, SIGNATURE_INVALID, SIGNER_UNEXPECTED

if TYPE_CHECKING:
    from datetime import datetime

    from attest.authority import Authority

__all__ = ["public_root", "verify_for_suite"]

_MAX_ARTIFACT_BYTES: Final = 1 << 30
_HOSTS: Final = {False: "tuf-repo-cdn.sigstore.dev", True: "tuf-repo-cdn.sigstage.dev"}


def verify_for_suite(
    bundle: Path,
    *,
    artifact: Path | bytes,
    identity: str | None,
    issuer: str | None,
    key: Path | None,
    trusted_root: Path | None,
    staging: bool,
    now: datetime,
) -> None:
    """Verify a bundle about an artifact, or about the sha256 of one (32 bytes); nothing is returned for a yes.

    A statement must have a subject with the artifact's sha256; a bare signature must be one of its bytes. Without a
    trust root it is the public Sigstore's, whose log a key's signature must be in too. Raises `EvidenceError` for a
    no, and what reading the files raises.
    """
    root = trusted_root or public_root(staging=staging)
    (authority,) = expected_authorities(identity=identity, issuer=issuer, key=key, trusted_root=root)
    raw, where = read_file(bundle, limit=MAX_BUNDLE_BYTES, what="bundle"), str(bundle)
    message = artifact if isinstance(artifact, bytes) else read_file(artifact, limit=_MAX_ARTIFACT_BYTES)
    try:
        found = MessageBundle.parse(raw, where=where)
    except EvidenceError:
        _verify_statement(raw, message, authority, is_digest=isinstance(artifact, bytes), where=where, now=now)
        return
    make = SignedContent.of_digest if isinstance(artifact, bytes) else SignedContent.of_message
    _verify_message(found, make(message, found.signature), authority, where, now)


def public_root(*, staging: bool = False) -> Path:
    """Return the trusted root of the public Sigstore (or its staging) that sigstore-python brings along."""
    (found,) = Path(str(files("sigstore"))).glob(f"_store/*{_HOSTS[staging]}/trusted_root.json")
    return found


def _verify_statement(
    raw: bytes, message: bytes, authority: Authority, *, is_digest: bool, where: str, now: datetime
) -> None:
    result = verify_bundle(raw, [authority], where=where, now=now)
    if isinstance(result, Rejection):
        rule = rule_by_id(result.rule)
        assert rule is not None
        raise EvidenceError(rule, result.reason, where=where)
    digest = message if is_digest else hashlib.sha256(message).digest()
    stated = [subject.digest.hex for subject in result.statement.subjects if subject.digest is not None]
    if digest.hex() not in stated:
        raise EvidenceError(
            NOT_ABOUT_THESE_BYTES,
            "no subject is this artifact",
            where=where,
            got=digest.hex(),
            expected=" or ".join(stated) or None,
        )


def _verify_message(
    bundle: MessageBundle, content: SignedContent, authority: Authority, where: str, now: datetime
) -> None:
    if bundle.digest is not None and bundle.digest != content.sha256:
        raise EvidenceError(
            NOT_ABOUT_THESE_BYTES,
            "the bundle names another digest",
            where=where,
            got=content.sha256.hex(),
            expected=bundle.digest.hex(),
        )
    assert authority.root is not None
    case = vouching.Case(bundle, content, authority.root, authority.must_show, where, now)
    if authority.key_pem is not None:
        key = VerifyingKey.parse(authority.key_pem, where="the key")
        _check_signed(key, content, where)
        if bundle.certificate is not None:
            raise EvidenceError(SIGNER_UNEXPECTED, "a certificate where a key is expected", where=where)
        vouching.check_key(case, key.spki)
        return
    if bundle.certificate is None:
        raise EvidenceError(SIGNER_UNEXPECTED, "a key where a certificate is expected", where=where)
    certificate = load_certificate(bundle.certificate, where=where)
    _check_signed(VerifyingKey.of(certificate.public_key(), where=where), content, where)
    claimed = identity_of(certificate, where=where, issued_by=UNKNOWN_AUTHORITY)
    signer = vouching.check_certificate(case, certificate, claimed).signer
    if signer is None or not any(pattern.matches(signer) for pattern in authority.identities):
        raise EvidenceError(
            SIGNER_UNEXPECTED, "signed by somebody else", where=where, got=str(signer), expected=authority.expects
        )


def _check_signed(key: VerifyingKey, content: SignedContent, where: str) -> None:
    if not key.signed(content):
        raise EvidenceError(SIGNATURE_INVALID, "the signature isn't one of this artifact", where=where)
