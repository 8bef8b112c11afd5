"""Real helm and real kustomize render what `dbom admission manifests` prints, object by object."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from installed import IMAGE, INSTALLATIONS, TRUST_CONFIG, installation, keyed, objects, rendered

from admission.manifests.chart import chart_files
from admission.manifests.kustomization import kustomize_files
from admission.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VERSION = "0.1.0"


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def chart(folder: Path, changes: Mapping[str, Any]) -> Path:
    return written(folder, chart_files(installation(**changes), VERSION))


def said(*command: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: str(home) for name in ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def templated(peer: Callable[[str], str], folder: Path, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    done = said(peer("helm"), "template", "dbom", str(folder), *words, home=folder.parent)
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


VALUES: dict[str, dict[str, object]] = {
    "enforce": {},
    "audit": {"mode": "audit"},
    "by-namespace": {"mode": "audit", "enforced": ["team-a", "team-b"], "excluded": ["calico-system"]},
    "cert-manager": {"certificates": "cert-manager", "namespace": "gate"},
    "given": {
        "certificates": "given",
        "caBundle": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "controller": {"enabled": False},
    },
    "all": {
        "mode": "audit",
        "enforced": ["team-a"],
        "excluded": ["calico-system", "gpu-operator"],
        "acceleratorAccounts": ["gpu-operator/validator", "kube-system/default"],
        "stores": ["s3://evidence/x", "oci://registry.example.com/models"],
        "replicas": 3,
        "webhook": {"resources": {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}},
        "apiServers": ["10.0.0.0/24", "fd00::/64"],
        "monitoring": ["monitoring"],
        "journal": {"claim": "dbom-journals", "most": "2Gi"},
        "heads": {
            "signer": "token",
            "trustConfig": TRUST_CONFIG.decode(),
            "audience": "sigstore.example.com",
            "networks": ["10.9.0.0/16", "fd09::/64"],
        },
    },
    "keyed": {"heads": {"signer": "key"}, "journal": {"most": "200Mi"}},
    "claimed": {"journal": {"claim": "dbom-journals"}},
    "signed": {"heads": {"signer": "token", "trustConfig": TRUST_CONFIG.decode()}},
}
"""The installations of `installed`, as somebody says them to the chart of another one."""


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_helm_renders_the_chart_of_an_installation_as_its_manifests(
    peer: Callable[[str], str], tmp_path: Path, name: str
) -> None:
    found = templated(peer, chart(tmp_path / "dbom", INSTALLATIONS[name]))
    assert rendered(INSTALLATIONS[name]) == found


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_helm_renders_values_as_the_flags_of_the_same_meaning(
    peer: Callable[[str], str], tmp_path: Path, name: str
) -> None:
    folder = chart(tmp_path / "dbom", {})
    (tmp_path / "values.json").write_text(json.dumps(VALUES[name]))
    found = templated(peer, folder, "--values", str(tmp_path / "values.json"))
    assert rendered(INSTALLATIONS[name]) == found


def test_helm_finds_nothing_to_say_of_the_chart(peer: Callable[[str], str], tmp_path: Path) -> None:
    done = said(peer("helm"), "lint", "--strict", str(chart(tmp_path / "dbom", {})), home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout


WRONG = {
    "image": ["--set", "image=registry.example.com/dbom:latest"],
    "namespace": ["--set", "namespace=kube-system"],
    "mode": ["--set", "mode=off"],
    "enforced": ["--set-json", 'enforced=["team-a"]'],
    "kube-system": ["--set", "mode=audit", "--set-json", 'enforced=["kube-system"]'],
    "replicas": ["--set", "replicas=1"],
    "acceleratorAccounts": ["--set-json", 'acceleratorAccounts=["a/b\\"] || true"]'],
    "certificates": ["--set", "certificates=none"],
    "caBundle": ["--set", "caBundle=AAAA"],
    "stores": ["--set-json", 'stores=["evidence"]'],
    "controller": ["--set", "controller.enabled=false"],
    "heads": ["--set", "heads.signer=token"],
    "trustConfig": ["--set", "heads.trustConfig={}"],
    "networks": ["--set-json", 'heads={"signer":"key","networks":["10.0.0.0/8"]}'],
    "audience": ["--set", "heads.audience=a b"],
    "most": ["--set", "journal.most=1Gi"],
    "no size": ["--set", "journal.claim=j,journal.most=2"],
    "misspelt": ["--set", "exclude=cni"],
}


@pytest.mark.parametrize("name", WRONG)
def test_helm_refuses_values_that_the_command_refuses(peer: Callable[[str], str], tmp_path: Path, name: str) -> None:
    done = said(peer("helm"), "template", str(chart(tmp_path / "dbom", {})), *WRONG[name], home=tmp_path)
    assert done.returncode != 0
    assert "values don't meet the specifications" in done.stderr


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_kustomize_renders_the_base_as_the_manifests(peer: Callable[[str], str], tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "base", kustomize_files(installation(**INSTALLATIONS[name])))
    done = said(peer("kubectl"), "kustomize", str(folder), home=tmp_path)
    assert done.returncode == 0, done.stderr
    found = objects(done.stdout)
    assert rendered(INSTALLATIONS[name]) == found
    assert list(rendered(INSTALLATIONS[name])) == list(found)


def test_an_overlay_of_the_base_changes_what_it_says_and_nothing_else(
    peer: Callable[[str], str], tmp_path: Path
) -> None:
    written(tmp_path / "base", kustomize_files(installation(mode=Mode.AUDIT)))
    overlay = {"resources": ["../base"], "replicas": [{"name": "dbom", "count": 5}]}
    written(tmp_path / "overlay", {"kustomization.yaml": json.dumps(overlay)})
    done = said(peer("kubectl"), "kustomize", str(tmp_path / "overlay"), home=tmp_path)
    expected = rendered({"mode": Mode.AUDIT})
    expected["Deployment", "dbom"]["spec"]["replicas"] = 5
    assert expected == objects(done.stdout)


def test_the_comparison_sees_a_difference() -> None:
    other = rendered({"image": IMAGE.replace("a" * 64, "b" * 64)})
    assert rendered({}) != other
    assert rendered({}) == keyed([*rendered({}).values()])
