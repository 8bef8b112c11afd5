"""How what a bundle claims is shown: claimed, and marked so, since nothing of it is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.names import short_predicate
from dbom.printable import printable

if TYPE_CHECKING:
    from attest.showing import Claim
    from dbom.canonical import JsonObject
    from dbom.model import Finding

__all__ = ["claim_document", "claim_line", "claim_text", "claimed_signer", "finding_document", "finding_line"]


def claim_line(claim: Claim) -> str:
    """Return a claim in one line for a list: what, about what, by whom, and which bundle."""
    about = ", ".join(str(subject.digest or "no usable sha256") for subject in claim.statement.subjects[:3])
    kind = short_predicate(claim.statement.predicate_type)
    said = f" ({printable(claim.statement.predicate_type)})" if kind == "other" else ""
    return f"{kind}{said}  {about}\n  claims to be by {claimed_signer(claim)}\n  sha256:{claim.sha256}  {claim.where}"


def claim_text(claim: Claim) -> str:
    """Return all of a claim for a person."""
    lines = [
        f"{claim.where}  (claimed, not verified)",
        f"  who      {claimed_signer(claim)}",
        f"  what     {short_predicate(claim.statement.predicate_type)}: {claim.summary}",
        f"           {printable(claim.statement.predicate_type)}",
    ]
    lines.extend(
        f"  about    {subject.digest or 'no usable sha256'}  {printable(subject.name)}"
        for subject in claim.statement.subjects
    )
    lines.extend(f"  when     {time.at.isoformat().replace('+00:00', 'Z')}  ({time.by})" for time in claim.times)
    if not claim.times:
        lines.append("  when     it doesn't say")
    lines.extend(f"  log      index {index}" for index in claim.log_indexes)
    lines.append(f"  bundle   sha256:{claim.sha256}, {claim.media_type}")
    return "\n".join(lines)


def claim_document(claim: Claim) -> JsonObject:
    """Return all of a claim for a program."""
    return {
        "where": claim.where,
        "sha256": claim.sha256,
        "mediaType": claim.media_type,
        "signer": None
        if claim.signer is None
        else {"identity": printable(claim.signer.subject), "issuer": printable(claim.signer.issuer)},
        "keyHint": printable(claim.key_hint),
        "predicateType": printable(claim.statement.predicate_type),
        "summary": claim.summary,
        "subjects": [
            {
                "name": printable(subject.name),
                "kind": None if subject.digest is None else str(subject.digest.kind),
                "digest": None if subject.digest is None else str(subject.digest),
            }
            for subject in claim.statement.subjects
        ],
        "times": [{"at": time.at.isoformat().replace("+00:00", "Z"), "by": time.by} for time in claim.times],
        "logIndexes": list(claim.log_indexes),
    }


def claimed_signer(claim: Claim) -> str:
    """Return whom a bundle names as its signer."""
    if claim.signer is not None:
        return str(claim.signer)
    if claim.unreadable:
        return f"unknown: {claim.unreadable}"
    return f"a key with the hint {printable(claim.key_hint)}" if claim.key_hint else "a key without a hint"


def finding_line(finding: Finding) -> str:
    """Return what was left out, and why, in one line."""
    return f"{finding.severity}: {finding.where}: {finding.message} ({finding.rule})"


def finding_document(finding: Finding) -> JsonObject:
    """Return what was left out, and why, for a program."""
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "message": finding.message,
        "where": finding.where,
    }
