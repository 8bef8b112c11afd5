"""The registry of rules: each thing dbom may find wrong has one id, one explanation and one hint, for good.

A rule's id never changes its meaning and is never given to another rule. The hundreds tell the area: 1 artifacts,
2 documents, 3 attestations, 4 lineage, 5 admission, 6 the gate in a cluster, 9 everyday.
"""

from __future__ import annotations

from dbom.rules import (
    admission,
    artifacts,
    attestations,
    cluster,
    documents,
    everyday,
    journals,
    lineage,
    local,
    oms,
    revocations,
    stores,
)
from dbom.rules.rule import Rule

__all__ = ["Rule", "all_rules", "rule_by_id"]


def all_rules() -> tuple[Rule, ...]:
    """Return every registered rule, ordered by id.

    Raises `ValueError` where two rules share an id: a mistake of ours that a test must meet, never a user.
    """
    gate = (admission, cluster, journals)
    areas = (artifacts, documents, attestations, local, oms, stores, revocations, lineage, *gate, everyday)
    rules = sorted(
        (value for area in areas for value in vars(area).values() if isinstance(value, Rule)), key=lambda r: r.id
    )
    ids = [rule.id for rule in rules]
    if len(set(ids)) != len(ids):
        raise ValueError(f"rule ids given twice: {sorted(i for i in set(ids) if ids.count(i) > 1)}")
    return tuple(rules)


def rule_by_id(rule_id: str) -> Rule | None:
    """Return the rule with this id (`DBOM-101`, in any case), or None where there is none."""
    wanted = rule_id.upper()
    return next((rule for rule in all_rules() if rule.id == wanted), None)
