"""Trust roots: whose certificates, logs and time stamps an authority's evidence rests on."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from dbom.canonical import Json, JsonObject, canonical_json, json_object
from dbom.errors import DocumentError
from dbom.names import LOCAL_CA_ORGANIZATION, LOCAL_ISSUER_PREFIX, TRUSTED_ROOT_V01
from dbom.printable import printable
from dbom.rules.attestations import TRUST_ROOT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
    from cryptography.x509 import Certificate

__all__ = ["LogKey", "TrustRoot", "TrustedChain", "Window", "local_issuer"]

MAX_TRUST_ROOT_BYTES = 4 * 1024 * 1024
_ISSUER_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which a key or a certificate authority may vouch; an end of None is open."""

    start: datetime | None
    end: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Return whether `moment` lies in the window, both ends included."""
        return (self.start is None or self.start <= moment) and not self.ended(moment)

    def ended(self, moment: datetime) -> bool:
        """Return whether the window had ended before `moment`."""
        return self.end is not None and self.end < moment


@dataclass(frozen=True, slots=True)
class TrustedChain:
    """A certificate authority or a time-stamp authority: its certificates from leaf to root (DER), and its window."""

    certificates: tuple[bytes, ...]
    window: Window


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log: its id, its public key (DER), and the window of that key."""

    log_id: bytes
    key: bytes = field(repr=False)
    window: Window


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """A Sigstore trusted root, read from the exact bytes in `raw`.

    `sha256` is the hex digest of those bytes. `issuer_scope` is the only issuer that the root may vouch for, or None
    where it isn't scoped: the root of an embedded local Sigstore is scoped to its own issuer.
    """

    raw: bytes = field(repr=False)
    sha256: str
    issuer_scope: str | None
    authorities: tuple[TrustedChain, ...] = field(repr=False)
    time_stampers: tuple[TrustedChain, ...] = field(repr=False)
    logs: tuple[LogKey, ...] = field(repr=False)
    certificate_logs: tuple[LogKey, ...] = field(repr=False)

    def __hash__(self) -> int:
        # It is asked for every bundle, and all else was read from those bytes.
        return hash(self.sha256)

    @classmethod
    def parse(cls, raw: bytes, *, where: str) -> Self:
        """Read a `trusted_root.json`. Raises `DocumentError` where it is malformed or mixes a local root in."""
        document = json_object(raw, where=where, limit=MAX_TRUST_ROOT_BYTES)
        if document.get("mediaType") != TRUSTED_ROOT_V01:
            raise DocumentError(
                TRUST_ROOT_MALFORMED,
                "not a trusted root",
                where=where,
                got=printable(repr(document.get("mediaType"))),
                expected=TRUSTED_ROOT_V01,
            )
        try:
            authorities = tuple(_chain(item) for item in _objects(document, "certificateAuthorities"))
            time_stampers = tuple(_chain(item) for item in _objects(document, "timestampAuthorities"))
            logs = tuple(_log(item) for item in _objects(document, "tlogs"))
            certificate_logs = tuple(_log(item) for item in _objects(document, "ctlogs"))
            if not (authorities or time_stampers or logs):
                raise _FaultError("it names nobody: no certificate authority, no log, no time-stamp authority")  # noqa: TRY301  gathered with the others
            scope = _scope(authorities)
        except (_FaultError, binascii.Error, ValueError) as error:
            raise DocumentError(TRUST_ROOT_MALFORMED, printable(str(error)), where=where) from error
        return cls(raw, hashlib.sha256(raw).hexdigest(), scope, authorities, time_stampers, logs, certificate_logs)

    @classmethod
    def of_trust_config(cls, raw: bytes, *, where: str) -> Self:
        """Read the trusted root out of a Sigstore client trust config; `raw` is that part as canonical JSON."""
        inner = json_object(raw, where=where, limit=MAX_TRUST_ROOT_BYTES).get("trustedRoot")
        if not isinstance(inner, dict):
            raise DocumentError(TRUST_ROOT_MALFORMED, "not a client trust config: no trustedRoot", where=where)
        return cls.parse(canonical_json(inner), where=where)

    @classmethod
    def of_certificates(cls, authority: bytes | None, time_stamper: bytes | None, *, where: str) -> Self:
        """Return the root of a certificate authority of one's own and of a time-stamp authority, as PEM chains.

        Each chain ends in its root; the time stamper's begins with its own certificate. Without an `authority` it
        vouches for times alone, without a `time_stamper` for none. `raw` is the trusted root in canonical JSON that
        says the same. Raises `DocumentError` where one isn't a chain of certificates in PEM.
        """
        document: JsonObject = {
            "mediaType": TRUSTED_ROOT_V01,
            "certificateAuthorities": [] if authority is None else [_written(authority, where)],
            "timestampAuthorities": [] if time_stamper is None else [_written(time_stamper, where)],
        }
        return cls.parse(canonical_json(document), where=where)

    @property
    def is_local(self) -> bool:
        """Whether this is the root of an embedded local Sigstore, only as good as the machine that holds its keys."""
        return self.issuer_scope is not None or any(_is_local(chain) for chain in self.time_stampers)

    def expired(self, moment: datetime) -> bool:
        """Return whether all certificate authorities, all logs or all time stampers had ended before `moment`.

        A kind that the root doesn't name can't have ended.
        """
        last = self.last_moment
        return last is not None and last < moment

    @property
    def last_moment(self) -> datetime | None:
        """The last moment before the root has expired, None where it never does."""
        chains: tuple[Sequence[TrustedChain | LogKey], ...] = (self.authorities, self.logs)
        if not self.authorities and not self.logs:
            chains = (self.time_stampers,)
        ends = [[item.window.end for item in kind] for kind in chains if kind]
        return min((max(filter(None, kind)) for kind in ends if None not in kind), default=None)


def local_issuer(root_key: CertificatePublicKeyTypes) -> str:
    """Return the one issuer that a local Sigstore whose root certificate has this key may vouch for."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

    spki = root_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return LOCAL_ISSUER_PREFIX + hashlib.sha256(spki).hexdigest()[:_ISSUER_DIGITS]


class _FaultError(Exception):
    """What is wrong with a trusted root; only ever seen by `TrustRoot.parse`."""


def _objects(document: JsonObject, key: str) -> list[JsonObject]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise _FaultError(f"{key} is not a list of objects")
    items = [item for item in found if isinstance(item, dict)]
    if len(items) != len(found):
        raise _FaultError(f"{key} is not a list of objects")
    return items


def _chain(item: JsonObject) -> TrustedChain:
    chain = item.get("certChain")
    if not isinstance(chain, dict):
        raise _FaultError("an authority has no certChain")
    certificates = tuple(_bytes(certificate, "rawBytes") for certificate in _objects(chain, "certificates"))
    if not certificates:
        raise _FaultError("an authority's certChain is empty")
    declared = _window(item.get("validFor"))
    # A window that says it never ends still ends with the certificate that it is about.
    ends = [end for end in (declared.end, min(_loaded(der).not_valid_after_utc for der in certificates)) if end]
    return TrustedChain(certificates, Window(declared.start, min(ends)))


def _log(item: JsonObject) -> LogKey:
    key, log_id = item.get("publicKey"), item.get("logId")
    if not isinstance(key, dict) or not isinstance(log_id, dict):
        raise _FaultError("a log has no publicKey or no logId")
    window = _window(key.get("validFor"))
    if window.start is None:
        # An end alone, or nothing, would make a key good for all the time before somebody thought of it.
        raise _FaultError("a log's key has no start of its validity")
    return LogKey(_bytes(log_id, "keyId"), _bytes(key, "rawBytes"), window)


def _bytes(item: JsonObject, key: str) -> bytes:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise _FaultError(f"{key} is missing")
    return base64.b64decode(value, validate=True)


def _window(value: Json) -> Window:
    if value is None:
        return Window(None, None)
    if not isinstance(value, dict):
        raise _FaultError("validFor is not an object")
    return Window(_moment(value.get("start")), _moment(value.get("end")))


def _moment(value: Json) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise _FaultError("validFor holds something that is not a time with a zone")
    return moment


def _loaded(der: bytes) -> Certificate:
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate  # noqa: PLC0415  heavy

    try:
        return load_der_x509_certificate(der)
    except InvalidVersion as error:
        raise _FaultError(f"a certificate can't be read: {error}") from error


def _scope(authorities: tuple[TrustedChain, ...]) -> str | None:
    scopes = {_scope_of(chain) for chain in authorities} or {None}
    if len(scopes) != 1:
        raise _FaultError("it merges a local Sigstore with another authority")
    return next(iter(scopes))


def _scope_of(chain: TrustedChain) -> str | None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  heavy
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  heavy

    if not _is_local(chain):
        return None
    root = _loaded(chain.certificates[-1])
    names = [str(name.value) for name in root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        expected = local_issuer(root.public_key())
    except UnsupportedAlgorithm as error:
        raise _FaultError(f"a local Sigstore's root has a key that can't be read: {error}") from error
    if names != [expected]:
        raise _FaultError(f"a local Sigstore's root names {names}, and its key only allows {expected}")
    return expected


@lru_cache(maxsize=64)
def _is_local(chain: TrustedChain) -> bool:
    """Return whether a chain says that it is an embedded local Sigstore's; they are few, and asked for every bundle."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  heavy

    return any(
        str(name.value) == LOCAL_CA_ORGANIZATION
        for der in chain.certificates
        for name in _loaded(der).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    )


def _written(pem: bytes, where: str) -> JsonObject:
    """Return a PEM chain as a trusted root writes it; it is valid for as long as its certificates are."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  heavy
    from cryptography.x509 import InvalidVersion, load_pem_x509_certificates  # noqa: PLC0415  heavy

    try:
        chain = load_pem_x509_certificates(pem)
    except (ValueError, InvalidVersion) as error:
        raise DocumentError(TRUST_ROOT_MALFORMED, "not a chain of certificates in PEM", where=where) from error
    start = max(certificate.not_valid_before_utc for certificate in chain)
    written: list[Json] = [{"rawBytes": base64.b64encode(item.public_bytes(Encoding.DER)).decode()} for item in chain]
    return {"certChain": {"certificates": written}, "validFor": {"start": start.isoformat().replace("+00:00", "Z")}}
