"""What is in a trust root, in the words of the document: whose authorities and logs, and when they may vouch. Pure.

`attest.trust` reads a root for verifying; here it is read for people, names and addresses with it. Those are what the
document says of itself.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.trust import MAX_TRUST_ROOT_BYTES, TrustRoot, Window
from dbom.canonical import json_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.canonical import Json, JsonObject

__all__ = ["NamedChain", "NamedLog", "TrustSummary"]


@dataclass(frozen=True, slots=True)
class NamedChain:
    """A certificate or time-stamp authority: whose it says it is, its certificates (leaf first), its window."""

    organization: str
    name: str
    uri: str
    subjects: tuple[str, ...]
    fingerprints: tuple[str, ...]
    window: Window


@dataclass(frozen=True, slots=True)
class NamedLog:
    """A log: its address, the hex of its id, its public key (DER SubjectPublicKeyInfo), and the key's window."""

    url: str
    log_id: str
    key: bytes = field(repr=False)
    key_kind: str
    window: Window


@dataclass(frozen=True, slots=True)
class TrustSummary:
    """A trust root's four lists. `sha256` is that of its bytes, `issuer_scope` the only issuer it may vouch for."""

    sha256: str
    issuer_scope: str | None
    authorities: tuple[NamedChain, ...]
    certificate_logs: tuple[NamedLog, ...]
    logs: tuple[NamedLog, ...]
    time_stampers: tuple[NamedChain, ...]

    @classmethod
    def of(cls, root: TrustRoot) -> Self:
        """Read the names out of a trust root that was parsed already."""
        document = json_object(root.raw, where="the trust root", limit=MAX_TRUST_ROOT_BYTES)
        chains = {
            "certificateAuthorities": root.authorities,
            "timestampAuthorities": root.time_stampers,
        }
        logs = {"ctlogs": root.certificate_logs, "tlogs": root.logs}
        authorities, stampers = (
            tuple(
                _chain(item, chain.certificates, chain.window)
                for item, chain in zip(_items(document, key), found, strict=True)
            )
            for key, found in chains.items()
        )
        certificate_logs, transparency = (
            tuple(_log(item, log.log_id, log.window) for item, log in zip(_items(document, key), found, strict=True))
            for key, found in logs.items()
        )
        return cls(root.sha256, root.issuer_scope, authorities, certificate_logs, transparency, stampers)


def _items(document: JsonObject, key: str) -> Iterator[JsonObject]:
    found = document.get(key, [])
    return (item for item in found if isinstance(item, dict)) if isinstance(found, list) else iter(())


def _chain(item: JsonObject, certificates: tuple[bytes, ...], window: Window) -> NamedChain:
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415  heavy

    subject = item.get("subject")
    named = subject if isinstance(subject, dict) else {}
    return NamedChain(
        _text(named.get("organization")),
        _text(named.get("commonName")),
        _text(item.get("uri")),
        tuple(load_der_x509_certificate(der).subject.rfc4514_string() for der in certificates),
        tuple(hashlib.sha256(der).hexdigest() for der in certificates),
        window,
    )


def _log(item: JsonObject, log_id: bytes, window: Window) -> NamedLog:
    key = item.get("publicKey")
    assert isinstance(key, dict)
    raw = base64.b64decode(_text(key.get("rawBytes")))
    return NamedLog(_text(item.get("baseUrl")), log_id.hex(), raw, _text(key.get("keyDetails")), window)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
