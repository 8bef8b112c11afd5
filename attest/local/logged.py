"""What a bundle says of its place in the logs, read to look it up there. Nothing is verified by reading."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from attest.local.checkpoints import Checkpoint
from dbom.canonical import json_object
from dbom.errors import DocumentError, EvidenceError
from dbom.rules.attestations import BUNDLE_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["LoggedBundle", "LoggedEntry", "read_checkpoint", "read_logged"]

MAX_BYTES: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """One log entry of a bundle: the log's id in hex, the index, the entry's bytes, and the head that goes with it."""

    log_id: str
    index: int
    body: bytes = field(repr=False)
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class LoggedBundle:
    """A bundle as the logs know it: `where` it was read, its log entries, and its certificate (DER; None for a key)."""

    where: str
    entries: tuple[LoggedEntry, ...]
    certificate: bytes | None = field(repr=False)


def read_logged(raw: bytes, *, where: str) -> LoggedBundle:
    """Read a bundle. Raises `EvidenceError` where it is malformed, or where an entry is of another signature."""
    try:
        document = json_object(raw, where=where, limit=MAX_BYTES)
        material = _object(document["verificationMaterial"])
        found = material.get("tlogEntries")
        entries = tuple(_entry(_object(item)) for item in found) if isinstance(found, list) else ()
        certificate = _certificate(material)
        signatures = _signatures(document)
        foreign = [entry.index for entry in entries if not signatures & _recorded(entry.body)]
    except (DocumentError, KeyError, IndexError, ValueError, binascii.Error) as error:
        raise EvidenceError(BUNDLE_MALFORMED, "a bundle whose log entry can't be read", where=where) from error
    if foreign:
        raise EvidenceError(
            BUNDLE_MALFORMED, f"its log entry {foreign[0]} is one of another signature than the bundle's", where=where
        )
    return LoggedBundle(where, entries, certificate)


def read_checkpoint(raw: bytes, *, where: str) -> Checkpoint:
    """Read a signed head: a checkpoint file, or a bundle that names one. Raises `EvidenceError` where it is neither."""
    if raw.lstrip().startswith(b"{"):
        entries = read_logged(raw, where=where).entries
        if not entries:
            raise EvidenceError(BUNDLE_MALFORMED, "the bundle names no checkpoint", where=where)
        return entries[0].checkpoint
    try:
        return Checkpoint.parse(raw)
    except ValueError as error:
        raise EvidenceError(BUNDLE_MALFORMED, "neither a signed checkpoint nor a bundle", where=where) from error


def _entry(item: JsonObject) -> LoggedEntry:
    proof = _object(item["inclusionProof"])
    return LoggedEntry(
        _decoded(_object(item["logId"])["keyId"]).hex(),
        int(_text(item["logIndex"])),
        _decoded(item["canonicalizedBody"]),
        Checkpoint.parse(_text(_object(proof["checkpoint"])["envelope"]).encode()),
    )


def _certificate(material: JsonObject) -> bytes | None:
    chain = material.get("x509CertificateChain")
    if isinstance(chain, dict) and isinstance(certificates := chain["certificates"], list):
        return _decoded(_object(certificates[0])["rawBytes"])
    leaf = material.get("certificate")
    return _decoded(leaf["rawBytes"]) if isinstance(leaf, dict) else None


def _signatures(document: JsonObject) -> set[bytes]:
    """Return the signatures of a bundle: of its envelope or its message."""
    message = document.get("messageSignature")
    if isinstance(message, dict):
        return {_decoded(message["signature"])}
    found = _object(document["dsseEnvelope"])["signatures"]
    return {_decoded(_object(item)["sig"]) for item in found} if isinstance(found, list) else set()


def _recorded(body: bytes) -> set[bytes]:
    """Return the signatures that a log entry of one of the kinds `dsse` and `hashedrekord` records."""
    spec = _object(json_object(body, where="the log entry", limit=MAX_BYTES)["spec"])
    inner = _object(spec["hashedRekordV002"]) if "hashedRekordV002" in spec else spec
    if "signature" in inner:
        return {_decoded(_object(inner["signature"])["content"])}
    found = inner["signatures"]
    return {_decoded(_object(item)["signature"]) for item in found} if isinstance(found, list) else set()


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004  one error for all that is malformed
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004  one error for all that is malformed
    return value


def _decoded(value: Json) -> bytes:
    return base64.b64decode(_text(value), validate=True)
