"""`dbom lineage ancestors`, `descendants` and `why`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.options import OutputOption, StoreOption
from dbom.cli.output import json_result, say, write_result
from dbom.cli.revokers import Revoking, with_revoker_flags
from dbom.cli.store_evidence import read_evidence
from dbom.errors import InputError, NoEvidenceError, UndecidedError, UsageError
from dbom.model import Digest, Kind, Severity
from dbom.printable import printable
from dbom.rules import rule_by_id
from dbom.rules.everyday import USAGE
from dbom.rules.lineage import ARTIFACT_UNKNOWN, NO_PATH, STATEMENT_NOT_COUNTED
from dbom.rules.revocations import HEAD_MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineage.graph import LineageGraph, NodeKey
    from lineage.query import Answer, Paths

__all__ = ["ancestors", "descendants", "why"]

_FINDINGS_SAID = 5
_TRUNCATED = "truncated: there is more than is shown"


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


@with_revoker_flags
@with_expected_flags
def ancestors(
    artifact: ArtifactArgument,
    *,
    store: StoreOption = None,
    limit: LimitOption = 10_000,
    format_: GraphFormatOption = GraphFormat.TEXT,
    output: OutputOption = None,
    expected: Expected,
    revoking: Revoking,
) -> None:
    """Show everything that an artifact came from.

    Every edge says how it is known; only those that an expected signer signed are verified. A producer can leave a
    parent out, so what isn't shown is not shown to be absent. Exit 3: unknown to the store, or truncated.

    Example: dbom lineage ancestors model.safetensors --store . -f svg -o lineage.svg
    """
    from lineage.query import ancestors as ask

    known = _Known.read(store, expected, revoking)
    _write_answer(ask(known.graph, known.digest(artifact), limit=limit), format_, output)


@with_revoker_flags
@with_expected_flags
def descendants(
    artifact: ArtifactArgument,
    *,
    store: StoreOption = None,
    limit: LimitOption = 10_000,
    format_: GraphFormatOption = GraphFormat.TEXT,
    output: OutputOption = None,
    expected: Expected,
    revoking: Revoking,
) -> None:
    """Show everything that came from an artifact.

    Every edge says how it is known; only those that an expected signer signed are verified. What other stores know is
    not in the answer. Exit 3: unknown to the store, or truncated.

    Example: dbom lineage descendants data/reviews.parquet --store .
    """
    from lineage.query import descendants as ask

    known = _Known.read(store, expected, revoking)
    _write_answer(ask(known.graph, known.digest(artifact), limit=limit), format_, output)


@with_revoker_flags
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
    revoking: Revoking,
) -> None:
    """Show each path, and its proof, from an artifact to an ancestor.

    For every hop: the relation, who signed it, and the bundle that says so. With an ANCESTOR, exit 0 means that a path
    is verified throughout, 1 that there is no path, 3 that the paths are only claimed, or that there may be more.

    Example: dbom lineage why model.safetensors data/reviews.parquet --store .
    """
    from lineage.query import paths as ask

    known = _Known.read(store, expected, revoking)
    origin = None if ancestor is None else known.digest(ancestor)
    found = ask(known.graph, known.digest(artifact), origin, limit=limit)
    _say_findings(known.graph)
    cut = _write_paths(found, known.graph, format_, output)
    if origin is not None and not found.paths and not found.truncated:
        say(f"no path leads from {found.start} to {origin} ({NO_PATH.id})")
        raise typer.Exit(1)
    if cut:
        say(_TRUNCATED)
    if cut or (origin is not None and not any(path.is_verified for path in found.paths)):
        raise typer.Exit(3)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the stores know: the graph, and with which ignore lists its trees were signed."""

    graph: LineageGraph
    ignores: Sequence[tuple[str, ...]]

    @classmethod
    def read(cls, stores: list[str] | None, expected: Expected, revoking: Revoking) -> Self:
        from attest.checking import signed_ignores
        from lineage.build import build_graph

        evidence = read_evidence(stores, expected)
        results = [bundle.result for bundle in evidence.bundles]
        check = revoking.check(evidence.stores, now=evidence.at)
        revocations = check.settled(results, now=evidence.at)
        if check.required and revocations.doubts:
            doubt = revocations.doubts[0]
            raise UndecidedError(
                rule_by_id(doubt.rule) or HEAD_MISSING,
                f"what is revoked can't be told: {doubt.message}",
                where=doubt.where,
            )
        return cls(build_graph(results, revocations=revocations), signed_ignores(results))

    def digest(self, artifact: str) -> Digest:
        """Return the digest that was named, or that of the bytes at a path. Raises `NoEvidenceError` if unknown."""
        digests = _digests(artifact, self.ignores)
        first = next(digests)
        for digest in chain([first], digests):
            if self.graph.node(digest) is not None:
                return digest
        raise NoEvidenceError(
            ARTIFACT_UNKNOWN, "no statement in the store speaks of it", where=f"{printable(artifact)} ({first})"
        )


def _digests(artifact: str, ignores: Sequence[tuple[str, ...]]) -> Iterator[Digest]:
    """Yield the digest that was named, or the bytes' own; of a folder then those by the lists that trees are signed by.

    A list that can't be applied proves no bytes, and gives no digest.
    """
    if not Path(artifact).exists() and artifact.startswith(("sha256:", "tree:")):
        try:
            yield Digest.parse(artifact)
        except ValueError as error:
            raise UsageError(USAGE, "not a digest", got=artifact, expected="sha256:<64 hex digits>") from error
        return
    from dbom.tree import fingerprint_path

    usual = fingerprint_path(artifact)
    yield usual.digest
    for patterns in ignores if usual.kind is Kind.TREE else ():
        if patterns != usual.ignores:
            with suppress(InputError):
                yield fingerprint_path(artifact, ignores=patterns).digest


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
        say(_TRUNCATED)
        raise typer.Exit(3)


def _write_paths(found: Paths, graph: LineageGraph, format_: GraphFormat, output: Path | None) -> bool:
    """Write the paths, and return whether something was left out."""
    from lineage.document import paths_document
    from lineage.outline import outline_of_paths

    cut = found.truncated

    if format_ is GraphFormat.JSON:
        json_result("lineage", paths_document(found, graph), output)
    elif format_ is GraphFormat.TEXT:
        write_result(outline_of_paths(found, graph), output)
    else:
        cut |= _write_drawing(found.graph(graph), found.start, "Paths", format_, output)
    return cut


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
    from lineage.outline import how_many

    uncounted = sum(finding.rule == STATEMENT_NOT_COUNTED.id for finding in graph.findings)
    if uncounted:
        were = "was" if uncounted == 1 else "were"
        say(f"{how_many(uncounted, 'bundle')} of the store {were} not verified; `dbom audit report` says why for each")
    said = [finding for finding in graph.findings if finding.rule != STATEMENT_NOT_COUNTED.id]
    found = [finding for finding in said if finding.severity is not Severity.NOTE]
    for finding in found[:_FINDINGS_SAID]:
        say(f"{finding.severity}: {finding.message} ({finding.rule}){' in ' + finding.where if finding.where else ''}")
    if len(found) > _FINDINGS_SAID:
        say(f"… and {how_many(len(found) - _FINDINGS_SAID, 'finding')} more; -f json lists them all")
