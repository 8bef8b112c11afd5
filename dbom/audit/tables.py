"""The tables of the report page. Everything that comes from a bundle is escaped here, and nowhere is it markup."""

from __future__ import annotations

import hashlib
from html import escape
from typing import TYPE_CHECKING, Final

from dbom.audit.report import Result
from dbom.model import Digest
from lineage.graph import EdgeStatus, Inputs
from lineage.outline import how_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbom.audit.report import Artifact, BundleRecord, Expected
    from dbom.model import Finding
    from lineage.graph import Edge, LineageGraph, Node, NodeKey

__all__ = ["artifact_id", "artifact_table", "bundle_table", "expected_table", "findings_table"]

_TONES: Final = {
    Result.VERIFIED: ("good", "✓ verified"),
    Result.UNTRUSTED: ("warn", "? not expected"),
    Result.BROKEN: ("bad", "✕ broken"),
    Result.UNDECIDED: ("none", "… can't tell"),
}
_INPUTS: Final = {
    Inputs.DECLARED: "declared",
    Inputs.NONE_DECLARED: "none declared",
    Inputs.UNKNOWN: "not known",
}
_SUBJECTS_SHOWN = 20
_NOTHING = "&mdash;"


def artifact_id(node: Node) -> str:
    """Return the id of an artifact's row: made of digits that no stranger chose."""
    return "a-" + hashlib.sha256(str(node.key).encode()).hexdigest()[:16]


def artifact_table(artifacts: Sequence[Artifact], graph: LineageGraph) -> str:
    """Return one row for each artifact."""
    heads = ("Artifact", "Evidence", "Inputs", "Parents", "Children", "Bundles about it")
    rows = "".join(_artifact_row(artifact, graph) for artifact in artifacts)
    return _table("Artifacts", heads, rows, how_many(len(artifacts), "artifact"))


def _artifact_row(artifact: Artifact, graph: LineageGraph) -> str:
    node = artifact.node
    named = not isinstance(node.key, Digest)
    also = [name for name in (*node.names, *node.claimed_names) if name != node.name][:5]
    lines = [f'<span class="name">{escape(node.name or "(no name)")}</span> <span class="tag">{_what(node)}</span>']
    lines.append(f'<code class="full">{"no digest" if named else escape(str(node.key))}</code>')
    if also:
        lines.append(f'<span class="sub">also called {escape(", ".join(also))}</span>')
    lines += [f'<span class="sub">said to be at {escape(place)}</span>' for place in node.locations]
    parents = _neighbours((edge.parent, edge) for edge in graph.parents(node.key))
    children = _neighbours((edge.child, edge) for edge in graph.children(node.key))
    bundles = _NOTHING if named else f"{artifact.verified} verified, {artifact.unverified} not"
    cells = (
        _evidence(node),
        _NOTHING if named else _INPUTS[node.inputs],
        parents,
        children,
        bundles,
    )
    return (
        f'<tr id="{artifact_id(node)}" data-artifact="{escape(str(node.key))}"><th scope="row">{"".join(lines)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>\n"
    )


def _what(node: Node) -> str:
    if not isinstance(node.key, Digest):
        return "name only"
    return f"{node.what or 'artifact'} · {node.key.kind}"


def _evidence(node: Node) -> str:
    if not isinstance(node.key, Digest):
        return _badge("none", "no digest")
    if node.is_attested:
        signers = "".join(f'<span class="sub">signed by {_who(signer)}</span>' for signer in node.signers)
        return _badge("good", "✓ verified evidence") + signers
    return _badge("warn", "? claims only") if node.claims else _badge("none", "○ none here")


def _neighbours(edges: Iterable[tuple[NodeKey, Edge]]) -> str:
    """Count the artifacts at the other ends, each once: verified where at least one edge to it is."""
    statuses: dict[NodeKey, bool] = {}
    for other, edge in edges:
        statuses[other] = statuses.get(other, False) or edge.status is EdgeStatus.VERIFIED
    verified = sum(statuses.values())
    if not statuses:
        return _NOTHING
    return f"{verified:,} verified" + (f", {len(statuses) - verified:,} not" if len(statuses) > verified else "")


def bundle_table(bundles: Sequence[BundleRecord], stores: Sequence[str], caption: str) -> str:
    """Return one row for each bundle."""
    rows = "".join(_bundle_row(bundle, stores) for bundle in bundles)
    return _table("Bundles", ("Bundle", "About", "Signed by", "Result"), rows, caption)


def _bundle_row(bundle: BundleRecord, stores: Sequence[str]) -> str:
    tag = f'<span class="tag">{escape(bundle.short_type)}</span> ' if bundle.short_type else ""
    places = "".join(
        f'<span class="sub" data-place="{escape(place)}">{escape(_within(place, stores))}</span>'
        for place in bundle.places
    )
    digest = f"sha256:{bundle.sha256}" if bundle.sha256 else "not read"
    return (
        f'<tr data-bundle="{bundle.sha256}"><th scope="row">{tag}{places}<code class="full">{digest}</code></th>'
        f"<td>{_subjects(bundle)}</td><td>{_signer(bundle)}</td><td>{_outcome(bundle)}</td></tr>\n"
    )


def _within(place: str, stores: Sequence[str]) -> str:
    """Leave the store off a place, where there is only one store that it could be in."""
    if len(stores) != 1:
        return place
    return place.removeprefix(stores[0].rstrip("/") + "/")


def _subjects(bundle: BundleRecord) -> str:
    if not bundle.subjects:
        return '<span class="dim">not readable</span>'
    lines = [
        f'{escape(subject.name or "(no name)")}<code class="full">{_short(subject.digest)}</code>'
        for subject in bundle.subjects[:_SUBJECTS_SHOWN]
    ]
    more = len(bundle.subjects) - _SUBJECTS_SHOWN
    return "".join(lines) + (f'<span class="sub">and {more:,} more</span>' if more > 0 else "")


def _short(digest: str) -> str:
    return f"{escape(digest[:-48])}…" if digest else "no usable sha256"


def _signer(bundle: BundleRecord) -> str:
    if bundle.result is not Result.VERIFIED:
        who = f"claims to be {_who(bundle.signer)}" if bundle.signer else "nobody that could be read"
        return f'<span class="dim">{who}</span>'
    lines = [_who(bundle.signer), f'<span class="sub">as authority {escape(bundle.authority)}</span>']
    lines.append(f'<span class="sub">{escape(bundle.time)}</span>')
    if bundle.log_index is not None:
        lines.append(f'<span class="sub">log entry {bundle.log_index}</span>')
    return "".join(lines)


def _who(signer: str) -> str:
    """Put the issuer that vouches for a signer on a line of its own."""
    subject, _, issuer = signer.partition(" (issuer ")
    return escape(subject) + (f'<span class="sub">issuer {escape(issuer.removesuffix(")"))}</span>' if issuer else "")


def _outcome(bundle: BundleRecord) -> str:
    tone, words = _TONES[bundle.result]
    lines = [_badge(tone, words)]
    if bundle.reason:
        lines.append(f'<span class="sub">{escape(bundle.reason)} ({escape(bundle.rule)})</span>')
    if bundle.root:
        lines.append(f'<span class="sub">trust root <code>{escape(bundle.root[:16])}…</code></span>')
    lines += [f'<span class="sub">{escape(remark)}</span>' for remark in bundle.remarks]
    return "".join(lines)


def expected_table(expected: Iterable[Expected]) -> str:
    """Return one row for each authority."""
    rows = "".join(
        f'<tr><th scope="row"><span class="name">{escape(each.name)}</span></th><td>{escape(each.signers)}</td>'
        f"<td>{_root(each)}</td><td>{escape(each.demands)}</td></tr>\n"
        for each in expected
    )
    return _table("Expected", ("Authority", "Signers", "Trust root", "Must show"), rows, "Whose statements counted")


def _root(expected: Expected) -> str:
    if not expected.root:
        return '<span class="dim">none</span>'
    local = " (embedded local Sigstore: only as good as its machine)" if expected.is_local else ""
    return f'<code class="full">sha256:{escape(expected.root)}</code>{local}'


def findings_table(findings: Sequence[Finding], stores: Sequence[str]) -> str:
    """Return one row for each finding."""
    rows = "".join(
        f"<tr><td><code>{escape(found.rule)}</code></td><td>{escape(str(found.severity))}</td>"
        f"<td>{escape(found.message)}</td><td>{escape(_within(found.where, stores)) or _NOTHING}</td></tr>\n"
        for found in findings
    )
    return _table("Findings", ("Rule", "Weight", "Finding", "Where"), rows, "dbom explain RULE tells each rule's story")


def _badge(tone: str, words: str) -> str:
    return f'<span class="badge {tone}">{words}</span>'


def _table(name: str, heads: Sequence[str], rows: str, caption: str) -> str:
    head = "".join(f'<th scope="col">{word}</th>' for word in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">\n'
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
