"""Laws of requirements, over made-up worlds of three artifacts, really signed.

What evidence says against a model (a licence, a level, a parent, a revocation) is lost with it: whoever can hold that
back loosens, which is why revocations have heads. What evidence says *for* it isn't gained by losing any.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from judging import BASE, DATA, MODEL, RAW, World, bom, located, made_statement, provenance, read, stated

from admission.requirements.age import AgeRule
from admission.requirements.ancestors import AncestorRule
from admission.requirements.attestations import AttestationsRule
from admission.requirements.denied import DeniedRule
from admission.requirements.formats import FormatRule
from admission.requirements.licenses import LicenseRule
from admission.requirements.lineage import LineageRule
from admission.requirements.provenance import ProvenanceRule
from admission.requirements.residency import ResidencyRule
from admission.requirements.revocation import RevocationRule
from admission.requirements.rules import PolicyRules
from admission.requirements.sensitivity import SensitivityRule
from attest.location import Location
from attest.revocation.status import NO_REVOCATIONS
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from admission.requirements.requirement import Requirement

FILES = [("dbom:files", "1"), ("dbom:format:safetensors", "1")]
REQUIREMENTS: dict[str, Requirement] = {
    "attestations": read(AttestationsRule, [{"predicateType": PREDICATE_BOM, "authorities": ["signer"]}]),
    "ancestors": read(AncestorRule, {"signed": True}),
    "licenses": read(LicenseRule, {"allow": ["MIT"]}),
    "lineage": read(LineageRule, {"minDepth": 1, "maxDepth": 3, "builders": ["builder"], "verified": True}),
    "denied": read(DeniedRule, {"digests": [str(BASE)]}),
    "sensitivity": read(SensitivityRule, {"allow": ["public"]}),
    "residency": read(ResidencyRule, {"allow": ["s3://eu/**"]}),
    "formats": read(FormatRule, {"codeExecuting": "deny"}),
    "provenance": read(ProvenanceRule, {"builders": ["https://dbom.dev/run/v1/local"]}),
    "age": read(AgeRule, [{"predicateType": PREDICATE_BOM, "notOlderThan": "30d"}]),
    "revocation": read(RevocationRule, {"revokers": [{"authority": "other"}]}),
    "rules": read(PolicyRules, [{"name": "r", "expression": 'ancestors.all(a, "MIT" in a.licenses)'}]),
}
"""One of each kind, such that the good evidence below satisfies all."""

GOOD = {
    "located": located(MODEL),
    "bom of m": bom(MODEL, "MIT", what="model", levels=["public"], properties=FILES),
    "made bom of m": made_statement(stated(MODEL, "MIT", what="model", levels=["public"], properties=FILES)),
    "provenance of m": provenance(MODEL, DATA),
    "bom of d": bom(DATA, "MIT", levels=["public"]),
    "place of d": located(DATA, Location("s3://eu/d", "1")),
    "provenance of d": provenance(DATA, RAW, relation="derived-from"),
    "bom of raw": bom(RAW, "MIT", levels=["public"]),
    "place of raw": located(RAW, Location("s3://eu/raw", "1")),
}
BAD = {
    "another licence": bom(DATA, "GPL-3.0-only", levels=["public"]),
    "another level": bom(RAW, "MIT", levels=["secret"]),
    "another place": located(RAW, Location("s3://us/raw", "1")),
    "a denied parent": provenance(RAW, BASE),
    "a parent without digest": provenance(DATA, "a name"),
    "a pickle": bom(MODEL, "MIT", what="model", properties=[("dbom:files", "1"), ("dbom:format:pickle", "1")]),
    "a stranger's bom": bom(DATA, "MIT", by="nobody"),
    "a stranger's parent": provenance(MODEL, BASE, by="nobody"),
    "a bom of other content": bom(MODEL, "MIT", about=RAW),
}
EDGES = {
    f"{child} from {parent}": provenance(child, parent)
    for child in (MODEL, DATA, RAW)
    for parent in (DATA, RAW, BASE)
    if child != parent
}
SPREADING = ("licenses", "sensitivity", "residency", "denied", "ancestors", "rules", "revocation")

requirements = st.sets(st.sampled_from(sorted(REQUIREMENTS)), min_size=1)
bad = st.sets(st.sampled_from(sorted(BAD)), max_size=2)
evidence = st.builds(
    lambda left_out, added: (set(GOOD) - left_out) | added, st.sets(st.sampled_from(sorted(GOOD)), max_size=3), bad
)
edges = st.sets(st.sampled_from(sorted(EDGES)), max_size=4)


@cache
def is_yes(asked: frozenset[str], known: frozenset[str]) -> bool:
    everything = GOOD | BAD | EDGES
    bundles = tuple(everything[name] for name in sorted(known))
    return World(bundles, tuple(REQUIREMENTS[name] for name in sorted(asked))).judged(revocations=NO_REVOCATIONS) == []


def test_good_evidence_satisfies_every_requirement() -> None:
    for name in REQUIREMENTS:
        assert is_yes(frozenset([name]), frozenset(GOOD)), name
    assert is_yes(frozenset(REQUIREMENTS), frozenset(GOOD))


@settings(max_examples=60, deadline=None)
@given(requirements, evidence, st.sampled_from(sorted(REQUIREMENTS)))
def test_adding_a_requirement_never_turns_a_no_into_a_yes(asked: set[str], known: set[str], more: str) -> None:
    if not is_yes(frozenset(asked), frozenset(known)):
        assert not is_yes(frozenset(asked | {more}), frozenset(known))


@settings(max_examples=60, deadline=None)
@given(requirements, st.sets(st.sampled_from(sorted(GOOD)), max_size=3), st.data())
def test_removing_evidence_that_speaks_for_it_never_turns_a_no_into_a_yes(
    asked: set[str], left_out: set[str], data: st.DataObject
) -> None:
    """Where a no is for want of evidence, less evidence leaves it a no; parents are left as they are."""
    known = set(GOOD) - left_out
    parents = {name for name in known if name.startswith("provenance of")}
    left = parents | data.draw(st.sets(st.sampled_from(sorted(known - parents))))
    if not is_yes(frozenset(asked), frozenset(known)):
        assert not is_yes(frozenset(asked), frozenset(left))


@settings(max_examples=60, deadline=None)
@given(requirements, bad, st.sampled_from(sorted(BAD)))
def test_beside_all_that_speaks_for_it_nothing_more_turns_a_no_into_a_yes(
    asked: set[str], against: set[str], more: str
) -> None:
    known = frozenset(GOOD) | against
    if not is_yes(frozenset(asked), known):
        assert not is_yes(frozenset(asked), known | {more})


@settings(max_examples=80, deadline=None)
@given(st.sets(st.sampled_from(SPREADING), min_size=1), evidence, edges, st.sampled_from(sorted(EDGES)))
def test_adding_a_lineage_edge_never_loosens_what_spreads_along_edges(
    asked: set[str], known: set[str], given_edges: set[str], more: str
) -> None:
    """For a model of which it is known that it has parents: that nobody declares any is a no of its own."""
    base = frozenset(known | {"provenance of m"} | given_edges)
    if not is_yes(frozenset(asked), base):
        assert not is_yes(frozenset(asked), base | {more})
