"""Evidence for policies that changed while the stores can't be read: what was read for one like it, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judging import MODEL, NOW, bom, located
from snapshot_samples import POD, evidence_of, source

from admission.controller.carrying import carried_over
from admission.gate import decide
from admission.review import Review

if TYPE_CHECKING:
    from admission.decision import Decision
    from admission.policy_sources import PolicySource

BUNDLES = (located(MODEL), bom(MODEL, "Apache-2.0", what="model"))


def decided(before: PolicySource, after: PolicySource) -> Decision:
    """Return the decision on a pod by a policy for which evidence was carried over from another."""
    evidence = carried_over(evidence_of([before], BUNDLES), before.policies(), after.policies())
    return decide(Review.of_object(POD, where="pod"), after.policies(), evidence, now=NOW)


def test_a_policy_that_trusts_the_same_goes_on_whatever_it_asks_or_is_called() -> None:
    assert "verified" == decided(source(), source()).verdict
    assert "verified" == decided(source(), source("renamed")).verdict
    assert "refused" == decided(source(), source("p", "", "licenses")).verdict
    assert "verified" == decided(source("p", "", "licenses"), source()).verdict


def test_a_policy_that_trusts_others_or_asks_for_revocations_has_no_evidence() -> None:
    assert "can't tell" == decided(source(), source("p", "", "revocation")).verdict
    other = source()
    fewer = type(other)(other.data.replace(b'"signer"', b'"somebody"'), other.where, other.files, other.is_object)
    found = decided(source(), fewer)
    assert ("can't tell", False) == (found.verdict, found.allowed)


def test_what_is_carried_over_is_as_old_as_it_was_and_known_apart() -> None:
    evidence = evidence_of([source()], BUNDLES)
    carried = carried_over(evidence, source().policies(), source("q").policies())
    assert (evidence.synced_at, {"q"}) == (carried.synced_at, set(carried.policies))
    assert evidence.key != carried.key
    lost = carried_over(evidence, (), source().policies())
    assert not lost.policies["p"].is_complete
    assert lost.key != carried_over(evidence, source().policies(), source().policies()).key
