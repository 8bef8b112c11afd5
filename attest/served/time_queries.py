"""Questions to the time-stamp authority: RFC 3161, section 2.4.1, in DER, or in the JSON of Sigstore's. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier  # noqa: TC002  read at run time

from attest.served.refusing import Reason, RequestRefusedError
from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.rules.local import ENTRY_REFUSED

__all__ = ["TimeQuery", "read_der_query", "read_json_query"]

_HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_MAX_NONCE_BITS: Final = 160
_MAX_QUERY: Final = 4096


@dataclass(frozen=True, slots=True)
class TimeQuery:
    """What is to be stamped, a digest by its algorithm; the requester's nonce; whether to send the certificate."""

    algorithm: str
    digest: bytes
    nonce: int | None
    with_certificate: bool


@asn1.sequence
class _Algorithm:
    name: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _Imprint:
    algorithm: _Algorithm
    digest: bytes


@asn1.sequence
class _Query:
    version: int
    imprint: _Imprint
    policy: ObjectIdentifier | None
    nonce: int | None
    with_certificate: bool | None


def read_der_query(data: bytes) -> TimeQuery:
    """Read a `TimeStampReq` in DER; extensions aren't taken. Raises `RequestRefusedError`."""
    if len(data) > _MAX_QUERY:
        raise _refused("the query is too long")
    try:
        query = asn1.decode_der(_Query, data)
    except ValueError:
        raise _refused("not a TimeStampReq in DER without extensions") from None
    if query.version != 1 or query.policy is not None:
        raise _refused("queries are of version 1 and ask for no policy")
    name = _HASHES.get(query.imprint.algorithm.name.dotted_string, "")
    return _checked(name, query.imprint.digest, query.nonce, with_certificate=query.with_certificate is True)


def read_json_query(data: bytes) -> TimeQuery:
    """Read the JSON that Sigstore's authority takes too: `artifactHash`, `hashAlgorithm`, `nonce`, `certificates`.

    Raises `RequestRefusedError`.
    """
    try:
        document = json_object(data, where="the query", limit=_MAX_QUERY)
        digest = base64.b64decode(str(document.get("artifactHash")), validate=True)
    except (DocumentError, binascii.Error, ValueError):
        raise _refused("not a query in JSON with an artifactHash in base64") from None
    nonce, certificates = document.get("nonce"), document.get("certificates", False)
    if not isinstance(nonce, int | None) or isinstance(nonce, bool) or not isinstance(certificates, bool):
        raise _refused("nonce is a number, and certificates true or false")
    if document.get("tsaPolicyOID"):
        raise _refused("queries ask for no policy")
    return _checked(str(document.get("hashAlgorithm")), digest, nonce, with_certificate=certificates)


def _checked(name: str, digest: bytes, nonce: int | None, *, with_certificate: bool) -> TimeQuery:
    if name not in _HASHES.values() or len(digest) != hashlib.new(name).digest_size:
        raise _refused("it stamps sha256, sha384 and sha512 digests")
    if nonce is not None and (nonce < 0 or nonce.bit_length() > _MAX_NONCE_BITS):
        raise _refused(f"a nonce is a positive number of at most {_MAX_NONCE_BITS} bits")
    return TimeQuery(name, digest, nonce, with_certificate)


def _refused(what: str) -> RequestRefusedError:
    return RequestRefusedError(ENTRY_REFUSED, Reason.TIME_STAMP, what)
