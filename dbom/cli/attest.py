"""`dbom attest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.names import short_predicate
from dbom.printable import printable

if TYPE_CHECKING:
    from attest.showing import Claim
    from dbom.canonical import JsonObject

__all__ = ["show"]


def show(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="Bundles to look into.")],
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Say who signed what and when, before anyone trusts it.

    Everything shown is what the bundle claims of itself. Nothing is verified: a forger writes whatever name they like.
    To know, use `dbom verify`.

    Example: dbom attest show model.dbom/*.sigstore.json
    """
    from attest.files import read_file
    from attest.showing import claim_of
    from attest.store import MAX_BUNDLE_BYTES

    read = [(read_file(path, limit=MAX_BUNDLE_BYTES, what="bundle"), printable(str(path))) for path in bundles]
    claims = [claim_of(raw, where=where) for raw, where in read]
    if format_ is TextOrJson.JSON:
        json_result("attest-show", {"verified": False, "claims": [_document(claim) for claim in claims]}, output)
    else:
        write_result("\n\n".join(_text(claim) for claim in claims), output)


def _signer(claim: Claim) -> str:
    if claim.signer is not None:
        return str(claim.signer)
    if claim.unreadable:
        return f"unknown: {claim.unreadable}"
    return f"a key with the hint {printable(claim.key_hint)}" if claim.key_hint else "a key without a hint"


def _text(claim: Claim) -> str:
    lines = [
        f"{claim.where}  (claimed, not verified)",
        f"  who      {_signer(claim)}",
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


def _document(claim: Claim) -> JsonObject:
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
