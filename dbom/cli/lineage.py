"""`dbom lineage ancestors`, `descendants` and `why`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.options import OutputOption, StoreOption
from dbom.cli.output import json_result, say, write_result
from dbom.cli.store_evidence import read_evidence
from dbom.errors import NoEvidenceError, UsageError
from dbom.model import Digest, Severity
from dbom.rules.everyday import USAGE
from dbom.rules.lineage import ARTIFACT_UNKNOWN, NO_PATH, STATEMENT_NOT_COUNTED

if TYPE_CHECKING:
    from lineage.graph import LineageGraph, NodeKey
    from lineage.query import Answer, Paths

__all__ = ["ancestors", "descendants", "why"]

_FINDINGS_SAID = 5


class GraphFormat(StrEnum):
    """How a lineage graph can be written."""

    TEXT = "text"
    JSON = "json"
    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"


ArtifactArgument = Annotated[
    str, typer.Argument(metavar="ARTIFACT", help="A path, or a digest: sha256:… or tree:sha256:…")
]
GraphFormatOption = Annotated[GraphFormat, typer.Option("-f", "--format", help="How to write the graph.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="The most artifacts to follow.")]


@with_expected_flags
def ancestors(
    artifact: ArtifactArgument,
    *,
    store: StoreOption = None,
    limit: LimitOption = 10_000,
    format_: GraphFormatOption = GraphFormat.TEXT,
    output: OutputOption = None,
    expected: Expected,
) -> None:
    """Show everything that an artifact came from.

    Every edge says how it is known; only those that an expected signer signed are verified. A producer can leave a
    parent out, so what isn't shown is not shown to be absent. Exit 3: unknown to the store, or truncated.

    Example: dbom lineage ancestors model.safetensors --store . -f svg -o lineage.svg
    """
    from lineage.query import ancestors as ask

    graph = _graph(store, expected)
    _write_answer(ask(graph, _known(artifact, graph), limit=limit), format_, output)


@with_expected_flags
def descendants(
    artifact: ArtifactArgument,
    *,
    store: StoreOption = None,
    limit: LimitOption = 10_000,
    format_: GraphFormatOption = GraphFormat.TEXT,
    output: OutputOption = None,
    expected: Expected,
) -> None:
    """Show everything that came from an artifact.

    Every edge says how it is known; only those that an expected signer signed are verified. What other stores know is
    not in the answer. Exit 3: unknown to the store, or truncated.

    Example: dbom lineage descendants data/reviews.parquet --store .
    """
    from lineage.query import descendants as ask

    graph = _graph(store, expected)
    _write_answer(ask(graph, _known(artifact, graph), limit=limit), format_, output)


@with_expected_flags
def why(
    artifact: ArtifactArgument,
    ancestor: Annotated[
        str | None, typer.Argument(metavar="ANCESTOR", help="The origin in question; without it, every one.")
    ] = None,
    *,
    store: StoreOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="The most paths to show.")] = 100,
    format_: GraphFormatOption = GraphFormat.TEXT,
    output: OutputOption = None,
    expected: Expected,
) -> None:
    """Show each path, and its proof, from an artifact to an ancestor.

    For every hop: the relation, who signed it, and the bundle that says so. With an ANCESTOR, exit 0 means that a path
    is verified throughout, 1 that there is no path, 3 that the paths are only claimed, or that there may be more.

    Example: dbom lineage why model.safetensors data/reviews.parquet --store .
    """
    from lineage.query import paths as ask

    graph = _graph(store, expected)
    origin = None if ancestor is None else _known(ancestor, graph)
    found = ask(graph, _known(artifact, graph), origin, limit=limit)
    _say_findings(graph)
    _write_paths(found, graph, format_, output)
    if origin is not None and not found.paths and not found.truncated:
        say(f"no path leads from {found.start} to {origin} ({NO_PATH.id})")
        raise typer.Exit(1)
    if found.truncated or (origin is not None and not any(path.is_verified for path in found.paths)):
        raise typer.Exit(3)


def _graph(stores: list[str] | None, expected: Expected) -> LineageGraph:
    from lineage.build import build_graph

    return build_graph(bundle.result for bundle in read_evidence(stores, expected).bundles)


def _known(artifact: str, graph: LineageGraph) -> Digest:
    """Return the digest that was named, or that of the bytes at a path, if the graph has it."""
    digest = _digest(artifact)
    if graph.node(digest) is None:
        raise NoEvidenceError(
            ARTIFACT_UNKNOWN, "no statement in the store speaks of it", where=f"{artifact} ({digest})"
        )
    return digest


def _digest(artifact: str) -> Digest:
    if not Path(artifact).exists() and artifact.startswith(("sha256:", "tree:")):
        try:
            return Digest.parse(artifact)
        except ValueError as error:
            raise UsageError(USAGE, "not a digest", got=artifact, expected="sha256:<64 hex digits>") from error
    from dbom.tree import fingerprint_path

    return fingerprint_path(artifact).digest


def _write_answer(answer: Answer, format_: GraphFormat, output: Path | None) -> None:
    from lineage.document import answer_document
    from lineage.outline import outline_of_answer

    _say_findings(answer.graph)
    cut = answer.truncated
    if format_ is GraphFormat.JSON:
        json_result("lineage", answer_document(answer), output)
    elif format_ is GraphFormat.TEXT:
        write_result(outline_of_answer(answer), output)
    else:
        cut |= _write_drawing(answer.graph, answer.start, str(answer.direction).capitalize(), format_, output)
    if cut:
        say("truncated: there is more than is shown")
        raise typer.Exit(3)


def _write_paths(found: Paths, graph: LineageGraph, format_: GraphFormat, output: Path | None) -> None:
    from lineage.document import paths_document
    from lineage.outline import outline_of_paths

    if format_ is GraphFormat.JSON:
        json_result("lineage", paths_document(found, graph), output)
    elif format_ is GraphFormat.TEXT:
        write_result(outline_of_paths(found, graph), output)
    else:
        _write_drawing(found.graph(graph), found.start, "Paths", format_, output)


def _write_drawing(graph: LineageGraph, start: NodeKey, what: str, format_: GraphFormat, output: Path | None) -> bool:
    """Write the graph as a drawing, and return whether something was left out of it."""
    from lineage.notation import dot_of, mermaid_of
    from lineage.outline import counted
    from lineage.svg import picture_of

    if format_ is GraphFormat.DOT:
        write_result(dot_of(graph), output)
        return False
    if format_ is GraphFormat.MERMAID:
        write_result(mermaid_of(graph), output)
        return False
    node = graph.node(start)
    title = f"{what} of {node.name or start}" if node is not None else what
    subtitle = f"{start} · edges: {counted(graph)}"
    picture = picture_of(graph, title=title, subtitle=subtitle, focus=start)
    write_result(picture.svg, output)
    return picture.left_out > 0


def _say_findings(graph: LineageGraph) -> None:
    uncounted = sum(finding.rule == STATEMENT_NOT_COUNTED.id for finding in graph.findings)
    if uncounted:
        say(f"{uncounted} bundles of the store were not verified; `dbom audit report` says why for each")
    said = [finding for finding in graph.findings if finding.rule != STATEMENT_NOT_COUNTED.id]
    found = [finding for finding in said if finding.severity is not Severity.NOTE]
    for finding in found[:_FINDINGS_SAID]:
        say(f"{finding.severity}: {finding.message} ({finding.rule}){' in ' + finding.where if finding.where else ''}")
    if len(found) > _FINDINGS_SAID:
        say(f"… and {len(found) - _FINDINGS_SAID} more findings; -f json lists them")
