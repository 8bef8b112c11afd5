"""A lineage graph as one SVG picture that needs nothing else: no script, no font, no link to the outside."""

from __future__ import annotations

import unicodedata
from collections import deque
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from dbom.model import Digest, Relation
from lineage.graph import EdgeStatus, Inputs, Named
from lineage.layout import lay_out
from lineage.style import MEANING, PICTURE_STYLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.graph import Edge, LineageGraph, Node, NodeKey
    from lineage.layout import Point

__all__ = ["MAX_ARROWS", "MAX_BOXES", "Picture", "picture_of"]

MAX_BOXES: Final = 300
"""The most artifacts that are drawn: beyond it nobody can read the picture, and a table serves better."""

MAX_ARROWS: Final = 1000
"""The most arrows that are drawn."""

_WIDTH, _HEIGHT = 248.0, 84.0
_MARGIN, _PAD = 24.0, 14.0
_LEAST_WIDTH = 660.0
_LEGEND_ROW = 22.0
_TAIL = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """The SVG text, its size in pixels, and how many artifacts and arrows were left out for want of room."""

    svg: str
    width: int
    height: int
    left_out: int


def picture_of(
    graph: LineageGraph,
    *,
    title: str = "",
    subtitle: str = "",
    focus: NodeKey | None = None,
    links: Mapping[NodeKey, str] | None = None,
    embedded: bool = False,
) -> Picture:
    """Draw the graph, from parents on the left to what came from them on the right.

    `title` and `subtitle` must be printable. `focus` is the artifact that was asked about, `links` are places on a
    page that boxes lead to. An `embedded` picture leaves `PICTURE_STYLE` and the paper to the page it stands on.
    """
    drawn, left_out = _within_reason(graph, focus)
    pairs = _pairs(drawn)
    kept = dict(list(pairs.items())[:MAX_ARROWS])
    sketch = lay_out(
        {str(node.key): (_WIDTH, _HEIGHT) for node in drawn.nodes},
        [(str(edges[0].parent), str(edges[0].child)) for edges in kept.values()],
    )
    head = (52.0 if title else 0.0) + _MARGIN
    width = max(sketch.width + 2 * _MARGIN, _LEAST_WIDTH)
    legend, legend_height = _legend(drawn, width, head + sketch.height + 30)
    height = head + sketch.height + 30 + legend_height + _MARGIN / 2
    shift = (_MARGIN, head)
    boxes = [
        _box(node, _moved(sketch.corners[str(node.key)], shift), focus, (links or {}).get(node.key))
        for node in drawn.nodes
    ]
    lines, words = _arrows(kept.values(), sketch.routes, shift)
    body = [*lines, *boxes, *words, legend]
    if title:
        body.append(
            f'<text class="title" x="{_MARGIN:.0f}" y="32">{escape(_cut(title, 17, width - 2 * _MARGIN))}</text>'
        )
        body.append(
            f'<text class="sub" x="{_MARGIN:.0f}" y="52">{escape(_cut(subtitle, 12, width - 2 * _MARGIN))}</text>'
        )
    frame = _frame(width, height, title or "Lineage", graph, embedded=embedded)
    text = frame + _markers() + "".join(body) + "</svg>\n"
    return Picture(text, round(width), round(height), left_out + len(pairs) - len(kept))


def _within_reason(graph: LineageGraph, focus: NodeKey | None) -> tuple[LineageGraph, int]:
    """Return the graph if it isn't too large, else what is nearest to the focus; and how many nodes that leaves out."""
    if len(graph.nodes) <= MAX_BOXES:
        return graph, 0
    near: dict[NodeKey, None] = {}
    for start in [focus, *(node.key for node in graph.nodes)]:
        queue = deque([start] if start is not None and start not in near else [])
        while queue and len(near) < MAX_BOXES:
            key = queue.popleft()
            if key not in near:
                near[key] = None
                queue.extend(edge.parent for edge in graph.parents(key))
                queue.extend(edge.child for edge in graph.children(key))
    return graph.within(near), len(graph.nodes) - len(near)


def _pairs(graph: LineageGraph) -> dict[tuple[NodeKey, NodeKey], list[Edge]]:
    """Return the edges by child and parent; the first of each, by the order of edges, has the best status."""
    pairs: dict[tuple[NodeKey, NodeKey], list[Edge]] = {}
    for edge in graph.edges:
        pairs.setdefault((edge.child, edge.parent), []).append(edge)
    return pairs


def _frame(width: float, height: float, title: str, graph: LineageGraph, *, embedded: bool) -> str:
    counted = f"{len(graph.nodes)} artifacts, {len(graph.edges)} edges, {graph.count(EdgeStatus.VERIFIED)} verified"
    style = "" if embedded else f'<style>{PICTURE_STYLE}</style><rect class="paper" width="100%" height="100%"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}: {counted}">'
        f"<title>{escape(title)}: {counted}</title>{style}"
    )


def _markers() -> str:
    return (
        "<defs>"
        + "".join(
            f'<marker id="lg-tip-{status}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9"'
            f' markerUnits="userSpaceOnUse" orient="auto"><path class="tip-{status}" d="M0 0.8L10 5L0 9.2z"/></marker>'
            for status in EdgeStatus
        )
        + "</defs>"
    )


def _box(node: Node, corner: Point, focus: NodeKey | None, link: str | None) -> str:
    """Return one box. It is an inner `svg`, which clips: no name can draw over its neighbours."""
    inner = _WIDTH - 2 * _PAD
    named = isinstance(node.key, Named)
    look = "named" if named else "attested" if node.is_attested else "claimed" if node.claims else "unattested"
    what = node.what or ("name" if named else "artifact")
    kind = what if named else f"{what} · {node.key.kind}" if isinstance(node.key, Digest) else what
    name = node.name or "(no name)"
    sign = {"attested": "✓", "claimed": "?", "unattested": "○", "named": "○"}[look]
    chip = _chip("no inputs declared") if node.inputs is Inputs.NONE_DECLARED else ""
    text = (
        f'<svg x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}"'
        f' class="{look}{" focus" if node.key == focus else ""}">'
        f"<title>{escape(_told(node))}</title>"
        f'<rect class="box" x="1.5" y="1.5" width="{_WIDTH - 3:.0f}" height="{_HEIGHT - 3:.0f}" rx="9"/>'
        f'<rect class="bar" x="1.5" y="14" width="4" height="{_HEIGHT - 28:.0f}" rx="2"/>'
        f'<text class="kind" x="{_PAD + 2:.0f}" y="20">{escape(kind.upper())}</text>{chip}'
        f'<text class="name" x="{_PAD + 2:.0f}" y="40">{escape(_cut_middle(name, 15.5, inner))}</text>'
        f'<text class="digest" x="{_PAD + 2:.0f}" y="56">{escape(_short(node.key))}</text>'
        f'<text class="state" x="{_PAD + 2:.0f}" y="73">{sign} {escape(_cut(node.standing, 11, inner - 14))}</text>'
        "</svg>"
    )
    return f'<a href="{escape(link)}">{text}</a>' if link else text


def _chip(words: str) -> str:
    wide = len(words) * 5.3 + 14
    left = _WIDTH - _PAD + 4 - wide
    return (
        f'<rect class="chip" x="{left:.1f}" y="8.5" width="{wide:.1f}" height="16" rx="8"/>'
        f'<text class="chiptext" x="{left + wide / 2:.1f}" y="20" text-anchor="middle">{words}</text>'
    )


def _told(node: Node) -> str:
    """Return all that is known of a node, for whoever points at it."""
    facts = [node.name or "(no name)", str(node.key), node.standing, f"inputs: {node.inputs}"]
    facts += [f"signed by {signer}" for signer in node.signers]
    return "\n".join([*facts, *(f"at {location}" for location in node.locations)])


def _short(key: NodeKey) -> str:
    return "no digest" if isinstance(key, Named) else f"{str(key)[: -64 + 12]}…"


def _arrows(
    pairs: Iterable[Sequence[Edge]], routes: Mapping[tuple[str, str], tuple[Point, ...]], shift: Point
) -> tuple[list[str], list[str]]:
    """Return the lines, and the words on them, which go on top of everything."""
    lines, words = [], []
    taken: list[tuple[float, float, float]] = []
    for edges in pairs:
        first = edges[0]
        points = [_moved(point, shift) for point in routes[str(first.parent), str(first.child)]]
        told = "\n".join(
            f"{edge.relation}, {edge.status}: {edge.by} (bundle {edge.attestation[:16]})" for edge in edges
        )
        lines.append(
            f'<g class="{first.status}"><title>{escape(told)}</title>'
            f'<path class="ln" d="{_curve(points)}" marker-end="url(#lg-tip-{first.status})"/></g>'
        )
        word = _word(edges)
        wide = _wide(word, 10.5) + 10
        x, y = _free_spot(points, wide, taken)
        taken.append((x, y, wide))
        words.append(
            f'<g class="{first.status}"><rect class="relback" x="{x - wide / 2:.1f}" y="{y - 8:.1f}"'
            f' width="{wide:.1f}" height="16" rx="4"/>'
            f'<text class="rel" x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle">{escape(word)}</text></g>'
        )
    return lines, words


def _word(edges: Sequence[Edge]) -> str:
    """Return the relation of the best edge, and how many others are claimed; `input` says no more than any other."""
    best = edges[0].relation
    others = {edge.relation for edge in edges} - {best, Relation.INPUT}
    return f"{best} +{len(others)}" if others else str(best)


def _curve(points: Sequence[Point]) -> str:
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for index, (to_x, to_y) in enumerate(rest):
        middle = (x + to_x) / 2
        bend = f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        path.append(f"L{to_x:.1f} {to_y:.1f}" if index % 2 else bend)
        x, y = to_x, to_y
    return "".join(path)


def _free_spot(points: Sequence[Point], wide: float, taken: Sequence[tuple[float, float, float]]) -> Point:
    """Return the first place along the bends of a line on which no other word stands; else the first place."""
    spots = [
        _on_bend(points[index], points[index + 1], share)
        for share in (0.5, 0.4, 0.6, 0.32, 0.68, 0.26, 0.74)
        for index in range(0, len(points) - 1, 2)
    ]
    return next((spot for spot in spots if not any(_collide(spot, wide, other) for other in taken)), spots[0])


def _collide(spot: Point, wide: float, other: tuple[float, float, float]) -> bool:
    return abs(spot[0] - other[0]) < (wide + other[2]) / 2 and abs(spot[1] - other[1]) < 17  # noqa: PLR2004  a word's height


def _on_bend(one: Point, two: Point, share: float) -> Point:
    """Return the point of the cubic with level ends (as `_curve` draws it) at parameter `share`."""
    rest = 1 - share
    across = rest**3 * one[0] + 3 * rest * share * (one[0] + two[0]) / 2 + share**3 * two[0]
    down = (rest**3 + 3 * rest**2 * share) * one[1] + (3 * rest * share**2 + share**3) * two[1]
    return across, down


def _legend(graph: LineageGraph, width: float, top: float) -> tuple[str, float]:
    """Return the legend of what the picture holds, and its height."""
    left, row = _MARGIN, 0
    words = "Arrows run from a parent to what came from it. A verdict follows verified edges only."
    parts = [f'<text class="key" x="{left:.0f}" y="{top + 4:.0f}">{words}</text>']
    row += 1
    for status in EdgeStatus:
        count = graph.count(status)
        if not count:
            continue
        words = f"{status} ({count}): {MEANING[status]}"
        wide = 54 + _wide(words, 12) + 18
        if left > _MARGIN and left + wide > width - _MARGIN:
            left, row = _MARGIN, row + 1
        y = top + row * _LEGEND_ROW
        parts.append(
            f'<g class="{status}"><path class="ln" d="M{left:.1f} {y:.1f}h42" marker-end="url(#lg-tip-{status})"/>'
            f'<text class="key" x="{left + 50:.1f}" y="{y + 4:.1f}">{words}</text></g>'
        )
        left += wide
    return f'<g class="legend">{"".join(parts)}</g>', (row + 1) * _LEGEND_ROW


def _moved(point: Point, by: Point) -> Point:
    return point[0] + by[0], point[1] + by[1]


def _wide(text: str, size: float) -> float:
    """Estimate how wide a text is: most fonts' letters are a good half as wide as high, East Asian ones as wide."""
    return sum(size * (1.0 if unicodedata.east_asian_width(char) in "WF" else 0.56) for char in text)


def _cut(text: str, size: float, room: float) -> str:
    if _wide(text, size) <= room:
        return text
    kept, used = [], size
    for char in text:
        used += _wide(char, size)
        if used > room:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def _cut_middle(text: str, size: float, room: float) -> str:
    """Shorten a name in its middle: names of one family differ at their ends."""
    if _wide(text, size) <= room:
        return text
    tail = text[-_TAIL:]
    return _cut(text[:-_TAIL], size, room - _wide(tail, size)).removesuffix("…") + "…" + tail
