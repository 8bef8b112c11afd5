"""`lineage.layout`: where boxes and lines go."""

from __future__ import annotations

from itertools import pairwise

from lineage.layout import LAYER_GAP, lay_out

BOX = (100.0, 40.0)


def boxes(names: str) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(names, BOX)


def test_nothing_is_an_empty_drawing() -> None:
    drawn = lay_out({}, [])
    assert (0.0, 0.0, {}, {}) == (drawn.width, drawn.height, drawn.corners, drawn.routes)


def test_one_box_is_the_whole_drawing() -> None:
    drawn = lay_out(boxes("a"), [])
    assert ((100.0, 40.0), {"a": (0.0, 0.0)}) == ((drawn.width, drawn.height), drawn.corners)


def test_a_chain_runs_straight_from_left_to_right() -> None:
    drawn = lay_out(boxes("abc"), [("a", "b"), ("b", "c")])
    assert {"a": (0.0, 0.0), "b": (100 + LAYER_GAP, 0.0), "c": (200 + 2 * LAYER_GAP, 0.0)} == drawn.corners
    assert ((100.0, 20.0), (100 + LAYER_GAP, 20.0)) == drawn.routes["a", "b"]


def test_a_diamond_has_three_layers_and_lines_of_their_own() -> None:
    drawn = lay_out(boxes("abcd"), [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])
    columns = {name: corner[0] for name, corner in drawn.corners.items()}
    assert columns["a"] < columns["b"] == columns["c"] < columns["d"]
    assert drawn.routes["a", "b"][0] != drawn.routes["a", "c"][0]


def test_lines_that_needn_t_cross_don_t() -> None:
    drawn = lay_out(boxes("abcxyz"), [("a", "z"), ("b", "y"), ("c", "x"), ("a", "y"), ("b", "x")])
    heights = {name: corner[1] for name, corner in drawn.corners.items()}
    assert (heights["a"] < heights["b"] < heights["c"]) == (heights["z"] < heights["y"] < heights["x"])


def test_a_long_line_keeps_clear_of_the_boxes_that_it_passes() -> None:
    drawn = lay_out(boxes("abc"), [("a", "b"), ("b", "c"), ("a", "c")])
    _, y = drawn.corners["b"]
    assert 4 == len(drawn.routes["a", "c"])
    assert all(not y <= height <= y + 40 for _, height in drawn.routes["a", "c"][1:-1])


def test_a_late_parent_stands_near_its_child_and_not_at_the_far_left() -> None:
    drawn = lay_out(boxes("abcx"), [("a", "b"), ("b", "c"), ("x", "c")])
    assert drawn.corners["b"][0] == drawn.corners["x"][0]


def test_a_circle_is_drawn_with_every_arrow_pointing_as_it_was_given() -> None:
    drawn = lay_out(boxes("abc"), [("a", "b"), ("b", "c"), ("c", "a")])
    assert {("a", "b"), ("b", "c"), ("c", "a")} == set(drawn.routes)
    start, end = drawn.routes["c", "a"][0], drawn.routes["c", "a"][-1]
    assert (drawn.corners["c"][0], drawn.corners["a"][0] + 100) == (start[0], end[0])


def test_an_arrow_to_itself_is_left_out() -> None:
    assert {} == lay_out(boxes("a"), [("a", "a")]).routes


def test_parts_that_are_not_connected_stand_side_by_side_and_below() -> None:
    drawn = lay_out(boxes("abcdefghij"), [("a", "b")])
    assert 10 == len(set(drawn.corners.values()))
    assert len({x for x, _ in drawn.corners.values()}) > 1
    assert len({y for _, y in drawn.corners.values()}) > 1


def test_hundreds_of_layers_of_long_lines_are_drawn() -> None:
    names = [f"n{number}" for number in range(200)]
    arcs = [*pairwise(names), *((names[0], name) for name in names[2:])]
    drawn = lay_out(dict.fromkeys(names, BOX), arcs)
    assert (200, len(arcs)) == (len(drawn.corners), len(drawn.routes))
