"""The evidence that the gate has at hand: from stores that anybody may have written to, bounded, and for a time."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from evidence import BOM, authority_of, clock, local_sigstore

from admission import syncing
from admission.decision import Verdict
from admission.gate import decide
from admission.gathering import gather, keep
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.requirements.freshness import FreshnessRule
from admission.requirements.revocation import RevocationRule
from admission.review import Review
from admission.syncing import Limits, load_evidence, sync_evidence
from attest.location import Location
from attest.revocation.head import SeenHead
from attest.revocation.revokers import Scope
from attest.revocation.status import Revocations
from attest.statement import Statement, Subject
from attest.stores.store import open_store
from attest.verified import Rejection, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.model import COMPUTED, Digest, Kind, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION

if TYPE_CHECKING:
    from pathlib import Path

    from attest.local import LocalSigstore
    from attest.stores.store import Store
    from dbom.canonical import JsonObject

NOW = clock() + timedelta(hours=1)  # later than whatever a long run of tests signs
MODEL = Digest(Kind.FILE, "a" * 64)
PIN = "sha256:" + "1" * 64
PLACE = Location("oci://registry.example.com/m", PIN)
POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {},
    "spec": {
        "containers": [{"image": "i"}],
        "volumes": [{"name": "m", "image": {"reference": f"registry.example.com/m@{PIN}"}}],
    },
}


class Site:
    """A signer, a store with a bound and described model, and a policy that asks for just that."""

    def __init__(self, folder: Path, *more: Statement) -> None:
        self.local: LocalSigstore = local_sigstore(folder / "home")
        self.authority = authority_of(self.local)
        self.store: Store = open_store(str(folder / "store"))
        required = AttestationsRule((RequiredAttestation(PREDICATE_BOM, ("local",)),))
        rules = (LocationRule("oci://**", ("local",)),)
        self.policy = Policy("p", Mode.ENFORCE, Match(), (self.authority,), rules, (required,), "d" * 64)
        self.add(Statement.build(Subject.of("m", MODEL), PREDICATE_LOCATION, PLACE.predicate(COMPUTED)))
        self.add(Statement.build(Subject.of("m", MODEL), PREDICATE_BOM, BOM))
        for item in more:
            self.add(item)

    def add(self, statement: Statement) -> bytes:
        """Sign a statement and put it into the store."""
        raw = self.local.signer(now=clock).sign(statement)
        self.store.add(raw, statement)
        return raw

    def asking(self, *more: FreshnessRule | RevocationRule) -> Policy:
        """Return the policy with more requirements."""
        return replace(self.policy, requirements=(*self.policy.requirements, *more))


def judged(policy: Policy, site: Site, limits: Limits = syncing.DEFAULT_LIMITS) -> tuple[Verdict, list[str]]:
    evidence = load_evidence([site.store], [policy], clock(), limits=limits)
    decision = decide(Review.of_object(POD, where="test"), [policy], evidence, now=clock())
    return decision.verdict, [reason.rule.id for reason in decision.all_reasons]


def test_an_entry_that_cannot_be_read_is_a_finding_and_spoils_no_store(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bom-0000000000000000.sigstore.json")
    (tmp_path / "bom-1111111111111111.sigstore.json").write_bytes(b"{}")
    evidence = load_evidence([open_store(str(tmp_path))], [], NOW)
    assert 1 == evidence.read
    assert ["undecided: not read: is not a regular file"] == [finding.message for finding in evidence.findings]


def test_without_a_policy_nothing_counts(tmp_path: Path) -> None:
    evidence = load_evidence([open_store(str(tmp_path))], [], NOW)
    assert ({}, 0, ()) == (dict(evidence.policies), evidence.read, evidence.findings)


def test_what_a_real_signer_signed_is_found_and_its_predicate_is_kept(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert (Verdict.VERIFIED, []) == judged(site.policy, site)
    evidence = load_evidence([site.store], [site.policy], NOW)
    (bom,) = evidence.of(site.policy).about(MODEL, PREDICATE_BOM)
    assert BOM == bom.predicate()
    assert (NOW, 2) == (evidence.synced_at, evidence.read)


@pytest.mark.parametrize("limits", [Limits(statements=1), Limits(packed_bytes=100)])
def test_at_a_limit_nothing_is_verified_and_that_is_said(tmp_path: Path, limits: Limits) -> None:
    """What was left out could be a statement that says no."""
    site = Site(tmp_path)
    verdict, rules = judged(site.policy, site, limits)
    assert Verdict.CANT_TELL is verdict
    assert "DBOM-581" in rules
    evidence = load_evidence([site.store], [site.policy], clock(), limits=limits)
    assert ["DBOM-581"] == [finding.rule for finding in evidence.findings]
    assert "nothing is verified by what was kept" in evidence.findings[0].message


def test_a_flood_of_bundles_by_strangers_is_bounded_and_costs_no_yes(tmp_path: Path) -> None:
    site, stranger = Site(tmp_path), local_sigstore(tmp_path / "stranger")
    for number in range(4):
        statement = Statement.build(Subject.of("x", Digest(Kind.FILE, f"{number:064x}")), PREDICATE_BOM, BOM)
        site.store.add(stranger.signer(now=clock).sign(statement), statement)
    assert (Verdict.VERIFIED, []) == judged(site.policy, site, Limits(rejected=1))
    evidence = load_evidence([site.store], [site.policy], clock(), limits=Limits(rejected=1))
    assert 1 == len(evidence.of(site.policy).rejected)
    assert "3 more bundles count for nothing" in evidence.findings[-1].message


def test_a_bundle_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert (Verdict.CANT_TELL, ["DBOM-530"]) == judged(site.policy, site, Limits(bundle_bytes=100))
    evidence = load_evidence([site.store], [site.policy], clock(), limits=Limits(bundle_bytes=100))
    assert {"DBOM-581"} == {finding.rule for finding in evidence.findings}


def test_what_was_verified_is_not_verified_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, asked = Site(tmp_path), []

    def counted(raw: bytes, *args: object, **options: object) -> VerifiedStatement | Rejection:
        asked.append(raw)
        return verify_bundle(raw, *args, **options)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(syncing, "verify_bundle", counted)
    before = sync_evidence([site.store, site.store], [site.policy, replace(site.policy, name="q")], clock())
    assert 2 == len(asked)
    new = site.add(Statement.build(Subject.of("x", Digest(Kind.FILE, "b" * 64)), PREDICATE_BOM, BOM))
    after = sync_evidence([site.store], [site.policy], clock(), before=before)
    assert asked[2:] == [new]
    assert load_evidence([site.store], [site.policy], NOW).digest == after.evidence.digest
    other = replace(site.authority, name="another")
    sync_evidence([site.store], [replace(site.policy, authorities=(other,))], clock(), before=after)
    assert 3 + 3 + 3 == len(asked)


def lasting(site: Site, until: timedelta) -> list[VerifiedStatement]:
    """Return what is in the store, verified, as what vouches for it lasts."""
    answers = [
        verify_bundle(item.raw, [site.authority], where=item.where, now=clock()) for item in site.store.bundles()
    ]
    return [replace(item, holds_until=NOW + until) for item in answers if isinstance(item, VerifiedStatement)]


def test_what_time_ends_counts_no_more_and_is_not_forgotten(tmp_path: Path) -> None:
    site = Site(tmp_path)
    results = [keep(item) for item in lasting(site, timedelta(hours=1))]
    evidence = gather(site.policy, results, NOW)
    assert NOW + timedelta(hours=1) == evidence.until
    assert evidence is evidence.at(NOW + timedelta(hours=1))
    after = evidence.at(NOW + timedelta(hours=1, seconds=1))
    assert () == after.about(MODEL)
    assert {} == {place: found for place, found in after.bindings.items() if found}
    assert ["DBOM-582", "DBOM-582"] == [item.rule for item in after.rejected[MODEL]]
    assert ["DBOM-582"] == [item.rule for item in after.rejected_places[str(PLACE)]]
    node = after.graph.node(MODEL)
    assert node is not None
    assert () == node.attestations


def test_a_root_that_expires_ends_what_it_vouched_for_to_the_second(tmp_path: Path) -> None:
    """The law of `holds_until`: verifying again gives the same until then, and something else afterwards."""
    site = Site(tmp_path)
    bundle = next(site.store.bundles())
    root = site.authority.root
    assert root is not None
    ended = replace(
        root,
        authorities=tuple(replace(item, window=replace(item.window, end=NOW)) for item in root.authorities),
    )
    authority = replace(site.authority, root=ended)
    first = verify_bundle(bundle.raw, [authority], where="x", now=clock())
    assert isinstance(first, VerifiedStatement)
    assert ended.last_moment == first.holds_until
    assert first.holds_until is not None
    last = verify_bundle(bundle.raw, [authority], where="x", now=first.holds_until)
    later = verify_bundle(bundle.raw, [authority], where="x", now=first.holds_until + timedelta(seconds=1))
    assert (VerifiedStatement, Rejection) == (type(last), type(later))


def test_a_policy_may_bound_how_old_the_copy_of_the_stores_is(tmp_path: Path) -> None:
    site = Site(tmp_path)
    policy = site.asking(FreshnessRule(timedelta(hours=1)))
    evidence = load_evidence([site.store], [policy], NOW)
    found = [
        decide(Review.of_object(POD, where="test"), [policy], evidence, now=NOW + timedelta(minutes=minutes))
        for minutes in (0, 59, 60)
    ]
    assert [Verdict.VERIFIED, Verdict.VERIFIED, Verdict.CANT_TELL] == [item.verdict for item in found]
    assert {NOW + timedelta(hours=1)} == {item.until for item in found}
    assert ["DBOM-580"] == [reason.rule.id for reason in found[-1].all_reasons]
    unsaid = replace(evidence, policies={"p": replace(evidence.policies["p"], synced_at=None)})
    assert Verdict.CANT_TELL is decide(Review.of_object(POD, where="test"), [policy], unsaid, now=NOW).verdict
    assert found[0].to_json()["evidenceReadAt"] == NOW.isoformat().replace("+00:00", "Z")


def test_revocations_are_settled_by_the_policy_s_revokers(tmp_path: Path) -> None:
    site = Site(tmp_path)
    rule = RevocationRule((("local", Scope()),))
    plain = load_evidence([site.store], [site.policy], NOW).of(site.policy)
    asked = load_evidence([site.store], [site.asking(rule)], NOW).of(site.policy)
    assert isinstance(plain.revocations, Unknown)
    assert isinstance(asked.revocations, Revocations)
    assert asked.revocations.doubts  # no head was found
    assert Verdict.CANT_TELL is judged(site.asking(rule), site)[0]
    assert isinstance(gather(site.asking(rule), ()).revocations, Unknown)
    assert {} == gather(site.asking(rule), (), NOW, seen={"x": SeenHead(1, "y")}).statements
