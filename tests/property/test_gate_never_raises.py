"""Whatever an object holds, the gate answers, and without evidence it never says verified."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from admission.decision import Verdict
from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.review import Review

POLICY = Policy(
    "p",
    Mode.ENFORCE,
    Match(),
    (),
    (LocationRule("oci://**", ("x",)), LocationRule("hf://**", ("x",), allows_claimed=True)),
    (AttestationsRule((RequiredAttestation("t", ("x",)),)),),
    "0" * 64,
)
KEYS = st.sampled_from(
    [
        "spec",
        "template",
        "metadata",
        "annotations",
        "containers",
        "initContainers",
        "volumes",
        "volumeMounts",
        "name",
        "image",
        "reference",
        "args",
        "command",
        "env",
        "envFrom",
        "value",
        "valueFrom",
        "mountPath",
        "emptyDir",
        "predictor",
        "model",
        "storageUri",
        "workingDir",
        "dbom.dev/model",
    ]
)
WORDS = st.sampled_from(
    [
        "vllm",
        "serve",
        "--model",
        "--model=/m",
        "org/m",
        "/m",
        "sh",
        "-c",
        "vllm serve $X",
        "--revision",
        "0" * 40,
        "r.example/m@sha256:" + "1" * 64,
        "oci://r.example/m@sha256:" + "1" * 64,
        "$(X)",
        "--lora-modules",
        "a=b",
        "{}",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
CONTAINERS = st.fixed_dictionaries(
    {"name": st.just("c")},
    optional={
        "image": WORDS,
        "args": st.lists(WORDS, max_size=6),
        "command": st.lists(WORDS, max_size=6),
        "env": VALUES,
    },
)
PODS = st.fixed_dictionaries({"spec": st.fixed_dictionaries({"containers": st.lists(CONTAINERS, max_size=3)})})
KINDS = st.sampled_from(
    [("", "Pod"), ("apps", "Deployment"), ("batch", "CronJob"), ("serving.kserve.io", "InferenceService")]
)


@given(document=st.dictionaries(KEYS, VALUES, max_size=5) | PODS, kind=KINDS)
def test_the_gate_answers_whatever_it_is_given(document: dict, kind: tuple[str, str]) -> None:  # type: ignore[type-arg]  # hostile JSON has no type
    review = Review.of_change((*kind, "n"), "CREATE", document)
    decision = decide(review, [POLICY], Evidence(), now=datetime(2026, 1, 2, tzinfo=UTC))
    assert decision.verdict in (Verdict.REFUSED, Verdict.CANT_TELL, Verdict.NOTHING_FOUND)
    assert decision.allowed is (decision.verdict is Verdict.NOTHING_FOUND)
    assert "DBOM-999" not in {reason.rule.id for reason in decision.all_reasons}
