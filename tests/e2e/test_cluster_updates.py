"""Which updates a real API server asks the webhook about: every one that changes what is judged, and no others.

The condition is CEL in the webhook's configuration. Here the API server evaluates it, with the webhook dead: what is
refused was to be asked about, what passes wasn't, and a condition that failed would be refused with words of its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from gate_samples import GOOD, OTHER, UNKNOWN, cron_job, deployment, job, pod, pod_spec, stateful_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

DENIED = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
NO_ANSWER = 'failed calling webhook "provenance.dbom.dev"'
SPACE = "updates"
PLACE = f"--namespace={SPACE}"
TEMPLATE = {"metadata": {"labels": {"app": "w"}}, "spec": pod_spec()}
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "inferenceservices.serving.kserve.io"},
    "spec": {
        "group": "serving.kserve.io",
        "scope": "Namespaced",
        "names": {"kind": "InferenceService", "plural": "inferenceservices", "singular": "inferenceservice"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""As open as a definition can be: any member at the top, and no status of its own."""


def documents() -> dict[str, dict[str, Any]]:
    """Return an object of each kind of Kubernetes' own that is read, and one of another project's."""
    selected = {"selector": {"matchLabels": {"app": "w"}}, "template": TEMPLATE}
    claim = {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": f"oci://{GOOD}"}}}
    return {
        "pod": pod("w"),
        "deployment": deployment("w", replicas=0),
        "statefulset": {**stateful_set("w"), "spec": {**stateful_set("w")["spec"], "replicas": 0}},
        "job": {**job("w"), "spec": {**job("w")["spec"], "suspend": True}},
        "cronjob": cron_job("w"),
        "daemonset": of("apps/v1", "DaemonSet", {"spec": selected}),
        "replicaset": of("apps/v1", "ReplicaSet", {"spec": {"replicas": 0, **selected}}),
        "replicationcontroller": of(
            "v1", "ReplicationController", {"spec": {"replicas": 0, "selector": {"app": "w"}, "template": TEMPLATE}}
        ),
        "podtemplate": of("v1", "PodTemplate", {"template": TEMPLATE}),
        "inferenceservice": of("serving.kserve.io/v1beta1", "InferenceService", {"spec": claim}),
    }


def of(version: str, kind: str, rest: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "w"}, **rest}


@pytest.fixture(name="gate", scope="module")
def make_gate(gate_cluster: GateCluster) -> Iterator[GateCluster]:
    """Make an object of each kind, all of them verified; the definition of the other project's is gone in the end."""
    gate_cluster.namespace(SPACE)
    gate_cluster.kubectl("apply", "--filename=-", document=DEFINITION)
    name = f"customresourcedefinition/{DEFINITION['metadata']['name']}"
    gate_cluster.kubectl("wait", "--for=condition=Established", name, "--timeout=60s")
    gate_cluster.kubectl("create", PLACE, "--filename=-", document=[*documents().values()])
    yield gate_cluster
    gate_cluster.kubectl("delete", name)


@pytest.fixture(name="dead")
def make_dead(gate: GateCluster) -> Iterator[GateCluster]:
    gate.kill()
    yield gate
    gate.serve()


def patched(gate: GateCluster, what: str, *changes: tuple[str, object], more: tuple[str, ...] = ()) -> str:
    """Return what kubectl says of setting fields of an object, each by its JSON pointer; None takes one away."""
    patch = [
        {"op": "remove", "path": path} if value is None else {"op": "add", "path": path, "value": value}
        for path, value in changes
    ]
    said = gate.said("patch", f"{what}/w", PLACE, "--type=json", f"--patch={json.dumps(patch)}", *more)
    return said.err if said.code else ""


def test_of_every_kind_labels_and_finalizers_pass_a_dead_webhook_and_what_is_loaded_does_not(dead: GateCluster) -> None:
    annotated = {"dbom.dev/model": "hf://org/m"}
    loads: dict[str, tuple[str, object]] = {
        "pod": ("/spec/containers/0/image", OTHER),
        # Of a suspended Job's template little can be changed.
        "job": ("/spec/template/metadata/annotations", annotated),
        "cronjob": ("/spec/jobTemplate/spec/template/spec/volumes/0/image/reference", OTHER),
        "podtemplate": ("/template/spec/volumes/0/image/reference", OTHER),
        "inferenceservice": ("/spec/predictor/model/storageUri", OTHER),
    }
    dry = ("--dry-run=server",)
    for what in documents():
        # Not those by which a ReplicaSet would take the pod for one of its own, and one too many.
        assert patched(dead, what, ("/metadata/labels", {"a": "b"})) == "", what
        assert patched(dead, what, ("/metadata/finalizers", ["example.com/held"])) == "", what
        assert patched(dead, what, ("/metadata/finalizers", None)) == "", what
        assert patched(dead, what, ("/metadata/annotations", {"note": "kept"})) == "", what
        change = loads.get(what, ("/spec/template/spec/volumes/0/image/reference", OTHER))
        assert NO_ANSWER in patched(dead, what, change), what
        assert NO_ANSWER in patched(dead, what, change, more=dry), what
        assert NO_ANSWER in patched(dead, what, ("/metadata/annotations", annotated)), what


def test_workloads_are_scaled_and_suspended_while_nobody_answers(dead: GateCluster) -> None:
    scaled = ("deployment", "statefulset", "replicaset", "replicationcontroller")
    for what in scaled:
        assert patched(dead, what, ("/spec/replicas", 0)) == "", what
    for what in ("job", "cronjob"):
        assert patched(dead, what, ("/spec/suspend", True)) == "", what
    assert patched(dead, "cronjob", ("/spec/schedule", "0 0 2 2 *")) == ""


def test_an_annotation_alone_that_names_another_model_is_judged(gate: GateCluster) -> None:
    """By whatever patch, at an object and at its pod template, on top of others, and when it only grows."""
    for what in documents():
        said = patched(gate, what, ("/metadata/annotations", {"note": "x", "dbom.dev/model": f"oci://{UNKNOWN}"}))
        assert DENIED in said, what
        assert "dbom.dev/model" in said, what
    apply = ["apply", "--server-side", "--force-conflicts", PLACE, "--filename=-"]
    named = {"annotations": {"dbom.dev/model": f"oci://{UNKNOWN}"}}
    assert DENIED in gate.refused(*apply, document=pod("w", metadata=named))
    assert DENIED in gate.refused("annotate", "pod/w", PLACE, f"dbom.dev/model=oci://{UNKNOWN}")
    gate.kubectl("annotate", "deployment/w", PLACE, f"dbom.dev/model=oci://{GOOD}")
    for text in (f"oci://{GOOD},oci://{UNKNOWN}", f"oci://{UNKNOWN}"):
        assert DENIED in gate.refused("annotate", "deployment/w", PLACE, "--overwrite", f"dbom.dev/model={text}")
    within = json.dumps({"spec": {"template": {"metadata": named}}})
    assert DENIED in gate.refused("patch", "deployment/w", PLACE, "--type=strategic", f"--patch={within}")


def test_what_another_project_s_kind_names_is_judged_wherever_it_stands(gate: GateCluster) -> None:
    """Not only its specification: members at the top that nobody defined, new ones, and ones that are taken away."""
    what = "inferenceservice"
    assert DENIED in patched(gate, what, ("/spec/predictor/model/storageUri", f"oci://{UNKNOWN}"))
    assert patched(gate, what, ("/status", {"url": "http://w"})) == ""
    assert patched(gate, what, ("/extra", {"a": [1, None, {}]})) == ""
    before = verdicts(gate)
    assert patched(gate, what, ("/extra/a/1", {"b": "c"})) == ""
    assert patched(gate, what, ("/extra", None)) == ""
    gate.until("both records", lambda: verdicts(gate) == [*before, "verified", "verified"])
    assert patched(gate, what, ("/status/url", "http://x")) == ""
    assert patched(gate, what, ("/metadata/labels", {"last": "one"})) == ""
    gate.until("two that weren't asked about", lambda: verdicts(gate)[len(before) + 2 :] == ["", ""])


def verdicts(gate: GateCluster) -> list[str]:
    """Return the verdicts on the patches of the other project's object, empty where the webhook wasn't asked."""
    found = [event for event in gate.audit_events() if event["objectRef"].get("resource") == "inferenceservices"]
    let_in = [event for event in found if event["verb"] == "patch" and event["responseStatus"]["code"] == 200]
    return [event.get("annotations", {}).get("provenance.dbom.dev/verdict", "") for event in let_in]


def test_an_object_that_would_cost_too_much_to_compare_is_asked_about(dead: GateCluster) -> None:
    """Ten thousand members at the top: the API server's budget isn't reached, since nobody looks at them."""
    many = dead.folder / "many.json"
    many.write_text(json.dumps({f"m{number}": {"n": number} for number in range(10_000)}))
    words = ["patch", "inferenceservice/w", PLACE, "--type=merge", f"--patch-file={many}"]
    assert NO_ANSWER in dead.refused(*words)


def test_a_large_template_is_compared_within_the_budget(gate: GateCluster) -> None:
    """Some hundred kilobytes, at first by the webhook, then by the API server alone."""
    large = deployment("large", replicas=0)
    container = large["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": f"V{number}", "value": "x" * 100} for number in range(1500)]
    gate.kubectl("create", PLACE, "--filename=-", document=large)
    gate.kill()
    try:
        gate.kubectl("scale", "deployment/large", PLACE, "--replicas=2")
        gate.kubectl("label", "deployment/large", PLACE, "a=b")
        path = "/spec/template/spec/containers/0/env/1499/value"
        patch = json.dumps([{"op": "replace", "path": path, "value": "y"}])
        assert NO_ANSWER in gate.refused("patch", "deployment/large", PLACE, "--type=json", f"--patch={patch}")
    finally:
        gate.serve()
