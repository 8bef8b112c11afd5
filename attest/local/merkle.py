"""The Merkle tree of RFC 9162, section 2.1: root, proof that a leaf is in it, proof that it only grew. Pure.

The hashes of complete subtrees come from a function `node(level, index)`: the subtree of 2^level leaves that begins at
leaf index x 2^level. With those at hand, root and proofs take as many steps as the tree has levels.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    NodeSource = Callable[[int, int], bytes]

__all__ = [
    "Frontier",
    "check_consistency",
    "consistency_proof",
    "empty_root",
    "inclusion_proof",
    "leaf_hash",
    "nodes_of",
    "root_from_proof",
    "tree_root",
]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: sha256 of a zero byte and its data."""
    return hashlib.sha256(b"\x00" + data).digest()


def empty_root() -> bytes:
    """Return the root of a tree without leaves: the sha256 of nothing."""
    return hashlib.sha256().digest()


def tree_root(size: int, node: NodeSource) -> bytes:
    """Return the root over the first `size` leaves."""
    return _root(0, size, node) if size else empty_root()


def inclusion_proof(index: int, size: int, node: NodeSource) -> tuple[bytes, ...]:
    """Return the audit path of the leaf at `index` in the tree of `size` leaves, from its sibling upwards (2.1.3.1).

    Raises `IndexError` where there is no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"no leaf {index} in a tree of {size}")
    low, high, path = 0, size, list[bytes]()
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_root(middle, high, node))
            high = middle
        else:
            path.append(_root(low, middle, node))
            low = middle
    return tuple(reversed(path))


def consistency_proof(old: int, new: int, node: NodeSource) -> tuple[bytes, ...]:
    """Return the proof that the tree of `new` leaves begins with the one of `old` leaves (2.1.4.1).

    It is empty where `old` is 0 or `new`. Raises `IndexError` where `old` is not a size that the tree ever had.
    """
    if not 0 <= old <= new:
        raise IndexError(f"a tree of {new} never had {old} leaves")
    low, high, path, whole = 0, new, list[bytes](), True
    while 0 < old < high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_root(middle, high, node))
            high = middle
        else:
            path.append(_root(low, middle, node))
            low, whole = middle, False
    # Who asks knows the root of the whole old tree; a smaller part that the path ends at has to be told.
    if not whole:
        path.append(_root(low, high, node))
    return tuple(reversed(path))


def root_from_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an audit path leads to (2.1.3.2).

    Raises `ValueError` where the path is too short or too long for this index and size.
    """
    position, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the audit path is too long")
        if position % 2 or position == last:
            node = _node_hash(sibling, node)
            while position and not position % 2:
                position, last = position // 2, last // 2
        else:
            node = _node_hash(node, sibling)
        position, last = position // 2, last // 2
    if last:
        raise ValueError("the audit path is too short")
    return node


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether `path` proves that the tree of `new` leaves begins with the one of `old` leaves (2.1.4.2)."""
    if old in (new, 0):
        return not path and (old_root == new_root if old == new else old_root == empty_root())
    if old > new:
        return False
    # 1. A tree of 2^k leaves is a subtree of its own: the path then leaves its root out.
    nodes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    position, last = old - 1, new - 1
    while position % 2:
        position, last = position // 2, last // 2
    if not nodes:
        return False
    first = second = nodes[0]
    # 2. Walk up; what lies left of the old tree's edge belongs to both roots, what lies right of it to the new one.
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            first, second = _node_hash(sibling, first), _node_hash(sibling, second)
            while position and not position % 2:
                position, last = position // 2, last // 2
        else:
            second = _node_hash(second, sibling)
        position, last = position // 2, last // 2
    return last == 0 and (first, second) == (old_root, new_root)


class Frontier:
    """The right edge of a growing tree: the roots of its complete subtrees, all that adding a leaf needs."""

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        self.size = size
        self._edge = list(edge)

    @classmethod
    def of(cls, size: int, node: NodeSource) -> Frontier:
        """Return the edge of the tree of `size` leaves."""
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        return cls(size, [node(level, (size >> level) - 1) for level in levels])

    @property
    def path(self) -> tuple[bytes, ...]:
        """The audit path of the leaf that will be added next."""
        return tuple(reversed(self._edge))

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        if not self._edge:
            return empty_root()
        node = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            node = _node_hash(left, node)
        return node

    def add(self, leaf: bytes) -> tuple[bytes, ...]:
        """Add a leaf hash; return the roots of the subtrees that it completes, from the leaf itself upwards."""
        completed = [leaf]
        count = self.size
        while count & 1:
            completed.append(_node_hash(self._edge.pop(), completed[-1]))
            count >>= 1
        self._edge.append(completed[-1])
        self.size += 1
        return tuple(completed)


def nodes_of(leaves: Sequence[bytes]) -> NodeSource:
    """Return the hashes of the complete subtrees over some leaf hashes, computed anew at each call."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return _node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    """Return the largest power of two that is smaller than `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _root(low: int, high: int, node: NodeSource) -> bytes:
    """Return the root over leaves `low` to `high`, where `low` is a multiple of the next power of two of their number.

    Only the right half can be incomplete, so this takes one step a level.
    """
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(count)
    return _node_hash(_root(low, middle, node), _root(middle, high, node))
