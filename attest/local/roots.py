"""The trust root of the embedded Sigstore, as the document that every Sigstore client reads."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from attest.local.certificates import spki
from dbom.canonical import canonical_json
from dbom.names import LOCAL_CA_ORGANIZATION, TRUSTED_ROOT_V01

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    from dbom.canonical import JsonObject

__all__ = ["log_origin", "trusted_root"]


def log_origin(issuer: str) -> str:
    """Return the name of the transparency log that belongs to this issuer: the host of its (never contacted) URL."""
    parts = urlsplit(issuer)
    return f"{parts.path.strip('/')}.{parts.hostname}"


def trusted_root(
    *,
    authority: x509.Certificate,
    certificate_log: ec.EllipticCurvePublicKey,
    log: ec.EllipticCurvePublicKey,
    time_stamper: Sequence[x509.Certificate],
    issuer: str,
    start: datetime,
) -> bytes:
    """Return `trusted_root.json` (protobuf-specs, TrustedRoot 0.1): four authorities, each valid from `start` on."""
    origin = log_origin(issuer)
    valid: JsonObject = {"start": start.strftime("%Y-%m-%dT%H:%M:%SZ")}
    document: JsonObject = {
        "mediaType": TRUSTED_ROOT_V01,
        "certificateAuthorities": [_authority([authority], issuer, issuer, valid)],
        "ctlogs": [_log(certificate_log, f"https://ct.{origin}", valid)],
        "tlogs": [_log(log, f"https://{origin}", valid)],
        "timestampAuthorities": [_authority(time_stamper, "time stamper", f"https://tsa.{origin}", valid)],
    }
    return canonical_json(document) + b"\n"


def _authority(chain: Sequence[x509.Certificate], name: str, uri: str, valid: JsonObject) -> JsonObject:
    return {
        "subject": {"organization": LOCAL_CA_ORGANIZATION, "commonName": name},
        "uri": uri,
        "certChain": {"certificates": [{"rawBytes": _base64(item.public_bytes(Encoding.DER))} for item in chain]},
        "validFor": valid,
    }


def _log(key: ec.EllipticCurvePublicKey, url: str, valid: JsonObject) -> JsonObject:
    encoded = spki(key)
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _base64(encoded),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": valid,
        },
        "logId": {"keyId": _base64(hashlib.sha256(encoded).digest())},
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
