"""Pods at the gate of a real cluster, as people make and change them: with kubectl, by every kind of request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from gate_samples import BEFORE, GOOD, OTHER, UNKNOWN, pod, pod_spec

if TYPE_CHECKING:
    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
NOT_ASKED = "what is judged stays as it was, so the webhook is not asked"
TAG = "registry.example.com/models/m:latest"


@pytest.fixture(name="prod", scope="module")
def make_prod(gate_cluster: GateCluster) -> str:
    return "--namespace=" + gate_cluster.namespace("prod-pods")


def test_a_verified_pod_starts_and_keeps_its_image_volume(gate_cluster: GateCluster, prod: str) -> None:
    """The volume that was judged is the one that the API server stores; the token's volume beside it is no model."""
    assert gate_cluster.kubectl("create", prod, "--filename=-", document=pod("good")) == "pod/good created\n"
    stored = gate_cluster.get("pod/good", prod)["spec"]["volumes"]
    assert [volume["image"]["reference"] for volume in stored if "image" in volume] == [GOOD]
    assert any(volume["name"].startswith("kube-api-access-") for volume in stored)


def test_kubectl_prints_what_was_refused_where_and_by_which_rule(gate_cluster: GateCluster, prod: str) -> None:
    said = gate_cluster.refused("create", prod, "--filename=-", document=pod("bad", UNKNOWN))
    assert said.startswith(f'Error from server (Forbidden): error when creating "STDIN": {DENIED}can\'t tell: ')
    assert f"spec.volumes[0].image.reference: nothing is known of oci://{UNKNOWN} (DBOM-530)" in said


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        pytest.param(pod_spec(GOOD.replace("/m@", "/elsewhere@")), "DBOM-530", id="another repository"),
        pytest.param(pod_spec(GOOD.replace("1" * 64, "4" * 64)), "DBOM-531", id="another digest"),
        pytest.param(
            {"containers": [{"name": "c", "image": "vllm/vllm-openai:v0.11", "args": ["--model", "org/model"]}]},
            "DBOM-521",
            id="a name at a hub",
        ),
        pytest.param(
            {
                "initContainers": [
                    {"name": "get", "image": "python:3", "command": ["sh", "-c", "hf download org/model"]}
                ],
                "containers": [{"name": "c", "image": "registry.example.com/app:1"}],
            },
            "DBOM-521",
            id="a download in an init container",
        ),
    ],
)
def test_pods_are_refused_by_rule(gate_cluster: GateCluster, prod: str, spec: dict[str, Any], rule: str) -> None:
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"}, "spec": spec}
    said = gate_cluster.refused("create", prod, "--filename=-", document=document)
    assert DENIED in said
    assert rule in said


def test_a_tag_is_refused_by_the_api_server_itself(gate_cluster: GateCluster, prod: str) -> None:
    """The companion policy is asked before the webhook, and needs no answer of its."""
    said = gate_cluster.refused("create", prod, "--filename=-", document=pod("bad", TAG))
    assert "ValidatingAdmissionPolicy 'dbom-image-volumes' with binding 'dbom-image-volumes' denied request" in said
    assert f"these do not: {TAG} (DBOM-521)" in said


def test_a_pod_without_a_model_is_let_in(gate_cluster: GateCluster, prod: str) -> None:
    gate_cluster.kubectl("run", "web", prod, "--image=nginx:1.29")
    gate_cluster.until("the audit log's line", lambda: _verdicts(gate_cluster, prod, "web") == ["nothing found"])


def test_a_server_side_apply_is_judged(gate_cluster: GateCluster, prod: str) -> None:
    apply = ["apply", "--server-side", prod, "--filename=-"]
    assert gate_cluster.kubectl(*apply, document=pod("applied")) == "pod/applied serverside-applied\n"
    assert DENIED in gate_cluster.refused(*apply, document=pod("other-applied", UNKNOWN))
    assert gate_cluster.kubectl(*apply, document=pod("applied", metadata={"labels": {"a": "b"}})) != ""


@pytest.mark.parametrize("image", [GOOD, UNKNOWN])
def test_a_dry_run_is_answered_like_the_real_one_and_makes_nothing(
    gate_cluster: GateCluster, prod: str, image: str
) -> None:
    words = ["create", prod, "--dry-run=server", "--filename=-"]
    if image == GOOD:
        assert gate_cluster.kubectl(*words, document=pod("dry")) == "pod/dry created (server dry run)\n"
    else:
        assert DENIED in gate_cluster.refused(*words, document=pod("dry", image))
    assert "NotFound" in gate_cluster.refused("get", "pod/dry", prod)


def test_an_ephemeral_container_is_judged(gate_cluster: GateCluster, prod: str) -> None:
    """`kubectl debug` goes to `pods/ephemeralcontainers`, which rules for `pods` alone would never see."""
    gate_cluster.kubectl("create", prod, "--filename=-", document=pod("debugged"))
    debug = ["debug", "debugged", prod, "--attach=false", "--profile=general"]
    gate_cluster.kubectl(*debug, "--image=busybox:1.37", "--container=shell")
    serve = ["--container=server-2", "--image=vllm/vllm-openai:v0.11", "--arguments-only", "--", "--model", "org/model"]
    said = gate_cluster.refused(*debug, *serve)
    assert DENIED in said
    assert "spec.ephemeralContainers[1].args[1]" in said
    found = gate_cluster.get("pod/debugged", prod)["spec"]["ephemeralContainers"]
    assert [item["name"] for item in found] == ["shell"]


PATCHES = {
    "strategic": {"spec": {"containers": [{"name": "server", "image": "vllm/vllm-openai:v0.10"}]}},
    "merge": {"spec": {"containers": None}},
    "json": [{"op": "replace", "path": "/spec/containers/0/image", "value": "vllm/vllm-openai:v0.10"}],
}


@pytest.mark.parametrize("kind", PATCHES)
def test_patches_of_labels_pass_and_those_of_what_runs_are_judged(
    gate_cluster: GateCluster, prod: str, kind: str
) -> None:
    """A pod's image may be changed in place: what then runs is judged anew, whatever the form of the patch."""
    name = f"patched-{kind}"
    gate_cluster.kubectl("create", prod, "--filename=-", document=pod(name))
    labels: object = {"metadata": {"labels": {"a": "b"}}}
    if kind == "json":
        labels = [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]
    gate_cluster.kubectl("patch", f"pod/{name}", prod, f"--type={kind}", f"--patch={json.dumps(labels)}")
    change = PATCHES[kind]
    if kind == "merge":  # which replaces lists whole
        containers = gate_cluster.get(f"pod/{name}", prod)["spec"]["containers"]
        change = {"spec": {"containers": [{**containers[0], "image": "vllm/vllm-openai:v0.10"}]}}
    gate_cluster.kubectl("patch", f"pod/{name}", prod, f"--type={kind}", f"--patch={json.dumps(change)}")
    gate_cluster.until(
        "both verdicts",
        lambda: _verdicts(gate_cluster, prod, name) == ["verified", NOT_ASKED, "verified"],
    )


def test_a_pod_from_before_the_gate_is_kept_while_its_model_part_stays(gate_cluster: GateCluster) -> None:
    """Labels, status and finalizers of a pod that would be refused today change as ever; what it runs doesn't."""
    words = ["pod/old", f"--namespace={BEFORE}"]
    gate_cluster.kubectl("label", *words, "team=a")
    gate_cluster.kubectl("annotate", *words, "note=kept")
    status = {"status": {"message": "seen", "conditions": [{"type": "Ready", "status": "False"}]}}
    gate_cluster.kubectl("patch", *words, "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")
    assert gate_cluster.get(*words)["status"]["message"] == "seen"
    said = gate_cluster.refused("set", "image", *words, "server=vllm/vllm-openai:v0.10")
    assert DENIED in said.replace("\n", " ")


def test_statuses_never_reach_the_webhook(gate_cluster: GateCluster, prod: str) -> None:
    """A subresource in the rules would stop the kubelet: status updates carry no verdict in the audit log."""
    gate_cluster.kubectl("create", prod, "--filename=-", document=pod("reported"))
    status = json.dumps({"status": {"message": "seen"}})
    gate_cluster.kubectl("patch", "pod/reported", prod, "--subresource=status", "--type=merge", f"--patch={status}")
    gate_cluster.until("the audit log's line", lambda: len(_audited(gate_cluster, prod, "reported")) == 2)
    created, patched = _audited(gate_cluster, prod, "reported")
    assert (created["objectRef"].get("subresource"), patched["objectRef"]["subresource"]) == (None, "status")
    assert "provenance.dbom.dev/verdict" in created["annotations"]
    assert not [key for key in patched["annotations"] if "dbom" in key]


def test_deletes_are_never_blocked_and_finalizers_come_off(gate_cluster: GateCluster) -> None:
    words = [f"--namespace={BEFORE}", "--wait=false"]
    gate_cluster.kubectl("delete", "pod/gone-0", "--grace-period=0", "--force", *words)
    gate_cluster.kubectl("delete", "pod/kept", "--grace-period=0", "--force", *words)
    assert "deletionTimestamp" in gate_cluster.get("pod/kept", f"--namespace={BEFORE}")["metadata"]
    off = json.dumps([{"op": "remove", "path": "/metadata/finalizers"}])
    gate_cluster.kubectl("patch", "pod/kept", f"--namespace={BEFORE}", "--type=json", f"--patch={off}")
    for name in ("pod/kept", "pod/gone-0"):
        gate_cluster.kubectl("wait", "--for=delete", name, f"--namespace={BEFORE}", "--timeout=30s")
    removed = [event for event in gate_cluster.audit_events() if event["verb"] == "delete"]
    assert not [key for event in removed for key in event.get("annotations", {}) if "dbom" in key]


def test_another_signed_model_may_take_a_name_that_is_free_again(gate_cluster: GateCluster, prod: str) -> None:
    gate_cluster.kubectl("create", prod, "--filename=-", document=pod("changing"))
    replace = ["replace", "--force", "--grace-period=0", prod, "--filename=-"]
    gate_cluster.kubectl(*replace, document=pod("changing", OTHER))
    volumes = gate_cluster.get("pod/changing", prod)["spec"]["volumes"]
    assert [volume["image"]["reference"] for volume in volumes if "image" in volume] == [OTHER]


def _audited(gate: GateCluster, namespace: str, name: str) -> list[dict[str, Any]]:
    """Return what the audit log says of a pod's changes that were let in."""
    return [
        event
        for event in gate.audit_events()
        if event["objectRef"].get("resource") == "pods"
        and event["objectRef"].get("namespace") == namespace.removeprefix("--namespace=")
        and event["objectRef"].get("name") == name
        and event["responseStatus"]["code"] < 300
    ]


def _verdicts(gate: GateCluster, namespace: str, name: str) -> list[str]:
    """Return the verdicts of the webhook, or what the API server says where it wasn't asked."""
    told = [event["annotations"] for event in _audited(gate, namespace, name)]
    return [item.get("provenance.dbom.dev/verdict") or item["dbom-unchanged/unchanged"] for item in told]
