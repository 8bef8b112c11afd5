"""The trust root of the embedded Sigstore, as the document that every Sigstore client reads."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from attest.local.ecdsa import spki
from dbom.canonical import canonical_json, json_object
from dbom.names import TRUSTED_ROOT_V01

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509

    from attest.local.certificates import Party
    from attest.local.checkpoints import LogSigner
    from dbom.canonical import Json, JsonObject

__all__ = ["log_origin", "succeeded_root", "trusted_root"]

_LISTS: Final = ("certificateAuthorities", "ctlogs", "tlogs", "timestampAuthorities")


def log_origin(issuer: str, generation: int = 0) -> str:
    """Return the name of the transparency log that belongs to this issuer: the host of its (never contacted) URL.

    Each rotation of the keys begins a new log, whose name has its number in front.
    """
    parts = urlsplit(issuer)
    name = f"{parts.path.strip('/')}.{parts.hostname}"
    return f"{generation}.{name}" if generation else name


def trusted_root(
    *,
    authority: Sequence[x509.Certificate],
    certificate_log: LogSigner,
    log: LogSigner,
    time_stamper: Sequence[x509.Certificate],
    party: Party,
    start: datetime,
) -> bytes:
    """Return `trusted_root.json` (protobuf-specs, TrustedRoot 0.1): four authorities, each valid from `start` on.

    Both chains end with their root.
    """
    valid: JsonObject = {"start": _shown(start)}
    document: JsonObject = {
        "mediaType": TRUSTED_ROOT_V01,
        "certificateAuthorities": [_authority(authority, party, party.name, valid)],
        "ctlogs": [_log(certificate_log, valid)],
        "tlogs": [_log(log, valid)],
        "timestampAuthorities": [
            _authority(time_stamper, replace(party, name="time stamper"), f"https://tsa.{log.name}", valid)
        ],
    }
    return canonical_json(document) + b"\n"


def succeeded_root(old: bytes, new: bytes, moment: datetime) -> bytes:
    """Return the trusted root that holds on to `old` and goes on with `new`, which begins at `moment`.

    What was in force until then ends there (`validFor.end`), so it vouches for what it did and for nothing later. An
    authority that both name with the same certificates goes on.
    """
    before, after = (json_object(raw, where="the trust root") for raw in (old, new))
    document: JsonObject = {"mediaType": TRUSTED_ROOT_V01}
    for key in _LISTS:
        ended, begun = _items(before, key), _items(after, key)
        same = [item for item in ended if any(_keys_of(item) == _keys_of(other) for other in begun)]
        document[key] = [
            *(item if item in same else _ended(item, moment) for item in ended),
            *(item for item in begun if not any(_keys_of(item) == _keys_of(other) for other in same)),
        ]
    return canonical_json(document) + b"\n"


def _items(document: JsonObject, key: str) -> list[JsonObject]:
    found = document.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _keys_of(item: JsonObject) -> Json:
    return item.get("certChain") or item.get("logId")


def _ended(item: JsonObject, moment: datetime) -> JsonObject:
    key = item.get("publicKey")
    if isinstance(key, dict):
        return {**item, "publicKey": _ended(key, moment)}
    valid = item.get("validFor")
    window: JsonObject = valid if isinstance(valid, dict) else {}
    return {**item, "validFor": {"end": _shown(moment), **window}}


def _authority(chain: Sequence[x509.Certificate], party: Party, uri: str, valid: JsonObject) -> JsonObject:
    return {
        "subject": {"organization": party.organization, "commonName": party.name},
        "uri": uri,
        "certChain": {"certificates": [{"rawBytes": _base64(item.public_bytes(Encoding.DER))} for item in chain]},
        "validFor": valid,
    }


def _log(signer: LogSigner, valid: JsonObject) -> JsonObject:
    return {
        "baseUrl": f"https://{signer.name}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _base64(spki(signer.key.public_key())),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": valid,
        },
        "logId": {"keyId": _base64(signer.log_id)},
    }


def _shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
