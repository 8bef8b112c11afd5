"""The gate of the Helm chart and of the kustomize base, rendered by real programs, on a real control plane.

What `helm` and `kubectl kustomize` make of what we write is applied as it is. The webhook answers through its Service,
an upgrade by values goes from audit to enforce, and one line takes all of it away again.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from gate_samples import UNKNOWN, deployment, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
REVOKED = f"registry.example.com/models/recalled@sha256:{'7' * 64}"
IMAGE = f"registry.example.com/dbom@sha256:{'c' * 64}"
KINDS = (
    "validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,"
    "clusterrolebindings,namespaces"
)


@pytest.fixture(name="site", scope="module")
def make_site(gate_cluster: GateCluster) -> Iterator[GateCluster]:
    """Sign a third model and revoke it, and take the gate away; it is installed as before in the end."""
    gate = gate_cluster
    (gate.site / "recalled.csv").write_text("species,mass\nAdelie,3750\n")
    gate.dbom("sign", "recalled.csv", "--local", "--store", "store", "--location", f"oci://{REVOKED}")
    gate.dbom("attest", "revoke", "recalled.csv", "--reason", "recalled weights", "--local", "--store", "store")
    gate.dbom("attest", "revocations", "publish", "store", "--local")
    gate.take_away()
    yield gate
    gate.install("enforce", (gate.site / "policy.yaml").read_text())


def policy(gate: GateCluster, mode: str) -> str:
    """Return the site's policy in a mode, asking for revocations too."""
    document = yaml.safe_load((gate.site / "policy.yaml").read_text())
    document["spec"] |= {"mode": mode, "revocation": {"revokers": [{"authority": "signer"}]}}
    return str(yaml.safe_dump(document))


def left(gate: GateCluster) -> list[str]:
    """Return what is there of us and could block, our namespace aside."""
    return gate.kubectl("get", KINDS, "--selector=app.kubernetes.io/part-of=dbom", "--output=name").split()


def failures(gate: GateCluster) -> list[str]:
    found = gate.get("validatingwebhookconfiguration/dbom")
    return [item["failurePolicy"] for item in found["webhooks"]]


def verdict(gate: GateCluster, namespace: str, name: str) -> str:
    """Return what the audit log says of the making of a pod that was let in; empty where nothing was judged."""

    def found() -> list[dict[str, Any]]:
        asked = ((event, event["objectRef"]) for event in gate.audit_events())
        made = [event for event, of in asked if (of.get("namespace"), of.get("name")) == (namespace, name)]
        return [event for event in made if (event["verb"], event["responseStatus"]["code"]) == ("create", 201)]

    gate.until("the audit log's line", lambda: bool(found()))
    return str(found()[-1].get("annotations", {}).get("provenance.dbom.dev/verdict", ""))


def judges(gate: GateCluster, space: str) -> None:
    """Assert that what is installed says yes to who has evidence, and no to who hasn't, or whose was revoked."""
    gate.kubectl("create", space, "--filename=-", document=pod("verified"))
    assert verdict(gate, space.removeprefix("--namespace="), "verified") == "verified"
    unknown = gate.refused("create", space, "--filename=-", document=pod("unknown", UNKNOWN))
    assert DENIED + "can't tell: spec.volumes[0].image.reference: " in unknown
    recalled = gate.refused("create", space, "--filename=-", document=pod("recalled", REVOKED))
    assert DENIED + "refused: spec.volumes[0].image.reference: " in recalled
    assert "recalled weights" in recalled
    namespace = space.removeprefix("--namespace=")
    gate.kubectl("create", space, "--filename=-", document=deployment("served"))
    gate.until("its pod", lambda: len(gate.get("pods", space, "--selector=app=served")["items"]) == 1)
    assert DENIED in gate.refused("create", space, "--filename=-", document=deployment("bad", UNKNOWN))
    assert gate.events(namespace, "FailedCreate") == []


@pytest.fixture(name="helm", scope="module")
def make_helm(site: GateCluster, peer: Callable[[str], str]) -> Callable[..., str]:
    """Write the chart by the real command; return what renders it with values, by the real helm."""
    store = (site.site / "store").as_uri()
    site.dbom("admission", "manifests", "--mode", "audit", "--image", IMAGE, "--store", store, "--helm", "chart")

    def template(*values: str) -> str:
        command = [peer("helm"), "template", "dbom", "chart", *(f"--set-json={value}" for value in values)]
        home = {name: str(site.site) for name in ("HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
        return subprocess.run(command, cwd=site.site, env=home, capture_output=True, check=True, text=True).stdout

    return template


def test_the_chart_goes_from_audit_to_enforce_by_its_values_and_one_line_takes_it_away(
    site: GateCluster, helm: Callable[..., str]
) -> None:
    """As an operator does it: audit, one namespace enforced, all enforced, uninstalled with nobody answering."""
    gate = site
    first, second = ("--namespace=" + gate.namespace(name) for name in ("chart-first", "chart-second"))
    gate.install("audit", policy(gate, "audit"), helm())
    assert failures(gate) == ["Ignore", "Fail"]
    gate.kubectl("create", first, "--filename=-", document=[pod("watched", UNKNOWN), pod("old", REVOKED)])
    assert verdict(gate, "chart-first", "watched") == "can't tell"
    gate.until("the revocation", lambda: is_told_of(gate, first, "refused"))
    # One namespace is enforced, by values: there alone a dead webhook is a no.
    gate.kubectl("apply", "--filename=-", stdin=helm('enforced=["chart-first"]'))
    enforced(gate, first, second)
    # All are.
    gate.install("enforce", policy(gate, "enforce"), helm('mode="enforce"'))
    assert failures(gate) == ["Fail", "Fail"]
    gate.until("the policy that enforces", lambda: refuses(gate, second))
    judges(gate, second)
    # Uninstalled while nothing answers: the worst case.
    gate.kill()
    gate.stop_controller()
    assert "failed calling webhook" in gate.refused("create", second, "--filename=-", document=pod("blocked"))
    gate.take_away()
    assert left(gate) == []
    gate.until("the way", lambda: gate.said("create", second, "--filename=-", document=pod("free", UNKNOWN)).code == 0)
    assert verdict(gate, "chart-second", "free") == ""


def enforced(gate: GateCluster, first: str, second: str) -> None:
    """Assert that nobody answering is a no in the first namespace, and in no other."""
    gate.kill()

    def blocks(space: str) -> bool:
        said = gate.said("create", space, "--dry-run=server", "--filename=-", document=pod("asked"))
        return 'failed calling webhook "enforced.provenance.dbom.dev"' in said.err

    gate.until("the failure policy", lambda: blocks(first))
    assert not blocks(second)
    gate.serve()


def is_told_of(gate: GateCluster, space: str, what: str) -> bool:
    """Return whether the audit log says this of a pod whose model was revoked, which only is a dry run."""
    gate.kubectl("create", space, "--dry-run=server", "--filename=-", document=pod("revoked-yet", REVOKED))
    last = [event for event in gate.audit_events() if event["objectRef"].get("name") == "revoked-yet"][-1:]
    return any(event.get("annotations", {}).get("provenance.dbom.dev/verdict") == what for event in last)


def refuses(gate: GateCluster, space: str) -> bool:
    said = gate.said("create", space, "--dry-run=server", "--filename=-", document=pod("asked", REVOKED))
    return DENIED + "refused" in said.err


def test_the_base_is_applied_by_kubectl_and_judges_as_the_manifests_do(site: GateCluster) -> None:
    """`kubectl apply --kustomize` of what `--kustomize` writes: without a controller, then an overlay in enforce."""
    gate = site
    space = "--namespace=" + gate.namespace("base")
    (gate.site / "webhook-ca.crt").write_bytes(gate.authority.pem)
    for mode in ("audit", "enforce"):
        words = ["--mode", mode, "--image", IMAGE, "--ca-bundle", "webhook-ca.crt", "--no-controller"]
        gate.dbom("admission", "manifests", *words, "--kustomize", f"base-{mode}")
        rendered = gate.kubectl("kustomize", str(gate.site / f"base-{mode}"))
        gate.install(mode, policy(gate, mode), rendered)
        assert failures(gate) == (["Ignore", "Fail"] if mode == "audit" else ["Fail", "Fail"])
        if mode == "audit":
            gate.kubectl("create", space, "--filename=-", document=pod("watched", UNKNOWN))
            assert verdict(gate, "base", "watched") == "can't tell"
    judges(gate, space)
    # An overlay changes what it says, on the server too.
    overlay = gate.site / "overlay"
    overlay.mkdir()
    document = {"resources": ["../base-enforce"], "replicas": [{"name": "dbom", "count": 5}]}
    (overlay / "kustomization.yaml").write_text(json.dumps(document))
    gate.kubectl("apply", "--kustomize", str(overlay))
    assert gate.get("deployment/dbom", "--namespace=dbom-system")["spec"]["replicas"] == 5
    gate.take_away()
    assert left(gate) == []
