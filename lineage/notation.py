"""A lineage graph in the languages that other programs draw: Graphviz DOT and Mermaid."""

from __future__ import annotations

from typing import Final

from lineage.graph import EdgeStatus, LineageGraph, Named, Node, NodeKey

__all__ = ["dot_of", "mermaid_of"]

_COLOURS: Final = {
    EdgeStatus.VERIFIED: "#1a7f37",
    EdgeStatus.UNTRUSTED: "#9a6700",
    EdgeStatus.ASSERTED: "#0969da",
    EdgeStatus.INVALID: "#cf222e",
    EdgeStatus.REVOKED: "#8250df",
    EdgeStatus.MISSING: "#6e7781",
}
_DOT_STYLES: Final = {EdgeStatus.VERIFIED: "solid", EdgeStatus.INVALID: "dotted", EdgeStatus.MISSING: "dotted"}
_MERMAID_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._/:-…")
_ASCII: Final = 0x7F


def dot_of(graph: LineageGraph) -> str:
    """Return the graph for Graphviz: arrows run from a parent to what came from it."""
    lines = ["digraph lineage {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for node in graph.nodes:
        look = "rounded" if node.is_attested else '"rounded,dashed"'
        lines.append(f"  {_quoted(str(node.key))} [label={_text(*_label(node))}, style={look}];")
    for edge in graph.edges:
        style = _DOT_STYLES.get(edge.status, "dashed")
        lines.append(
            f"  {_quoted(str(edge.parent))} -> {_quoted(str(edge.child))}"
            f" [label={_quoted(str(edge.relation), str(edge.status))}, tooltip={_text(edge.by)},"
            f' style={style}, color="{_COLOURS[edge.status]}"];'
        )
    return "\n".join([*lines, "}"])


def mermaid_of(graph: LineageGraph) -> str:
    """Return the graph as a Mermaid flow chart: arrows run from a parent to what came from it."""
    number = {node.key: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        label = "<br/>".join(_entities(line) for line in _label(node))
        lines.append(f'  {number[node.key]}["{label}"]')
    for edge in graph.edges:
        arrow = "-->" if edge.status is EdgeStatus.VERIFIED else "-.->"
        words = f"{edge.relation}, {edge.status}"
        lines.append(f'  {number[edge.parent]} {arrow}|"{words}"| {number[edge.child]}')
    lines += [f"  linkStyle {index} stroke:{_COLOURS[edge.status]}" for index, edge in enumerate(graph.edges)]
    lines += [f"  style {number[node.key]} stroke-dasharray:5 4" for node in graph.nodes if not node.is_attested]
    return "\n".join(lines)


def _label(node: Node) -> tuple[str, ...]:
    return node.name or "(no name)", _short(node.key), node.standing


def _short(key: NodeKey) -> str:
    return "no digest" if isinstance(key, Named) else f"{str(key)[:-52]}…"


def _text(*lines: str) -> str:
    """Quote what is to be read: Graphviz resolves HTML's entities in labels, so `&lt;` in a name would become `<`."""
    return _quoted(*(line.replace("&", "&amp;") for line in lines))


def _quoted(*lines: str) -> str:
    r"""Quote for DOT: a backslash and a quote are escaped, so that `\N` and the like in a name stay a name."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'


def _entities(text: str) -> str:
    """Write what could mean something to Mermaid or to HTML as an entity (`#60;` is Mermaid's `<`)."""
    return "".join(char if char in _MERMAID_SAFE or ord(char) > _ASCII else f"#{ord(char)};" for char in text)
