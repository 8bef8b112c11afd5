"""Laws of the engine: order, batches, segments and lost work change nothing about a digest."""

from __future__ import annotations

import random
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from hypothesis import given
from hypothesis import strategies as st
from made_items import MadeItem

from dbom.engine import Child, batches, digest_items, in_order, reduce_tree, tree_digest_of
from dbom.engine.segments import segment_of
from dbom.model import tree_digest
from dbom.pathname import path_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

NAMES = st.text(st.sampled_from("ab-./0é~\U0001f600!"), min_size=1, max_size=4).filter(
    lambda name: "/" not in name and name not in (".", "..", "-")
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
TREES = st.dictionaries(PATHS, st.text("xyz", max_size=3), min_size=1, max_size=30)


class Losing(Executor):
    """Does the work when it is given, and loses some of it, drawn at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  no secret

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it, and say that it was lost."""
        future: Future[T] = Future()
        result = fn(*args, **kwargs)
        if self._random.random() < 0.2:
            future.set_exception(OSError(5, "lost"))
        else:
            future.set_result(result)
        return future


def made(tree: dict[str, str]) -> list[MadeItem]:
    return [MadeItem(path, tree[path]) for path in sorted(tree, key=path_order)]


@given(TREES, st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 5))
def test_order_batches_and_lost_work_do_not_change_the_digest(
    tree: dict[str, str], seed: int, batch_bytes: int, batch_items: int
) -> None:
    items = made(tree)
    expected = tree_digest(tuple(item.digest() for item in items))
    random.Random(seed).shuffle(items)  # noqa: S311  no secret
    found = digest_items(items, Losing(seed), in_flight=3, retries=50, batch_bytes=batch_bytes, batch_items=batch_items)
    assert expected == tree_digest(tuple(found))


@given(TREES, st.integers(1, 9), st.integers(1, 5))
def test_segments_make_the_digest_of_the_tree(tree: dict[str, str], batch_items: int, segment_items: int) -> None:
    items = made(tree)
    parts = list(batches(items, max_items=batch_items))
    random.Random(batch_items).shuffle(parts)  # noqa: S311  no secret
    with ThreadPoolExecutor(2) as executor:
        reduced = reduce_tree(parts, executor, segment_items=segment_items)
    assert tree_digest(tuple(item.digest() for item in items)) == reduced.digest


@given(TREES, st.integers(1, 7))
def test_wherever_a_manifest_is_cut_its_digest_is_the_same(tree: dict[str, str], length: int) -> None:
    entries = [item.digest() for item in made(tree)]
    segments = [segment_of(entries[at : at + length], "") for at in range(0, len(entries), length)]
    assert tree_digest(tuple(entries)) == tree_digest_of(segments)


@given(st.sets(PATHS, min_size=1, max_size=40))
def test_a_walk_in_order_gives_paths_by_their_bytes(paths: set[str]) -> None:
    """Also where one name is a file and a folder, as object stores allow."""

    def children(folder: str) -> Iterator[Child[str, str]]:
        below = [path.removeprefix(folder) for path in paths if path.startswith(folder)]
        for name in {rest.partition("/")[0] for rest in below if "/" in rest}:
            yield Child(name, folder=f"{folder}{name}/")
        for name in (rest for rest in below if "/" not in rest):
            yield Child(name, file=folder + name)

    assert sorted(paths, key=path_order) == [child.file for child in in_order("", children)]
