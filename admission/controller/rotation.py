"""When certificates are renewed, and with what overlap: pure, from what is there and the clock.

1. An authority that is missing, unusable, in its last third or older than asked for is followed by a new one. The one
   before stays in the bundle until it ends, so what it signed goes on to be believed.
2. The bundle reaches the API servers first. Only when a new authority was in it for a while (`settles`) does it sign.
3. A serving certificate that is missing, unusable, in its last third, for other names, or by an authority that is no
   longer the newest is then replaced. A kubelet shows it a minute later; both are believed all the while. (`announced`
   is False where the bundle was written only now, late: then one that is believed stays for this time.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self

from admission.certificates import Issued, issue_serving, make_authority

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

__all__ = ["Held", "Lifetimes", "believed", "ends_at", "rotated_authority", "rotated_serving"]

_BACKDATED: Final = timedelta(minutes=5)
_NAME: Final = "dbom webhook authority"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long certificates last, and how long API servers are given to learn of a new authority."""

    authority: timedelta = timedelta(days=360)
    serving: timedelta = timedelta(days=30)
    settles: timedelta = timedelta(minutes=2)

    @classmethod
    def of(cls, serving: timedelta) -> Self:
        """Return lifetimes in proportion to that of a serving certificate: twelve of them for an authority."""
        return cls(12 * serving, serving, min(cls().settles, serving / 10))


DEFAULT_LIFETIMES: Final = Lifetimes()


@dataclass(frozen=True, slots=True)
class Held:
    """What the Secrets hold: the authority, the certificates of those before it (PEM), the serving certificate."""

    authority: Issued | None = None
    previous: bytes = b""
    serving: Issued | None = None


def rotated_authority(
    held: Held, now: datetime, *, lifetimes: Lifetimes = DEFAULT_LIFETIMES, renew_before: datetime | None = None
) -> Held:
    """Return what is to be held: with a new authority where one is due.

    One that was made before `renew_before` is due, once that moment has come.
    """
    found = _usable(held.authority)
    previous = _unended(held.previous, now)
    if found is not None and held.authority is not None:
        is_asked = renew_before is not None and _made_at(found) < renew_before <= now
        if not is_asked and not _is_in_last_third(found, now):
            return replace(held, previous=previous)
        previous = _unended(held.authority.certificate + previous, now)
    return Held(make_authority(_NAME, now=now, lasts=lifetimes.authority), previous, held.serving)


def rotated_serving(
    held: Held,
    names: tuple[str, ...],
    now: datetime,
    *,
    lifetimes: Lifetimes = DEFAULT_LIFETIMES,
    announced: bool = True,
) -> Held:
    """Return what is to be held: with a new serving certificate where one is due. The authority must be usable."""
    authority, serving = _usable(held.authority), _usable(held.serving)
    if authority is None or held.authority is None:
        return held
    is_settled = announced and now - _made_at(authority) >= lifetimes.settles
    if serving is not None and _names(serving) == set(names) and not _is_in_last_third(serving, now):
        is_by_newest = serving.issuer == authority.subject and _is_signed_by(serving, authority)
        is_believed = is_by_newest or any(_is_signed_by(serving, item) for item in _parsed(held.previous))
        if is_by_newest or (is_believed and not is_settled):
            return held
    issued = issue_serving(held.authority, names, now=now, lasts=lifetimes.serving)
    return replace(held, serving=issued)


def believed(held: Held) -> bytes:
    """Return the bundle by which API servers know the webhook: the newest authority, and those before it."""
    return (b"" if held.authority is None else held.authority.certificate) + held.previous


def ends_at(issued: Issued | None) -> datetime | None:
    """Return when a certificate ends, None where there is no usable one."""
    found = _usable(issued)
    return None if found is None else found.not_valid_after_utc


def _usable(issued: Issued | None) -> Certificate | None:
    """Return the certificate of a pair, None where it is no pair."""
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  the same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  the same
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  the same

    if issued is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(issued.certificate)
        key = load_pem_private_key(issued.key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    is_pair = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
    return certificate if is_pair else None


def _parsed(pem: bytes) -> list[Certificate]:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it

    try:
        return x509.load_pem_x509_certificates(pem) if pem.strip() else []
    except ValueError:
        return []


def _unended(pem: bytes, now: datetime) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  heavy, and only this needs it

    return b"".join(item.public_bytes(Encoding.PEM) for item in _parsed(pem) if item.not_valid_after_utc > now)


def _made_at(certificate: Certificate) -> datetime:
    return certificate.not_valid_before_utc + _BACKDATED


def _is_in_last_third(certificate: Certificate, now: datetime) -> bool:
    begins, ends = min(_made_at(certificate), certificate.not_valid_after_utc), certificate.not_valid_after_utc
    return now >= ends - (ends - begins) / 3 or now < certificate.not_valid_before_utc


def _names(certificate: Certificate) -> set[str]:
    from cryptography import x509  # noqa: PLC0415  heavy, and only this needs it

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(found.value.get_values_for_type(x509.DNSName))


def _is_signed_by(certificate: Certificate, authority: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  heavy, and only this needs it

    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
