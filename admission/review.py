"""Admission reviews: what the API server asks, and the words in which it is answered.

AdmissionReview `admission.k8s.io/v1`, as the Kubernetes documentation of dynamic admission control specifies it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from admission.documents import Node
from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED, REVIEW_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["REVIEW_API_VERSION", "Review", "is_admission_review", "response_document"]

REVIEW_API_VERSION: Final = "admission.k8s.io/v1"
_OPERATIONS: Final = ("CREATE", "UPDATE", "DELETE", "CONNECT")
_LONGEST_WARNING: Final = 240
_MOST_WARNINGS: Final = 15


@dataclass(frozen=True, slots=True)
class Review:
    """A question, whether an object may be created or changed.

    `object` and `old_object` are None where there is none (an object that is made has no old one, one that is deleted
    no new one). `uid` is empty for a file that is reviewed outside a cluster.
    """

    group: str
    kind: str
    namespace: str
    name: str
    operation: str
    object: JsonObject | None
    old_object: JsonObject | None = None
    uid: str = ""
    user: str = ""
    subresource: str = ""
    dry_run: bool = False
    where: str = ""

    @classmethod
    def parse(cls, data: bytes, *, where: str = "request") -> Self:
        """Read an AdmissionReview. Raises `DocumentError` where it is none, with every fault."""
        try:
            return cls.of_review(json_object(data, where=where), where=where)
        except DocumentError as error:
            if error.rule is REVIEW_MALFORMED:
                raise
            raise DocumentError(REVIEW_MALFORMED, error.what, where=where, got=error.got) from error

    @classmethod
    def of_review(cls, document: JsonObject, *, where: str) -> Self:
        """Read an AdmissionReview that is JSON already."""
        root = Node(document)
        if not is_admission_review(document):
            root.fault(f"expected kind AdmissionReview and apiVersion {REVIEW_API_VERSION}")
        request = root.get("request")
        uid, operation = request.get("uid").required(), request.get("operation").required()
        if operation and operation not in _OPERATIONS:
            request.get("operation").fault(f"got '{printable(operation)}', expected one of {', '.join(_OPERATIONS)}")
        kind = request.at("kind", "kind").required()
        group = request.at("kind", "group").text() or ""
        new, old = _object(request.get("object")), _object(request.get("oldObject"))
        if new is None and operation in ("CREATE", "UPDATE"):
            request.get("object").fault("missing")
        if old is None and operation == "UPDATE":
            request.get("oldObject").fault("missing")
        _agree(request.get("object"), group, kind)
        found = cls(
            group,
            kind,
            request.get("namespace").text() or "",
            request.get("name").text() or "",
            operation,
            new,
            old,
            uid,
            request.at("userInfo", "username").text() or "",
            request.get("subResource").text() or "",
            dry_run=request.get("dryRun").flag() or False,
            where=where,
        )
        if faults := list(dict.fromkeys(root.faults)):
            raise DocumentError(REVIEW_MALFORMED, faults[0], where=where, faults=faults if len(faults) > 1 else ())
        return found

    @classmethod
    def of_object(cls, document: Json, *, where: str, namespace: str | None = None) -> Self:
        """Return the review that the creation of an object would be. Raises `DocumentError` where it is no object.

        `namespace` holds where the object names none; without either it is `default`.
        """
        root = Node(document)
        if not isinstance(document, dict):
            raise DocumentError(
                OBJECT_MALFORMED, "not a Kubernetes object", where=where, expected="kind: Pod, or alike"
            )
        version, kind = root.get("apiVersion").required(), root.get("kind").required()
        metadata = root.get("metadata")
        own, name = metadata.get("namespace").text(), metadata.get("name").text() or metadata.get("generateName").text()
        if faults := root.faults:
            raise DocumentError(
                OBJECT_MALFORMED, f"not a Kubernetes object: {faults[0]}", where=where, faults=faults[1:] and faults
            )
        group = version.rpartition("/")[0]
        return cls(group, kind, own or namespace or "default", name or "", "CREATE", document, where=where)

    @property
    def described(self) -> str:
        """What the question is about, in a few words."""
        named = f" {self.namespace}/{self.name}" if self.name else f" in {self.namespace}" if self.namespace else ""
        return printable(f"{self.kind}{named}")


def is_admission_review(document: Json) -> bool:
    """Return whether a document says that it is an AdmissionReview of the version that is read."""
    return (
        isinstance(document, dict)
        and document.get("kind") == "AdmissionReview"
        and document.get("apiVersion") == REVIEW_API_VERSION
    )


def response_document(
    uid: str, *, allowed: bool, message: str, warnings: Sequence[str], annotations: dict[str, str]
) -> bytes:
    """Return the AdmissionReview that answers; the message is told where it is a no."""
    response: JsonObject = {"uid": uid, "allowed": allowed}
    if not allowed:
        response["status"] = {"code": 403, "reason": "Forbidden", "message": message}
    if warnings:
        shown: list[Json] = [warning[:_LONGEST_WARNING] for warning in warnings[:_MOST_WARNINGS]]
        if len(warnings) > _MOST_WARNINGS:
            shown.append(f"and {len(warnings) - _MOST_WARNINGS} more")
        response["warnings"] = shown
    if annotations:
        response["auditAnnotations"] = dict(annotations)
    document: JsonObject = {"apiVersion": REVIEW_API_VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _object(node: Node) -> JsonObject | None:
    if node.value is None or isinstance(node.value, dict):
        return node.value
    node.fault("not an object")
    return None


def _agree(node: Node, group: str, kind: str) -> None:
    """Note a fault where the object says that it is another kind than the request does."""
    if not isinstance(node.value, dict):
        return
    version, own = node.get("apiVersion").text(), node.get("kind").text()
    if own is not None and own != kind:
        node.get("kind").fault(f"got '{printable(own)}', and the request is about '{printable(kind)}'")
    if version is not None and version.rpartition("/")[0] != group:
        node.get("apiVersion").fault(
            f"got '{printable(version)}', and the request is about the group '{printable(group)}'"
        )
