"""How revocations and their heads are shown: as text, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.revocation.selector import Selector, instant_text
from dbom.printable import printable

if TYPE_CHECKING:
    from attest.revocation.head import Head
    from attest.revocation.publishing import MadeRevocation, PublishedHead
    from attest.revocation.statement import Revocation
    from attest.revocation.status import Revocations
    from attest.verified import VerifiedStatement
    from dbom.canonical import JsonObject
    from dbom.model import Finding

__all__ = ["head_document", "head_text", "made_document", "made_text", "status_document", "status_text"]


def made_text(made: MadeRevocation, signer: str) -> str:
    """Return a revocation that was made, for a person."""
    subject = made.signed.statement.subjects[0]
    lines = [f"revoked: {printable(subject.name)}, {subject.digest}"]
    lines += [f"  -> {printable(url)}: {printable(name)}" for url, name in made.places]
    return "\n".join([*lines, f"signed by {signer}"])


def made_document(made: MadeRevocation) -> JsonObject:
    """Return a revocation that was made, for a program."""
    statement = made.signed.statement
    return {
        "subject": str(statement.subjects[0].digest),
        "predicate": statement.predicate,
        "sha256": made.signed.sha256,
        "stored": [{"store": printable(url), "name": printable(name)} for url, name in made.places],
    }


def head_text(made: PublishedHead, store: str) -> str:
    """Return a head that was published, for a person."""
    return f"{_head_line(made.by, made.head)}\n  -> {printable(store)}: {printable(made.name)}"


def head_document(made: PublishedHead) -> JsonObject:
    """Return a head that was published, for a program."""
    return {**_head(made.by, made.head), "sha256": made.signed.sha256, "name": printable(made.name)}


def status_text(known: Revocations) -> str:
    """Return what is revoked, and whether that is all, for a person."""
    lines = [_head_line(item, head) for item, head in known.current]
    lines += [f"can't tell: {_finding_text(item)}" for item in known.doubts]
    lines += [item.said for item in known.listed] or ["nothing is revoked that was found"]
    return "\n".join([*lines, *(f"{item.severity}: {_finding_text(item)}" for item in known.findings)])


def status_document(known: Revocations) -> JsonObject:
    """Return the same for a program."""
    return {
        "heads": [_head(item, head) for item, head in known.current],
        "revocations": [_revocation(item) for item in known.listed],
        "doubts": [_finding(item) for item in known.doubts],
        "findings": [_finding(item) for item in known.findings],
    }


def _head_line(item: VerifiedStatement, head: Head) -> str:
    count = len(head.revocations)
    listed = "1 revocation" if count == 1 else f"{count} revocations"
    until = f"holds until {instant_text(head.expires)}"
    return f"head {head.sequence} by {item.signer}: {listed}, issued {instant_text(head.issued)}, {until}"


def _head(item: VerifiedStatement, head: Head) -> JsonObject:
    return {
        "publisher": str(item.signer),
        "sequence": head.sequence,
        "issued": instant_text(head.issued),
        "expires": instant_text(head.expires),
        "revocations": list(head.revocations),
    }


def _revocation(item: Revocation) -> JsonObject:
    target = item.target
    return {
        "artifact": None if isinstance(target, Selector) else str(target),
        "selector": target.document() if isinstance(target, Selector) else None,
        "reason": printable(item.reason),
        "by": str(item.by.signer),
        "time": {
            "basis": str(item.by.time.basis),
            "at": None if item.by.time.at is None else instant_text(item.by.time.at),
        },
        "bundleSha256": item.by.bundle_sha256,
        "where": printable(item.by.where),
    }


def _finding_text(item: Finding) -> str:
    place = f", {item.where}" if item.where else ""
    return f"{printable(item.message, limit=2000)} ({item.rule}{place})"


def _finding(item: Finding) -> JsonObject:
    return {
        "rule": item.rule,
        "severity": str(item.severity),
        "message": printable(item.message, limit=2000),
        "where": item.where,
    }
