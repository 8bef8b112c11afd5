"""The API server asks the webhook about every update that changes what the gate reads: compared, edit by edit.

The condition in the webhook's configuration is CEL; here the very text is evaluated by cel-cpp, in
tests/e2e/test_cluster_updates.py by a real API server.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cel_expr_python import cel
from installed import INSTALLATIONS, rendered

from admission.manifests.changes import ASKED, UNCHANGED
from admission.references.finding import READ_ANNOTATIONS
from admission.references.kinds import WORKLOADS, read_kinds, resource_of
from admission.review import Review
from dbom.formats.yaml_reader import load_yaml_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = sorted((Path(__file__).parents[1] / "references").glob("*/*.yaml"))
ENVIRONMENT = """
name: match-conditions
extensions:
  - {name: optional}
variables:
  - {name: object, type: dyn}
  - {name: oldObject, type: dyn}
  - {name: request, type: dyn}
"""


@cache
def compiled(text: str) -> cel.Expression:
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(ENVIRONMENT)).compile(text)


def holds(text: str, new: dict[str, Any], old: dict[str, Any] | None, operation: str = "UPDATE") -> bool:
    """Return what the API server makes of the condition. A failure of it is none of its answers."""
    group, _, version = new["apiVersion"].rpartition("/")
    request = {"operation": operation, "kind": {"group": group, "version": version, "kind": new["kind"]}}
    answer = compiled(text).eval(data={"object": new, "oldObject": old, "request": request})
    assert repr(answer.type()) == "BOOL", answer.value()
    return bool(answer.value())


def asked(new: dict[str, Any], old: dict[str, Any] | None, operation: str = "UPDATE") -> bool:
    return holds(ASKED, new, old, operation)


def is_other(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Return whether the gate takes an update for one that changes what it reads."""
    group = new["apiVersion"].rpartition("/")[0]
    return not Review.of_change((group, new["kind"], "shop"), "UPDATE", new, old).question.is_unchanged


def document_of(case: Path) -> dict[str, Any]:
    (document,) = load_yaml_documents(case.read_bytes(), where=case.name)
    assert isinstance(document, dict)
    return dict(document)


def edits(node: Any) -> Iterator[Any]:  # noqa: ANN401  JSON
    """Yield a document with one thing in it changed, added or taken away, for each thing in it."""
    if isinstance(node, dict):
        yield {**node, "added": {"a": "b"}}
        for key, item in node.items():
            yield {other: value for other, value in node.items() if other != key}
            for changed in edits(item):
                yield {**node, key: changed}
    elif isinstance(node, list):
        yield [*node, *node[:1]]
        for number, item in enumerate(node):
            yield node[:number] + node[number + 1 :]
            for changed in edits(item):
                yield [*node[:number], changed, *node[number + 1 :]]
    elif isinstance(node, str):
        yield f"{node}x"
        yield {"was": node}
    elif isinstance(node, bool):
        yield not node
    else:
        yield 7 if node is None else node + 1


def annotated(node: Any) -> Iterator[Any]:  # noqa: ANN401  JSON
    """Yield a document with an annotation that is read, at each place that has metadata or could have."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            for changed in annotated(item):
                yield [*node[:number], changed, *node[number + 1 :]]
    if not isinstance(node, dict):
        return
    if "spec" in node or "metadata" in node:
        metadata = node.get("metadata") or {}
        for key in READ_ANNOTATIONS:
            added = {**(metadata.get("annotations") or {}), key: "hf://org/other"}
            yield {**node, "metadata": {**metadata, "annotations": added}}
    for key, item in node.items():
        for changed in annotated(item):
            yield {**node, key: changed}


def is_one(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Return whether an edit is one that an API server could store: the same kind, and metadata as it defines them."""
    metadata = new.get("metadata")
    if (new.get("apiVersion"), new.get("kind")) != (old["apiVersion"], old["kind"]) or not isinstance(metadata, dict):
        return False
    annotations = metadata.get("annotations", {})
    return isinstance(annotations, dict) and all(isinstance(text, str) for text in annotations.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_whatever_changes_what_the_gate_reads_is_asked_about(case: Path) -> None:
    """For each manifest, each single edit of it, in both directions."""
    old = document_of(case)
    for new in (*edits(old), *annotated(old)):
        if is_one(new, old) and is_other(new, old):
            assert asked(new, old), json.dumps(new)
            assert asked(old, new), json.dumps(new)
            assert not holds(UNCHANGED, new, old)


@pytest.mark.parametrize("group_kind", read_kinds(), ids=lambda item: f"{item[0]}/{item[1]}")
def test_no_kind_that_is_read_can_get_a_pod_unasked(group_kind: tuple[str, str]) -> None:
    """Of every kind, at every place where its pods stand; so none is forgotten whose fixtures are few."""
    for path in places(*group_kind):
        old, new = (at_place(group_kind, path, image) for image in ("m@sha256:" + "1" * 64, "m:latest"))
        assert is_other(new, old)
        assert asked(new, old)
        bare = at_place(group_kind, "", "")
        assert asked(new, bare)
        assert asked(bare, new)


def places(group: str, kind: str) -> tuple[str, ...]:
    path, resource = WORKLOADS.get((group, kind)), resource_of(group, kind)
    pods = () if resource is None else resource.pods
    return (path,) if path is not None else pods or ("spec.model",)


def at_place(group_kind: tuple[str, str], path: str, image: str) -> dict[str, Any]:
    group, kind = group_kind
    item: Any = {"volumes": [{"name": "m", "image": {"reference": image}}], "containers": [{"name": "c"}]}
    for key in reversed(path.split(".") if path else ()):
        name = key.removesuffix("[]").removesuffix("{}")
        item = {name: [item] if key.endswith("[]") else {"x": item} if key.endswith("{}") else item}
    version = f"{group}/v1" if group else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "n"}, **(item if path else {})}


LEAVES_AS_IT_IS: dict[str, Any] = {
    "labels": {"labels": {"a": "b"}},
    "another annotation": {"annotations": {"deployment.kubernetes.io/desired-replicas": "0"}},
    "finalizers": {"finalizers": ["example.com/kept"]},
    "owners": {"ownerReferences": [{"kind": "ReplicaSet", "name": "r"}]},
    "bookkeeping": {"resourceVersion": "8", "generation": 9, "managedFields": [{"manager": "m"}]},
    "a deletion": {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0},
}


@pytest.mark.parametrize("group_kind", read_kinds(), ids=lambda item: f"{item[0]}/{item[1]}")
def test_metadata_and_status_are_nobody_s_business(group_kind: tuple[str, str]) -> None:
    """Labels, finalizers and statuses change while nobody answers, of every kind; no reading of them fails."""
    old = at_place(group_kind, places(*group_kind)[0], "m:latest")
    for metadata in LEAVES_AS_IT_IS.values():
        new = {**old, "metadata": {**old["metadata"], **metadata}}
        assert not asked(new, old)
        assert not asked(old, new)
        assert holds(UNCHANGED, new, old)
    assert not asked({**old, "status": {"replicas": 1}}, old)
    assert not asked({**old, "status": {"replicas": 1}}, {**old, "status": {"replicas": 2}})


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "Job", "CronJob", "ReplicationController"])
def test_a_workload_is_scaled_and_suspended_unasked(kind: str) -> None:
    group = {"Job": "batch", "CronJob": "batch", "ReplicationController": ""}.get(kind, "apps")
    old = at_place((group, kind), WORKLOADS[group, kind], "m:latest")
    for change in ({"replicas": 0}, {"suspend": True}, {"paused": True}, {"minReadySeconds": 1}):
        new = {**old, "spec": {**old["spec"], **change}}
        assert not is_other(new, old)
        assert not asked(new, old)


def test_what_is_created_is_always_asked_about() -> None:
    for case in CASES:
        assert asked(document_of(case), None, "CREATE")


def test_an_object_of_the_name_of_a_workload_in_another_group_is_no_workload() -> None:
    """Of apps.kruise.io everything is read, of apps only the template: a strategy may name images there."""
    old = at_place(("apps.kruise.io", "StatefulSet"), "spec.template.spec", "m:latest")
    new = {**old, "spec": {**old["spec"], "updateStrategy": {"image": "m:other"}}}
    assert is_other(new, old)
    assert asked(new, old)


def test_an_object_of_very_many_members_is_asked_about_unseen() -> None:
    """So nobody can make the API server give up on the condition, and in audit go on without an answer."""
    old = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "n"}}
    many = {**old, **{f"m{number}": number for number in range(64)}}
    assert asked(many, many)
    assert not asked(
        {**old, **{f"m{number}": number for number in range(8)}},
        {**old, **{f"m{number}": number for number in range(8)}},
    )


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_both_webhooks_have_this_one_condition(name: str) -> None:
    for webhook in rendered(INSTALLATIONS[name])["ValidatingWebhookConfiguration", "dbom"]["webhooks"]:
        assert webhook["matchConditions"] == [{"name": "what-is-judged-changes", "expression": ASKED}]
