"""The entries of a local Sigstore's logs as a list: what was logged, by whom, when. Pure over each entry's bytes."""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.local.merkle import leaf_hash
from dbom.canonical import json_object
from dbom.errors import DbomError, EvidenceError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_LOG_DAMAGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

    from attest.local.checking import LocalLog
    from dbom.canonical import Json, JsonObject

__all__ = ["ListedEntry", "list_entries"]

_PRECERTIFICATE = struct.Struct(">BBQH32s")
_LENGTH_BYTES = 3


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """One entry: its log's generation, its index there, its kind and version, and the leaf hash in hex.

    `digest` is the sha256 (hex) of what was signed: of the payload (`dsse`) or the message (`hashedrekord`); of a
    certificate, that of its signed part. `at` is when, by the clock of whoever logged it, and None where the entry
    doesn't say. `who` is whom its certificate names, empty for a bare key.
    """

    generation: int
    index: int
    kind: str
    digest: str
    leaf: str
    at: datetime | None
    who: str


def list_entries(log: LocalLog, start: int = 0) -> Iterator[ListedEntry]:
    """List a log from the entry `start` on, one at a time. Raises `SigningError` where it is damaged."""
    for offset, entry in enumerate(log.reader.entries(start)):
        index = start + offset
        try:
            yield _certificate_entry(log, index, entry) if log.logs_certificates else _signed_entry(log, index, entry)
        except (DbomError, KeyError, IndexError, ValueError, TypeError, struct.error) as error:
            where = printable(str(log.folder))
            raise SigningError(LOCAL_LOG_DAMAGED, f"entry {index} can't be read", where=where) from error


def _certificate_entry(log: LocalLog, index: int, entry: bytes) -> ListedEntry:
    _, _, milliseconds, _, _ = _PRECERTIFICATE.unpack_from(entry)
    signed_part = entry[_PRECERTIFICATE.size + _LENGTH_BYTES : -2]
    at = datetime.fromtimestamp(milliseconds // 1000, UTC)
    digest = hashlib.sha256(signed_part).hexdigest()
    return ListedEntry(log.generation, index, "precertificate", digest, leaf_hash(entry).hex(), at, "")


def _signed_entry(log: LocalLog, index: int, entry: bytes) -> ListedEntry:
    document = json_object(entry, where="the entry")
    kind = f"{_text(document['kind'])} {_text(document['apiVersion'])}"
    digest, verifier = _signed_what(_object(document["spec"]))
    certificate = _certificate(verifier)
    at = None if certificate is None else certificate.not_valid_before_utc
    who = "" if certificate is None else _named(certificate)
    return ListedEntry(log.generation, index, printable(kind), digest, leaf_hash(entry).hex(), at, who)


def _signed_what(spec: JsonObject) -> tuple[str, bytes]:
    """Return the digest in hex and the verifier (PEM or DER) of an entry of kind `dsse` or `hashedrekord`."""
    if "hashedRekordV002" in spec:
        inner = _object(spec["hashedRekordV002"])
        verifier = _object(_object(inner["signature"])["verifier"])
        found = verifier.get("x509Certificate") or verifier.get("publicKey")
        return _decoded(_object(inner["data"])["digest"]).hex(), _decoded(_object(found)["rawBytes"])
    if "data" in spec:
        value = _text(_object(_object(spec["data"])["hash"])["value"])
        return bytes.fromhex(value).hex(), _decoded(_object(_object(spec["signature"])["publicKey"])["content"])
    signatures = spec["signatures"]
    if not isinstance(signatures, list):
        raise TypeError("signatures are a list")
    digest = bytes.fromhex(_text(_object(spec["payloadHash"])["value"])).hex()
    return digest, _decoded(_object(signatures[0])["verifier"])


def _certificate(verifier: bytes) -> Certificate | None:
    from cryptography.x509 import (  # noqa: PLC0415  heavy
        InvalidVersion,
        load_der_x509_certificate,
        load_pem_x509_certificate,
    )

    try:
        if b"-----BEGIN CERTIFICATE-----" in verifier:
            return load_pem_x509_certificate(verifier)
        return load_der_x509_certificate(verifier)
    except (ValueError, InvalidVersion):
        return None


def _named(certificate: Certificate) -> str:
    from attest.certificates import identity_of  # noqa: PLC0415  heavy

    try:
        return str(identity_of(certificate, where="the entry"))
    except EvidenceError:
        return "a certificate that doesn't name exactly one identity"


def _object(value: Json) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _decoded(value: Json) -> bytes:
    return base64.b64decode(_text(value), validate=True)
