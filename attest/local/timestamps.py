"""RFC 3161 time stamps: the answer of a time-stamping authority over some bytes, made without asking a server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from attest.local import der
from attest.local.ecdsa import signed

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["time_stamp"]

_SIGNED_DATA: Final = der.object_identifier("1.2.840.113549.1.7.2")
_TST_INFO: Final = der.object_identifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE: Final = der.object_identifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = der.object_identifier("1.2.840.113549.1.9.4")
_SIGNING_TIME: Final = der.object_identifier("1.2.840.113549.1.9.5")
_SIGNING_CERTIFICATE_V2: Final = der.object_identifier("1.2.840.113549.1.9.16.2.47")
_HASHES: Final = {
    "sha256": der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"), der.null()),
    "sha384": der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.2"), der.null()),
    "sha512": der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.3"), der.null()),
}
_SHA256: Final = _HASHES["sha256"]
_ECDSA_SHA256: Final = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))

# The policy that Sigstore's time-stamp authority names too; a policy must be named, and clients don't ask for one.
_POLICY: Final = der.object_identifier("1.3.6.1.4.1.57264.2")

_CMS_VERSION, _SIGNED_DATA_VERSION = der.integer(1), der.integer(3)


def time_stamp(
    digest: bytes,
    *,
    key: ec.EllipticCurvePrivateKey,
    certificate: x509.Certificate,
    serial: int,
    now: datetime,
    algorithm: str = "sha256",
    nonce: int | None = None,
    with_certificate: bool = True,
) -> bytes:
    """Return the DER `TimeStampResp` that says that the bytes with this digest were there at `now` (whole seconds).

    `serial` must not repeat for one authority. `algorithm` is sha256, sha384 or sha512; `nonce` is the requester's.
    RFC 3161, section 2.4.2; the signed attributes follow RFC 5652 and RFC 5816.
    """
    info = _information(digest, algorithm, serial, now, nonce)
    status_granted = der.sequence(der.integer(0))
    return der.sequence(
        status_granted,
        der.sequence(
            _SIGNED_DATA, der.explicit(0, _signed_data(info, key, certificate, now, enclosed=with_certificate))
        ),
    )


def _information(digest: bytes, algorithm: str, serial: int, now: datetime, nonce: int | None) -> bytes:
    imprint = der.sequence(_HASHES[algorithm], der.octet_string(digest))
    asked = () if nonce is None else (der.integer(nonce),)
    return der.sequence(der.integer(1), _POLICY, imprint, der.integer(serial), der.generalized_time(now), *asked)


def _signed_data(
    info: bytes, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, now: datetime, *, enclosed: bool
) -> bytes:
    encoded = certificate.public_bytes(Encoding.DER)
    attributes = _signed_attributes(info, encoded, now)
    # What is signed is the SET OF itself; in the SignerInfo it stands under an implicit tag (RFC 5652, section 5.4).
    signature = signed(der.set_of(*attributes), key)
    signer = der.sequence(
        _CMS_VERSION,
        der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
        _SHA256,
        der.explicit(0, der.set_of_members(*attributes)),
        _ECDSA_SHA256,
        der.octet_string(signature),
    )
    return der.sequence(
        _SIGNED_DATA_VERSION,
        der.set_of(_SHA256),
        der.sequence(_TST_INFO, der.explicit(0, der.octet_string(info))),
        *((der.explicit(0, encoded),) if enclosed else ()),
        der.set_of(signer),
    )


def _signed_attributes(info: bytes, certificate: bytes, now: datetime) -> tuple[bytes, ...]:
    signing_certificate = der.sequence(
        der.sequence(der.sequence(der.octet_string(hashlib.sha256(certificate).digest())))
    )
    return (
        der.sequence(_CONTENT_TYPE, der.set_of(_TST_INFO)),
        der.sequence(_SIGNING_TIME, der.set_of(der.utc_time(now))),
        der.sequence(_MESSAGE_DIGEST, der.set_of(der.octet_string(hashlib.sha256(info).digest()))),
        der.sequence(_SIGNING_CERTIFICATE_V2, der.set_of(signing_certificate)),
    )
