"""`dbom policy`, as a person uses it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

PIN = "sha256:" + "1" * 64
PLACE = f"registry.example.com/models/m@{PIN}"
POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  containers: [{{name: c, image: i, volumeMounts: [{{name: m, mountPath: /m}}]}}]
  volumes: [{{name: m, image: {{reference: "{PLACE}"}}}}]
"""
CASE = """
apiVersion: dbom.dev/v1alpha1
kind: PolicyCase
metadata: {name: NAME}
spec:
  object: pod.yaml
  policies: [../policy.yaml]
  evidence: EVIDENCE
  expect: EXPECT
"""


@pytest.fixture(name="site")
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("w")
    assert run(["sign", "model", "--local", "--location", f"oci://{PLACE}", "--store", "store"]) == 0
    assert run(["policy", "init", "--local", "-o", "policy.yaml"]) == 0
    cases = tmp_path / "cases"
    cases.mkdir()
    (cases / "pod.yaml").write_text(POD)
    return tmp_path


def case(name: str, expect: str, evidence: str = "[../store]") -> str:
    return CASE.replace("NAME", name).replace("EVIDENCE", evidence).replace("EXPECT", expect)


@pytest.fixture(autouse=True)
def no_leftovers(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()


def test_without_a_signer_a_policy_only_watches(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody named is nobody trusted, whatever identity this machine has."""
    assert run(["policy", "init", "--mode", "enforce", "-o", "watch.yaml"]) == 0
    assert "only watches" in capsys.readouterr().err
    assert run(["admission", "review", "cases/pod.yaml", "--policy", "watch.yaml", "--store", "store"]) == 3
    (site / "watch.yaml").write_text((site / "watch.yaml").read_text().replace("mode: audit", "mode: enforce"))
    assert run(["policy", "check", "watch.yaml"]) == 2
    assert "names at least one authority" in capsys.readouterr().err


def test_a_policy_from_a_bundle_accepts_its_signer_after_saying_who_that_is(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle,) = (site / "model.dbom").glob("bom-*")
    assert run(["policy", "init", "--from-bundle", str(bundle), "-o", "from.yaml"]) == 0
    assert "verified under the trust root" in capsys.readouterr().err
    assert run(["admission", "review", "cases/pod.yaml", "--policy", "from.yaml", "--store", "store"]) == 0


def test_a_bundle_that_nobody_vouches_for_makes_no_policy(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle,) = (site / "model.dbom").glob("bom-*")
    tampered = json.loads(bundle.read_text())
    tampered["dsseEnvelope"]["payload"] = tampered["dsseEnvelope"]["payload"].replace("a", "b")
    (site / "tampered.json").write_text(json.dumps(tampered))
    assert run(["policy", "init", "--from-bundle", "tampered.json", "-o", "x.yaml"]) in (1, 3)
    assert run(["policy", "init", "--from-bundle", str(bundle), "--local"]) == 2
    monkeypatch.setenv("DBOM_HOME", str(site / "elsewhere"))
    assert run(["policy", "init", "--from-bundle", str(bundle), "-o", "x.yaml"]) == 3
    assert "claims to be signed by" in capsys.readouterr().err
    assert not (site / "x.yaml").exists()


def test_a_policy_from_a_bundle_of_a_key_needs_the_key(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "generate", "--no-password", "--out", "mine"]) == 0
    assert run(["keys", "generate", "--no-password", "--out", "other"]) == 0
    (site / "keyed").write_text("x")
    assert run(["sign", "keyed", "--signing-key", "mine.key"]) == 0
    (bundle,) = (site / "keyed.dbom").glob("bom-*")
    assert run(["policy", "init", "--from-bundle", str(bundle)]) == 3
    assert run(["policy", "init", "--from-bundle", str(bundle), "--key", "other.pub"]) == 1
    capsys.readouterr()
    assert run(["policy", "init", "--from-bundle", str(bundle), "--key", "mine.pub"]) == 0
    assert "BEGIN PUBLIC KEY" in capsys.readouterr().out


def test_a_policy_is_signed_and_demanded(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "generate", "--no-password", "--out", "mine"]) == 0
    assert run(["policy", "check", "policy.yaml", "--policy-key", "mine.pub"]) == 1
    assert run(["policy", "sign", "policy.yaml", "--signing-key", "mine.key", "-f", "json"]) == 0
    capsys.readouterr()
    assert run(["policy", "check", "policy.yaml", "--policy-key", "mine.pub"]) == 0
    assert "; signed by key mine.pub" in capsys.readouterr().out
    review = ["admission", "review", "cases/pod.yaml", "--policy", "policy.yaml", "--store", "store"]
    assert run([*review, "--policy-key", "mine.pub"]) == 0
    (site / "policy.yaml").write_text((site / "policy.yaml").read_text() + "# one more word\n")
    assert run(review) == 0
    assert run([*review, "--policy-key", "mine.pub"]) == 1
    assert run(["policy", "check", "policy.yaml", "--policy-key", "mine.pub"]) == 1


def test_settings_say_who_signs_policies_where_no_flag_does(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mine", "other"):
        assert run(["keys", "generate", "--no-password", "--out", name]) == 0
    review = ["admission", "review", "cases/pod.yaml", "--policy", "policy.yaml", "--store", "store"]
    monkeypatch.setenv("DBOM_POLICY_KEY", "mine.pub")
    assert run(review) == 1
    assert run(["policy", "check", "policy.yaml"]) == 1
    assert run(["policy", "sign", "policy.yaml", "--signing-key", "mine.key", "-f", "json"]) == 0
    assert run(review) == 0
    assert run([*review, "--policy-key", "other.pub"]) == 1
    # What a flag says isn't mixed with what a setting says.
    monkeypatch.setenv("DBOM_POLICY_ISSUER", "https://issuer.example.com")
    assert run([*review, "--policy-key", "mine.pub"]) == 0
    monkeypatch.delenv("DBOM_POLICY_KEY")
    assert run(review) == 2
    monkeypatch.delenv("DBOM_POLICY_ISSUER")
    (site / "dbom.toml").write_text("policy-key = 'other.pub'\n")
    capsys.readouterr()
    assert run(review) == 2
    assert "the setting 'policy-key' can't stand in a project's file" in capsys.readouterr().err


@pytest.mark.usefixtures("site")
def test_a_setting_that_demands_signed_policies_is_never_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_POLICY_KEY", "mine.pub")
    assert run(["admission", "serve", "--snapshot", "out", "--self-signed", "tls", "--listen", "127.0.0.1:0"]) == 2
    assert "no setting says who signs policies" in capsys.readouterr().err


@pytest.mark.usefixtures("site")
def test_explain_says_who_is_trusted_and_which_policies_judge(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "explain", "policy.yaml"]) == 0
    text = capsys.readouterr().out
    assert "in mode enforce: a no denies the object." in text
    assert "There must be a bom statement by signer about the artifact." in text
    words = ["--reference", f"oci://{PLACE}", "--namespace", "prod", "-f", "json"]
    assert run(["policy", "explain", "policy.yaml", *words]) == 0
    found = json.loads(capsys.readouterr().out)["reference"]
    assert [item["judges"] for item in found["policies"]] == [True]
    assert run(["policy", "explain", "policy.yaml", "--reference", "hf://org/m"]) == 0
    assert "it is refused" in capsys.readouterr().out
    assert run(["policy", "explain", "policy.yaml", "--reference", "org/m"]) == 2
    assert run(["policy", "explain", "policy.yaml", "--reference", "hf://org/m", "--role", "thing"]) == 2


def test_cases_that_come_out_as_expected_pass(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [
        case("signed", "{verdict: verified, allowed: true, rules: []}"),
        case("no evidence", "{verdict: can't tell, allowed: false, rules: [DBOM-530]}", "[]"),
    ]
    (site / "cases" / "all.yaml").write_text("---".join(texts))
    assert run(["policy", "test", "cases"]) == 0
    assert "2 cases: 2 as expected, 0 not" in capsys.readouterr().out


def test_a_case_that_comes_out_otherwise_fails_with_the_reasons(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "cases" / "wrong.yaml").write_text(case("wrong", "{verdict: verified, allowed: true, rules: []}", "[]"))
    (site / "cases" / "gone.yaml").write_text(case("gone", "{verdict: verified}").replace("pod.yaml", "gone-pod.yaml"))
    assert run(["policy", "test", "cases"]) == 1
    text = capsys.readouterr().out
    assert "verdict: expected verified, got can't tell" in text
    assert "allowed: expected yes, got no" in text
    assert "rules: expected none, got DBOM-530" in text
    assert "it can't be judged" in text
    assert run(["policy", "test", "cases", "-f", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False
    assert run(["policy", "test", "cases", "-f", "junit"]) == 1
    assert len(ET.fromstring(capsys.readouterr().out).findall(".//failure")) == 2  # noqa: S314  our own output


def test_one_policy_can_be_tried_on_the_cases_of_others(site: Path) -> None:
    (site / "cases" / "case.yaml").write_text(case("signed", "{verdict: verified}"))
    assert run(["policy", "init", "-o", "watch.yaml"]) == 0
    assert run(["policy", "test", "cases"]) == 0
    assert run(["policy", "test", "cases", "--policy", "watch.yaml"]) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("expect: {", "expects: {"), "spec.expects: unknown key"),
        (("verdict: verified", "verdict: fine"), "spec.expect.verdict: got 'fine'"),
        (("verdict: verified", "rules: [530]"), "spec.expect.rules[0]"),
        (("verdict: verified", "verdict: verified, rules: [x]"), "expected the id of a rule"),
        (("object: pod.yaml", "object: pod.yaml\n  now: noon"), "expected a time with its zone"),
        (("kind: PolicyCase", "kind: Case"), "no case in it"),
    ],
)
def test_a_case_is_read_strictly(
    site: Path, change: tuple[str, str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "cases" / "case.yaml").write_text(case("c", "{verdict: verified}").replace(*change))
    assert run(["policy", "test", "cases"]) == 2
    assert fault in capsys.readouterr().err


def test_objects_and_reviews_may_stand_in_the_case(site: Path) -> None:
    pod = json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}
    )
    request = {"uid": "u", "operation": "CREATE", "kind": {"group": "", "version": "v1", "kind": "Pod"}}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    request["object"] = json.loads(pod)
    for name, text in (("object", pod), ("review", json.dumps(review))):
        found = case(name, "{verdict: nothing found, allowed: true, rules: []}").replace(
            "object: pod.yaml", f"object: {text}"
        )
        (site / "cases" / f"{name}.yaml").write_text(
            found.replace("  evidence", "  now: '2026-01-02T00:00:00Z'\n  evidence")
        )
    assert run(["policy", "test", "cases"]) == 0
