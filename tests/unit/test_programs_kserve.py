"""What KServe's kinds name is found; the folders that it fills are no references of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from read_objects import COMMIT, DIGEST, mount, read

from dbom.errors import DocumentError

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

AT = "spec.predictor"


def service(predictor: Json, group: str = "serving.kserve.io", **parts: Json) -> JsonObject:
    return {"apiVersion": f"{group}/v1beta1", "kind": "InferenceService", "spec": {"predictor": predictor, **parts}}


def of(kind: str, spec: Json) -> JsonObject:
    return {"apiVersion": "serving.kserve.io/v1alpha1", "kind": kind, "spec": spec}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (f"oci://r.example/m@{DIGEST}", "enforced oci://r.example/m@DIGEST"),
        ("oci://r.example/m:v1", "unpinned oci://r.example/m"),
        (f"hf://org/m:{COMMIT}", "claimed hf://org/m@COMMIT"),
        ("hf://org/m:main", "unpinned hf://org/m"),
        ("hf://org/m", "unpinned hf://org/m"),
        ("s3://b/m?versionId=1", "unpinned s3://b/m"),
        ("gs://b/m", "unpinned gs://b/m"),
        ("pvc://claim/m", "opaque"),
        ("https://x.example/m.tar.gz", "opaque"),
        ("kit://r.example/m:1", "opaque"),
        ("file:///m", "opaque"),
        ("/m", "opaque"),
        ("org/m", "opaque"),
        ("OCI://r.example/m", "opaque"),
    ],
)
def test_what_a_storage_uri_comes_to(uri: str, expected: str) -> None:
    assert [f"model {expected} at {AT}.model.storageUri"] == read(service({"model": {"storageUri": uri}}))
    assert [f"model {expected} at spec.model.storageUri"] == read(of("TrainedModel", {"model": {"storageUri": uri}}))
    assert [f"model {expected} at spec.sourceModelUri"] == read(of("LocalModelCache", {"sourceModelUri": uri}))


@pytest.mark.parametrize("framework", ["sklearn", "pytorch", "triton", "huggingface", "newest"])
@pytest.mark.parametrize("part", ["predictor", "transformer", "explainer"])
def test_any_framework_of_any_part_is_read(framework: str, part: str) -> None:
    parts: dict[str, Json] = {"predictor": {"containers": []}, part: {framework: {"storageUri": "gs://b/m"}}}
    found = read({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "spec": parts})
    assert [f"model unpinned gs://b/m at spec.{part}.{framework}.storageUri"] == found


@pytest.mark.parametrize(
    ("storage", "path"),
    [
        ({"key": "k", "path": "p"}, "storage.path"),
        ({"path": "p", "parameters": {"type": "s3", "bucket": "b"}}, "storage.path"),
        ({"key": "k"}, "storage.key"),
        ({}, "storage"),
    ],
)
def test_a_storage_key_can_not_be_told(storage: Json, path: str) -> None:
    assert [f"model opaque at {AT}.model.{path}"] == read(service({"model": {"storage": storage}}))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"modelFormat": {"name": "x"}}, ["unseen model opaque at spec.predictor.model"]),
        ({"args": ["--model_name=x"]}, ["unseen model opaque at spec.predictor.model"]),
        ({"args": ["--model_id=org/m"]}, ["model unpinned hf://org/m at spec.predictor.model.args[0]"]),
        ({"args": ["--model_dir=/mnt/models"]}, ["model opaque at spec.predictor.model.args[0]"]),
        (
            {"env": [{"name": "STORAGE_URI", "value": "gs://b/m"}]},
            ["model unpinned gs://b/m at spec.predictor.model.env[0].value"],
        ),
    ],
)
def test_a_model_that_names_no_storage_names_it_otherwise_or_is_unseen(model: Json, expected: list[str]) -> None:
    assert expected == read(service({"model": model}))


def test_a_path_that_kserve_fills_is_no_reference_of_its_own() -> None:
    args: Json = ["--model_dir=/mnt/models/x", "--tokenizer=/mnt/other/t"]
    uris: Json = [{"uri": "gs://b/m"}, {"uri": "gs://b/t", "mountPath": "/mnt/other"}]
    found = read(service({"storageUris": uris, "model": {"args": args}}))
    assert [f"model unpinned gs://b/{name} at {AT}.storageUris[{n}].uri" for n, name in enumerate("mt")] == found


def test_a_custom_predictor_has_its_folder_filled_where_it_says_with_what() -> None:
    def custom(*env: Json) -> list[str]:
        args: Json = ["--model-path=/mnt/models"]
        return read(service({"containers": [{"name": "c", "image": "i:1", "args": args, "env": list(env)}]}))

    at = f"{AT}.containers[0]"
    assert [f"model unpinned gs://b/m at {at}.env[0].value"] == custom({"name": "STORAGE_URI", "value": "gs://b/m"})
    assert [f"model unpinned oci://docker.io/library/i at {at}.args[0]"] == custom()


def test_a_volume_of_the_object_s_own_over_it_is_a_reference() -> None:
    container: Json = {
        "name": "kserve-container",
        "image": "i",
        "args": ["--model-path=/mnt/models"],
        "volumeMounts": [mount("/mnt/models", "v")],
    }
    predictor: Json = {
        "model": {"storageUri": "gs://b/m"},
        "containers": [container],
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}],
    }
    assert f"model opaque at {AT}.containers[0].args[0]" in read(service(predictor))


def test_a_part_without_storage_has_no_folder_that_kserve_fills() -> None:
    explainer: Json = {"containers": [{"name": "c", "image": "r.example/e:1", "args": ["--model-dir=/mnt/models"]}]}
    found = read(service({"model": {"storageUri": "gs://b/m"}}, explainer=explainer))
    assert "model unpinned oci://r.example/e at spec.explainer.containers[0].args[0]" in found


def test_older_names_and_versions_of_the_group_are_read() -> None:
    found = read(service({"sklearn": {"storageUri": "gs://b/m"}}, group="serving.kubeflow.org"))
    assert [f"model unpinned gs://b/m at {AT}.sklearn.storageUri"] == found
    old: JsonObject = {"apiVersion": "serving.kubeflow.org/v1alpha2", "kind": "InferenceService"}
    spec: Json = {"default": {"predictor": {"tensorflow": {"storageUri": "gs://b/m"}}}}
    assert ["model unpinned gs://b/m at spec.default.predictor.tensorflow.storageUri"] == read({**old, "spec": spec})


@pytest.mark.parametrize("kind", ["ServingRuntime", "ClusterServingRuntime"])
def test_a_runtime_names_what_is_not_filled_later(kind: str) -> None:
    def runtime(*args: str) -> list[str]:
        return read(of(kind, {"containers": [{"name": "c", "image": "i:1", "args": list(args)}]}))

    assert [] == runtime("--model_dir=/mnt/models", "--model_name={{.Name}}")
    assert ["model unpinned oci://docker.io/library/i at spec.containers[0].args[0]"] == runtime("--model_dir=/opt/m")
    assert ["model opaque at spec.containers[0].args[0]"] == runtime("--model_dir=/mnt/models/../../opt")


@pytest.mark.parametrize("kind", ["ClusterStorageContainer", "InferenceGraph"])
def test_kinds_that_load_nothing(kind: str) -> None:
    assert [] == read(of(kind, {"container": {"image": "kserve/storage-initializer"}, "nodes": {}}))


def test_models_of_a_node_are_read() -> None:
    found = read(of("LocalModelNode", {"localModels": [{"modelName": "m", "sourceModelUri": "hf://org/m"}]}))
    assert ["model unpinned hf://org/m at spec.localModels[0].sourceModelUri"] == found


@pytest.mark.parametrize("spec", [{}, {"predictor": None}, {"predictor": []}, {"predictor": {"storageUris": [{}]}}])
def test_what_is_no_inference_service_is_refused(spec: Json) -> None:
    with pytest.raises(DocumentError):
        read({"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "spec": spec})
