"""`dbom policy explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.printable import printable

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["explain"]


def explain(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files, or folders of them.")],
    *,
    reference: Annotated[
        str | None,
        typer.Option("--reference", metavar="URL", help="Say which policies judge this place (oci://…), and why."),
    ] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", metavar="NS", help="With --reference: the namespace that it is loaded in.")
    ] = "default",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="With --reference: what it is to whoever loads it.")
    ] = "model",
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Say in plain sentences what policies mean.

    Whom each trusts and for what, what it asks of a model, and what a no comes to. With --reference also which of them
    judge it, and why the others don't.

    Example: dbom policy explain policy.yaml --reference oci://registry.example.com/models/m --namespace prod
    """
    from admission.explaining import explain_match, explain_policy, reference_of
    from admission.policy_files import policies_at

    policies = policies_at(files)
    document: JsonObject = {
        "policies": [
            {"name": item.name, "file": printable(item.where), "mode": str(item.mode), "means": [*explain_policy(item)]}
            for item in policies
        ]
    }
    lines = [
        line
        for item in policies
        for line in (f"{item.name} ({printable(item.where)})", *(f"  {text}" for text in explain_policy(item)))
    ]
    if reference is not None:
        asked, then = explain_match(policies, reference_of(reference, role), namespace)
        document["reference"] = {
            "place": printable(reference),
            "namespace": printable(namespace),
            "role": role,
            "policies": [item.to_json() for item in asked],
            "then": then,
        }
        lines.append(f"the {role} {printable(reference)} in the namespace {printable(namespace)}")
        lines += [f"  {'judged' if item.judges else 'not judged'} by {item.policy}: {item.because}" for item in asked]
        lines.append(f"  {then}")
    if format_ is TextOrJson.JSON:
        json_result("policy-explain", document, output)
    else:
        write_result("\n".join(lines), output)
