"""A layered drawing of a directed graph: where each box goes and which way each line runs, from left to right.

The method is that of Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures",
IEEE Trans. SMC 11(2), 1981, in the steps that have become usual (Gansner, Koutsofios, North and Vo, "A Technique for
Drawing Directed Graphs", IEEE Trans. Softw. Eng. 19(3), 1993, whose names for them are used here):

1. turn around the arcs that close a cycle;
2. give each vertex a layer, by longest path;
3. cut arcs over several layers into links between neighbouring ones, by dummy vertices;
4. order each layer by barycentres, so that few links cross;
5. give coordinates that keep links straight, with room between boxes;
6. read off the lines.

Parts that aren't connected are drawn each by itself and put on shelves. The same input gives the same drawing.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Arc", "Layout", "Point", "Size", "lay_out"]

Arc: TypeAlias = tuple[str, str]
"""An arrow from the first vertex to the second."""

Point: TypeAlias = tuple[float, float]
Size: TypeAlias = tuple[float, float]
"""Width and height of a box."""

LAYER_GAP: Final = 150.0
"""Between two layers: wide enough for the word on a line."""

BOX_GAP: Final = 26.0
"""Between two boxes of a layer, and between two parts."""

LINE_GAP: Final = 18.0
"""The room that a line keeps from what stands above and below it."""

_ORDER_SWEEPS: Final = 24
_PLACE_SWEEPS: Final = 12
_EFFORT: Final = 400_000
"""Links times sweeps: a huge drawing gets fewer sweeps rather than taking for ever."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing: its size, the upper left corner of each box, and the points that each line runs through."""

    width: float
    height: float
    corners: Mapping[str, Point]
    routes: Mapping[Arc, tuple[Point, ...]]


def lay_out(sizes: Mapping[str, Size], arcs: Iterable[Arc]) -> Layout:
    """Return the drawing of the boxes `sizes` and the arrows `arcs`; an arrow from a box to itself is left out."""
    proper = sorted({(tail, head) for tail, head in arcs if tail != head})
    return _on_shelves([_Drawing(part, sizes, own).layout() for part, own in _parts(sizes, proper)])


def _parts(sizes: Mapping[str, Size], arcs: Sequence[Arc]) -> list[tuple[list[str], list[Arc]]]:
    """Return the connected parts with their arcs, large ones first."""
    near: dict[str, list[str]] = {name: [] for name in sizes}
    for tail, head in arcs:
        near[tail].append(head)
        near[head].append(tail)
    rank = {name: index for index, name in enumerate(sizes)}
    part_of: dict[str, int] = {}
    parts: list[tuple[list[str], list[Arc]]] = []
    for name in sizes:
        if name in part_of:
            continue
        members, queue = [], deque([name])
        part_of[name] = len(parts)
        while queue:
            members.append(queue.popleft())
            for other in near[members[-1]]:
                if other not in part_of:
                    part_of[other] = len(parts)
                    queue.append(other)
        parts.append((sorted(members, key=rank.__getitem__), []))
    for arc in arcs:
        parts[part_of[arc[0]]][1].append(arc)
    return sorted(parts, key=lambda part: -len(part[0]))


def _on_shelves(parts: Sequence[Layout]) -> Layout:
    """Put parts side by side until a shelf is full, then start the next."""
    area = sum((part.width + BOX_GAP) * (part.height + BOX_GAP) for part in parts)
    room = max([(area * 1.6) ** 0.5, *(part.width for part in parts)], default=0.0)
    corners: dict[str, Point] = {}
    routes: dict[Arc, tuple[Point, ...]] = {}
    left, top, bottom, right = 0.0, 0.0, 0.0, 0.0
    for part in parts:
        if left and left + part.width > room:
            left, top = 0.0, bottom + BOX_GAP
        corners |= {name: (x + left, y + top) for name, (x, y) in part.corners.items()}
        routes |= {arc: tuple((x + left, y + top) for x, y in line) for arc, line in part.routes.items()}
        bottom, right = max(bottom, top + part.height), max(right, left + part.width)
        left += part.width + BOX_GAP
    return Layout(right, bottom, corners, routes)


class _Drawing:
    """One connected part while it is drawn. Vertices are numbers: the boxes first, then the dummies."""

    def __init__(self, names: Sequence[str], sizes: Mapping[str, Size], arcs: Sequence[Arc]) -> None:
        self.names = names
        number = {name: index for index, name in enumerate(names)}
        self.sizes: list[Size] = [sizes[name] for name in names]
        self.arcs = [(number[tail], number[head]) for tail, head in arcs]
        self.boxes = len(names)

    def layout(self) -> Layout:
        forward = _without_cycles(self.boxes, self.arcs)
        layer_of = _layers(self.boxes, forward)
        chains = self._chains(forward, layer_of)
        self.above: list[list[int]] = [[] for _ in self.sizes]
        self.below: list[list[int]] = [[] for _ in self.sizes]
        for chain in chains:
            for one, two in pairwise(chain):
                self.below[one].append(two)
                self.above[two].append(one)
        layers = self._ordered(_grouped(layer_of))
        middles = self._middles(layers)
        return self._read_off(layers, middles, chains)

    def sweeps(self, most: int) -> int:
        """Return how many sweeps a drawing of this size gets."""
        return max(2, min(most, _EFFORT // (sum(map(len, self.below)) + 1)))

    def _chains(self, forward: Sequence[tuple[int, int]], layer_of: list[int]) -> list[list[int]]:
        """Step 3: return for each arc the vertices it passes, and add the dummies among them to `layer_of`."""
        chains = []
        for tail, head in forward:
            between = range(layer_of[tail] + 1, layer_of[head])
            dummies = list(range(len(layer_of), len(layer_of) + len(between)))
            layer_of.extend(between)
            self.sizes.extend((0.0, LINE_GAP) for _ in between)
            chains.append([tail, *dummies, head])
        return chains

    def _ordered(self, layers: list[list[int]]) -> list[list[int]]:
        """Step 4: sweep down and up, sorting each layer by the mean place of its neighbours; keep the best seen."""
        best, fewest = [list(layer) for layer in layers], self._crossings(layers)
        for sweep in range(self.sweeps(_ORDER_SWEEPS)):
            if not fewest:
                break
            down = sweep % 2 == 0
            near = self.above if down else self.below
            for index in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
                fixed = {vertex: place for place, vertex in enumerate(layers[index - 1 if down else index + 1])}
                here = {vertex: float(place) for place, vertex in enumerate(layers[index])}
                for vertex in layers[index]:
                    places = [fixed[other] for other in near[vertex]]
                    here[vertex] = sum(places) / len(places) if places else here[vertex]
                layers[index].sort(key=here.__getitem__)
            if (crossings := self._crossings(layers)) < fewest:
                best, fewest = [list(layer) for layer in layers], crossings
        return best

    def _crossings(self, layers: Sequence[Sequence[int]]) -> int:
        """Count crossing links as inversions (Barth, Juenger, Mutzel, "Bilayer Cross Counting", JGAA 8(2), 2004)."""
        count = 0
        for upper, lower in pairwise(layers):
            place = {vertex: index for index, vertex in enumerate(lower)}
            seen: list[int] = []
            for vertex in upper:
                ends = sorted(place[other] for other in self.below[vertex])
                count += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    def _middles(self, layers: Sequence[Sequence[int]]) -> list[float]:
        """Step 5: return the height of each vertex's middle; each sweep draws vertices towards their neighbours."""
        middles = [0.0] * len(self.sizes)
        for layer in layers:
            self._settle(layer, [0.0] * len(layer), [1.0] * len(layer), middles)
        sweeps = self.sweeps(_PLACE_SWEEPS)
        for sweep in range(sweeps):
            last = sweep == sweeps - 1
            for layer in layers if sweep % 2 == 0 else layers[::-1]:
                wishes, weights = [], []
                for vertex in layer:
                    near = (self.above if sweep % 2 == 0 else self.below)[vertex]
                    near = self.above[vertex] + self.below[vertex] if last or not near else near
                    pulls = [self._pull(vertex, other) for other in near] or [1.0]
                    heights = [middles[other] for other in near] or [middles[vertex]]
                    wishes.append(sum(p * y for p, y in zip(pulls, heights, strict=True)) / sum(pulls))
                    weights.append(sum(pulls))
                self._settle(layer, wishes, weights, middles)
        return middles

    def _pull(self, one: int, two: int) -> float:
        """How strongly a link wants to be straight: most between dummies (the numbers are those of Gansner et al.)."""
        return (1.0, 2.0, 8.0)[(one >= self.boxes) + (two >= self.boxes)]

    def _settle(
        self, layer: Sequence[int], wishes: Sequence[float], weights: Sequence[float], middles: list[float]
    ) -> None:
        """Move a layer as near to its wishes as its order and gaps allow, by least squares.

        With the gaps taken off, that is isotonic regression, solved by pooling adjacent violators (Ayer et al., 1955).
        """
        offsets, reach = [], 0.0
        for index, vertex in enumerate(layer):
            if index:
                before = layer[index - 1]
                gap = BOX_GAP if before < self.boxes and vertex < self.boxes else LINE_GAP / 2
                reach += (self.sizes[before][1] + self.sizes[vertex][1]) / 2 + gap
            offsets.append(reach)
        pools: list[tuple[float, float, int]] = []  # mean, weight, members
        for wish, offset, weight in zip(wishes, offsets, weights, strict=True):
            mean, total, members = wish - offset, weight, 1
            while pools and pools[-1][0] > mean:
                other, other_total, other_members = pools.pop()
                mean = (mean * total + other * other_total) / (total + other_total)
                total, members = total + other_total, members + other_members
            pools.append((mean, total, members))
        settled = [mean for mean, _, members in pools for _ in range(members)]
        for vertex, place, offset in zip(layer, settled, offsets, strict=True):
            middles[vertex] = place + offset

    def _read_off(
        self, layers: Sequence[Sequence[int]], middles: list[float], chains: Sequence[Sequence[int]]
    ) -> Layout:
        """Step 6: boxes to corners, chains to lines; lines that share a side of a box get each a place on it."""
        top = min(middle - self.sizes[vertex][1] / 2 for vertex, middle in enumerate(middles))
        middles = [middle - top for middle in middles]
        spans: dict[int, tuple[float, float]] = {}
        left = 0.0
        for layer in layers:
            wide = max(self.sizes[vertex][0] for vertex in layer)
            spans |= {vertex: (left, left + (self.sizes[vertex][0] or wide)) for vertex in layer}
            left += wide + LAYER_GAP
        out = self._ports(chains, middles, side=0)
        into = self._ports(chains, middles, side=-1)
        routes: dict[Arc, tuple[Point, ...]] = {}
        for index, (chain, (tail, head)) in enumerate(zip(chains, self.arcs, strict=True)):
            line = [(spans[chain[0]][1], out[index])]
            line += [(x, middles[vertex]) for vertex in chain[1:-1] for x in spans[vertex]]
            line.append((spans[chain[-1]][0], into[index]))
            routes[self.names[tail], self.names[head]] = tuple(line if chain[0] == tail else line[::-1])
        boxes = range(self.boxes)
        corners = {self.names[v]: (spans[v][0], middles[v] - self.sizes[v][1] / 2) for v in boxes}
        height = max(middle + self.sizes[vertex][1] / 2 for vertex, middle in enumerate(middles))
        return Layout(left - LAYER_GAP, height, corners, routes)

    def _ports(self, chains: Sequence[Sequence[int]], middles: Sequence[float], *, side: int) -> list[float]:
        """Return for each chain the height at which it leaves (`side` 0) or meets (-1) its box."""
        sharing: dict[int, list[int]] = {}
        for index, chain in enumerate(chains):
            sharing.setdefault(chain[side], []).append(index)
        ports = [0.0] * len(chains)
        for box, sharers in sharing.items():
            sharers.sort(key=lambda index: middles[chains[index][1 if side == 0 else -2]])
            high = self.sizes[box][1]
            for place, index in enumerate(sharers, 1):
                ports[index] = middles[box] - high / 2 + high * place / (len(sharers) + 1)
        return ports


def _without_cycles(count: int, arcs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Step 1: return the arcs, those turned around that lead a depth-first walk back onto its own trail."""
    heads: list[list[int]] = [[] for _ in range(count)]
    for tail, head in arcs:
        heads[tail].append(head)
    entered = {head for _, head in arcs}
    fresh, on_trail, done = 0, 1, 2
    state = [fresh] * count
    back: set[tuple[int, int]] = set()
    for start in sorted(range(count), key=lambda vertex: vertex in entered):
        if state[start] != fresh:
            continue
        state[start] = on_trail
        trail: list[tuple[int, Iterator[int]]] = [(start, iter(heads[start]))]
        while trail:
            vertex, rest = trail[-1]
            head = next(rest, -1)
            if head < 0:
                state[vertex] = done
                trail.pop()
            elif state[head] == on_trail:
                back.add((vertex, head))
            elif state[head] == fresh:
                state[head] = on_trail
                trail.append((head, iter(heads[head])))
    return [(head, tail) if (tail, head) in back else (tail, head) for tail, head in arcs]


def _layers(count: int, arcs: Sequence[tuple[int, int]]) -> list[int]:
    """Step 2: return each vertex's layer; those with more arcs out than in then move up to their nearest head."""
    heads: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for tail, head in arcs:
        heads[tail].append(head)
        waiting[head] += 1
    entering = list(waiting)
    layer = [0] * count
    queue = deque(vertex for vertex in range(count) if not waiting[vertex])
    order = []
    while queue:
        vertex = queue.popleft()
        order.append(vertex)
        for head in heads[vertex]:
            layer[head] = max(layer[head], layer[vertex] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                queue.append(head)
    for vertex in reversed(order):
        if len(heads[vertex]) > entering[vertex]:
            layer[vertex] = min(layer[head] for head in heads[vertex]) - 1
    first = min(layer)
    return [here - first for here in layer]


def _grouped(layer_of: Sequence[int]) -> list[list[int]]:
    layers: list[list[int]] = [[] for _ in range(max(layer_of) + 1)]
    for vertex, layer in enumerate(layer_of):
        layers[layer].append(vertex)
    return layers
