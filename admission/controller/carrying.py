"""Evidence for other policies than it was read for, while the stores can't be read.

A policy that changes must not wait for a store: whoever loosens one, or takes one away, may do so because the store is
away. What evidence holds depends on little of a policy (`admission.gathering`): whom it trusts, whose revocations
count, and whose word on inputs does.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from admission.evidence import PolicyEvidence
from admission.requirements.revocation import RevocationRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.evidence import Evidence
    from admission.policy import Policy

__all__ = ["carried_over"]


def carried_over(evidence: Evidence, before: Sequence[Policy], policies: Sequence[Policy]) -> Evidence:
    """Return the evidence that was read for the policies `before` as that of `policies`, as old as it is.

    A policy that reads evidence as none before did has none, and it is incomplete: nothing is verified by it.
    """
    missing = PolicyEvidence(synced_at=evidence.synced_at, is_complete=False)
    found: dict[str, PolicyEvidence] = {}
    for policy in policies:
        same = next((known for known in before if _reads_alike(known, policy)), None)
        found[policy.name] = missing if same is None else evidence.policies.get(same.name, missing)
    key = hashlib.sha256(f"carried\n{evidence.key}\n".encode())
    for name, item in sorted(found.items()):
        key.update(f"{name}\n{item.is_complete}\n".encode())
    return replace(evidence, policies=found, key=key.hexdigest())


def _reads_alike(one: Policy, other: Policy) -> bool:
    return (
        one.authorities == other.authorities
        and one.find(RevocationRule) == other.find(RevocationRule)
        and _builders(one) == _builders(other)
    )


def _builders(policy: Policy) -> tuple[str, ...]:
    return () if policy.ancestors is None else tuple(policy.ancestors.builders)
