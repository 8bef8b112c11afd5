"""What accepted statements say of a case's artifact: its BOMs and its provenance, as facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.facts import BomFacts
from admission.requirements.ancestors import AncestorRule
from admission.requirements.ancestry import ancestry
from admission.requirements.attestations import AttestationsRule
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Collection

    from admission.attested import Attested
    from admission.requirements.requirement import Case

__all__ = ["accepted", "authorities_for", "boms_about", "with_ancestors"]


def authorities_for(case: Case, predicate_type: str) -> Collection[str]:
    """Return whose statements of a type count for the case's artifact.

    Those that the policy's attestations name for the type; of an ancestor, those that may attest ancestors; all
    authorities of the policy, where it names none.
    """
    if case.whose:
        rule = case.policy.find(AncestorRule)
        return {item.name for item in case.policy.authorities} if rule is None else rule.authorities
    named = case.policy.find(AttestationsRule)
    found = named.authorities_for(predicate_type) if named is not None else frozenset[str]()
    return found or {item.name for item in case.policy.authorities}


def accepted(case: Case, predicate_type: str, names: Collection[str] = ()) -> list[Attested]:
    """Return the statements of a type about the case's artifact by these authorities; by those that count, if none."""
    wanted = names or authorities_for(case, predicate_type)
    return [item for item in case.evidence.about(case.digest, predicate_type) if item.authority in wanted]


def boms_about(case: Case) -> list[BomFacts]:
    """Return what the accepted BOMs say that are about the case's artifact."""
    facts = [item.facts for item in accepted(case, PREDICATE_BOM)]
    return [item for item in facts if isinstance(item, BomFacts) and item.is_about(case.digest)]


def with_ancestors(case: Case) -> tuple[Case, ...]:
    """Return the case itself, then those of its ancestors along verified edges."""
    return (case, *ancestry(case).cases)
