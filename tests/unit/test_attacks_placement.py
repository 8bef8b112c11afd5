"""Attacks by placement: the bad model stands where a hasty reader doesn't look. None may be a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attacks import COMMIT, GOOD, HEX, found_in, is_found, may_be_yes, mount, pod, server, volume

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

GOOD_SERVER = server("--model", "/models", volumeMounts=[mount("/models")])
EVIL: JsonObject = {"name": "e", "image": "registry.example.com/any:1", "command": ["vllm", "serve", "evil/m"]}
SWAPS = (
    ["cp", "-r", "/elsewhere/.", "/m"],
    ["curl", "-o", "/m/model.safetensors", "https://example.com/x"],
    ["wget", "-P", "/m", "https://example.com/x"],
    ["sh", "-c", "rm -r /m; mkdir /m"],
    ["sh", "-c", "echo {} > /m/config.json"],
    ["sh", "-c", "cat /x | tee /m/config.json"],
    ["sh", "-c", "curl -sf http://localhost/x > /m/config.json"],
    ["sh", "-c", "$X"],
    ["sh", "-c", "case a in a) cp /x /m;; esac"],
    ["python3", "-c", "import shutil; shutil.copy('/x', '/m')"],
    ["sh", "/x"],
    ["busybox", "cp", "/x", "/m"],
)
HARMLESS = (
    ["cat", "/run/healthy"],
    ["curl", "-sf", "http://localhost:8000/health"],
    ["sh", "-c", "curl -fsS http://localhost:8000/health"],
    ["wget", "-q", "--spider", "http://localhost:8000/health"],
    ["sh", "-c", "test -f /run/ready && echo ready"],
)
EVIL_HOOK: Json = {"exec": {"command": ["sh", "-c", "vllm serve evil/m"]}}


def test_the_good_pod_itself_could_be_a_yes() -> None:
    assert may_be_yes(found_in(pod(GOOD_SERVER)))


@pytest.mark.parametrize("key", ["initContainers", "ephemeralContainers"])
def test_another_list_of_containers(key: str) -> None:
    listed: dict[str, Json] = {key: [EVIL]}
    found = found_in(pod(GOOD_SERVER, **listed))
    assert is_found(found, "evil/m")


def test_a_second_container() -> None:
    assert is_found(found_in(pod(GOOD_SERVER, EVIL)), "evil/m")


def test_a_side_car_among_the_init_containers() -> None:
    assert is_found(found_in(pod(GOOD_SERVER, initContainers=[{**EVIL, "restartPolicy": "Always"}])), "evil/m")


@pytest.mark.parametrize("key", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_a_probe(key: str) -> None:
    assert is_found(found_in(pod({**GOOD_SERVER, key: EVIL_HOOK})), "evil/m")


@pytest.mark.parametrize("key", ["postStart", "preStop"])
def test_a_hook(key: str) -> None:
    assert is_found(found_in(pod({**GOOD_SERVER, "lifecycle": {key: EVIL_HOOK}})), "evil/m")


def test_a_hook_that_puts_other_files_into_the_image() -> None:
    baked: JsonObject = {
        "name": "s",
        "image": f"registry.example.com/baked@sha256:{HEX}",
        "command": ["vllm", "serve", "/m"],
    }
    assert may_be_yes(found_in(pod(baked)))
    for words in HARMLESS:
        assert may_be_yes(found_in(pod({**baked, "readinessProbe": {"exec": {"command": list(words)}}}))), words
    for words in SWAPS:
        for key in ("livenessProbe", "lifecycle"):
            handler: Json = {"exec": {"command": list(words)}}
            hook: Json = handler if key != "lifecycle" else {"postStart": handler}
            assert not may_be_yes(found_in(pod({**baked, key: hook}))), words


def test_an_earlier_command_that_puts_other_files_into_the_image() -> None:
    for script in ("ln -s /x /m && vllm serve /m", "cp -r /x /m; exec vllm serve /m", "cp -r /x /m & vllm serve /m"):
        baked: Json = {"name": "s", "image": f"r.example.com/baked@sha256:{HEX}", "command": ["sh", "-c", script]}
        assert not may_be_yes(found_in(pod(baked))), script


def test_a_later_command_beside_a_server_in_the_background() -> None:
    script = "vllm serve /m & cp -r /x /m; wait"
    baked: Json = {"name": "s", "image": f"r.example.com/baked@sha256:{HEX}", "command": ["sh", "-c", script]}
    assert not may_be_yes(found_in(pod(baked)))


def test_an_annotation_of_the_template_vouches_for_nothing() -> None:
    template: JsonObject = {"metadata": {"annotations": {"dbom.dev/model": f"oci://{GOOD}"}}, "spec": pod(EVIL)["spec"]}
    found = found_in({"kind": "Deployment", "spec": {"template": template}}, "apps", "Deployment")
    assert is_found(found, "evil/m")


def test_an_annotation_beside_an_accelerator_vouches_for_nothing() -> None:
    gpu: Json = {"name": "c", "image": "any:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    found = found_in(pod(gpu, volumes=[], annotations={"dbom.dev/model": f"oci://{GOOD}"}))
    assert not may_be_yes(found)


def test_a_good_volume_that_nobody_mounts() -> None:
    other = server("--model", "/models", volumeMounts=[mount("/models", "bad")])
    volumes: Json = [volume(), {"name": "bad", "persistentVolumeClaim": {"claimName": "x"}}]
    assert not may_be_yes(found_in(pod(other, volumes=volumes)))


def test_a_good_volume_of_another_container_beside_an_accelerator() -> None:
    gpu: Json = {"name": "c", "image": "any:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    shown: Json = {"name": "d", "image": "any:1", "volumeMounts": [mount("/x")]}
    assert not may_be_yes(found_in(pod(gpu, shown)))


def test_a_claim_of_a_device_that_no_container_takes() -> None:
    claims: Json = [{"name": "g", "resourceClaimTemplateName": "t"}]
    assert not may_be_yes(found_in(pod({"name": "c", "image": "any:1"}, volumes=[], resourceClaims=claims)))


@pytest.mark.parametrize(
    "mounts",
    [
        [mount("/models"), mount("/models/weights", "bad")],
        [mount("/models"), mount("/models", "bad")],
        [mount("/models", "bad"), mount("/models/../models2")],
        [mount("/"), mount("/models", "bad")],
        [mount("/models/m"), mount("/models", "bad")],
        [mount("/models/.", "bad"), mount("/models/./x")],
        [mount("/models", "nowhere")],
    ],
)
def test_a_mount_over_a_mount(mounts: list[Json]) -> None:
    volumes: Json = [volume(), {"name": "bad", "emptyDir": {}}]
    assert not may_be_yes(found_in(pod(server("--model", "/models", volumeMounts=mounts), volumes=volumes)))


@pytest.mark.parametrize("fields", [{"subPath": "../x"}, {"subPathExpr": "$(X)"}, {"subPath": "a/../../b"}])
def test_a_part_of_another_volume_that_can_not_be_told(fields: dict[str, Json]) -> None:
    mounts: Json = [mount("/models", "bad", **fields)]
    volumes: Json = [volume(), {"name": "bad", "hostPath": {"path": "/"}}]
    assert not may_be_yes(found_in(pod(server("--model", "/models", volumeMounts=mounts), volumes=volumes)))


@pytest.mark.parametrize("working_dir", [None, "relative", "/models/..", "/scratch"])
def test_a_working_directory_that_moves_a_relative_path(working_dir: str | None) -> None:
    mounts: Json = [mount("/models"), mount("/scratch", "bad")]
    volumes: Json = [volume(), {"name": "bad", "emptyDir": {}}]
    found = found_in(pod(server("--model", "./m", volumeMounts=mounts, workingDir=working_dir), volumes=volumes))
    assert not may_be_yes(found)


def test_a_script_that_goes_elsewhere_first() -> None:
    mounts: Json = [mount("/models"), mount("/scratch", "bad")]
    volumes: Json = [volume(), {"name": "bad", "emptyDir": {}}]
    for script in ("cd /scratch && vllm serve ./m", "cd $X; vllm serve ./m", "pushd /scratch; vllm serve ./m"):
        command: Json = ["sh", "-c", script]
        shell: Json = {
            "name": "s",
            "image": "any:1",
            "command": command,
            "workingDir": "/models",
            "volumeMounts": mounts,
        }
        assert not may_be_yes(found_in(pod(shell, volumes=volumes))), script


def test_a_name_of_the_hub_that_a_script_makes_a_folder_of() -> None:
    script = f"mkdir -p org && ln -s /evil org/m && vllm serve org/m --revision {COMMIT}"
    assert not may_be_yes(found_in(pod({"name": "s", "image": "any:1", "command": ["sh", "-c", script]}, volumes=[])))


@pytest.mark.parametrize(
    ("group", "kind", "document"),
    [
        ("batch.volcano.sh", "Job", {"spec": {"tasks": [{"template": {"spec": pod(EVIL)["spec"]}}]}}),
        ("jobset.x-k8s.io", "JobSet", {"spec": {"replicatedJobs": [{"template": {"spec": {"template": pod(EVIL)}}}]}}),
        ("kubeflow.org", "PyTorchJob", {"spec": {"pytorchReplicaSpecs": {"Any Name": {"template": pod(EVIL)}}}}),
        ("keda.sh", "ScaledJob", {"spec": {"jobTargetRef": {"template": pod(EVIL)}}}),
    ],
)
def test_the_last_template_of_a_workload(group: str, kind: str, document: JsonObject) -> None:
    assert is_found(found_in(document, group, kind), "evil/m")


@pytest.mark.parametrize("path", ["/models/config.json", "/models"])
def test_a_file_for_last_words_over_the_model(path: str) -> None:
    """The kubelet puts an empty file there, which the container can write to."""
    assert not may_be_yes(found_in(pod({**GOOD_SERVER, "terminationMessagePath": path})))


def test_last_words_where_they_always_are() -> None:
    assert may_be_yes(found_in(pod({**GOOD_SERVER, "terminationMessagePath": "/dev/termination-log"})))


def test_an_image_mounted_within_a_volume_in_which_a_link_can_be_changed() -> None:
    inner = server("--model", "/data/models", volumeMounts=[mount("/data", "data"), mount("/data/models")])
    found = found_in(pod(inner, volumes=[volume(), {"name": "data", "emptyDir": {}}]))
    assert not may_be_yes(found)
