"""What is logged and dated of a signature, and what comes of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attest.signers.keys import PublicKey
    from dbom.canonical import JsonObject

__all__ = ["Record", "Signed", "verifier_der", "verifier_pem"]


@dataclass(frozen=True, slots=True)
class Signed:
    """What is to be recorded: a statement's payload, its DSSE envelope, the signature, and whose key it is by.

    `certificate` is the signer's certificate (DER), or None where the key stands for itself.
    """

    payload: bytes = field(repr=False)
    envelope: JsonObject = field(repr=False)
    signature: bytes
    key: PublicKey
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What came of it: the bundle's log entries (as in `tlogEntries`) and its time stamps (DER)."""

    log_entries: tuple[JsonObject, ...] = ()
    time_stamps: tuple[bytes, ...] = ()


def verifier_der(signed: Signed) -> bytes:
    """Return the certificate, or the public key (SubjectPublicKeyInfo), by which a log checks a signature."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

    if signed.certificate is not None:
        return signed.certificate
    return signed.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def verifier_pem(signed: Signed) -> bytes:
    """Return the same as PEM."""
    name = "PUBLIC KEY" if signed.certificate is None else "CERTIFICATE"
    text = base64.b64encode(verifier_der(signed)).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----", ""]).encode()
