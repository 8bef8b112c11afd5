"""Signing certificates: the identity that one names, and the key in it."""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, Final

from attest.identity import Identity
from dbom.errors import EvidenceError
from dbom.printable import printable
from dbom.rules.attestations import CERTIFICATE_IDENTITY, MATERIAL_INVALID

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Extensions, SubjectAlternativeName

__all__ = ["OWN_AUTHORITY_PREFIX", "UNKNOWN_AUTHORITY", "authority_name", "identity_of", "load_certificate"]

OWN_AUTHORITY_PREFIX: Final = "ca:sha256:"
"""How the issuer of an identity begins that a certificate authority of one's own vouches for."""

UNKNOWN_AUTHORITY: Final = "ca:unknown"
"""The issuer in what a certificate claims that names none, as long as nobody has told which authority issued it."""

_RESERVED: Final = "ca:"
"""How every issuer begins that no certificate may name: those that a verifier makes up for one that names none."""

# sigstore/fulcio docs/oid-info.md
_ISSUER_V1: Final = "1.3.6.1.4.1.57264.1.1"
_ISSUER_V2: Final = "1.3.6.1.4.1.57264.1.8"
_OTHER_NAME: Final = "1.3.6.1.4.1.57264.1.7"


def load_certificate(der: bytes, *, where: str) -> Certificate:
    """Read a certificate. Raises `EvidenceError` where it isn't one, or its extensions or key can't be read."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  heavy
    from cryptography.x509 import (  # noqa: PLC0415  heavy
        DuplicateExtension,
        InvalidVersion,
        UnsupportedGeneralNameType,
        load_der_x509_certificate,
    )

    try:
        # The library only warns of names that no standard allows; here they are refused.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            certificate = load_der_x509_certificate(der)
            _ = certificate.extensions, certificate.issuer, certificate.subject, certificate.not_valid_after_utc
            certificate.public_key()
    except (
        ValueError,
        TypeError,
        Warning,
        UnsupportedAlgorithm,
        DuplicateExtension,
        InvalidVersion,
        UnsupportedGeneralNameType,
    ) as error:
        raise EvidenceError(
            MATERIAL_INVALID, f"the certificate can't be read: {printable(str(error))}", where=where
        ) from error
    return certificate


def identity_of(certificate: Certificate, *, where: str, issued_by: str = "") -> Identity:
    """Return the one identity that a certificate names, and the issuer that vouched for it.

    The issuer is that of a Fulcio-style certificate; one that names no issuer has `issued_by`, where that is given.
    Raises `EvidenceError` where it names no identity, several, or no issuer, or where its two issuer extensions
    disagree.
    """
    from cryptography.x509 import ExtensionNotFound, SubjectAlternativeName  # noqa: PLC0415  heavy

    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        subjects = _subjects(names)
        named = _issuers(certificate.extensions)
    except ExtensionNotFound as error:
        raise EvidenceError(CERTIFICATE_IDENTITY, "the certificate names no identity", where=where) from error
    except ValueError as error:
        raise EvidenceError(CERTIFICATE_IDENTITY, "the certificate's identity can't be read", where=where) from error
    if len(list(names)) != 1 or len(subjects) != 1:
        raise EvidenceError(
            CERTIFICATE_IDENTITY,
            "the certificate doesn't name exactly one identity",
            where=where,
            got=printable(", ".join(subjects) or "none"),
        )
    issuers = named or {issued_by} - {""}
    if any(issuer.startswith(_RESERVED) for issuer in named):
        raise EvidenceError(
            CERTIFICATE_IDENTITY,
            "the certificate names an issuer as only the verifier names authorities",
            where=where,
            got=printable(", ".join(sorted(issuers))),
        )
    if len(issuers) != 1 or not subjects[0]:
        raise EvidenceError(
            CERTIFICATE_IDENTITY,
            "the certificate doesn't name exactly one issuer",
            where=where,
            got=printable(", ".join(sorted(issuers)) or "none"),
        )
    return Identity(subjects[0], next(iter(issuers)))


def authority_name(root: Certificate) -> str:
    """Return how the issuer of an identity reads that an authority of one's own vouches for, by its root certificate.

    It is `ca:sha256:<hex of the root's SubjectPublicKeyInfo>`: no issuer that an OIDC provider could be reads so, and a
    root that is issued anew for the same key keeps its name.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

    spki = root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{OWN_AUTHORITY_PREFIX}{hashlib.sha256(spki).hexdigest()}"


def _subjects(names: SubjectAlternativeName) -> list[str]:
    from cryptography.hazmat import asn1  # noqa: PLC0415  heavy
    from cryptography.x509 import OtherName, RFC822Name, UniformResourceIdentifier  # noqa: PLC0415  heavy

    others = [
        asn1.decode_der(str, name.value)
        for name in names.get_values_for_type(OtherName)
        if name.type_id.dotted_string == _OTHER_NAME
    ]
    return [
        *names.get_values_for_type(RFC822Name),
        *names.get_values_for_type(UniformResourceIdentifier),
        *others,
    ]


def _issuers(extensions: Extensions) -> set[str]:
    from cryptography.hazmat import asn1  # noqa: PLC0415  heavy
    from cryptography.x509 import UnrecognizedExtension  # noqa: PLC0415  heavy

    found: set[str] = set()
    for extension in extensions:
        if not isinstance(extension.value, UnrecognizedExtension):
            continue
        if extension.oid.dotted_string == _ISSUER_V1:
            found.add(extension.value.value.decode())
        if extension.oid.dotted_string == _ISSUER_V2:
            found.add(asn1.decode_der(str, extension.value.value))
    return found - {""}
