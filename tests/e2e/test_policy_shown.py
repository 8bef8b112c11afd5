"""What `policy sign` and `admission review --explain` show of evidence that counts, and of evidence that doesn't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from judging import MODEL, NOW, PLACE, World, bom, located, signed, stated

from admission.evidence import Evidence
from admission.gate import decide
from admission.review import Review
from dbom.cli.app import run
from dbom.cli.explained import explained_text

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from dbom.canonical import JsonObject

POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {
        "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "m", "image": {"reference": str(PLACE).removeprefix("oci://")}}],
    },
}


def shown(*bundles: bytes) -> str:
    world = World(bundles, ())
    policies = (world.policy(),)
    evidence = Evidence.of_results(policies, {"p": world.results()})
    review = Review.of_object(POD, where="pod.yaml")
    return explained_text([(review, decide(review, policies, evidence, now=NOW))], policies, evidence)


def test_the_evidence_that_was_tried_is_named_with_its_signers() -> None:
    text = shown(located(MODEL), bom(MODEL, what="model"))
    assert f"    artifact {MODEL}" in text
    assert "(signer) about" in text
    assert "verdict  verified" in text
    assert "doesn't count" not in text


def test_what_a_stranger_signed_is_named_with_why_it_does_not_count() -> None:
    text = shown(located(MODEL), signed(stated(MODEL, what="model"), "stranger"))
    assert "doesn't count: store/1: untrusted" in text


def test_without_evidence_that_is_said_and_nothing_is_verified() -> None:
    text = shown()
    assert "evidence for p: none" in text
    assert "verdict  verified" not in text


def test_of_much_evidence_only_some_is_listed_and_the_rest_is_counted() -> None:
    text = shown(located(MODEL), *(bom(MODEL, what="model", name=f"m{number}") for number in range(30)))
    assert "      and 11 more" in text


def test_signing_policies_says_which_and_by_whom_and_signs_none_that_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    assert run(["policy", "init", "-o", "policy.yaml"]) == 0
    assert run(["keys", "generate", "--no-password", "--out", "mine"]) == 0
    capsys.readouterr()
    assert run(["policy", "sign", "policy.yaml", "--signing-key", "mine.key"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("policy.yaml: ")
    assert "signed by " in out
    (tmp_path / "broken.yaml").write_text("kind: Policy\n")
    assert run(["policy", "sign", "broken.yaml", "--signing-key", "mine.key"]) != 0
    assert not (tmp_path / "broken.yaml.dbom").exists()
