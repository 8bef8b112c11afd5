"""The key that a certificate is asked for, and the proof that the requester holds it (sigstore/fulcio)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from attest.served.refusing import Reason, RequestRefusedError
from attest.verifier.key_verifying import VerifyingKey, signature_holds
from dbom.errors import DocumentError
from dbom.rules.local import POSSESSION_REFUSED

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes

    from dbom.canonical import Json, JsonObject

__all__ = ["possessed_key"]

_WAYS: Final = ("certificateSigningRequest", "publicKeyRequest")


def possessed_key(request: JsonObject, subject: str) -> CertificatePublicKeyTypes:
    """Return the key that a request shows to be the requester's.

    That is a certificate signing request, which its own key has signed, or a public key with that key's signature over
    `subject`, what the token says who they are. Names and extensions of a signing request count for nothing. Raises
    `RequestRefusedError`.
    """
    given = [way for way in _WAYS if request.get(way) is not None]
    if given == [_WAYS[0]]:
        return _of_signing_request(request[_WAYS[0]])
    asked = request.get(_WAYS[1])
    if given == [_WAYS[1]] and isinstance(asked, dict):
        return _of_public_key(asked, subject)
    raise _refused(Reason.MALFORMED, f"a request holds either {' or '.join(_WAYS)}")


def _of_signing_request(value: Json) -> CertificatePublicKeyTypes:
    try:
        request = x509.load_pem_x509_csr(_decoded(value))
        key = _usable(request.public_key())
        holds = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused(Reason.MALFORMED, "not a certificate signing request in PEM") from None
    if not holds:
        raise _refused(Reason.POSSESSION, "the certificate signing request isn't signed by its own key")
    return key


def _of_public_key(asked: JsonObject, subject: str) -> CertificatePublicKeyTypes:
    public = asked.get("publicKey")
    content = public.get("content") if isinstance(public, dict) else None
    try:
        key = _usable(load_pem_public_key(str(content).encode()))
        proof = _decoded(asked.get("proofOfPossession"))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused(Reason.MALFORMED, "not a public key in PEM with a proof of possession") from None
    if not signature_holds(key, proof, subject.encode()):
        raise _refused(Reason.POSSESSION, "the proof isn't this key's signature over the token's subject")
    return key


def _usable(key: PublicKeyTypes) -> CertificatePublicKeyTypes:
    try:
        VerifyingKey.of(key, where="the request")
    except DocumentError as error:
        raise RequestRefusedError(
            POSSESSION_REFUSED, Reason.KEY_UNUSABLE, error.what, got=error.got, expected=error.expected
        ) from error
    return key  # type: ignore[return-value]  # the kinds that are usable are all ones that certificates hold


def _decoded(value: Json) -> bytes:
    if not isinstance(value, str):
        raise TypeError("not a text")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _refused(reason: Reason, what: str) -> RequestRefusedError:
    return RequestRefusedError(POSSESSION_REFUSED, reason, what)
