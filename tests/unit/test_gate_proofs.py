"""What is proven when a pod starts counts as enforced, where the policy takes the proof; all else of it is judged."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from admission.decision import Decision, Verdict
from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import Match, Mode, Policy
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.requirements.load_time_proof import LoadTimeRule
from admission.review import Review
from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.statement import Statement, Subject
from attest.verified import SignedTime, TimeBasis, VerifiedStatement
from dbom.model import Digest
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = "sha256:" + "d" * 64
MODEL = Digest.parse("tree:sha256:" + "a" * 64)
OTHER = Digest.parse("tree:sha256:" + "b" * 64)
SIGNER = Identity("signer@example.com", "https://issuer.example.com")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def bom_of(digest: Digest) -> VerifiedStatement:
    predicate = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"type": "data"}}}
    statement = Statement.build(Subject.of("x", digest), PREDICATE_BOM, predicate)  # type: ignore[arg-type]  # JSON
    return VerifiedStatement(statement, SIGNER, "signer", "r", SignedTime(TimeBasis.NONE), 1, "e" * 64, "store/x")


TAKEN = LoadTimeRule((OURS,))


def policy(proof: LoadTimeRule | None = TAKEN, name: str = "p") -> Policy:
    required = AttestationsRule((RequiredAttestation(PREDICATE_BOM, ("signer",)),))
    signer = Authority("signer", (IdentityPattern.exact(SIGNER.subject, SIGNER.issuer),))
    requirements = (required,) if proof is None else (required, proof)
    return Policy(name, Mode.ENFORCE, Match(), (signer,), (), requirements, "0" * 64)


def pod(path: str = "/srv/m") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "initContainers": [
                {
                    "name": "prove",
                    "image": f"registry.example.com/dbom@{OURS}",
                    "args": ["verify", "--for-pod", str(MODEL), "--copy-from", "s3://bucket/m", "/models/m"],
                    "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                }
            ],
            "containers": [
                {
                    "name": "server",
                    "image": "registry.example.com/server:1",
                    "command": ["vllm", "serve", path],
                    "volumeMounts": [{"name": "models", "mountPath": "/srv", "readOnly": True}],
                }
            ],
            "volumes": [{"name": "models", "emptyDir": {}}],
        },
    }


def decided(document: dict[str, Any] | None = None, *policies: Policy, about: Digest = MODEL) -> Decision:
    using = policies or (policy(),)
    evidence = Evidence.of_results(using, {item.name: [bom_of(about)] for item in using})
    review = Review.of_object(document or pod(), where="test")
    return decide(review, using, evidence, now=NOW)


def rules(decision: Decision) -> list[str]:
    return [reason.rule.id for reason in decision.all_reasons]


def test_a_proven_model_is_verified() -> None:
    decision = decided()
    (judgement,) = decision.judgements
    assert (decision.verdict, decision.allowed, judgement.digest) == (Verdict.VERIFIED, True, MODEL)
    assert judgement.to_json()["provenBy"] == "spec.initContainers[0]"


def test_a_proven_model_still_needs_what_the_policy_asks_of_it() -> None:
    assert (decided(about=OTHER).allowed, rules(decided(about=OTHER))) == (False, ["DBOM-533"])


def test_a_policy_that_takes_no_proof_refuses() -> None:
    decision = decided(None, policy(None))
    assert (decision.verdict, rules(decision)) == (Verdict.REFUSED, ["DBOM-587"])


def test_every_policy_must_take_it() -> None:
    assert rules(decided(None, policy(), policy(None, "q"))) == ["DBOM-587"]


def _writable(spec: dict[str, Any]) -> object:
    return spec["containers"][0]["volumeMounts"][0].pop("readOnly")


def _other_image(spec: dict[str, Any]) -> object:
    return spec["initContainers"][0].update(image="registry.example.com/dbom@sha256:" + "e" * 64)


def _later_writer(spec: dict[str, Any]) -> object:
    mounts = [{"name": "models", "mountPath": "/m"}]
    return spec["initContainers"].append({"name": "x", "image": "x", "volumeMounts": mounts})


def _claim(spec: dict[str, Any]) -> object:
    return spec.update(volumes=[{"name": "models", "persistentVolumeClaim": {"claimName": "c"}}])


@pytest.mark.parametrize("change", [_writable, _other_image, _later_writer, _claim])
def test_what_is_no_proof_is_refused_and_says_why(change: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(pod())
    change(document["spec"])
    decision = decided(document)
    assert (decision.verdict, rules(decision)) == (Verdict.REFUSED, ["DBOM-586"])
    assert "proves nothing: " in decision.message


def test_other_arguments_prove_nothing_at_all() -> None:
    document = pod()
    document["spec"]["initContainers"][0]["args"] = ["verify", "--digest", str(MODEL), "/models/m"]
    assert rules(decided(document)) == ["DBOM-520"]


def test_a_shared_volume_counts_where_the_policy_says_so() -> None:
    document = pod()
    _claim(document["spec"])
    assert decided(document, policy(LoadTimeRule((OURS,), allows_shared=True))).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("path", ["/srv", "/srv/other", "/srv/m/../n"])
def test_what_lies_beside_the_proof_is_opaque(path: str) -> None:
    assert rules(decided(pod(path))) == ["DBOM-520"]
