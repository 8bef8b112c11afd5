"""Trust roots: whose certificates, logs and time stamps an authority's evidence rests on."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from dbom.canonical import Json, JsonObject, canonical_json, json_object
from dbom.errors import DocumentError
from dbom.names import LOCAL_CA_ORGANIZATION, LOCAL_ISSUER_PREFIX, TRUSTED_ROOT_V01
from dbom.printable import printable
from dbom.rules.attestations import TRUST_ROOT_MALFORMED

if TYPE_CHECKING:
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
    """A log: its id, and the window of its key."""

    log_id: bytes
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
            time_stampers = tuple(_chain(item) for item in _objects(document, "timestampAuthorities", optional=True))
            logs = tuple(_log(item) for item in _objects(document, "tlogs"))
            certificate_logs = tuple(_log(item) for item in _objects(document, "ctlogs"))
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

    @property
    def is_local(self) -> bool:
        """Whether this is the root of an embedded local Sigstore, only as good as the machine that holds its keys."""
        return self.issuer_scope is not None

    def expired(self, moment: datetime) -> bool:
        """Return whether every certificate authority, or every log, of this root had ended before `moment`."""
        return all(chain.window.ended(moment) for chain in self.authorities) or all(
            log.window.ended(moment) for log in self.logs
        )


def local_issuer(root_key: CertificatePublicKeyTypes) -> str:
    """Return the one issuer that a local Sigstore whose root certificate has this key may vouch for."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  heavy

    spki = root_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return LOCAL_ISSUER_PREFIX + hashlib.sha256(spki).hexdigest()[:_ISSUER_DIGITS]


class _FaultError(Exception):
    """What is wrong with a trusted root; only ever seen by `TrustRoot.parse`."""


def _objects(document: JsonObject, key: str, *, optional: bool = False) -> list[JsonObject]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise _FaultError(f"{key} is not a list of objects")
    items = [item for item in found if isinstance(item, dict)]
    if len(items) != len(found):
        raise _FaultError(f"{key} is not a list of objects")
    if not items and not optional:
        raise _FaultError(f"it names no {key}")
    return items


def _chain(item: JsonObject) -> TrustedChain:
    chain = item.get("certChain")
    if not isinstance(chain, dict):
        raise _FaultError("an authority has no certChain")
    certificates = tuple(_bytes(certificate, "rawBytes") for certificate in _objects(chain, "certificates"))
    declared = _window(item.get("validFor"))
    # A window that says it never ends still ends with the certificate that it is about.
    ends = [end for end in (declared.end, min(_loaded(der).not_valid_after_utc for der in certificates)) if end]
    return TrustedChain(certificates, Window(declared.start, min(ends)))


def _log(item: JsonObject) -> LogKey:
    key, log_id = item.get("publicKey"), item.get("logId")
    if not isinstance(key, dict) or not isinstance(log_id, dict):
        raise _FaultError("a log has no publicKey or no logId")
    _bytes(key, "rawBytes")
    return LogKey(_bytes(log_id, "keyId"), _window(key.get("validFor")))


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
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415  heavy

    return load_der_x509_certificate(der)


def _scope(authorities: tuple[TrustedChain, ...]) -> str | None:
    scopes = {_scope_of(chain) for chain in authorities}
    if len(scopes) != 1:
        raise _FaultError("it merges a local Sigstore with another authority")
    return next(iter(scopes))


def _scope_of(chain: TrustedChain) -> str | None:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  heavy

    certificates = [_loaded(der) for der in chain.certificates]
    organizations = {
        str(name.value)
        for item in certificates
        for name in item.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    }
    if LOCAL_CA_ORGANIZATION not in organizations:
        return None
    names = [str(name.value) for name in certificates[-1].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    expected = local_issuer(certificates[-1].public_key())
    if names != [expected]:
        raise _FaultError(f"a local Sigstore's root names {names}, and its key only allows {expected}")
    return expected
