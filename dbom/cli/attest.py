"""`dbom attest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbom.cli.claims import claim_document, claim_text
from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.printable import printable

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
    from attest.stores.store import MAX_BUNDLE_BYTES

    read = [(read_file(path, limit=MAX_BUNDLE_BYTES, what="bundle"), printable(str(path))) for path in bundles]
    claims = [claim_of(raw, where=where) for raw, where in read]
    if format_ is TextOrJson.JSON:
        json_result("attest-show", {"verified": False, "claims": [claim_document(claim) for claim in claims]}, output)
    else:
        write_result("\n\n".join(claim_text(claim) for claim in claims), output)
