"""The gate: every way in which it says no, and the only way in which it says verified."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from admission.decision import Decision, Verdict
from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.ancestors import AncestorRule
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.requirements.licenses import LicenseRule, LicenseScope
from admission.review import Review
from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.location import Location
from attest.statement import Statement, Subject
from attest.verified import Rejection, RejectionKind, SignedTime, TimeBasis, VerifiedStatement
from dbom.model import COMPUTED, Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json, JsonObject

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MODEL, DATA, OTHER = (Digest(Kind.TREE, char * 64) for char in "abc")
PIN = "sha256:" + "1" * 64
PLACE = Location("oci://registry.example.com/models/m", PIN)
SIGNER = Identity("signer@example.com", "https://issuer.example.com")


def authority(name: str) -> Authority:
    return Authority(name, (IdentityPattern.exact(f"{name}@example.com", SIGNER.issuer),))


def policy(name: str = "p", **changes: Any) -> Policy:  # noqa: ANN401  the fields of a Policy
    asked = {
        "attestations": demanded(PREDICATE_BOM),
        **{key: changes.pop(key) for key in ("attestations", "ancestors", "licenses") if key in changes},
    }
    values: dict[str, Any] = {
        "mode": Mode.ENFORCE,
        "match": Match(),
        "authorities": (authority("signer"), authority("builder")),
        "locations": (LocationRule("oci://registry.example.com/models/*", ("signer",)),),
        "requirements": tuple(asked.values()),
        "digest": "d" * 64,
    }
    return Policy(name, **{**values, **changes})


def demanded(predicate_type: str) -> AttestationsRule:
    return AttestationsRule((RequiredAttestation(predicate_type, ("signer",)),))


def bundle_of(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def verified(digest: Digest, kind: str, predicate: JsonObject, by: str = "signer") -> VerifiedStatement:
    statement = Statement.build(Subject.of("x", digest), kind, predicate)
    identity = Identity(f"{by}@example.com", SIGNER.issuer)
    bundle = bundle_of(statement.payload, by)
    return VerifiedStatement(
        statement, identity, by, "r" * 64, SignedTime(TimeBasis.NONE), 1, bundle, f"store/{bundle}"
    )


def bom(digest: Digest, *licences: str, by: str = "signer", about: Digest | None = None) -> VerifiedStatement:
    named: list[Json] = [{"license": {"id": item}} for item in licences]
    if len(licences) == 1 and " " in licences[0]:
        named = [{"expression": licences[0]}]
    component: JsonObject = {"type": "data", "name": "x", "licenses": named}
    if about is not None:
        component |= {"hashes": [{"alg": "SHA-256", "content": about.hex}], "mime-type": TREE_MEDIA_TYPE}
    document: JsonObject = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component},
    }
    return verified(digest, PREDICATE_BOM, document, by)


def located(digest: Digest, location: Location = PLACE, by: str = "signer") -> VerifiedStatement:
    return verified(digest, PREDICATE_LOCATION, location.predicate(COMPUTED), by)


def provenance(child: Digest, *parents: Digest | str, by: str = "signer") -> VerifiedStatement:
    dependencies: list[Json] = [
        {"name": parent}
        if isinstance(parent, str)
        else {"name": "data", "digest": {"sha256": parent.hex}, "mediaType": TREE_MEDIA_TYPE}
        for parent in parents
    ]
    predicate: JsonObject = {
        "buildDefinition": {
            "buildType": "https://dbom.dev/run/v1",
            "externalParameters": {},
            "resolvedDependencies": dependencies,
        },
        "runDetails": {"builder": {"id": "x"}},
    }
    return verified(child, PREDICATE_PROVENANCE, predicate, by)


def rejected(statement: VerifiedStatement, kind: RejectionKind = RejectionKind.UNTRUSTED) -> Rejection:
    return Rejection(kind, "DBOM-300", "of a reason", "f" * 64, "store/x", statement.statement, SIGNER)


def pod(reference: str = str(PLACE).removeprefix("oci://"), **spec: Json) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "prod"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "volumes": [{"name": "m", "image": {"reference": reference}}],
            **spec,
        },
    }


def decided(
    *results: VerifiedStatement | Rejection,
    policies: Sequence[Policy] = (policy(),),
    review: Review | None = None,
    document: JsonObject | None = None,
) -> Decision:
    question = review or Review.of_object(pod() if document is None else document, where="test")
    evidence = Evidence.of_results(policies, {item.name: results for item in policies})
    return decide(question, policies, evidence, now=NOW)


def briefly(decision: Decision) -> tuple[str, bool, list[str]]:
    return str(decision.verdict), decision.allowed, [reason.rule.id for reason in decision.all_reasons]


def test_a_bound_and_attested_model_is_verified() -> None:
    decision = decided(located(MODEL), bom(MODEL))
    assert briefly(decision) == ("verified", True, [])
    assert [item.digest for item in decision.judgements] == [MODEL]
    assert decision.policies == (("p", "d" * 64),)
    assert decision.at == NOW


def test_nothing_found_is_allowed_and_is_not_verified() -> None:
    decision = decided(document=pod(volumes=None))
    assert briefly(decision) == ("nothing found", True, [])


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((), ("can't tell", ["DBOM-530"])),
        ((bom(MODEL),), ("can't tell", ["DBOM-530"])),
        ((located(MODEL),), ("can't tell", ["DBOM-533"])),
        ((located(MODEL), provenance(MODEL)), ("can't tell", ["DBOM-533"])),
        ((located(MODEL), bom(OTHER)), ("can't tell", ["DBOM-533"])),
        ((located(MODEL), bom(Digest(Kind.FILE, MODEL.hex))), ("can't tell", ["DBOM-533"])),
        ((located(MODEL), bom(MODEL, by="builder")), ("refused", ["DBOM-534"])),
        ((located(MODEL), rejected(bom(MODEL))), ("refused", ["DBOM-534"])),
        ((located(MODEL), rejected(bom(MODEL), RejectionKind.BROKEN)), ("refused", ["DBOM-534"])),
        ((located(MODEL), rejected(bom(MODEL), RejectionKind.UNDECIDED)), ("can't tell", ["DBOM-535"])),
        ((located(MODEL, by="builder"), bom(MODEL)), ("refused", ["DBOM-534"])),
        ((rejected(located(MODEL)), bom(MODEL)), ("refused", ["DBOM-534"])),
        ((rejected(located(MODEL), RejectionKind.UNDECIDED), bom(MODEL)), ("can't tell", ["DBOM-535"])),
        ((located(MODEL), located(OTHER), bom(MODEL), bom(OTHER)), ("refused", ["DBOM-532"])),
        ((located(MODEL, Location(PLACE.base, "sha256:" + "2" * 64)), bom(MODEL)), ("refused", ["DBOM-531"])),
        ((located(MODEL, Location(PLACE.base + "x", PIN)), bom(MODEL)), ("can't tell", ["DBOM-530"])),
    ],
)
def test_what_is_not_bound_or_not_attested_is_denied(
    results: tuple[VerifiedStatement | Rejection, ...], expected: tuple[str, list[str]]
) -> None:
    assert briefly(decided(*results)) == (expected[0], False, expected[1])


def test_a_tampered_pin_names_both_sides() -> None:
    other = "sha256:" + "2" * 64
    decision = decided(located(MODEL, Location(PLACE.base, other)), bom(MODEL))
    (reason,) = decision.all_reasons
    assert (reason.got, reason.expected, reason.path) == (PIN, other, "spec.volumes[0].image.reference")
    assert decision.message.startswith("dbom: refused: spec.volumes[0].image.reference: oci://registry.example.com")


def test_a_binding_by_somebody_who_may_not_bind_does_not_conflict() -> None:
    assert briefly(decided(located(MODEL), located(OTHER, by="builder"), bom(MODEL)))[0] == "verified"


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (pod("registry.example.com/models/m:v1"), "DBOM-521"),
        (pod("registry.example.com/models/m@sha256:1"), "DBOM-520"),
        (pod(f"evil.example.com/models/m@{PIN}"), "DBOM-523"),
        (pod(f"registry.example.com/models/deeper/m@{PIN}"), "DBOM-523"),
        (pod(f"registry.example.com.evil.example/models/m@{PIN}"), "DBOM-523"),
    ],
)
def test_unpinned_opaque_and_uncovered_references_are_refused(document: JsonObject, rule: str) -> None:
    assert briefly(decided(located(MODEL), bom(MODEL), document=document)) == ("refused", False, [rule])


def hub_pod() -> JsonObject:
    document = pod()
    document["spec"] = {"containers": [{"name": "c", "image": "vllm/vllm", "args": ["org/m", "--revision", "9" * 40]}]}
    return document


@pytest.mark.parametrize(("claimed", "expected"), [(True, ("verified", [])), (False, ("refused", ["DBOM-522"]))])
def test_a_claimed_pin_counts_where_the_policy_takes_it(*, claimed: bool, expected: tuple[str, list[str]]) -> None:
    rules = (LocationRule("hf://org/*", ("signer",), allows_claimed=claimed),)
    place = Location("hf://org/m", "9" * 40)
    decision = decided(located(MODEL, place), bom(MODEL), policies=[policy(locations=rules)], document=hub_pod())
    assert (str(decision.verdict), [item.rule.id for item in decision.all_reasons]) == expected


@pytest.mark.parametrize(
    ("mode", "allowed", "warnings"), [(Mode.ENFORCE, False, 0), (Mode.WARN, True, 1), (Mode.AUDIT, True, 0)]
)
def test_only_enforce_denies_and_only_warn_warns(*, mode: Mode, allowed: bool, warnings: int) -> None:
    decision = decided(policies=[policy(mode=mode)])
    assert (decision.allowed, len(decision.warnings), str(decision.verdict)) == (allowed, warnings, "can't tell")


def test_all_matching_policies_must_pass_and_the_strictest_mode_wins() -> None:
    strict = policy("strict", attestations=demanded(PREDICATE_PROVENANCE), mode=Mode.AUDIT)
    decision = decided(located(MODEL), bom(MODEL), policies=[strict, policy("p", mode=Mode.ENFORCE)])
    assert briefly(decision) == ("can't tell", False, ["DBOM-533"])
    assert decision.mode is Mode.ENFORCE


def test_what_two_policies_say_alike_is_told_once_and_recorded_of_each() -> None:
    """As where a roll-out adds one that enforces to one that watches."""
    found = decided(policies=[policy("watching", mode=Mode.AUDIT), policy("enforcing")])
    said = [str(reason) for reason in found.all_reasons]
    assert (2, 1) == (len(said), found.message.count(said[0]))
    assert ["watching", "enforcing"] == [reason.policy for reason in found.all_reasons]


def test_a_policy_for_other_namespaces_is_not_asked() -> None:
    elsewhere = policy("elsewhere", match=Match(("dev-*",)), attestations=demanded("x"))
    assert briefly(decided(located(MODEL), bom(MODEL), policies=[elsewhere, policy()]))[0] == "verified"


def test_without_a_policy_nothing_is_judged_and_nothing_verified() -> None:
    decision = decided(located(MODEL), bom(MODEL), policies=[policy(match=Match(("dev",)))])
    assert briefly(decision) == ("can't tell", True, ["DBOM-524"])


def test_a_reference_that_no_policy_speaks_of_is_not_refused_where_nothing_is_enforced() -> None:
    document = pod(f"elsewhere.example.com/m@{PIN}")
    decision = decided(policies=[policy(mode=Mode.WARN)], document=document)
    assert briefly(decision) == ("can't tell", True, ["DBOM-523"])


@pytest.mark.parametrize(
    ("licences", "rule", "expected"),
    [
        (["MIT"], LicenseRule(allow=("MIT",)), []),
        (["MIT OR GPL-3.0-only"], LicenseRule(allow=("MIT",), deny=("GPL-3.0-only",)), []),
        (["MIT AND GPL-3.0-only"], LicenseRule(allow=("MIT",)), ["DBOM-540"]),
        (["GPL-3.0-only"], LicenseRule(deny=("GPL-3.0-only",)), ["DBOM-540"]),
        (["MIT", "GPL-3.0-only"], LicenseRule(allow=("MIT",)), ["DBOM-540"]),
        (["MIT"], LicenseRule(deny=("GPL-3.0-only",)), []),
        ([], LicenseRule(allow=("MIT",)), ["DBOM-541"]),
        (["NOASSERTION OR Zlib"], LicenseRule(deny=("MIT",)), []),
        (["NOASSERTION AND Zlib"], LicenseRule(deny=("MIT",)), ["DBOM-541"]),
        ([], LicenseRule(allow=("MIT",), allows_unknown=True), []),
    ],
)
def test_licences(licences: list[str], rule: LicenseRule, expected: list[str]) -> None:
    decision = decided(located(MODEL), bom(MODEL, *licences), policies=[policy(licenses=rule)])
    assert [item.rule.id for item in decision.all_reasons] == expected


def test_every_accepted_bom_counts_so_that_another_one_never_loosens() -> None:
    rule = LicenseRule(allow=("MIT",))
    decision = decided(located(MODEL), bom(MODEL, "MIT"), bom(MODEL, "GPL-3.0-only"), policies=[policy(licenses=rule)])
    assert briefly(decision) == ("refused", False, ["DBOM-540"])


def test_a_bom_about_other_bytes_says_nothing_of_the_licence() -> None:
    decision = decided(
        located(MODEL), bom(MODEL, "MIT", about=DATA), policies=[policy(licenses=LicenseRule(allow=("MIT",)))]
    )
    assert briefly(decision) == ("can't tell", False, ["DBOM-533", "DBOM-541"])


def test_a_bom_by_somebody_else_says_nothing_of_the_licence() -> None:
    rule = LicenseRule(allow=("MIT",))
    decision = decided(located(MODEL), bom(MODEL), bom(MODEL, "MIT", by="builder"), policies=[policy(licenses=rule)])
    assert briefly(decision) == ("can't tell", False, ["DBOM-541"])


def test_the_licence_of_an_ancestor_counts_unless_the_policy_looks_at_the_artifact_alone() -> None:
    results = (located(MODEL), bom(MODEL, "MIT"), provenance(MODEL, DATA), bom(DATA, "GPL-3.0-only"))
    deep = LicenseRule(allow=("MIT",))
    shallow = LicenseRule(allow=("MIT",), scope=LicenseScope.ARTIFACT)
    assert briefly(decided(*results, policies=[policy(licenses=deep)])) == ("refused", False, ["DBOM-540"])
    assert briefly(decided(*results, policies=[policy(licenses=shallow)])) == ("verified", True, [])


ANCESTORS = AncestorRule(("signer",), ("signer",))


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ((provenance(MODEL, DATA), bom(DATA)), []),
        ((provenance(MODEL, DATA), provenance(DATA, OTHER), bom(DATA), bom(OTHER)), []),
        ((provenance(MODEL, DATA),), ["DBOM-545"]),
        ((provenance(MODEL, DATA), bom(DATA), provenance(DATA, OTHER)), ["DBOM-545"]),
        ((provenance(MODEL, DATA), located(DATA, Location("oci://x.example/d", PIN))), ["DBOM-545"]),
        ((provenance(MODEL, DATA), bom(DATA, by="builder")), ["DBOM-534"]),
        ((provenance(MODEL, DATA), rejected(bom(DATA))), ["DBOM-534"]),
        ((provenance(MODEL, DATA), rejected(bom(DATA), RejectionKind.UNDECIDED)), ["DBOM-535"]),
        ((provenance(MODEL, DATA, "a name"), bom(DATA)), ["DBOM-546"]),
        ((), ["DBOM-547"]),
        ((provenance(MODEL),), ["DBOM-547"]),
        ((provenance(MODEL, DATA, by="builder"), bom(DATA)), ["DBOM-547"]),
        ((rejected(provenance(MODEL, DATA)), bom(DATA)), ["DBOM-547"]),
    ],
)
def test_ancestors_must_be_signed(results: tuple[VerifiedStatement | Rejection, ...], expected: list[str]) -> None:
    decision = decided(located(MODEL), bom(MODEL), *results, policies=[policy(ancestors=ANCESTORS)])
    assert [item.rule.id for item in decision.all_reasons] == expected
    assert decision.allowed is not bool(expected)


def test_no_inputs_may_be_allowed() -> None:
    rule = AncestorRule(("signer",), ("signer",), allows_no_inputs=True)
    assert briefly(decided(located(MODEL), bom(MODEL), policies=[policy(ancestors=rule)]))[0] == "verified"


def test_ancestors_may_have_to_show_a_certain_statement() -> None:
    rule = AncestorRule(("signer",), ("signer",), (RequiredAttestation(PREDICATE_PROVENANCE, ("signer",)),))
    results = (located(MODEL), bom(MODEL), provenance(MODEL, DATA), bom(DATA))
    decision = decided(*results, policies=[policy(ancestors=rule)])
    assert briefly(decision) == ("can't tell", False, ["DBOM-545"])
    assert "no provenance statement about the ancestor x tree:sha256:bbb" in decision.message


def test_a_lineage_that_is_too_large_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    from lineage.query import ancestors

    monkeypatch.setattr(
        "admission.requirements.ancestry.ancestors", lambda graph, digest: ancestors(graph, digest, limit=1)
    )
    results = (located(MODEL), bom(MODEL), provenance(MODEL, DATA), bom(DATA))
    assert briefly(decided(*results, policies=[policy(ancestors=ANCESTORS)])) == ("can't tell", False, ["DBOM-548"])


def updated(old: JsonObject, new: JsonObject) -> Review:
    return Review.of_change(("", "Pod", "prod"), "UPDATE", new, old)


def test_an_update_that_loads_the_same_is_allowed_as_unchanged() -> None:
    old = pod()
    labelled: Json = {"name": "p", "labels": {"a": "b"}, "annotations": {"deployment.kubernetes.io/revision": "2"}}
    new: JsonObject = {**pod(), "metadata": labelled, "status": {"phase": "Running"}}
    assert briefly(decided(review=updated(old, new))) == ("unchanged", True, [])


@pytest.mark.parametrize(
    "new",
    [
        pod(f"registry.example.com/models/m@sha256:{'2' * 64}"),
        pod(containers=[{"name": "c", "image": "other"}]),
        pod(initContainers=[{"name": "d", "image": "i"}]),
        pod(containers=[{"name": "c", "image": "i", "lifecycle": {"postStart": {"exec": {"command": ["a"]}}}}]),
        {**pod(), "metadata": {"annotations": {"dbom.dev/model": "org/m"}}},
    ],
)
def test_an_update_that_changes_what_is_loaded_is_judged(new: JsonObject) -> None:
    assert decided(review=updated(pod(), new)).allowed is False


def test_an_update_from_a_malformed_object_is_judged() -> None:
    assert decided(review=updated({"spec": {"containers": 3}}, pod())).verdict is Verdict.CANT_TELL


def test_an_object_that_can_not_be_read_still_loses_its_finalizers() -> None:
    """It was there before the gate; refused, it could never be deleted."""
    named = ("serving.kserve.io", "InferenceService", "prod")
    before: JsonObject = {"metadata": {"finalizers": ["x"]}, "spec": {"predictor": {"containers": 3}}}
    after: JsonObject = {**before, "metadata": {}}
    assert "refused" == decided(review=Review.of_change(named, "CREATE", after)).verdict
    assert ("unchanged", True, []) == briefly(decided(review=Review.of_change(named, "UPDATE", after, before)))
    other: JsonObject = {"spec": {"predictor": {"containers": 4}}}
    assert ("refused", False) == briefly(decided(review=Review.of_change(named, "UPDATE", other, before)))[:2]


@pytest.mark.parametrize(
    ("review", "expected"),
    [
        (Review.of_change(("", "ConfigMap", "prod"), "CREATE", {}), ("nothing found", True, [])),
        (Review.of_change(("", "Pod", "prod"), "DELETE", None, {}), ("nothing found", True, [])),
        (Review.of_change(("", "Pod", "prod"), "CONNECT", None), ("nothing found", True, [])),
        (Review.of_change(("example.com", "Widget", "prod"), "CREATE", {}), ("can't tell", False, ["DBOM-512"])),
        (Review.of_change(("example.com", "Pod", "prod"), "CREATE", pod()), ("can't tell", False, ["DBOM-512"])),
        (Review.of_change(("", "Pod", "prod"), "CREATE", {"spec": {}}), ("refused", False, ["DBOM-510"])),
    ],
)
def test_other_kinds_and_operations(review: Review, expected: tuple[str, bool, list[str]]) -> None:
    assert briefly(decided(review=review)) == expected


@pytest.mark.parametrize(("mode", "allowed"), [(Mode.ENFORCE, False), (Mode.WARN, False), (Mode.AUDIT, True)])
def test_a_failure_of_the_gate_itself_is_never_a_yes(
    monkeypatch: pytest.MonkeyPatch, *, mode: Mode, allowed: bool
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("admission.gate.find_references", fails)
    decision = decided(policies=[policy(mode=mode)])
    assert briefly(decision) == ("can't tell", allowed, ["DBOM-999"])


def test_the_decision_as_json_names_everything_it_was_made_from() -> None:
    document = decided().to_json()
    assert document["at"] == "2026-01-02T00:00:00Z"
    assert document["policies"] == {"p": "d" * 64}
    assert document["mode"] == "enforce"
    assert document["references"] == [
        {
            "verdict": "can't tell",
            "role": "image volume",
            "path": "spec.volumes[0].image.reference",
            "reference": str(PLACE).removeprefix("oci://"),
            "pinning": "enforced",
            "location": str(PLACE),
            "reasons": [
                {
                    "rule": "DBOM-530",
                    "verdict": "can't tell",
                    "message": f"nothing is known of {PLACE}",
                    "path": "spec.volumes[0].image.reference",
                    "policy": "p",
                }
            ],
        }
    ]
