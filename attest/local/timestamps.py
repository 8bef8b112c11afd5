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
_SHA256: Final = der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"), der.null())
_ECDSA_SHA256: Final = der.sequence(der.object_identifier("1.2.840.10045.4.3.2"))

# The policy that Sigstore's time-stamp authority names too; a policy must be named, and clients don't ask for one.
_POLICY: Final = der.object_identifier("1.3.6.1.4.1.57264.2")

_CMS_VERSION, _SIGNED_DATA_VERSION = der.integer(1), der.integer(3)


def time_stamp(
    digest: bytes, *, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, serial: int, now: datetime
) -> bytes:
    """Return the DER `TimeStampResp` that says that the bytes with this sha256 were there at `now` (whole seconds).

    `serial` must not repeat for one authority. RFC 3161, section 2.4.2; the signed attributes follow RFC 5652 and
    RFC 5816.
    """
    info = _information(digest, serial, now)
    status_granted = der.sequence(der.integer(0))
    return der.sequence(
        status_granted,
        der.sequence(_SIGNED_DATA, der.explicit(0, _signed_data(info, key, certificate, now))),
    )


def _information(digest: bytes, serial: int, now: datetime) -> bytes:
    imprint = der.sequence(_SHA256, der.octet_string(digest))
    return der.sequence(der.integer(1), _POLICY, imprint, der.integer(serial), der.generalized_time(now))


def _signed_data(info: bytes, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, now: datetime) -> bytes:
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
        der.explicit(0, encoded),
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
