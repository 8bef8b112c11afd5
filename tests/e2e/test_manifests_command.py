"""`dbom admission manifests`: on stdout, as a chart and as a base, from flags; and what it refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from installed import CA, IMAGE, INSTALLATIONS, TRUST_CONFIG, installation, objects, rendered

from admission.manifests import render_manifests
from admission.policy import Mode
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

FLAGS: dict[str, list[str]] = {
    "enforce": [],
    "audit": ["--mode", "audit"],
    "by-namespace": ["--mode=audit", "--enforce=team-a", "--enforce=team-b", "--exclude=calico-system"],
    "cert-manager": ["--cert-manager", "--namespace=gate"],
    "given": ["--no-controller", "--ca-bundle=ca.crt"],
    "signed": ["--trust-config=sigstore.json"],
    "keyed": ["--heads-signer=key", "--journal-most=200Mi"],
    "claimed": ["--journal-claim=dbom-journals"],
}


def manifests(*words: str) -> int:
    return run(["admission", "manifests", "--image", IMAGE, *words])


@pytest.fixture(autouse=True)
def at_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.crt").write_bytes(CA)
    (tmp_path / "sigstore.json").write_bytes(TRUST_CONFIG)


@pytest.mark.parametrize("name", FLAGS)
def test_flags_say_what_differs_between_installations(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert manifests(*FLAGS[name]) == 0
    assert render_manifests(installation(**INSTALLATIONS[name])) == capsys.readouterr().out.removesuffix("\n") + "\n"


def test_stores_networks_and_volumes_reach_the_objects(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--store=s3://evidence/x", "--api-server=10.0.0.0/24", "--monitoring=mon", "--journal-claim=kept"]
    words += ["--trust-config=sigstore.json", "--heads-audience=ours", "--heads-network=10.9.0.0/16"]
    assert manifests(*words, "--replicas=4", "--allow-accelerators=kube-system/default") == 0
    found = objects(capsys.readouterr().out)
    assert (
        "--store=s3://evidence/x"
        in found["Deployment", "dbom-controller"]["spec"]["template"]["spec"]["containers"][0]["args"]
    )
    assert found["Deployment", "dbom"]["spec"]["replicas"] == 4
    policy = found["NetworkPolicy", "dbom"]["spec"]
    assert policy["ingress"][0]["from"] == [{"ipBlock": {"cidr": "10.0.0.0/24"}}]
    assert policy["egress"][1]["to"] == [{"ipBlock": {"cidr": "10.9.0.0/16"}}]
    volumes = {item["name"]: item for item in found["Deployment", "dbom"]["spec"]["template"]["spec"]["volumes"]}
    (token,) = volumes["heads-identity"]["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == "ours"


@pytest.mark.parametrize(("flag", "file"), [("--helm", "Chart.yaml"), ("--kustomize", "kustomization.yaml")])
def test_a_folder_is_written_once_and_only_where_nothing_else_lies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, file: str
) -> None:
    assert manifests(flag, "gate") == 0
    assert (tmp_path / "gate" / file).is_file()
    written = {path: path.read_bytes() for path in (tmp_path / "gate").rglob("*") if path.is_file()}
    assert manifests(flag, "gate", "--mode", "audit") == 2
    assert "DBOM-630" in capsys.readouterr().err
    assert written == {path: path.read_bytes() for path in (tmp_path / "gate").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words",
    [
        ["--helm", "a", "--kustomize", "b"],
        ["--cert-manager", "--ca-bundle", "ca.crt"],
        ["--mode", "warn"],
        ["--mode", "enforce", "--enforce", "team-a"],
        ["--ca-bundle", "nowhere.crt"],
        ["--helm", "ca.crt"],
        ["--helm", "ca.crt/below"],
        ["--replicas", "1"],
        ["--journal-most", "1Gi"],
        ["--journal-claim", "j", "--journal-most", "many"],
        ["--heads-signer", "token"],
        ["--heads-signer", "key", "--trust-config", "sigstore.json"],
        ["--trust-config", "ca.crt"],
        ["--trust-config", "nowhere.json"],
        ["--trust-config", "sigstore.json", "--heads-network", "sigstore.example.com"],
    ],
    ids=" ".join,
)
def test_what_does_not_go_together_is_a_usage_error(tmp_path: Path, words: list[str]) -> None:
    assert manifests(*words) == 2
    assert {"ca.crt", "sigstore.json"} == {path.name for path in tmp_path.iterdir() if path.suffix}


def started(name: str) -> list[list[str]]:
    """Return the words with which the Deployments of an installation start the program."""
    return [
        item["spec"]["template"]["spec"]["containers"][0]["args"]
        for (kind, _), item in rendered(INSTALLATIONS[name]).items()
        if kind == "Deployment"
    ]


@pytest.mark.parametrize("name", ["given", "all", "keyed", "claimed"])
def test_the_program_takes_the_words_that_its_deployments_start_it_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for words in started(name):
        assert run([*words[:2], "--help"]) == 0
        known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
        assert {word.partition("=")[0] for word in words[2:]} <= known


def test_the_heading_names_what_stops_all_blocking() -> None:
    text = render_manifests(installation(mode=Mode.ENFORCE))
    said = re.search(r"kubectl delete validatingwebhookconfiguration (\S+)`", text)
    assert said is not None
    assert ("ValidatingWebhookConfiguration", said[1]) in objects(text)
