"""Break-glass lets in just what it names, by whom a policy lists, for as long as it allows, and verifies nothing."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from admission.attested import Attested
from admission.break_glass import (
    SUBJECT_NAME,
    BreakGlass,
    Projection,
    break_glass_predicate,
    projection_of,
    waivable,
)
from admission.decision import Decision, Verdict
from admission.documents import Node
from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import Match, Mode, Policy
from admission.references import find_references
from admission.references.reference import Held, ModelReference, Role, Target
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.requirements.break_glass import BreakGlassRule
from admission.review import Review
from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.statement import Statement, Subject
from attest.verified import SignedTime, TimeBasis, VerifiedStatement
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_BREAK_GLASS

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import JsonObject

IMAGE = "vllm/vllm-openai@sha256:" + "a" * 64
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ISSUER = "https://issuer.example.com"
HOUR = timedelta(hours=1)
PROJECTION = Projection("prod", "default", ("model: org/m",), (f"oci://docker.io/{IMAGE}",))


def pod(**spec: object) -> dict[str, Any]:
    container = {"name": "c", "image": IMAGE, "args": ["--model", "org/m"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "prod"},
        "spec": {"containers": [container], **spec},
    }


def signed(
    predicate: JsonObject, *, by: str = "boss", subject: Digest = PROJECTION.digest, time: SignedTime | None = None
) -> VerifiedStatement:
    statement = Statement.build(Subject.of(SUBJECT_NAME, subject), PREDICATE_BREAK_GLASS, predicate)
    identity = Identity(f"{by}@example.com", ISSUER)
    when = time or SignedTime(TimeBasis.NONE)
    return VerifiedStatement(statement, identity, by, "r", when, 1, "b" * 64, "store/b")


def predicate(
    *waives: str, projection: Projection = PROJECTION, start: datetime = NOW - HOUR, end: datetime = NOW + HOUR
) -> JsonObject:
    return break_glass_predicate(projection, waives or ("DBOM-521",), reason="INC-1", start=start, end=end)


def policy(name: str = "p", rule: BreakGlassRule | None = None, mode: Mode = Mode.ENFORCE) -> Policy:
    authorities = tuple(
        Authority(who, (IdentityPattern.exact(f"{who}@example.com", ISSUER),)) for who in ("boss", "signer")
    )
    required = AttestationsRule((RequiredAttestation(PREDICATE_BOM, ("signer",)),))
    requirements = (required,) if rule is None else (required, rule)
    return Policy(name, mode, Match(), authorities, (), requirements, "0" * 64)


TAKES = BreakGlassRule(("boss",))


def decided(
    *statements: VerifiedStatement, document: dict[str, Any] | None = None, policies: tuple[Policy, ...] = ()
) -> Decision:
    using = policies or (policy(rule=TAKES),)
    evidence = Evidence.of_results(using, {item.name: statements for item in using})
    return decide(Review.of_object(document or pod(), where="test"), using, evidence, now=NOW)


def test_what_it_names_is_let_in_and_stays_refused() -> None:
    decision = decided(signed(predicate()))
    assert (decision.verdict, decision.allowed) == (Verdict.REFUSED, True)
    assert decision.break_glass is not None
    (warning,) = decision.warnings
    who = "boss@example.com (issuer https://issuer.example.com)"
    assert warning == f"dbom: allowed by break-glass of {who} until 2026-01-02T13:00:00Z, not verified: INC-1"
    document = decision.to_json()["breakGlass"]
    assert isinstance(document, dict)
    assert (document["bundle"], document["waives"]) == ("b" * 64, ["DBOM-521"])


def test_another_name_and_a_template_of_it_are_let_in_too() -> None:
    other = pod()
    other["metadata"]["name"] = "another"
    template = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "prod"},
        "spec": {"template": {"spec": pod()["spec"]}},
    }
    assert decided(signed(predicate()), document=other).allowed
    assert decided(signed(predicate()), document=template).allowed


def _image(spec: dict[str, Any]) -> object:
    return spec["containers"][0].update(image="vllm/vllm-openai@sha256:" + "b" * 64)


def _tag(spec: dict[str, Any]) -> object:
    return spec["containers"][0].update(image="vllm/vllm-openai:v1")


def _model(spec: dict[str, Any]) -> object:
    return spec["containers"][0].update(args=["--model", "org/evil"])


def _second_model(spec: dict[str, Any]) -> object:
    return spec["containers"][0]["args"].extend(["--tokenizer", "org/evil"])


def _second_container(spec: dict[str, Any]) -> object:
    return spec.update(initContainers=[{"name": "i", "image": "x@sha256:" + "c" * 64}])


def _account(spec: dict[str, Any]) -> object:
    return spec.update(serviceAccountName="other")


@pytest.mark.parametrize("change", [_image, _tag, _model, _second_model, _second_container, _account])
def test_anything_else_is_denied(change: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(pod())
    change(document["spec"])
    decision = decided(signed(predicate()), document=document)
    assert (decision.allowed, decision.break_glass) == (False, None)


def test_another_namespace_is_denied() -> None:
    document = pod()
    document["metadata"]["namespace"] = "other"
    assert not decided(signed(predicate()), document=document).allowed


@pytest.mark.parametrize(
    "statement",
    [
        signed(predicate(), by="signer"),
        signed(predicate("DBOM-520")),
        signed(predicate(start=NOW + timedelta(seconds=1))),
        signed(predicate(end=NOW)),
        signed(predicate(start=NOW - 30 * HOUR)),
        signed(predicate(), time=SignedTime(TimeBasis.TRUSTED, NOW - 30 * HOUR, "a stamper")),
        signed(predicate(), subject=Digest(Kind.FILE, "1" * 64)),
        signed({**predicate(), "extra": 1}),
        signed({**predicate(), "reason": " "}),
        signed({**predicate(), "waives": []}),
        signed({**predicate(), "waives": [3]}),
        signed({**predicate(), "until": "tomorrow"}),
        signed({**predicate(), "from": None}),
        signed({**predicate(), "projection": "all"}),
        signed({**predicate(), "projection": {**PROJECTION.document(), "namespace": "*"}}),
    ],
)
def test_a_statement_that_is_not_taken_lets_nothing_in(statement: VerifiedStatement) -> None:
    assert not decided(statement).allowed


def test_every_policy_that_enforces_must_take_it() -> None:
    assert not decided(signed(predicate()), policies=(policy(rule=TAKES), policy("q"))).allowed
    assert not decided(signed(predicate()), policies=(policy(),)).allowed
    assert decided(signed(predicate()), policies=(policy(rule=TAKES), policy("q", mode=Mode.AUDIT))).allowed


def test_a_malformed_object_is_never_let_in() -> None:
    decision = decided(document=pod(containers=3))
    assert (decision.allowed, isinstance(waivable(decision), Unknown)) == (False, True)


def test_nothing_is_waived_of_what_is_verified() -> None:
    decision = replace(decided(signed(predicate())), verdict=Verdict.VERIFIED)
    assert isinstance(waivable(decision), Unknown)


def test_the_projection_is_what_the_object_says() -> None:
    document = pod()
    references = find_references(document, group="", kind="Pod", where="")
    assert projection_of([Node(document["spec"], "spec")], references, namespace="prod") == PROJECTION


def test_the_subject_is_the_digest_of_the_canonical_projection() -> None:
    """The vector of docs/formats/break-glass.md."""
    assert str(PROJECTION.digest) == "sha256:0fcc375420804cd68d1ffc05dc3ecb3dd4678d9ba39c0f501ce197c43c8b3d67"


def mounted(claim: str = "c", path: str = "/srv/m", sub_path: str = "", name: str = "v") -> Projection:
    """Return the projection of a pod whose model lies on a claim."""
    document = pod(volumes=[{"name": name, "persistentVolumeClaim": {"claimName": claim}}])
    mount = {"name": name, "mountPath": "/srv", "subPath": sub_path, "readOnly": True}
    document["spec"]["containers"][0].update(args=["--model", path], volumeMounts=[mount])
    found = projection_of(
        [Node(document).get("spec")], find_references(document, group="", kind="Pod", where=""), namespace="prod"
    )
    assert isinstance(found, Projection)
    return found


def test_at_one_path_another_volume_is_another_model() -> None:
    said = 'model: /srv/m on {"persistentVolumeClaim":{"claimName":"c"}} at /m'
    assert mounted().references == (said,)
    assert mounted(name="w") == mounted()
    assert len({mounted(), mounted(claim="d"), mounted(sub_path="elsewhere")}) == 3


def test_a_volume_that_no_specification_lists_goes_by_its_name() -> None:
    target = replace(Target.opaque("nobody knows"), held=Held("v", "m", "spec.elsewhere"))
    found = projection_of([Node(pod()).get("spec")], [ModelReference(Role.MODEL, "/m", "x", target)], namespace="prod")
    assert isinstance(found, Projection)
    assert found.references == ("model: /m on the volume v at /m",)


def test_two_service_accounts_have_no_projection() -> None:
    parts = [Node(pod()["spec"]), Node(pod(serviceAccountName="x")["spec"])]
    assert isinstance(projection_of(parts, (), namespace="prod"), Unknown)


def test_a_statement_is_read_as_it_was_made() -> None:
    found = BreakGlass.of(Attested.of(signed(predicate("DBOM-521", "DBOM-530"))))
    assert (found.subject, found.waives, found.start, found.end, found.reason) == (
        PROJECTION.digest,
        frozenset({"DBOM-521", "DBOM-530"}),
        NOW - HOUR,
        NOW + HOUR,
        "INC-1",
    )


def test_one_of_a_strange_form_says_so() -> None:
    with pytest.raises(EvidenceError, match="keys that aren't known"):
        BreakGlass.of(Attested.of(signed({**predicate(), "forever": True})))
