"""Attacks on what a request means: nothing that a user can write into an object makes the gate look away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.cached import CachedGate, VerdictCache
from admission.decision import Decision, Verdict
from admission.documents import Node
from admission.evidence import Evidence
from admission.gate import decide
from admission.load_time import find_proofs
from admission.policy import LocationRule, Match, Mode, Policy
from admission.references import find_references
from admission.requirements.ancestors import AncestorRule
from admission.review import Review
from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.location import Location
from attest.statement import Statement, Subject
from attest.verified import SignedTime, TimeBasis, VerifiedStatement
from dbom.errors import DocumentError
from dbom.model import COMPUTED, Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ISSUER = "https://issuer.example.com"
MODEL, DATA = (Digest(Kind.TREE, char * 64) for char in "ab")
GOOD, BAD = ("sha256:" + char * 64 for char in "12")
PLACE = "registry.example.com/models/m"
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"


def authority(name: str) -> Authority:
    return Authority(name, (IdentityPattern.exact(f"{name}@example.com", ISSUER),))


POLICY = Policy(
    "p",
    Mode.ENFORCE,
    Match(),
    (authority("signer"), authority("other")),
    (LocationRule("oci://registry.example.com/models/*", ("signer",)),),
    (),
    "d" * 64,
)


def verified(
    digest: Digest, kind: str, predicate: JsonObject, by: str = "signer", until: datetime | None = None
) -> VerifiedStatement:
    statement = Statement.build(Subject.of("x", digest), kind, predicate)
    bundle = f"{abs(hash((statement.payload, by))):064x}"
    identity, time = Identity(f"{by}@example.com", ISSUER), SignedTime(TimeBasis.NONE)
    return VerifiedStatement(statement, identity, by, "r" * 64, time, 1, bundle, "store", holds_until=until)


def located(until: datetime | None = None) -> VerifiedStatement:
    place = Location(f"oci://{PLACE}", GOOD)
    return verified(MODEL, PREDICATE_LOCATION, place.predicate(COMPUTED), until=until)


EVIDENCE = Evidence.of_results([POLICY], {"p": [located()]}, synced_at=NOW)


def pod_spec(pin: str = GOOD, **more: Json) -> JsonObject:
    volumes: list[Json] = [{"name": "m", "image": {"reference": f"{PLACE}@{pin}"}}]
    return {"containers": [{"name": "c", "image": "i"}], "volumes": volumes, **more}


def pod(pin: str = GOOD, **metadata: Json) -> JsonObject:
    own: JsonObject = {"name": "p", "namespace": "prod", **metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": pod_spec(pin)}


def deployment(pin: str = GOOD, replicas: int = 1, version: str = "apps/v1", kind: str = "Deployment") -> JsonObject:
    spec: JsonObject = {"replicas": replicas, "template": {"metadata": {}, "spec": pod_spec(pin)}}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "d"}, "spec": spec}


def asked(new: JsonObject, old: Json = None, **request: Json) -> Review:
    """Return the review as an API server asks it."""
    group, _, version = str(new["apiVersion"]).rpartition("/")
    body: JsonObject = {
        "uid": UID,
        "kind": {"group": group, "version": version, "kind": new["kind"]},
        "namespace": "prod",
        "name": "x",
        "operation": "CREATE" if old is None else "UPDATE",
        "userInfo": {"username": "system:admin"},
        "object": new,
        "oldObject": old,
        **request,
    }
    document: JsonObject = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": body}
    return Review.parse(json.dumps(document, separators=(",", ":")).encode())


def answer(review: Review, evidence: Evidence = EVIDENCE) -> Decision:
    return decide(review, [POLICY], evidence, now=NOW)


def test_what_the_attacks_start_from_is_verified_and_its_tampered_twin_is_refused() -> None:
    assert [Verdict.VERIFIED, Verdict.REFUSED] == [answer(asked(pod(pin))).verdict for pin in (GOOD, BAD)]


def test_an_update_that_looks_like_scaling_and_changes_the_reference_is_judged() -> None:
    assert Verdict.UNCHANGED is answer(asked(deployment(replicas=9), deployment())).verdict
    for replicas in (0, 1, 9):
        decision = answer(asked(deployment(BAD, replicas), deployment(), subResource="scale"))
        assert (Verdict.REFUSED, False) == (decision.verdict, decision.allowed)


def test_unchanged_is_no_verified() -> None:
    """An object from before the policy goes on unverified, and is never said to be anything else."""
    assert Verdict.UNCHANGED is answer(asked(deployment(BAD, 2), deployment(BAD))).verdict


@pytest.mark.parametrize(
    "metadata",
    [
        {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "approved", "controller": True}]},
        {"deletionTimestamp": "2026-01-02T03:04:05Z", "deletionGracePeriodSeconds": 0},
        {"labels": {"dbom.dev/skip": "true", "control-plane": "controller-manager"}},
        {"annotations": {"dbom.dev/verified": "true", "sidecar.example.com/inject": "false"}},
        {"annotations": {"admission.dbom.dev/ignore": "true"}, "generateName": "kube-system-"},
        {"finalizers": ["dbom.dev/x"], "namespace": "prod", "managedFields": [{"manager": "dbom"}]},
    ],
)
def test_nothing_in_the_metadata_makes_the_gate_look_away(metadata: JsonObject) -> None:
    assert Verdict.REFUSED is answer(asked(pod(BAD, **metadata))).verdict
    assert asked(pod(BAD, **metadata)).question == asked(pod(BAD)).question


def test_an_update_of_what_is_being_deleted_is_judged() -> None:
    old = pod(GOOD, deletionTimestamp="2026-01-02T03:04:05Z")
    assert Verdict.REFUSED is answer(asked(pod(BAD, deletionTimestamp="2026-01-02T03:04:05Z"), old)).verdict


@pytest.mark.parametrize(
    "request_", [{"dryRun": True}, {"userInfo": {"username": "system:masters"}}, {"userInfo": None}, {"name": ""}]
)
def test_a_dry_run_and_a_mighty_user_are_judged_alike(request_: JsonObject) -> None:
    assert replace(answer(asked(pod(BAD))), at=NOW) == answer(asked(pod(BAD), **request_))


@pytest.mark.parametrize("subresource", ["status", "scale", "resize", "ephemeralcontainers", "binding", "no-such"])
def test_a_subresource_is_judged_by_the_object_that_it_brings(subresource: str) -> None:
    assert Verdict.REFUSED is answer(asked(pod(BAD), pod(), subResource=subresource)).verdict


def test_an_ephemeral_container_that_loads_a_model_is_judged() -> None:
    new = pod()
    debugger: Json = [{"name": "d", "image": "vllm/vllm-openai", "args": ["--model", "evil/model"]}]
    new["spec"] = pod_spec(ephemeralContainers=debugger)
    decision = answer(asked(new, pod(), subResource="ephemeralcontainers"))
    assert Verdict.REFUSED is decision.verdict
    assert "spec.ephemeralContainers[0].args[1]" in {reason.path for reason in decision.all_reasons}


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
@pytest.mark.parametrize("brought", [None, pod(BAD)])
def test_deleting_and_connecting_are_allowed_unjudged_and_are_not_verified(operation: str, brought: Json) -> None:
    decision = answer(asked(pod(BAD), operation=operation, object=brought, oldObject=pod(BAD)))
    assert (Verdict.NOTHING_FOUND, True) == (decision.verdict, decision.allowed)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("apps/v1beta1", "Deployment"),
        ("apps/v2alpha7", "Deployment"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1beta1", "Job"),
    ],
)
def test_another_version_of_a_known_kind_is_judged(version: str, kind: str) -> None:
    found = [answer(asked(deployment(pin, version=version, kind=kind))).verdict for pin in (GOOD, BAD)]
    assert [Verdict.VERIFIED, Verdict.REFUSED] == found


def test_another_version_with_another_shape_is_no_yes() -> None:
    document: JsonObject = {"apiVersion": "apps/v9", "kind": "Deployment", "spec": {"pods": [pod_spec()]}}
    assert Verdict.REFUSED is answer(asked(document)).verdict


@pytest.mark.parametrize("version", ["v1", "example.com/v1", "serving.kserve.io.example.com/v1", "apps.example.com/v1"])
@pytest.mark.parametrize("kind", ["Widget", "pod", "POD", "Pods", "Pod "])
def test_an_unknown_kind_can_not_be_told(version: str, kind: str) -> None:
    decision = answer(asked({**pod(), "apiVersion": version, "kind": kind}))
    assert (Verdict.CANT_TELL, False) == (decision.verdict, decision.allowed)


def test_each_policy_follows_the_lineage_of_its_own_evidence() -> None:
    """What one policy took for the ancestors of a model, by signers it trusts, is nothing to the next policy."""
    dependency: Json = {"name": "data", "digest": {"sha256": DATA.hex}, "mediaType": TREE_MEDIA_TYPE}
    provenance: JsonObject = {
        "buildDefinition": {
            "buildType": "https://dbom.dev/run/v1",
            "externalParameters": {},
            "resolvedDependencies": [dependency],
        },
        "runDetails": {"builder": {"id": "x"}},
    }
    bom: JsonObject = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    results = [
        located(),
        verified(MODEL, PREDICATE_PROVENANCE, provenance),
        verified(DATA, PREDICATE_BOM, bom, "other"),
    ]
    lax = replace(POLICY, name="a", requirements=(AncestorRule(("other",), ("signer",)),))
    strict = replace(POLICY, name="b", requirements=(AncestorRule(("signer",), ("signer",)),))
    for policies in ([lax, strict], [strict, lax]):
        evidence = Evidence.of_results(policies, {item.name: results for item in policies})
        decision = decide(asked(pod()), policies, evidence, now=NOW)
        assert (Verdict.REFUSED, {"b"}) == (decision.verdict, {item.policy for item in decision.all_reasons})


# The cache.


def test_a_cached_answer_ends_where_trust_ends() -> None:
    end = NOW + timedelta(hours=1)
    evidence = Evidence.of_results([POLICY], {"p": [located(until=end)]}, synced_at=NOW)
    gate = CachedGate([POLICY], evidence)
    verdicts = [
        gate.decide(asked(pod()), now=NOW + timedelta(minutes=minutes)).verdict for minutes in (0, 59, 61, 59, 600)
    ]
    assert verdicts[:2] + verdicts[3:4] == [Verdict.VERIFIED] * 3
    assert verdicts[2] == verdicts[4] == Verdict.CANT_TELL


def test_a_cached_yes_is_gone_when_the_evidence_or_the_policy_changes() -> None:
    cache = VerdictCache()
    assert Verdict.VERIFIED is CachedGate([POLICY], EVIDENCE, cache).decide(asked(pod()), now=NOW).verdict
    nothing = Evidence.of_results([POLICY], {}, synced_at=NOW)
    assert Verdict.CANT_TELL is CachedGate([POLICY], nothing, cache).decide(asked(pod()), now=NOW).verdict
    stricter = replace(POLICY, locations=(), digest="e" * 64)
    evidence = Evidence.of_results([stricter], {"p": [located()]}, synced_at=NOW)
    assert Verdict.VERIFIED is not CachedGate([stricter], evidence, cache).decide(asked(pod()), now=NOW).verdict


def test_keys_that_stand_twice_are_read_as_one_and_the_same_by_cache_and_gate() -> None:
    """Of two keys the last one counts, in the key as in the verdict: nobody is answered for the first."""
    honest = json.dumps(pod_spec(GOOD)["volumes"])
    evil = json.dumps(pod_spec(BAD)["volumes"])
    beginning = (
        '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","kind":{"group":"",'
        '"version":"v1","kind":"Pod"},"namespace":"prod","operation":"CREATE","object":{"spec":{"containers":['
        '{"image":"i"}],"volumes":'
    )
    gate = CachedGate([POLICY], EVIDENCE)
    found = [
        gate.decide(Review.parse(f'{beginning}{first},"volumes":{last}}}}}}}}}'.encode()), now=NOW).verdict
        for first, last in ((evil, honest), (honest, evil), (evil, honest))
    ]
    assert [Verdict.VERIFIED, Verdict.REFUSED, Verdict.VERIFIED] == found


WORDS = st.sampled_from(
    ["vllm", "serve", "--model", "/m", "org/m", f"{PLACE}@{GOOD}", f"{PLACE}@{BAD}", "m", "kube-api-access-abcde", "x"]
)
CONTAINER_KEYS = ("image", "command", "args", "env", "volumeMounts", "workingDir", "name", "restartPolicy", "ports")
LEAVES = WORDS | st.none() | st.booleans() | st.integers(0, 3)
PLACES = st.sampled_from(
    [
        ("spec", "volumes", 0, "name"),
        ("spec", "volumes", 0, "image"),
        ("spec", "volumes", 0, "image", "reference"),
        ("spec", "volumes", 0, "csi"),
        ("spec", "volumes"),
        ("spec", "initContainers"),
        ("spec", "hostPID"),
        ("spec", "serviceAccountName"),
        ("spec", "resourceClaims"),
        ("metadata", "annotations"),
        ("metadata", "labels"),
        ("metadata", "name"),
        ("status",),
        *(("spec", "containers", 0, key) for key in CONTAINER_KEYS),
        *(("spec", "containers", 0, "resources", key) for key in ("limits", "requests")),
    ]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "image", "mountPath", "dbom.dev/model"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def changed(place: tuple[str | int, ...], value: Json) -> JsonObject:
    document = json.loads(json.dumps(pod()))
    at = document
    for step in place[:-1]:
        at = at[step] if isinstance(step, int) else at.setdefault(step, {})
    at[place[-1]] = value
    return document  # type: ignore[no-any-return]  # a document of tests


def read_from(document: JsonObject) -> object:
    """Return all that is read of a whole pod, with the faults where it can't be."""
    try:
        references = find_references(document, group="", kind="Pod", where="test")
    except DocumentError as error:
        return error.what, error.faults
    return references, find_proofs(Node(document).get("spec")), Node(document).at("spec", "serviceAccountName").value


@given(changes=st.lists(st.tuples(PLACES, VALUES), min_size=2, max_size=6))
def test_two_objects_in_which_something_else_is_read_have_different_keys(
    changes: list[tuple[tuple[str | int, ...], Json]],
) -> None:
    """The law against poisoning: read as wholes, two objects with one key give the same."""
    found: dict[object, object] = {}
    for place, value in changes:
        document = changed(place, value)
        key = Review.of_change(("", "Pod", "prod"), "CREATE", document).question
        assert found.setdefault(key, read_from(document)) == read_from(document), place
