"""What a log entry says was signed, compared with what a bundle brings: so that no entry is borrowed from another.

The kinds are Rekor's: `dsse` 0.0.1, `intoto` 0.0.2 and `hashedrekord` 0.0.1 of Rekor 1, `hashedrekord` and `dsse` 0.0.2
of Rekor 2. From the bundle the value is built that the entry must hold, and compared once. What a bundle can't tell
(the hash of the envelope as it was sent, which is one of several texts that say the same) is left out of both sides.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from dbom.canonical import json_object
from dbom.errors import DocumentError, EvidenceError
from dbom.printable import printable
from dbom.rules.attestations import LOG_ENTRY_DIFFERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.bundle import LogEntry
    from attest.verifier.signed_content import SignedContent
    from dbom.canonical import Json, JsonObject

__all__ = ["Signer", "check_entry_body"]

_MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_SHOWN_BYTES: Final = 160
_HASHES: Final = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed, as a log entry names it: a certificate or a public key, in DER."""

    der: bytes = field(repr=False)
    is_certificate: bool

    @property
    def label(self) -> str:
        """What stands in its PEM armour."""
        return "CERTIFICATE" if self.is_certificate else "PUBLIC KEY"


def check_entry_body(entry: LogEntry, content: SignedContent, signer: Signer, *, where: str) -> None:
    """Check that a log entry records this content, this signature and this signer, and nothing else.

    Raises `EvidenceError` where it doesn't, or where it is of a kind that doesn't say.
    """
    try:
        body = json_object(entry.body, where=where, limit=_MAX_BODY_BYTES)
    except DocumentError as error:
        raise EvidenceError(LOG_ENTRY_DIFFERS, f"the log entry can't be read: {error.what}", where=where) from error
    kind = f"{body.get('kind')} {body.get('apiVersion')}"
    expect = _KINDS.get(kind)
    if kind != entry.kind or expect is None:
        raise EvidenceError(
            LOG_ENTRY_DIFFERS,
            "the log entry is of a kind that isn't read, or of another than the bundle says",
            where=where,
            got=printable(kind),
            expected=printable(entry.kind) if expect is not None else ", ".join(sorted(_KINDS)),
        )
    for name, found, expected in expect(_read(body.get("spec")), content, signer):
        if found != expected or expected is None:
            raise EvidenceError(
                LOG_ENTRY_DIFFERS,
                f"the log entry is about another {name} than the bundle's",
                where=where,
                got=_shown(found),
                expected=_shown(expected),
            )


# Each kind gives what it compares: what it is called, what the entry says, and what the bundle says (None: nothing).
_Comparison: TypeAlias = tuple[str, bytes | str | None, bytes | str | None]


def _dsse_1(spec: _Reader, content: SignedContent, signer: Signer) -> list[_Comparison]:
    signature = spec.only("signatures")
    return [
        *_payload(spec.at("payloadHash"), content),
        ("signature", signature.base64("signature"), content.signature),
        ("signer", signature.pem("verifier", signer.label), signer.der),
    ]


def _intoto_2(spec: _Reader, content: SignedContent, signer: Signer) -> list[_Comparison]:
    inner = spec.at("content")
    envelope = inner.at("envelope")
    signature = envelope.only("signatures")
    return [
        *_payload(inner.at("payloadHash"), content),
        ("payload type", envelope.text("payloadType"), content.payload_type),
        # The signature stands there as the base64 text of the envelope, in base64 once more.
        ("signature", signature.base64("sig", times=2), content.signature),
        ("signer", signature.pem("publicKey", signer.label), signer.der),
    ]


def _hashedrekord_1(spec: _Reader, content: SignedContent, signer: Signer) -> list[_Comparison]:
    digest, signature = spec.at("data").at("hash"), spec.at("signature")
    algorithm = digest.text("algorithm")
    return [
        ("digest", digest.hex("value"), content.digest(algorithm) if algorithm in _HASHES else None),
        ("signature", signature.base64("content"), content.signature),
        ("signer", signature.at("publicKey").pem("content", signer.label), signer.der),
    ]


def _hashedrekord_2(spec: _Reader, content: SignedContent, signer: Signer) -> list[_Comparison]:
    inner = spec.at("hashedRekordV002")
    data, signature = inner.at("data"), inner.at("signature")
    return [
        ("digest", data.base64("digest"), _named_digest(data.text("algorithm"), content)),
        ("signature", signature.base64("content"), content.signature),
        ("signer", _verifier(signature.at("verifier"), signer), signer.der),
    ]


def _dsse_2(spec: _Reader, content: SignedContent, signer: Signer) -> list[_Comparison]:
    inner = spec.at("dsseV002")
    payload, signature = inner.at("payloadHash"), inner.only("signatures")
    named = content.payload_sha256 if payload.text("algorithm") == "SHA2_256" else None
    return [
        ("payload", payload.base64("digest"), named),
        ("signature", signature.base64("content"), content.signature),
        ("signer", _verifier(signature.at("verifier"), signer), signer.der),
    ]


_KINDS: dict[str, Callable[[_Reader, SignedContent, Signer], list[_Comparison]]] = {
    "dsse 0.0.1": _dsse_1,
    "dsse 0.0.2": _dsse_2,
    "hashedrekord 0.0.1": _hashedrekord_1,
    "hashedrekord 0.0.2": _hashedrekord_2,
    "intoto 0.0.2": _intoto_2,
}


def _payload(hashed: _Reader, content: SignedContent) -> list[_Comparison]:
    named = content.payload_sha256 if hashed.text("algorithm") == "sha256" else None
    return [("payload", hashed.hex("value"), named)]


def _named_digest(name: str, content: SignedContent) -> bytes | None:
    algorithm = next((known for known, written in _HASHES.items() if written == name), None)
    return None if algorithm is None else content.digest(algorithm)


def _verifier(named: _Reader, signer: Signer) -> bytes | None:
    present = [key for key in ("x509Certificate", "publicKey") if named.has(key)]
    expected = "x509Certificate" if signer.is_certificate else "publicKey"
    return named.at(expected).base64("rawBytes") if present == [expected] else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Part of an entry, read without ever failing: what isn't there, or isn't what it should be, equals nothing."""

    value: JsonObject

    def has(self, key: str) -> bool:
        return self.value.get(key) is not None

    def at(self, key: str) -> _Reader:
        return _read(self.value.get(key))

    def only(self, key: str) -> _Reader:
        """Return the one object of a list; a list of none or several has none."""
        items = self.value.get(key)
        return _read(items[0] if isinstance(items, list) and len(items) == 1 else None)

    def text(self, key: str) -> str:
        value = self.value.get(key)
        return value if isinstance(value, str) else ""

    def hex(self, key: str) -> bytes | None:
        text = self.text(key)
        try:
            data = bytes.fromhex(text)
        except ValueError:
            return None
        # The library takes upper case and white space too.
        return data if data.hex() == text else None

    def base64(self, key: str, *, times: int = 1) -> bytes | None:
        data: bytes | None = self.text(key).encode()
        for _ in range(times):
            data = _decoded(data or b"")
        return data or None

    def pem(self, key: str, label: str) -> bytes | None:
        """Return the one block of a PEM text that stands there in base64."""
        lines = (self.base64(key) or b"").decode("ascii", "replace").split()
        head, tail = f"-----BEGIN {label}-----".split(), f"-----END {label}-----".split()
        if lines[: len(head)] != head or lines[-len(tail) :] != tail:
            return None
        return _decoded("".join(lines[len(head) : -len(tail)]).encode())


def _decoded(text: bytes) -> bytes | None:
    """Return what a base64 text says, or None where it isn't in the one form that the same bytes are written in."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data) == text else None


def _read(value: Json) -> _Reader:
    return _Reader(value if isinstance(value, dict) else {})


def _shown(value: bytes | str | None) -> str:
    """Return a side for a message: digests and signatures in hex, certificates and keys by their sha256."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return printable(value)
    return value.hex() if len(value) <= _SHOWN_BYTES else f"sha256 {hashlib.sha256(value).hexdigest()}"
