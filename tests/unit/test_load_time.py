"""A load-time proof is recognised by image digest and arguments, and whatever could undo it makes it none."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from admission.documents import Node
from admission.load_time import LoadTimeProof, find_proofs
from admission.references import find_references
from admission.references.reference import Held
from admission.references.relevance import relevant_part
from dbom.model import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import JsonObject

DIGEST = "tree:sha256:" + "a" * 64
OURS = "registry.example.com/dbom@sha256:" + "d" * 64
SERVER = "registry.example.com/server@sha256:" + "e" * 64


def pod() -> dict[str, Any]:
    """Return a pod whose model on a volume of its own is proven before its server starts."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "initContainers": [
                {
                    "name": "fetch",
                    "image": SERVER,
                    "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                },
                {
                    "name": "prove",
                    "image": OURS,
                    "args": ["verify", "--for-pod", DIGEST, "/models/m"],
                    "volumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
                },
            ],
            "containers": [
                {
                    "name": "server",
                    "image": SERVER,
                    "command": ["vllm", "serve", "/srv/m"],
                    "volumeMounts": [{"name": "models", "mountPath": "/srv", "readOnly": True}],
                }
            ],
            "volumes": [
                {"name": "models", "emptyDir": {}},
                {"name": "shm", "emptyDir": {"medium": "Memory"}},
            ],
        },
    }


def proofs(document: JsonObject) -> tuple[LoadTimeProof, ...]:
    """Return the proofs of a pod, which are those that its relevant part has: the gate is given nothing else."""
    part = relevant_part(json.dumps(document).encode(), group="", kind="Pod", where="test")
    found = find_proofs(Node(part.document(where="test")).get("spec"))
    assert find_proofs(Node(document).get("spec")) == found
    return found


def proven(change: Callable[[dict[str, Any]], object]) -> LoadTimeProof:
    document = copy.deepcopy(pod())
    change(document["spec"])
    return next(item for item in proofs(document) if item.path.startswith("spec.initContainers["))


def test_a_volume_of_the_pods_own_is_proven() -> None:
    (found,) = proofs(pod())
    expected = LoadTimeProof(
        Digest.parse(DIGEST),
        Held("models", "m", "spec"),
        "sha256:" + "d" * 64,
        "spec.initContainers[1]",
        is_shared=False,
    )
    assert found == expected


def test_what_a_server_loads_from_there_is_covered() -> None:
    (found,) = proofs(pod())
    (model,) = find_references(pod(), group="", kind="Pod", where="")
    assert model.target.held == Held("models", "m", "spec")
    assert found.covers(model.target.held)


@pytest.mark.parametrize(
    ("held", "covered"),
    [
        (Held("models", "m"), True),
        (Held("models", "m/weights"), True),
        (Held("models", "m2"), False),
        (Held("models", ""), False),
        (Held("other", "m"), False),
        (Held("models", "m", "spec.predictor"), False),
    ],
)
def test_what_lies_beside_or_above_is_not_covered(held: Held, covered: bool) -> None:  # noqa: FBT001  a column of the table
    assert proven(lambda _: None).covers(held) is covered


GOOD: list[Callable[[dict[str, Any]], object]] = [
    lambda spec: spec["initContainers"][1].update(command=["dbom"]),
    lambda spec: spec["initContainers"][1].update(
        command=["dbom", "verify", f"--for-pod={DIGEST}", "/models/m"], args=[]
    ),
    lambda spec: spec["initContainers"][1].update(
        args=["verify", "--copy-from", "hf://org/m@" + "0" * 40, "--for-pod", DIGEST, "--jobs=2", "/models/m"]
    ),
    lambda spec: spec["initContainers"][1].update(env=[{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {}}}]),
    lambda spec: spec["containers"][0]["volumeMounts"].append({"name": "shm", "mountPath": "/dev/shm"}),  # noqa: S108
    lambda spec: (
        spec["initContainers"].pop(0),
        spec.update(ephemeralContainers=[{"name": "debug", "image": SERVER, "targetContainerName": "server"}]),
    ),
    lambda spec: spec["initContainers"][1].update(terminationMessagePath="/dev/termination-log"),
    lambda spec: spec["containers"][0].update(securityContext={"capabilities": {"add": ["CAP_IPC_LOCK", "net_raw"]}}),
    lambda spec: (
        spec["initContainers"].pop(0),
        spec["initContainers"].insert(0, {"name": "mesh", "image": SERVER, "restartPolicy": "Always"}),
    ),
]


@pytest.mark.parametrize("change", GOOD)
def test_what_changes_nothing_leaves_it_a_proof(change: Callable[[dict[str, Any]], object]) -> None:
    assert (proven(change).because, proven(change).digest) == ("", Digest.parse(DIGEST))


def prover(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda spec: spec["initContainers"][1].update(values)


def another(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda spec: spec["containers"].append({"name": "x", "image": SERVER, **values})


def debugged(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda spec: spec.update(ephemeralContainers=[{"name": "d", "image": SERVER, **values}])


def with_volume(mounted_in: int, path: str, **source: object) -> Callable[[dict[str, Any]], object]:
    """Return a change by which an init container (the server, where `mounted_in` is 2) only reads another volume."""

    def change(spec: dict[str, Any]) -> None:
        spec["volumes"].append({"name": "more", **source})
        container = [*spec["initContainers"], *spec["containers"]][mounted_in]
        container["volumeMounts"].append({"name": "more", "mountPath": path, "readOnly": True})

    return change


HOST = {"hostPath": {"path": "/run/containerd"}}
CLAIM = {"persistentVolumeClaim": {"claimName": "scratch"}}
WRITES = [{"name": "models", "mountPath": "/x"}]
UNDONE: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("image by tag", prover(image="registry.example.com/dbom:latest"), "not named by digest"),
    ("sidecar", prover(restartPolicy="Always"), "keeps running"),
    ("another flag", prover(args=["verify", "--for-pod", DIGEST, "--debug", "/models/m"]), "say more than is known"),
    ("flag twice", prover(args=["verify", "--for-pod", DIGEST, "--for-pod", DIGEST, "/models/m"]), "say more"),
    ("two paths", prover(args=["verify", "--for-pod", DIGEST, "/models/m", "/models/n"]), "no one absolute path"),
    ("relative path", prover(args=["verify", "--for-pod", DIGEST, "m"]), "no one absolute path"),
    ("upwards", prover(args=["verify", "--for-pod", DIGEST, "/models/../m"]), "no one absolute path"),
    ("no path", prover(args=["verify", "--for-pod", DIGEST]), "no one absolute path"),
    ("variable", prover(args=["verify", "--for-pod", DIGEST, "/models/$(M)"]), "take variables"),
    ("dollar", prover(args=["verify", "--for-pod", DIGEST, "/models/a$$b"]), "take variables"),
    ("part of a volume", lambda spec: spec["initContainers"][1]["volumeMounts"][0].update(subPath="sub"), "subPath"),
    ("last words over a file", prover(terminationMessagePath="/models/m/__init__.py"), "terminationMessagePath"),
    ("mount within another", with_volume(1, "/models/m", emptyDir={}), "on no volume"),
    ("mount below another", with_volume(1, "/", emptyDir={}), "files of its own image"),
    ("processes of each other", lambda spec: spec.update(shareProcessNamespace=True), "shareProcessNamespace"),
    ("debugging container in it", debugged(targetContainerName="prove"), "targetContainerName"),
    ("all capabilities", another(securityContext={"capabilities": {"add": ["all"]}}), "make a read-only mount"),
    ("files by handle", another(securityContext={"capabilities": {"add": ["CAP_DAC_READ_SEARCH"]}}), "read-only mount"),
    ("block device beside it", another(volumeDevices=[{"name": "b", "devicePath": "/dev/b"}]), "block devices"),
    ("socket of the node", with_volume(2, "/run/containerd", **HOST), "folders of its node"),
    ("socket of the node before it", with_volume(0, "/run/containerd", **HOST), "leave something running"),
    (
        "open files for a sidecar",
        lambda spec: spec["initContainers"].insert(0, {"name": "s", "image": SERVER, "restartPolicy": "Always"}),
        "handed its open files",
    ),
    ("open files for a debugging container", debugged(), "handed its open files"),
    ("open files over the node's network", lambda spec: spec.update(hostNetwork=True), "hand on its open files"),
    ("open files through a claim", with_volume(0, "/claim", **CLAIM), "through the volume more"),
    ("path in the image", prover(args=["verify", "--for-pod", DIGEST, "/opt/m"]), "on no volume"),
    ("environment", prover(env=[{"name": "PYTHONPATH", "value": "/models"}]), "sets PYTHONPATH"),
    ("environment from elsewhere", prover(envFrom=[{"configMapRef": {"name": "x"}}]), "envFrom"),
    ("working directory", prover(workingDir="/models"), "folder of the pod's choice"),
    ("hook", prover(lifecycle={"postStart": {"exec": {"command": ["sh"]}}}), "hooks or probes"),
    ("block device", prover(volumeDevices=[{"name": "b", "devicePath": "/dev/b"}]), "block devices"),
    (
        "mount over its own files",
        lambda spec: spec["initContainers"][1]["volumeMounts"].append({"name": "shm", "mountPath": "/usr/lib"}),
        "files of its own image",
    ),
    (
        "mount over what it checks",
        lambda spec: spec["initContainers"][1]["volumeMounts"].append({"name": "shm", "mountPath": "/models/m/x"}),
        "on no volume",
    ),
    (
        "expression in its mount",
        lambda spec: spec["initContainers"][1]["volumeMounts"][0].update(subPathExpr="$(X)"),
        "on no volume",
    ),
    ("writable mount", lambda spec: spec["containers"][0]["volumeMounts"][0].pop("readOnly"), "can write to it"),
    ("writable mount elsewhere", another(volumeMounts=WRITES), "containers[1] mounts the volume so that it can write"),
    (
        "later init container that writes",
        lambda spec: spec["initContainers"].append({"name": "x", "image": SERVER, "volumeMounts": WRITES}),
        "initContainers[2] mounts the volume",
    ),
    (
        "sidecar before it that writes",
        lambda spec: spec["initContainers"][0].update(restartPolicy="Always"),
        "initContainers[0] mounts the volume",
    ),
    (
        "debugging container that writes",
        lambda spec: spec.update(ephemeralContainers=[{"name": "d", "image": SERVER, "volumeMounts": WRITES}]),
        "ephemeralContainers[0] mounts the volume",
    ),
    ("privileged", another(securityContext={"privileged": True}), "make a read-only mount writable"),
    ("capability", another(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}), "make a read-only mount"),
    (
        "privileged before it",
        lambda spec: spec["initContainers"][0].update(securityContext={"privileged": True}),
        "leave something running",
    ),
    ("processes of the node", lambda spec: spec.update(hostPID=True), "hostPID"),
    (
        "folder of the node",
        lambda spec: (
            spec["volumes"].append({"name": "host", "hostPath": {"path": "/var/lib/kubelet"}}),
            spec["containers"][0]["volumeMounts"].append({"name": "host", "mountPath": "/host"}),
        ),
        "folders of its node",
    ),
]


@pytest.mark.parametrize(("change", "because"), [item[1:] for item in UNDONE], ids=[item[0] for item in UNDONE])
def test_what_could_undo_it_makes_it_no_proof(change: Callable[[dict[str, Any]], object], because: str) -> None:
    assert because in proven(change).because


@pytest.mark.parametrize(
    "change",
    [
        prover(command=["sh", "-c"]),
        prover(args=["fingerprint", "--for-pod", DIGEST, "/models/m"]),
        prover(args=["verify", "/models/m"]),
        prover(args=["verify", "--for-pod", "sha256:short", "/models/m"]),
        prover(args=["verify", "--for-pod"]),
        prover(args=[]),
    ],
)
def test_another_command_demands_nothing(change: Callable[[dict[str, Any]], object]) -> None:
    document = pod()
    change(document["spec"])
    assert proofs(document) == ()


def test_a_container_called_like_it_proves_nothing() -> None:
    document = pod()
    document["spec"]["initContainers"][1] = {"name": "prove", "image": OURS, "command": ["true"]}
    assert proofs(document) == ()


@pytest.mark.parametrize(
    ("volume", "shared"),
    [
        ({"emptyDir": {}}, False),
        ({"ephemeral": {"volumeClaimTemplate": {}}}, True),
        ({"persistentVolumeClaim": {"claimName": "c"}}, True),
        ({"hostPath": {"path": "/data"}}, True),
        ({"csi": {"driver": "x"}}, True),
        ({"nfs": {"server": "s", "path": "/"}}, True),
    ],
)
def test_a_volume_that_others_can_write_to_is_told(volume: dict[str, Any], shared: bool) -> None:  # noqa: FBT001  a column of the table
    def change(spec: dict[str, Any]) -> None:
        spec["volumes"][0] = {"name": "models", **volume}

    found = proven(change)
    assert (found.is_shared, found.because) == (shared, "")


def test_a_second_volume_of_the_same_claim_may_not_be_written_to_either() -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["volumes"] = [
            {"name": "models", "persistentVolumeClaim": {"claimName": "c", "readOnly": True}},
            {"name": "twin", "persistentVolumeClaim": {"claimName": "c"}},
        ]
        spec["containers"][0]["volumeMounts"].append({"name": "twin", "mountPath": "/twin"})

    assert "can write to it" in proven(change).because


@pytest.mark.parametrize(
    ("proven_volume", "twin"),
    [
        ({"ephemeral": {"volumeClaimTemplate": {}}}, {"persistentVolumeClaim": {"claimName": "p-models"}}),
        ({"persistentVolumeClaim": {"claimName": "p-twin"}}, {"ephemeral": {"volumeClaimTemplate": {}}}),
        (
            {"emptyDir": None, "persistentVolumeClaim": {"claimName": "c"}},
            {"persistentVolumeClaim": {"claimName": "c"}},
        ),
        ({"nfs": {"server": "s", "path": "/a"}}, {"nfs": {"server": "s", "path": "/"}}),
        ({"csi": {"driver": "x"}}, {"csi": {"driver": "x", "readOnly": False, "volumeAttributes": {"of": "all"}}}),
    ],
)
def test_one_place_spelt_as_two_volumes_may_not_be_written_to(
    proven_volume: dict[str, Any], twin: dict[str, Any]
) -> None:
    def change(spec: dict[str, Any], *, read_only: bool) -> None:
        spec["volumes"] = [{"name": "models", **proven_volume}, {"name": "twin", **twin}]
        spec["containers"][0]["volumeMounts"].append({"name": "twin", "mountPath": "/twin", "readOnly": read_only})

    assert "can write to it" in proven(lambda spec: change(spec, read_only=False)).because
    assert proven(lambda spec: change(spec, read_only=True)).because == ""


def test_another_claim_may_be_written_to() -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["volumes"] = [
            {"name": "models", "persistentVolumeClaim": {"claimName": "c"}},
            {"name": "cache", "persistentVolumeClaim": {"claimName": "d"}},
            {"name": "scratch", "emptyDir": {}},
        ]
        mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("cache", "scratch")]
        spec["containers"][0]["volumeMounts"] += mounts

    assert proven(change).because == ""


def test_more_proofs_than_a_pod_needs_are_none() -> None:
    """Each is held against every other container: thousands of both would take minutes."""
    document = pod()
    document["spec"]["initContainers"] = [document["spec"]["initContainers"][1]] * 50
    assert len(proofs(document)) == 50
    document["spec"]["initContainers"] *= 2
    assert proofs(document) == ()
