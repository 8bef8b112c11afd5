"""Digests on many workers: threads, processes, a Ray cluster, or any `concurrent.futures.Executor`."""

from __future__ import annotations

from dbom.engine.batching import Batch, batches
from dbom.engine.journal import Journal
from dbom.engine.opening import ENGINES, open_engine
from dbom.engine.order import Child, in_order
from dbom.engine.reduce import Part, ReducedTree, reduce_parts, reduce_tree, tree_digest_of
from dbom.engine.renewing import RenewingExecutor
from dbom.engine.segments import Segment
from dbom.engine.shared import SharedItem
from dbom.engine.subtrees import Subtree, cut, local_parts
from dbom.engine.window import digest_items

__all__ = [
    "ENGINES",
    "Batch",
    "Child",
    "Journal",
    "Part",
    "ReducedTree",
    "RenewingExecutor",
    "Segment",
    "SharedItem",
    "Subtree",
    "batches",
    "cut",
    "digest_items",
    "in_order",
    "local_parts",
    "open_engine",
    "reduce_parts",
    "reduce_tree",
    "tree_digest_of",
]
