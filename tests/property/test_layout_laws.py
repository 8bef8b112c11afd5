"""Laws of a layered drawing, for any graph."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from lineage.layout import lay_out

NAMES = st.sampled_from("abcdefghijkl")
ARCS = st.lists(st.tuples(NAMES, NAMES), max_size=30)
BOX = (80.0, 30.0)


@given(ARCS)
def test_boxes_never_overlap_and_every_arrow_ends_at_its_boxes(arcs: list[tuple[str, str]]) -> None:
    drawn = lay_out(dict.fromkeys("abcdefghijkl", BOX), arcs)
    for (one, (x, y)), (two, (to_x, to_y)) in combinations(drawn.corners.items(), 2):
        assert abs(x - to_x) >= 80 - 1e-6 or abs(y - to_y) >= 30 - 1e-6, (one, two)
    for (tail, head), line in drawn.routes.items():
        for name, (x, y) in ((tail, line[0]), (head, line[-1])):
            left, top = drawn.corners[name]
            assert x in (left, left + 80)
            assert top < y < top + 30
    assert {arc for arc in arcs if arc[0] != arc[1]} == set(drawn.routes)


@given(ARCS)
def test_everything_lies_within_the_drawing(arcs: list[tuple[str, str]]) -> None:
    drawn = lay_out(dict.fromkeys("abcdefghijkl", BOX), arcs)
    points = [*drawn.corners.values(), *(point for line in drawn.routes.values() for point in line)]
    assert all(-1e-6 <= x <= drawn.width + 1e-6 and -1e-6 <= y <= drawn.height + 1e-6 for x, y in points)


@given(ARCS, st.randoms(use_true_random=False))
def test_the_order_of_the_arrows_makes_no_difference(arcs: list[tuple[str, str]], random: object) -> None:
    shuffled = list(arcs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis hands out a random.Random
    sizes = dict.fromkeys("abcdefghijkl", BOX)
    assert lay_out(sizes, arcs) == lay_out(sizes, shuffled)
