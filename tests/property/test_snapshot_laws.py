"""A snapshot of any evidence gives the decisions that the evidence gives."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from judging import NOW
from snapshot_samples import BUNDLES, POD, evidence_of, source

from admission.gate import decide
from admission.review import Review
from admission.snapshot import pack_snapshot, unpack_snapshot

ASKED = ("licenses", "ancestors", "revocation", "rules")
MODES = ("enforce", "warn", "audit")


@settings(max_examples=60, deadline=None)
@given(
    bundles=st.lists(st.sampled_from(BUNDLES), max_size=len(BUNDLES)),
    asked=st.lists(st.tuples(st.sets(st.sampled_from(ASKED)), st.sampled_from(MODES)), min_size=1, max_size=3),
    days=st.sampled_from([0, 1, 2, 30, 5000]),
)
def test_a_snapshot_decides_as_the_evidence_that_it_was_made_of(
    bundles: list[bytes], asked: list[tuple[set[str], str]], days: int
) -> None:
    sources = [source(f"p{number}", "", *sorted(keys), mode=mode) for number, (keys, mode) in enumerate(asked)]
    policies = [policy for item in sources for policy in item.policies()]
    evidence = evidence_of(sources, bundles)
    packed = pack_snapshot(sources, evidence)
    pieces = {piece.sha256: piece.data for piece in packed.pieces}
    found = unpack_snapshot(packed.manifest(sequence=1, made_at=NOW), pieces.__getitem__, where="x")
    review, now = Review.of_object(POD, where="pod"), NOW + timedelta(days=days)
    expected = decide(review, policies, evidence, now=now)
    read = decide(review, found.policies, found.evidence, now=now)
    assert expected.to_json() == read.to_json()
    assert (expected.until, expected.message, expected.warnings) == (read.until, read.message, read.warnings)
    assert packed == pack_snapshot(sources, evidence_of(sources, bundles))
