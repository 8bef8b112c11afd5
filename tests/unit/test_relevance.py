"""The relevant part of an object holds everything that references are read from, and is the same for alike objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from admission.references import find_references
from admission.references.relevance import RelevantPart, relevant_part
from dbom.errors import DocumentError
from dbom.formats.yaml_reader import load_yaml_documents

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

HOME = Path(__file__).parents[1] / "references"
FOLDERS = sorted(folder.name for folder in HOME.iterdir() if folder.is_dir())


def part_of(document: Json, group: str = "", kind: str = "Pod") -> RelevantPart:
    return relevant_part(json.dumps(document).encode(), group=group, kind=kind, where="test")


def pod(**spec: Json) -> JsonObject:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"image": "i"}], **spec}}


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_found_in_an_object_is_found_in_its_relevant_part(folder: str) -> None:
    """The law of the cache: the extractors are given the relevant part alone, and it must leave nothing out."""
    for case in sorted((HOME / folder).glob("*.yaml")):
        (document,) = load_yaml_documents(case.read_bytes(), where=str(case))
        assert isinstance(document, dict)
        group, kind = str(document["apiVersion"]).rpartition("/")[0], str(document["kind"])
        part = part_of(document, group, kind)
        whole = find_references(document, group=group, kind=kind, where="whole")
        assert whole == find_references(part.document(where="part"), group=group, kind=kind, where="part"), case
        assert part.is_whole is False, case


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "other", "uid": "u", "generateName": "g-", "labels": {"a": "b"}, "managedFields": [{}]}},
        {"metadata": {"name": "p", "annotations": {"other": "x"}, "ownerReferences": [{"kind": "ReplicaSet"}]}},
        {"metadata": {"name": "p", "deletionTimestamp": "2026-01-02T03:04:05Z"}},
        {"status": {"phase": "Running"}},
        pod(nodeName="n", tolerations=[{"key": "k"}], terminationGracePeriodSeconds=3),
        pod(containers=[{"image": "i", "imagePullPolicy": "Always", "ports": [{"containerPort": 80}]}]),
    ],
)
def test_what_decides_nothing_is_no_part_of_it(change: JsonObject) -> None:
    assert part_of(pod()).data == part_of({**pod(), **change}).data


def with_token(name: str, *more: str) -> JsonObject:
    volumes: list[Json] = [{"name": item, "projected": {"sources": []}} for item in (name, *more)]
    mounts: list[Json] = [{"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    return pod(volumes=volumes, containers=[{"image": "i", "volumeMounts": mounts}])


def test_a_generated_volume_name_is_no_part_of_it() -> None:
    assert part_of(with_token("kube-api-access-x7k2p")).data == part_of(with_token("kube-api-access-9zzzz")).data


def test_two_generated_names_are_told_apart() -> None:
    first = part_of(with_token("kube-api-access-aaaaa", "kube-api-access-bbbbb"))
    second = part_of(with_token("kube-api-access-bbbbb", "kube-api-access-aaaaa"))
    taken = part_of(with_token("kube-api-access-aaaaa", "kube-api-access-generated"))
    assert b"aaaaa" in first.data
    assert b"aaaaa" in taken.data
    assert first.data != second.data


def test_a_generated_name_inside_another_text_stays() -> None:
    script = 'echo "kube-api-access-aaaaa" kube-api-access-aaaaa'
    part = part_of(pod(containers=[{"image": "i", "args": [script]}]))
    assert part.document(where="test") == pod(containers=[{"image": "i", "args": [script]}]) | {"metadata": {}}


@pytest.mark.parametrize(
    "document",
    [
        {"spec": {"containers": 3}},
        {"spec": {"containers": [{"args": ["a", 3]}]}},
        {"spec": []},
        {"metadata": {"annotations": {"dbom.dev/model": 3}}, "spec": {"containers": [{"image": "i"}]}},
        [],
        "text",
    ],
)
def test_of_what_has_another_shape_no_part_is_picked(document: Json) -> None:
    part = part_of(document)
    assert part.is_whole
    assert json.loads(part.data) == document


def test_of_serving_resources_everything_but_status_and_metadata_counts() -> None:
    own: JsonObject = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "m", "annotations": {"dbom.dev/model": "org/m", "other": "x"}},
        "spec": {"predictor": {"anything": 1}},
        "more": [1],
        "status": {"ready": True},
    }
    part = part_of(own, "serving.kserve.io", "InferenceService")
    expected = {**own, "metadata": {"annotations": {"dbom.dev/model": "org/m"}}}
    del expected["status"]
    assert part.document(where="test") == expected
    assert (part.api_version, part.kind) == ("serving.kserve.io/v1beta1", "InferenceService")


def test_of_kinds_that_are_not_read_nothing_counts() -> None:
    assert part_of({"apiVersion": "v1", "kind": "Secret", "data": {"a": "b"}}, "", "Secret").data == b"{}"


@pytest.mark.parametrize("kind", ["Pod", "Secret"])
@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"spec":{"volumes":[{"a":' + b"[" * 100_000, b'{"kind":"\xff"}', b'{"kind":"\\ud800"}']
)
def test_what_is_no_json_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(DocumentError):
        relevant_part(data, group="", kind=kind, where="test").document(where="test")


def test_what_is_only_passed_on_is_read_when_it_is_asked_for() -> None:
    """A text that isn't UTF-8 in a part that is passed on is met at the latest where that part is read."""
    part = RelevantPart(b'{"spec":{"volumes":[{"name":"\xff"}]}}')
    with pytest.raises(DocumentError, match="not JSON"):
        part.document(where="test")
    with pytest.raises(DocumentError, match="not an object"):
        RelevantPart(b"[]").document(where="test")
