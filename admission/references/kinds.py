"""The kinds of object that are read, and where in them the specifications of pods stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.program import Resource, known_resources

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["OTHERS", "WORKLOADS", "is_read", "plural_of", "read_kinds", "resource_of", "there"]

WORKLOADS: Final = {
    ("", "Pod"): "spec",
    ("", "PodTemplate"): "template.spec",
    ("", "ReplicationController"): "spec.template.spec",
    ("apps", "Deployment"): "spec.template.spec",
    ("apps", "StatefulSet"): "spec.template.spec",
    ("apps", "DaemonSet"): "spec.template.spec",
    ("apps", "ReplicaSet"): "spec.template.spec",
    ("batch", "Job"): "spec.template.spec",
    ("batch", "CronJob"): "spec.jobTemplate.spec.template.spec",
}
"""Kinds of Kubernetes' own, by API group and kind: where their pod specification must stand."""

_TEMPLATE: Final = Resource(("spec.template.spec",))
OTHERS: Final = {
    # kubernetes-sigs/jobset 0.9 api/jobset/v1alpha2; kubernetes-sigs/lws 0.7 api/leaderworkerset/v1
    ("jobset.x-k8s.io", "JobSet"): Resource(("spec.replicatedJobs[].template.spec.template.spec",)),
    ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): Resource(
        ("spec.leaderWorkerTemplate.leaderTemplate.spec", "spec.leaderWorkerTemplate.workerTemplate.spec")
    ),
    # kubernetes-sigs/lws at 67b80a6 docs/examples/disaggregatedset: a LeaderWorkerSet for each role
    ("disaggregatedset.x-k8s.io", "DisaggregatedSet"): Resource(
        (
            "spec.roles[].spec.leaderWorkerTemplate.leaderTemplate.spec",
            "spec.roles[].spec.leaderWorkerTemplate.workerTemplate.spec",
        )
    ),
    # volcano-sh/apis 1.12 batch/v1alpha1
    ("batch.volcano.sh", "Job"): Resource(("spec.tasks[].template.spec",)),
    # knative/serving 1.18 pkg/apis/serving/v1
    ("serving.knative.dev", "Service"): _TEMPLATE,
    ("serving.knative.dev", "Configuration"): _TEMPLATE,
    ("serving.knative.dev", "Revision"): Resource(("spec",)),
    # awslabs/sagemaker-hyperpod-cli: sagemaker.amazonaws.com/v1, a template for each of its replicas
    ("sagemaker.amazonaws.com", "HyperPodPyTorchJob"): Resource(("spec.replicaSpecs[].template.spec",)),
    # argoproj/argo-rollouts 1.8; kedacore/keda 2.17; openkruise/kruise 1.8 apps/v1alpha1 and v1beta1
    ("argoproj.io", "Rollout"): _TEMPLATE,
    ("keda.sh", "ScaledJob"): Resource(("spec.jobTargetRef.template.spec",)),
    ("apps.kruise.io", "CloneSet"): _TEMPLATE,
    ("apps.kruise.io", "StatefulSet"): _TEMPLATE,
    ("apps.kruise.io", "DaemonSet"): _TEMPLATE,
}
"""Kinds of other projects that make pods and are no model server's: where their pod specifications stand."""


def resource_of(group: str, kind: str) -> Resource | None:
    """Return how a kind is read that isn't Kubernetes' own, None for a kind that isn't read."""
    return known_resources().get((group, kind)) or OTHERS.get((group, kind))


def is_read(group: str, kind: str) -> bool:
    """Return whether objects of this kind are read."""
    return (group, kind) in WORKLOADS or resource_of(group, kind) is not None


def plural_of(group: str, kind: str) -> str:
    """Return what the API calls objects of a kind (`inferenceservices`)."""
    resource = resource_of(group, kind)
    return (resource.plural if resource is not None else "") or f"{kind.lower()}s"


def read_kinds() -> tuple[tuple[str, str], ...]:
    """Return every API group and kind that is read."""
    return tuple(sorted({*WORKLOADS, *OTHERS, *known_resources()}))


def there(root: Node, path: str) -> list[Node]:
    """Return what stands at a path (`spec.workers[].template.spec`).

    `[]` stands for every item of a list, `{}` for every member of an object.
    """
    found = [root]
    for key in path.split("."):
        name = key.removesuffix("[]").removesuffix("{}")
        found = [node.get(name) for node in found]
        if key.endswith("[]"):
            found = [item for node in found for item in node.items()]
        elif key.endswith("{}"):
            found = [item for node in found for _, item in node.members()]
    return [node for node in found if node.is_there]
