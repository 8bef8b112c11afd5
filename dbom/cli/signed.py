"""What `dbom sign` shows: what was signed, by whom, where it lies, and how somebody else verifies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.identity import Identity
from attest.location import Location
from attest.publishing import BomSource
from dbom.names import PREDICATE_LOCATION, short_predicate
from dbom.printable import printable

if TYPE_CHECKING:
    from attest.handover import HandedOver, Handover, Trust
    from attest.publishing import SignedStatement
    from dbom.canonical import JsonObject

__all__ = ["signed_document", "signed_text"]

_BOM_WORDS = {
    BomSource.GIVEN: "the BOM that was given",
    BomSource.SIDECAR: "the BOM that lies beside it",
    BomSource.GENERATED: "a BOM generated now, since none about these bytes was given or lies beside it",
}


def signed_text(shown: HandedOver) -> str:
    """Return the result for a person."""
    lines = [line for item in shown.artifacts for line in _artifact_lines(item)]
    lines += [f"signed by {shown.described}", "", "Somebody else verifies with:"]
    files = " and ".join(printable(file) for file in shown.files)
    if shown.trust.export:
        lines.append(f"  {shown.trust.export}    # here; hand them {files}")
    elif files:
        lines.append(f"  # hand them {files}")
    for item in shown.artifacts:
        lines += [f"  {line}" for line in (item.verify, *item.others) if line]
    return "\n".join(lines)


def signed_document(shown: HandedOver) -> JsonObject:
    """Return the result for a program."""
    return {
        "signer": {"description": shown.described, **_signer(shown.trust)},
        "results": [_artifact_document(item) for item in shown.artifacts],
        "trust": {"file": shown.trust.file, "files": list(shown.files), "export": shown.trust.export},
    }


def _artifact_lines(item: Handover) -> list[str]:
    prepared, published = item.published.prepared, item.published
    lines = [
        f"{printable(str(prepared.path))}: {prepared.fingerprint.digest}",
        f"  {_BOM_WORDS[prepared.bom_source]}",
    ]
    for number, signed in enumerate(prepared.signed):
        word = f"  {short_predicate(signed.statement.predicate_type)}{_place(signed)}"
        if number < len(published.files):
            lines.append(f"{word} -> {printable(str(published.files[number]))}")
        lines += [f"{word} -> {printable(url)}: {printable(names[number])}" for url, names in published.stored]
    return lines


def _place(signed: SignedStatement) -> str:
    place = _location(signed)
    return f" {printable(place)}" if place else ""


def _location(signed: SignedStatement) -> str:
    if signed.statement.predicate_type != PREDICATE_LOCATION:
        return ""
    return str(Location.of_predicate(signed.statement.predicate)[0])


def _artifact_document(item: Handover) -> JsonObject:
    prepared, published = item.published.prepared, item.published
    return {
        "path": printable(str(prepared.path)),
        "name": prepared.fingerprint.name,
        "digest": str(prepared.fingerprint.digest),
        "bom": str(prepared.bom_source),
        "sidecar": None if published.sidecar is None else printable(str(published.sidecar)),
        "statements": [_statement_document(item, number) for number in range(len(prepared.signed))],
        "verify": item.verify,
    }


def _statement_document(item: Handover, number: int) -> JsonObject:
    signed, published = item.published.prepared.signed[number], item.published
    document: JsonObject = {
        "predicateType": signed.statement.predicate_type,
        "sha256": signed.sha256,
        "bundle": printable(str(published.files[number])) if published.files else None,
        "stored": [{"store": url, "name": names[number]} for url, names in published.stored],
    }
    place = _location(signed)
    if place:
        document["location"] = place
    if item.others and item.others[number]:
        document["cosign" if signed.statement.model is None else "modelSigning"] = item.others[number]
    return document


def _signer(trust: Trust) -> JsonObject:
    if isinstance(trust.signer, Identity):
        return {"identity": trust.signer.subject, "issuer": trust.signer.issuer}
    return {"key": f"sha256:{trust.signer.spki_sha256}"}
