"""The Merkle tree of RFC 6962, section 2.1: root, and proof that a leaf is in it. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["inclusion_proof", "leaf_hash", "root_from_proof", "tree_root"]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: sha256 of a zero byte and its data."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes; the sha256 of nothing where there are none."""
    if not leaves:
        return hashlib.sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of the leaf at `index`, from the leaf's sibling upwards.

    Raises `IndexError` where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} in a tree of {len(leaves)}")
    level, path = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _next_level(level), index // 2
    return tuple(path)


def root_from_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an audit path leads to (RFC 9162, section 2.1.3.2).

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


def _next_level(level: list[bytes]) -> list[bytes]:
    # A last node without a sibling moves up as it is: that gives the same tree as splitting at the largest power of 2.
    paired = [_node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return paired + level[len(level) & ~1 :]
