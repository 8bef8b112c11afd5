"""Where a log's tree stands in its file: a record for each entry, found by arithmetic. Pure.

The record of entry i is where the entry ends in `entries` (8 bytes, big-endian), its leaf hash (32 bytes), and the
roots of the subtrees that the leaf completes, from the lowest upwards (32 bytes each): as many as i has ones at the end
of its binary form. So the file only grows, and each complete subtree stands in it once.
"""

from __future__ import annotations

from typing import Final

__all__ = ["END_BYTES", "HASH_BYTES", "node_offset", "record_offset", "record_size"]

END_BYTES: Final = 8
"""The size of the number at the start of a record."""

HASH_BYTES: Final = 32
"""The size of each hash in a record."""


def record_offset(index: int) -> int:
    """Return where the record of the entry at `index` begins; with a log's size, where its tree ends."""
    return END_BYTES * index + HASH_BYTES * (2 * index - index.bit_count())


def record_size(index: int) -> int:
    """Return the size of the record of the entry at `index`."""
    return record_offset(index + 1) - record_offset(index)


def node_offset(level: int, index: int) -> int:
    """Return where the root of the complete subtree `index` of 2^`level` leaves stands."""
    completing = ((index + 1) << level) - 1
    return record_offset(completing) + END_BYTES + HASH_BYTES * level
