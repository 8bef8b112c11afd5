"""Sigstore bundles v0.1 to v0.3 as data: read strictly, believed in nothing.

What is read here is what a bundle says, before anybody has checked it. The reader takes only what every program reads
alike: no key twice, no unknown key, base64 in its one canonical form, numbers written one way, bounded sizes.
The format is sigstore/protobuf-specs, `sigstore_bundle.proto`, in its JSON form.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from attest.stores.store import MAX_BUNDLE_BYTES
from dbom.canonical import json_object
from dbom.errors import DocumentError, EvidenceError
from dbom.names import BUNDLE_MEDIA_TYPES
from dbom.printable import printable
from dbom.rules.attestations import BUNDLE_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import Json, JsonObject

_T = TypeVar("_T")

__all__ = ["Bundle", "BundleContent", "InclusionProof", "LogEntry", "MessageBundle"]

_MAX_CERTIFICATES: Final = 10
_MAX_LOG_ENTRIES: Final = 32
_MAX_TIME_STAMPS: Final = 32
_MAX_SIGNATURES: Final = 10
_MAX_HASHES: Final = 64
_MAX_TEXT: Final = 64 * 1024
_LATEST_SECOND: Final = 253402300799  # the last second of the year 9999, which is as far as datetime goes
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What a bundle says of its entry in a transparency log.

    `kind` is the entry's kind and version, `body` what the log recorded. `index` is the log's own index.
    `integrated_time` are seconds since 1970 (0 stands for none); only the `promise`, the log's signed entry time
    stamp, binds them to the log's key. `proof` is None where there is no inclusion proof.
    """

    index: int
    log_id: bytes
    kind: str
    integrated_time: int | None
    promise: bytes | None = field(repr=False)
    proof: InclusionProof | None = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The proof that an entry is in a log of some size: the hashes from leaf to root (RFC 9162, section 2.1.3).

    `checkpoint` is the log's signed word on size and root, as text, or None where only older bundles leave it out.
    """

    index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str | None


class BundleContent(Protocol):
    """What every bundle brings beside the content that was signed."""

    @property
    def media_type(self) -> str:
        """The bundle's media type."""

    @property
    def certificate(self) -> bytes | None:
        """The signer's certificate (DER), or None where the bundle names a bare key."""

    @property
    def signature(self) -> bytes:
        """The one signature."""

    @property
    def log_entries(self) -> tuple[LogEntry, ...]:
        """What it says of its entries in transparency logs."""

    @property
    def time_stamps(self) -> tuple[bytes, ...]:
        """RFC 3161 responses (DER)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that holds one signed DSSE envelope.

    `certificate` is the signer's certificate (DER), or None where the bundle names a bare key; `key_hint` is then its
    hint, which is opaque. `time_stamps` are RFC 3161 responses (DER).
    """

    raw: bytes = field(repr=False)
    media_type: str
    payload_type: str
    payload: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    certificate: bytes | None = field(repr=False)
    key_hint: str
    log_entries: tuple[LogEntry, ...]
    time_stamps: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, raw: bytes, *, where: str) -> Self:
        """Read a bundle. Raises `EvidenceError` where it is malformed or holds no DSSE envelope."""
        return _read(raw, cls._of, where)

    @classmethod
    def _of(cls, raw: bytes, document: JsonObject) -> Self:
        if "messageSignature" in document:
            raise _FaultError("it signs a bare message, not a statement")
        top = _keys(document, "the bundle", {"mediaType", "verificationMaterial", "dsseEnvelope"})
        media_type = _text(top, "mediaType")
        if media_type not in BUNDLE_MEDIA_TYPES:
            raise _FaultError(f"unknown media type {media_type!r}")
        envelope = _keys(_object(top, "dsseEnvelope"), "dsseEnvelope", {"payload", "payloadType", "signatures"})
        signatures = _list(envelope, "signatures", limit=_MAX_SIGNATURES)
        if len(signatures) != 1:
            raise _FaultError(f"{len(signatures)} signatures where there must be exactly one")
        signature = _keys(signatures[0], "the signature", {"sig", "keyid"})
        _text(signature, "keyid", default="")
        material = _material(top)
        certificate, key_hint = _signer(material)
        return cls(
            raw,
            media_type,
            _text(envelope, "payloadType"),
            _bytes(envelope, "payload"),
            _bytes(signature, "sig"),
            certificate,
            key_hint,
            tuple(_log_entry(item) for item in _list(material, "tlogEntries", limit=_MAX_LOG_ENTRIES)),
            _time_stamps(material),
        )

    @property
    def sha256(self) -> str:
        """The sha256 of the raw bytes in hex."""
        return hashlib.sha256(self.raw).hexdigest()


@dataclass(frozen=True, slots=True)
class MessageBundle:
    """A bundle that holds the signature of a bare message, as `cosign sign-blob` writes: of a file, not a statement.

    `digest` is the sha256 of the message that the bundle names, or None; it is nobody's word. The rest is as in
    `Bundle`. dbom counts no such bundle as evidence, since it says nothing; the conformance door verifies them.
    """

    media_type: str
    digest: bytes | None = field(repr=False)
    signature: bytes = field(repr=False)
    certificate: bytes | None = field(repr=False)
    key_hint: str
    log_entries: tuple[LogEntry, ...]
    time_stamps: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def parse(cls, raw: bytes, *, where: str) -> Self:
        """Read a bundle. Raises `EvidenceError` where it is malformed or signs no bare message."""
        return _read(raw, cls._of, where)

    @classmethod
    def _of(cls, _raw: bytes, document: JsonObject) -> Self:
        top = _keys(document, "the bundle", {"mediaType", "verificationMaterial", "messageSignature"})
        media_type = _text(top, "mediaType")
        if media_type not in BUNDLE_MEDIA_TYPES:
            raise _FaultError(f"unknown media type {media_type!r}")
        message = _keys(_object(top, "messageSignature"), "messageSignature", {"messageDigest", "signature"})
        material = _material(top)
        certificate, key_hint = _signer(material)
        return cls(
            media_type,
            _message_digest(message),
            _bytes(message, "signature"),
            certificate,
            key_hint,
            tuple(_log_entry(item) for item in _list(material, "tlogEntries", limit=_MAX_LOG_ENTRIES)),
            _time_stamps(material),
        )


class _FaultError(Exception):
    """What is wrong with a bundle; only ever seen by `_read`."""


def _read(raw: bytes, make: Callable[[bytes, JsonObject], _T], where: str) -> _T:
    try:
        return make(raw, json_object(raw, where=where, limit=MAX_BUNDLE_BYTES))
    except DocumentError as error:
        raise EvidenceError(
            BUNDLE_MALFORMED, error.what, where=where, got=error.got, expected=error.expected
        ) from error
    except _FaultError as error:
        raise EvidenceError(BUNDLE_MALFORMED, printable(str(error)), where=where) from error


def _message_digest(message: JsonObject) -> bytes | None:
    if message.get("messageDigest") is None:
        return None
    digest = _keys(_object(message, "messageDigest"), "messageDigest", {"algorithm", "digest"})
    if _text(digest, "algorithm") != "SHA2_256":
        raise _FaultError("the digest of the message isn't its sha256")
    return _bytes(digest, "digest")


def _material(top: JsonObject) -> JsonObject:
    named = {"publicKey", "x509CertificateChain", "certificate", "tlogEntries", "timestampVerificationData"}
    return _keys(_object(top, "verificationMaterial"), "verificationMaterial", named)


def _signer(material: JsonObject) -> tuple[bytes | None, str]:
    """Return the signing certificate, or None and the hint of a bare key.

    The other certificates of a chain are for nobody: those that count stand in the trust root.
    """
    present = [key for key in ("publicKey", "x509CertificateChain", "certificate") if material.get(key) is not None]
    if present == ["certificate"]:
        return _bytes(_keys(_object(material, "certificate"), "certificate", {"rawBytes"}), "rawBytes"), ""
    if present == ["x509CertificateChain"]:
        chain = _keys(_object(material, "x509CertificateChain"), "x509CertificateChain", {"certificates"})
        certificates = _list(chain, "certificates", limit=_MAX_CERTIFICATES)
        if not certificates:
            raise _FaultError("an empty certificate chain")
        every = [_bytes(_keys(item, "a certificate", {"rawBytes"}), "rawBytes") for item in certificates]
        return every[0], ""
    if present == ["publicKey"]:
        # Early releases of model-signing put the key itself there, which is nobody's word for it: it isn't looked at.
        key = _keys(_object(material, "publicKey"), "publicKey", {"hint", "rawBytes", "keyDetails"})
        return None, _text(key, "hint", default="")
    raise _FaultError("it must name its signer by exactly one of certificate, certificate chain and public key")


def _log_entry(value: Json) -> LogEntry:
    named = {"logIndex", "logId", "kindVersion", "integratedTime", "inclusionPromise", "inclusionProof"}
    entry = _keys(value, "a log entry", named | {"canonicalizedBody"})
    kind = _keys(_object(entry, "kindVersion"), "kindVersion", {"kind", "version"})
    log_id = _keys(_object(entry, "logId"), "logId", {"keyId"})
    integrated = _number(entry, "integratedTime") if entry.get("integratedTime") is not None else None
    if integrated is not None and integrated > _LATEST_SECOND:
        raise _FaultError("integratedTime is out of range")
    return LogEntry(
        _number(entry, "logIndex"),
        _bytes(log_id, "keyId"),
        f"{_text(kind, 'kind')} {_text(kind, 'version')}",
        integrated or None,
        _promise(entry.get("inclusionPromise")),
        _proof(entry.get("inclusionProof")),
        _bytes(entry, "canonicalizedBody", required=False),
    )


def _promise(value: Json) -> bytes | None:
    if value is None:
        return None
    return _bytes(_keys(value, "inclusionPromise", {"signedEntryTimestamp"}), "signedEntryTimestamp")


def _proof(value: Json) -> InclusionProof | None:
    if value is None:
        return None
    proof = _keys(value, "inclusionProof", {"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"})
    checkpoint = proof.get("checkpoint")
    return InclusionProof(
        _number(proof, "logIndex"),
        _number(proof, "treeSize"),
        _bytes(proof, "rootHash"),
        tuple(_decoded(item, "hashes") for item in _list(proof, "hashes", limit=_MAX_HASHES)),
        None if checkpoint is None else _text(_keys(checkpoint, "checkpoint", {"envelope"}), "envelope"),
    )


def _time_stamps(material: JsonObject) -> tuple[bytes, ...]:
    if material.get("timestampVerificationData") is None:
        return ()
    data = _keys(_object(material, "timestampVerificationData"), "timestampVerificationData", {"rfc3161Timestamps"})
    items = _list(data, "rfc3161Timestamps", limit=_MAX_TIME_STAMPS)
    return tuple(_bytes(_keys(item, "a time stamp", {"signedTimestamp"}), "signedTimestamp") for item in items)


def _keys(value: Json, what: str, named: set[str]) -> JsonObject:
    if not isinstance(value, dict):
        raise _FaultError(f"{what} is not an object")
    unknown = sorted(set(value) - named)
    if unknown:
        raise _FaultError(f"{what} has unknown keys: {', '.join(unknown)}")
    return value


def _object(holder: JsonObject, key: str) -> JsonObject:
    value = holder.get(key)
    if not isinstance(value, dict):
        raise _FaultError(f"{key} is missing or not an object")
    return value


def _list(holder: JsonObject, key: str, *, limit: int = _MAX_CERTIFICATES) -> list[Json]:
    value = holder.get(key, [])
    if not isinstance(value, list):
        raise _FaultError(f"{key} is not a list")
    if len(value) > limit:
        raise _FaultError(f"{key} has {len(value)} items, and at most {limit} are read")
    return value


def _text(holder: JsonObject, key: str, *, default: str | None = None) -> str:
    value = holder.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise _FaultError(f"{key} is missing or not a text")
    return value


def _number(holder: JsonObject, key: str) -> int:
    """Read a 64-bit number, which JSON of protocol buffers writes as a text and leaves out where it is 0."""
    value = holder.get(key, "0")
    if not isinstance(value, str) or _NUMBER.fullmatch(value) is None:
        raise _FaultError(f"{key} is not a number written as a text")
    return int(value)


def _bytes(holder: JsonObject, key: str, *, required: bool = True) -> bytes:
    value = holder.get(key)
    if value is None and not required:
        return b""
    data = _decoded(value, key)
    if not data:
        raise _FaultError(f"{key} is empty")
    return data


def _decoded(value: Json, key: str) -> bytes:
    if not isinstance(value, str):
        raise _FaultError(f"{key} is missing or not a text")
    try:
        data = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise _FaultError(f"{key} is not base64") from error
    # Two texts that decode to the same bytes would be two bundles that say one thing. The strict reader takes no
    # stray characters; what it leaves open are the unused bits of the last group.
    tail = len(data) % 3 or 3
    if data and binascii.b2a_base64(data[-tail:], newline=False).decode() != value[-4:]:
        raise _FaultError(f"{key} is not base64 in its canonical form")
    return data
