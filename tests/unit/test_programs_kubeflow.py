"""What Kubeflow's initializers fetch is found, and the pods of its jobs are read under any key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import COMMIT, mount, read, read_container, variables

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

TRAINER = "ghcr.io/kubeflow/trainer"


def train_job(**spec: Json) -> JsonObject:
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "spec": {"runtimeRef": {"name": "r"}, **spec},
    }


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("hf://org/x", ("unpinned hf://datasets/org/x", "unpinned hf://org/x")),
        ("hf://org/x/data", ("unpinned hf://datasets/org/x", "opaque")),
        (f"hf://org/x@{COMMIT}", ("opaque", "opaque")),
        ("s3://b/x?versionId=1", ("unpinned s3://b/x", "unpinned s3://b/x")),
        ("pvc://claim/x", ("opaque", "opaque")),
        ("/mnt/x", ("opaque", "opaque")),
        ("cache://x/y", ("opaque", "opaque")),
    ],
)
def test_initializers_fetch_the_newest(uri: str, expected: tuple[str, str]) -> None:
    data, model = expected
    job = train_job(initializer={"dataset": {"storageUri": uri}, "model": {"storageUri": uri}})
    wanted = [
        f"dataset {data} at spec.initializer.dataset.storageUri",
        f"model {model} at spec.initializer.model.storageUri",
    ]
    assert wanted == read(job)
    env = variables(STORAGE_URI=uri)
    assert [f"dataset {data} at env[0].value"] == read_container(
        {"image": f"{TRAINER}/dataset-initializer", "env": env}
    )
    assert [f"model {model} at env[0].value"] == read_container({"image": f"{TRAINER}/model-initializer", "env": env})


def test_the_trainer_is_a_container() -> None:
    found = read(train_job(trainer={"image": "i", "command": ["vllm", "serve", "org/m"]}))
    assert ["model unpinned hf://org/m at spec.trainer.command[2]"] == found


def test_patches_of_the_runtime_are_pods() -> None:
    pod: Json = {"initContainers": [{"name": "c", "image": "vllm/vllm-openai", "args": ["org/m"]}]}
    jobs: Json = [{"name": "j", "template": {"spec": {"template": {"spec": pod}}}}]
    patch: Json = {"manager": "x", "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}}}
    (found,) = read(train_job(runtimePatches=[patch]))
    assert found.startswith("model unpinned hf://org/m at spec.runtimePatches[0].")


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("PyTorchJob", "pytorchReplicaSpecs"),
        ("TFJob", "tfReplicaSpecs"),
        ("MPIJob", "mpiReplicaSpecs"),
        ("XGBoostJob", "xgbReplicaSpecs"),
        ("PaddleJob", "paddleReplicaSpecs"),
        ("JAXJob", "jaxReplicaSpecs"),
    ],
)
@pytest.mark.parametrize("replica", ["Master", "worker", "odd-key"])
def test_every_replica_is_a_pod_whatever_its_key(kind: str, key: str, replica: str) -> None:
    pod: Json = {"containers": [{"name": "c", "image": "vllm/vllm-openai", "args": ["org/m"]}]}
    spec: Json = {key: {replica: {"template": {"spec": pod}}}}
    (found,) = read({"apiVersion": "kubeflow.org/v1", "kind": kind, "spec": spec})
    assert found.startswith("model unpinned hf://org/m at spec.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ["--model_provider=hf", '--model_provider_parameters={"model_uri":"hf://org/m"}'],
            ["model unpinned hf://org/m at args[1]"],
        ),
        (
            ["--dataset_provider", "hf", "--dataset_provider_parameters", '{"repo_id":"org/d"}'],
            ["dataset unpinned hf://datasets/org/d at args[3]"],
        ),
        (
            [
                "--dataset_provider",
                "s3",
                "--dataset_provider_parameters",
                '{"endpoint_url":"http://x","bucket_name":"b","file_key":"k"}',
            ],
            ["dataset opaque at args[3]"],
        ),
        (["--model_provider_parameters", "{broken"], ["model opaque at args[1]"]),
        (["--model_provider_parameters", "[]"], ["model opaque at args[1]"]),
        (["--model_provider_parameters", "$(P)"], ["model opaque at args[1]"]),
    ],
)
def test_the_initializer_of_the_older_operator_takes_json(words: list[str], expected: list[str]) -> None:
    assert expected == read_container({"image": "docker.io/kubeflow/storage-initializer", "args": list(words)})


def test_the_trainer_of_the_older_operator_names_folders() -> None:
    words: Json = ["--model_uri=hf://org/m", "--model_dir=/w/m", "--dataset_dir=/w/d"]
    container: JsonObject = {"image": "kubeflow/trainer-huggingface", "args": words, "volumeMounts": [mount("/w", "v")]}
    expected = ["model unpinned hf://org/m at args[0]", "model opaque at args[1]", "dataset opaque at args[2]"]
    assert expected == read_container(container, {"name": "v", "emptyDir": {}})


def test_a_notebook_is_a_pod() -> None:
    pod: Json = {"spec": {"containers": [{"name": "c", "image": "i", "env": variables(MODEL_ID="org/m")}]}}
    found = read({"apiVersion": "kubeflow.org/v1", "kind": "Notebook", "spec": {"template": pod}})
    assert ["model unpinned hf://org/m at spec.template.spec.containers[0].env[0].value"] == found
