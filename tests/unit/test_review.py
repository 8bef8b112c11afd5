"""Admission reviews are read strictly, and answered in the API server's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from admission.files import read_reviews
from admission.review import Review, response_document
from dbom.errors import DocumentError, PathError

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json, JsonObject


def request(**changes: Json) -> JsonObject:
    body: JsonObject = {
        "uid": "u",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "n",
        "name": "p",
        "userInfo": {"username": "me"},
        "object": {"apiVersion": "v1", "kind": "Pod"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**body, **changes}}


def test_a_review_is_read() -> None:
    review = Review.parse(json.dumps(request(dryRun=True, subResource="ephemeralcontainers")).encode())
    assert (review.uid, review.group, review.kind, review.namespace, review.name) == ("u", "", "Pod", "n", "p")
    assert (review.operation, review.user, review.dry_run, review.subresource) == (
        "CREATE",
        "me",
        True,
        "ephemeralcontainers",
    )
    assert review.described == "Pod n/p"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (request(uid=""), "request.uid: missing"),
        (request(uid=3), "request.uid: got a number, expected a string"),
        (request(operation="MAKE"), "request.operation: got 'MAKE', expected one of CREATE, UPDATE, DELETE, CONNECT"),
        (request(object=None), "request.object: missing"),
        (request(object=[]), "request.object: not an object"),
        (request(operation="UPDATE"), "request.oldObject: missing"),
        (request(kind={}), "request.kind.kind: missing"),
        (request(dryRun="yes"), "request.dryRun: got a string, expected true or false"),
        (request(object={"kind": "Service"}), "request.object.kind: got 'Service', and the request is about 'Pod'"),
        (
            request(object={"apiVersion": "apps/v1"}),
            "request.object.apiVersion: got 'apps/v1', and the request is about the group ''",
        ),
        ({**request(), "kind": "Review"}, "expected kind AdmissionReview and apiVersion admission.k8s.io/v1"),
        (
            {**request(), "apiVersion": "admission.k8s.io/v1beta1"},
            "expected kind AdmissionReview and apiVersion admission.k8s.io/v1",
        ),
        ({**request(), "request": []}, "request: got a list, expected an object"),
    ],
)
def test_what_is_no_review_is_refused(document: JsonObject, fault: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Review.parse(json.dumps(document).encode())
    assert caught.value.rule.id == "DBOM-511"
    assert fault in (caught.value.faults or (caught.value.what,))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        Review.parse(data)
    assert caught.value.rule.id == "DBOM-511"


def test_a_no_says_why_and_a_yes_may_warn() -> None:
    no = json.loads(response_document("u", allowed=False, message="m", warnings=(), annotations={"verdict": "refused"}))
    assert no["response"] == {
        "uid": "u",
        "allowed": False,
        "status": {"code": 403, "reason": "Forbidden", "message": "m"},
        "auditAnnotations": {"verdict": "refused"},
    }
    yes = json.loads(response_document("u", allowed=True, message="", warnings=["w" * 999] * 20, annotations={}))
    assert [len(item) for item in yes["response"]["warnings"]] == [240] * 15 + [len("and 5 more")]


def test_files_give_a_review_for_each_object(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b, namespace: own}\n---\n"
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: c}}\n---\n"
        "apiVersion: v1\nkind: PodList\nitems:\n- {metadata: {generateName: d-}}\n---\n" + json.dumps(request()) + "\n"
    )
    found = read_reviews(path, namespace="given")
    assert [(item.group, item.kind, item.namespace, item.name) for item in found] == [
        ("", "Pod", "given", "a"),
        ("apps", "Deployment", "own", "b"),
        ("", "Pod", "given", "c"),
        ("", "Pod", "given", "d-"),
        ("", "Pod", "n", "p"),
    ]
    assert found[3].where == f"{path}, document 4, items[0]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[1",
        "just text",
        "kind: Pod",
        "apiVersion: v1",
        "apiVersion: 1\nkind: Pod",
        "apiVersion: v1\nkind: Pod\nmetadata: []",
        "kind: List\nitems: 3",
        "a: [",
        "kind: PodList\nitems: [3]",
    ],
)
def test_a_file_that_holds_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(DocumentError):
        read_reviews(tmp_path / "x.yaml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="there is nothing here"):
        read_reviews(tmp_path / "gone.yaml")
    with pytest.raises(PathError, match="no YAML or JSON file in this folder"):
        read_reviews(tmp_path)
