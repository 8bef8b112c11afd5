"""Entries of a Rekor log for signatures by a key: asked for, read, and checked for being about them.

sigstore-python logs certificates only, so the two small APIs are spoken here:

- Rekor 1: `POST /api/v1/log/entries` with a proposed entry of kind `dsse` 0.0.1 (sigstore/rekor, `openapi.yaml` and
  `pkg/types/dsse`). Where the same entry is there already, the answer is 409 and a Location to read it from.
- Rekor 2: `POST /api/v2/log/entries` with a `hashedRekordRequestV002` over the digest of the DSSE pre-authentication
  encoding (sigstore/rekor-tiles, `CLIENTS.md` and `api/proto`). It answers once the entry is in the tree.

What an answer is worth (`attest.signers.answers`) is looked at in the finished bundle, as whoever verifies it will.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final

from attest.dsse import pre_authentication_encoding
from attest.signers.keys import hash_of, kind_of
from attest.signers.records import Signed, verifier_der, verifier_pem
from dbom.canonical import canonical_json, json_object
from dbom.errors import DocumentError, SigningError, UsageError
from dbom.names import DSSE_PAYLOAD_TYPE
from dbom.printable import printable
from dbom.rules.attestations import KEY_RECORD, LOG_ENTRY_FOREIGN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.signers.keys import PublicKey
    from attest.signers.services import Service
    from attest.signers.transport import Transport
    from dbom.canonical import Json, JsonObject

__all__ = ["demand_loggable", "log_remotely"]

# sigstore/architecture-docs, algorithm-registry.md. Ed25519 is missing: Rekor 2 checks signatures over digests.
_KEY_DETAILS: Final = {
    "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256",
    "ecdsa-p384": "PKIX_ECDSA_P384_SHA_384",
    "ecdsa-p521": "PKIX_ECDSA_P521_SHA_512",
}
_CONFLICT: Final = 409
_UUID: Final = re.compile(r"[0-9a-f]{64}([0-9a-f]{16})?")
_MAX_BODY: Final = 8 * 1024 * 1024


def demand_loggable(key: PublicKey, log: Service) -> None:
    """Check that a log of this version takes signatures by this kind of key. Raises `UsageError` where it doesn't."""
    if log.version > 1 and kind_of(key) not in _KEY_DETAILS:
        raise UsageError(
            KEY_RECORD, "this log can't take the key", where=printable(log.url), got=kind_of(key), expected="ECDSA"
        )


def log_remotely(log: Service, signed: Signed, transport: Transport) -> JsonObject:
    """Return the bundle's `tlogEntries` item for a signature, logged now.

    Raises `SigningError` where the log can't be reached or refuses, or its answer can't be read.
    """
    base = log.url.rstrip("/")
    try:
        if log.version == 1:
            entry = _first_version(base, signed, transport)
        else:
            answer = transport.post(f"{base}/api/v2/log/entries", _request_v2(signed), content_type="application/json")
            entry = _entry_v2(json_object(answer.body, where="the log's answer"))
    except (_FaultError, DocumentError, binascii.Error, ValueError) as error:
        raise SigningError(
            LOG_ENTRY_FOREIGN, f"the log's answer won't do: {printable(str(error))}", where=printable(base)
        ) from error
    return entry


class _FaultError(Exception):
    """What is wrong with a log's answer; only ever seen in this module."""


def _first_version(base: str, signed: Signed, transport: Transport) -> JsonObject:
    url = f"{base}/api/v1/log/entries"
    answer = transport.post(url, _request_v1(signed), content_type="application/json", accepted=(_CONFLICT,))
    if answer.status == _CONFLICT:
        uuid = answer.headers.get("location", "").rpartition("/")[2]
        if not _UUID.fullmatch(uuid):
            raise _FaultError("it says that the entry is there already, and not where")
        answer = transport.get(f"{url}/{uuid}")
    return _entry_v1(json_object(answer.body, where="the log's answer"))


def _request_v1(signed: Signed) -> bytes:
    content: JsonObject = {
        "envelope": canonical_json(signed.envelope).decode(),
        "verifiers": [_base64(verifier_pem(signed))],
    }
    return canonical_json({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": content}})


def _request_v2(signed: Signed) -> bytes:
    raw = {"rawBytes": _base64(verifier_der(signed))}
    verifier: JsonObject = {"publicKey" if signed.certificate is None else "x509Certificate": dict(raw)}
    verifier["keyDetails"] = _KEY_DETAILS[kind_of(signed.key)]
    return canonical_json(
        {
            "hashedRekordRequestV002": {
                "digest": _base64(_digest(signed)),
                "signature": {"content": _base64(signed.signature), "verifier": verifier},
            }
        }
    )


def _entry_v1(answer: JsonObject) -> JsonObject:
    """Return an answer of Rekor 1 (its uuid, and the entry) in the form that bundles have."""
    if len(answer) != 1:
        raise _FaultError("it isn't one entry")
    entry = _object(next(iter(answer.values())), "the entry")
    verification = _object(entry.get("verification"), "verification")
    proof = _object(verification.get("inclusionProof"), "inclusionProof")
    body = _text(entry, "body")
    read = json_object(base64.b64decode(body, validate=True), where="the entry's body", limit=_MAX_BODY)
    return {
        "logIndex": _number(entry, "logIndex"),
        "logId": {"keyId": _of_hex(_text(entry, "logID"))},
        "kindVersion": {"kind": _text(read, "kind"), "version": _text(read, "apiVersion")},
        "integratedTime": _number(entry, "integratedTime"),
        "inclusionPromise": {"signedEntryTimestamp": _text(verification, "signedEntryTimestamp")},
        "inclusionProof": {
            "logIndex": _number(proof, "logIndex"),
            "rootHash": _of_hex(_text(proof, "rootHash")),
            "treeSize": _number(proof, "treeSize"),
            "hashes": [_of_hex(item) for item in _texts(proof, "hashes")],
            "checkpoint": {"envelope": _text(proof, "checkpoint")},
        },
        "canonicalizedBody": body,
    }


def _entry_v2(answer: JsonObject) -> JsonObject:
    """Return an answer of Rekor 2, which has the form that bundles have, with just what bundles hold."""
    proof = _object(answer.get("inclusionProof"), "inclusionProof")
    kind = _object(answer.get("kindVersion"), "kindVersion")
    return {
        "logIndex": _number(answer, "logIndex"),
        "logId": {"keyId": _text(_object(answer.get("logId"), "logId"), "keyId")},
        "kindVersion": {"kind": _text(kind, "kind"), "version": _text(kind, "version")},
        "inclusionProof": {
            "logIndex": _number(proof, "logIndex"),
            "rootHash": _text(proof, "rootHash"),
            "treeSize": _number(proof, "treeSize"),
            "hashes": list(_texts(proof, "hashes")),
            "checkpoint": {"envelope": _text(_object(proof.get("checkpoint"), "checkpoint"), "envelope")},
        },
        "canonicalizedBody": _text(answer, "canonicalizedBody"),
    }


def _digest(signed: Signed) -> bytes:
    """Return the digest that the key's signature is over."""
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  heavy

    if not isinstance(signed.key, ec.EllipticCurvePublicKey):
        raise TypeError("demand_loggable lets only ECDSA keys through")
    encoded = pre_authentication_encoding(DSSE_PAYLOAD_TYPE, signed.payload)
    return hashlib.new(hash_of(signed.key).name, encoded).digest()


def _object(value: Json, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise _FaultError(f"{what} is missing or not an object")
    return value


def _text(holder: JsonObject, key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise _FaultError(f"{key} is missing or not a text")
    return value


def _texts(holder: JsonObject, key: str) -> Iterator[str]:
    values = holder.get(key) or []
    if not isinstance(values, list):
        raise _FaultError(f"{key} is not a list")
    for value in values:
        if not isinstance(value, str):
            raise _FaultError(f"{key} holds something that is not a text")
        yield value


def _number(holder: JsonObject, key: str) -> str:
    """Return a number as JSON of protocol buffers writes it; it leaves 0 out."""
    value = holder.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).isdecimal():
        raise _FaultError(f"{key} is not a number")
    return str(int(value))


def _of_hex(text: str) -> str:
    return _base64(bytes.fromhex(text))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
