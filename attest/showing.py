"""What a bundle claims, before anyone trusts it: nothing here is verified, and everything is marked so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.bundle import Bundle
from attest.certificates import UNKNOWN_AUTHORITY, identity_of, load_certificate
from attest.statement import Statement
from dbom.errors import EvidenceError
from dbom.names import (
    DSSE_PAYLOAD_TYPE,
    PREDICATE_BOM,
    PREDICATE_LOCATION,
    PREDICATE_PROVENANCE,
    PREDICATE_REVOCATION,
    PREDICATE_REVOCATION_HEAD,
    PREDICATE_VSA,
)
from dbom.printable import printable
from dbom.rules.attestations import STATEMENT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from attest.identity import Identity
    from dbom.canonical import Json, JsonObject

__all__ = ["Claim", "ClaimedTime", "claim_of"]


@dataclass(frozen=True, slots=True)
class ClaimedTime:
    """A time that a bundle names, and whose word it would be."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a bundle says of itself: who, what, when and where logged. All of it claimed, none of it verified.

    `signer` is the identity that the certificate names, or None where the bundle names a bare key by `key_hint`.
    `unreadable` says why the certificate's identity can't be read.
    """

    where: str
    sha256: str
    media_type: str
    statement: Statement
    signer: Identity | None
    key_hint: str
    unreadable: str
    times: tuple[ClaimedTime, ...]
    log_indexes: tuple[int, ...]
    summary: str


def claim_of(raw: bytes, *, where: str) -> Claim:
    """Return what a bundle claims. Raises `EvidenceError` where it isn't a bundle with a statement in it."""
    bundle = Bundle.parse(raw, where=where)
    if bundle.payload_type != DSSE_PAYLOAD_TYPE:
        raise EvidenceError(
            STATEMENT_MALFORMED, "the payload is of another type", where=where, got=printable(bundle.payload_type)
        )
    statement = Statement.parse(bundle.payload, where=where)
    signer, unreadable = _signer(bundle, where)
    return Claim(
        where,
        bundle.sha256,
        bundle.media_type,
        statement,
        signer,
        bundle.key_hint,
        unreadable,
        tuple(_times(bundle)),
        tuple(entry.index for entry in bundle.log_entries),
        _summary(statement),
    )


def _signer(bundle: Bundle, where: str) -> tuple[Identity | None, str]:
    if bundle.certificate is None:
        return None, ""
    try:
        return _claimed(bundle.certificate, where), ""
    except EvidenceError as error:
        return None, error.what


def _claimed(der: bytes, where: str) -> Identity:
    return identity_of(load_certificate(der, where=where), where=where, issued_by=UNKNOWN_AUTHORITY)


def _times(bundle: Bundle) -> list[ClaimedTime]:
    from rfc3161_client import decode_timestamp_response  # noqa: PLC0415  heavy

    found = [
        ClaimedTime(datetime.fromtimestamp(entry.integrated_time, UTC), "transparency log")
        for entry in bundle.log_entries
        if entry.integrated_time
    ]
    for der in bundle.time_stamps:
        try:
            found.append(ClaimedTime(decode_timestamp_response(der).tst_info.gen_time, "time stamp authority"))
        except ValueError:
            continue  # a time stamp that can't be read claims no time
    return found


def _summary(statement: Statement) -> str:
    """Return what the predicate says in a few words, fit to be shown."""
    summaries: Mapping[str, Callable[[JsonObject], str]] = {
        PREDICATE_BOM: _bom_summary,
        PREDICATE_PROVENANCE: _provenance_summary,
        PREDICATE_LOCATION: lambda predicate: f"can be had at {printable(str(predicate.get('location')))}",
        PREDICATE_REVOCATION: _revocation_summary,
        PREDICATE_REVOCATION_HEAD: _head_summary,
        PREDICATE_VSA: _vsa_summary,
    }
    return summaries.get(statement.predicate_type, _other_summary)(statement.predicate)


def _other_summary(predicate: JsonObject) -> str:
    return f"{len(predicate)} fields"


def _head_summary(predicate: JsonObject) -> str:
    listed = predicate.get("revocations")
    count = len(listed) if isinstance(listed, list) else 0
    return printable(f"head {predicate.get('sequence')} of {count} revocations until {predicate.get('expires')}")


def _revocation_summary(predicate: JsonObject) -> str:
    selector = _object(predicate.get("selector"))
    words = [f"{key} {selector[key]}" for key in ("identity", "issuer", "key", "from", "until") if key in selector]
    what = f"the signer with {', '.join(words)}" if words else "the artifact"
    return printable(f"revokes {what}: {predicate.get('reason')}")


def _vsa_summary(predicate: JsonObject) -> str:
    verifier, policy = _object(predicate.get("verifier")).get("id"), _object(predicate.get("policy")).get("uri")
    return printable(f"{predicate.get('verificationResult')} by {verifier}, by the policy {policy}")


def _bom_summary(bom: JsonObject) -> str:
    component = _object(_object(bom.get("metadata")).get("component"))
    components = bom.get("components")
    words = [str(component[key]) for key in ("type", "name", "version") if isinstance(component.get(key), str)]
    count = len(components) if isinstance(components, list) else 0
    return printable(f"{bom.get('bomFormat')} {bom.get('specVersion')}: {' '.join(words)}, {count} components")


def _provenance_summary(predicate: JsonObject) -> str:
    definition, details = _object(predicate.get("buildDefinition")), _object(predicate.get("runDetails"))
    inputs = definition.get("resolvedDependencies")
    count = len(inputs) if isinstance(inputs, list) else 0
    builder = _object(details.get("builder")).get("id")
    return printable(f"built by {builder} from {count} inputs")


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
