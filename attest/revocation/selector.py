"""Selectors: which signatures a revocation of a signer is about. Specified in docs/formats/revocation.md."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from attest.identity import Identity, KeyIdentity
from attest.verified import TimeBasis
from dbom.canonical import canonical_json
from dbom.errors import EvidenceError
from dbom.printable import printable
from dbom.rules.revocations import REVOCATION_MALFORMED

if TYPE_CHECKING:
    from attest.verified import VerifiedStatement
    from dbom.canonical import Json, JsonObject

__all__ = ["Selector", "instant_text", "read_instant"]

_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_KEYS: Final = frozenset({"identity", "issuer", "key", "trustRoot", "from", "until"})


@dataclass(frozen=True, slots=True)
class Selector:
    """The signatures of one signer: all of them, those under one trust root, those of a time.

    `trust_root` is the sha256 in hex of the trust root that vouches for the signer, or None for any. The time window
    is half open, `[start, end)`; an end of None is open.
    """

    signer: Identity | KeyIdentity
    trust_root: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of_document(cls, document: JsonObject, *, where: str) -> Self:
        """Read a selector. Raises `EvidenceError` where it isn't one: an unknown key would select something else."""
        unknown = sorted(set(document) - _KEYS)
        if unknown:
            raise _malformed(f"the selector has keys that aren't known: {', '.join(map(printable, unknown))}", where)
        root = document.get("trustRoot")
        if root is not None and not _is_hex64(root):
            raise _malformed("the selector's trustRoot isn't a sha256 in hex", where)
        start, end = (read_instant(document.get(key), f"selector.{key}", where) for key in ("from", "until"))
        if start is not None and end is not None and start >= end:
            raise _malformed("the selector's window ends before it begins", where)
        return cls(_signer(document, where), None if root is None else str(root), start, end)

    def document(self) -> JsonObject:
        """Return the selector as JSON: without the keys that select nothing."""
        document: JsonObject = {}
        if isinstance(self.signer, Identity):
            document |= {"identity": self.signer.subject, "issuer": self.signer.issuer}
        else:
            document["key"] = self.signer.spki_sha256
        if self.trust_root is not None:
            document["trustRoot"] = self.trust_root
        if self.start is not None:
            document["from"] = instant_text(self.start)
        if self.end is not None:
            document["until"] = instant_text(self.end)
        return document

    @property
    def sha256(self) -> str:
        """The sha256 in hex of its canonical JSON (RFC 8785): the subject of a revocation."""
        return hashlib.sha256(canonical_json(self.document())).hexdigest()

    def selects(self, item: VerifiedStatement) -> bool:
        """Return whether a statement is one of those signatures.

        Only a trusted time can show that a statement was signed outside the window; without one it is inside. A trusted
        time says that a signature is *no younger*. That shows that one was made before `start`; that it was made after
        `end` is shown by the short life of a certificate alone, so of a bare key no `end` is believed.
        """
        if item.signer != self.signer or self.trust_root not in (None, item.root):
            return False
        if item.time.basis is not TimeBasis.TRUSTED or item.time.at is None:
            return True
        if self.start is not None and item.time.at < self.start:
            return False
        is_key = isinstance(self.signer, KeyIdentity)
        return is_key or self.end is None or item.time.at < self.end

    def __str__(self) -> str:
        root = f" under the trust root sha256:{self.trust_root}" if self.trust_root is not None else ""
        since = f" from {instant_text(self.start)}" if self.start is not None else ""
        until = f" until {instant_text(self.end)}" if self.end is not None else ""
        return f"{self.signer}{root}{since}{until}"


def read_instant(value: Json, name: str, where: str) -> datetime | None:
    """Read an instant such as `2026-06-01T12:00:00Z`, or None where there is none. Raises `EvidenceError`."""
    if value is None:
        return None
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise _malformed(f"{name} is no instant like 2026-06-01T12:00:00Z", where)
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise _malformed(f"{name} is no instant that there is", where) from error


def instant_text(moment: datetime) -> str:
    """Return an instant as it stands in these documents: UTC, whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _signer(document: JsonObject, where: str) -> Identity | KeyIdentity:
    identity, issuer, key = document.get("identity"), document.get("issuer"), document.get("key")
    if key is not None:
        if identity is not None or issuer is not None:
            raise _malformed("the selector names a key and an identity", where)
        if not isinstance(key, str) or not _is_hex64(key):
            raise _malformed("the selector's key isn't a sha256 in hex", where)
        return KeyIdentity(key)
    if not isinstance(identity, str) or not isinstance(issuer, str) or not identity or not issuer:
        raise _malformed("the selector names neither a key nor an identity with its issuer", where)
    return Identity(identity, issuer)


def _is_hex64(value: Json) -> bool:
    return isinstance(value, str) and _HEX64.fullmatch(value) is not None


def _malformed(what: str, where: str) -> EvidenceError:
    return EvidenceError(REVOCATION_MALFORMED, what, where=where)
