"""`dbom policy sign`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.cli.signers import SignerFlags, with_signer_flags
from dbom.printable import printable

__all__ = ["sign"]


@with_signer_flags
def sign(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files.")],
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    signer_flags: SignerFlags,
) -> None:
    """Sign policies, so that a gate can load no others.

    The statement names each policy of the file with its digest, which covers the roots and keys that it uses. The
    bundle goes into FILE.dbom/; where no folder can be (a ConfigMap), put it beside the file as FILE.sigstore.json.
    `policy check`, `admission review` and `admission serve` then demand it with --policy-key or --policy-identity.

    Example: dbom policy sign policy.yaml --signing-key policies.key
    """
    from admission.signed_policy import sign_policies

    signer = signer_flags.signer()
    made = [(path, *sign_policies(path, signer)) for path in files]
    if format_ is TextOrJson.JSON:
        json_result(
            "policy-sign",
            {
                "signed": [
                    {
                        "file": printable(str(path)),
                        "bundle": printable(str(bundle)),
                        "policies": {policy.name: policy.digest for policy in policies},
                    }
                    for path, policies, bundle in made
                ]
            },
            output,
        )
        return
    lines = [
        f"{printable(str(path))}: {', '.join(policy.name for policy in policies)} -> {printable(str(bundle))}"
        for path, policies, bundle in made
    ]
    write_result("\n".join([*lines, f"signed by {signer.describe()}"]), output)
