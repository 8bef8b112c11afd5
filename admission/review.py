"""Admission reviews: what the API server asks, and the words in which it is answered.

AdmissionReview `admission.k8s.io/v1`, as the Kubernetes documentation of dynamic admission control specifies it. It is
read into types that declare what is read of it; what doesn't fit is read again, slowly, so that every fault is named.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import msgspec

from admission.documents import Node
from admission.references.relevance import RelevantPart, relevant_part
from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED, REVIEW_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["REVIEW_API_VERSION", "Question", "Review", "is_admission_review", "response_document", "uid_of"]

REVIEW_API_VERSION: Final = "admission.k8s.io/v1"
_OPERATIONS: Final = ("CREATE", "UPDATE", "DELETE", "CONNECT")
_JUDGED: Final = ("CREATE", "UPDATE")
_LONGEST_WARNING: Final = 240
_MOST_WARNINGS: Final = 15
_REASONS: Final = {400: "BadRequest", 403: "Forbidden"}


class _Kind(msgspec.Struct, frozen=True):
    group: str | None = None
    kind: str | None = None


class _User(msgspec.Struct, frozen=True):
    username: str | None = None


class _Request(msgspec.Struct, frozen=True):
    uid: str
    operation: str
    kind: _Kind
    namespace: str | None = None
    name: str | None = None
    user: _User | None = msgspec.field(default=None, name="userInfo")
    subresource: str | None = msgspec.field(default=None, name="subResource")
    dry_run: bool | None = msgspec.field(default=None, name="dryRun")
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="oldObject")


class _AdmissionReview(msgspec.Struct, frozen=True):
    api_version: str = msgspec.field(name="apiVersion")
    kind: str
    request: _Request


class _OnlyUid(msgspec.Struct, frozen=True):
    uid: str


class _OnlyRequest(msgspec.Struct, frozen=True):
    request: _OnlyUid


_REVIEW: Final = msgspec.json.Decoder(_AdmissionReview)
_UID: Final = msgspec.json.Decoder(_OnlyRequest)
# The first bytes of every review, as API servers write them.
_FIRST_BYTES: Final = re.compile(
    rb'\s*\{"kind":"AdmissionReview","apiVersion":"admission\.k8s\.io/v1","request":\{"uid":"([0-9a-fA-F-]{36})"'
)


@dataclass(frozen=True, slots=True)
class Question:
    """All of a review that a verdict is made from: two reviews with one question have one answer.

    `part` is the relevant part of the object as JSON, None where there is no object; `is_unchanged` says that an update
    leaves that part as it is.
    """

    group: str
    kind: str
    namespace: str
    operation: str
    part: bytes | None
    is_unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """A question, whether an object may be created or changed, and who asks it.

    `part` and `old_part` are what references are read from in the object and in the one that it replaces, None where
    there is none or where nothing is judged. `uid` is empty for a file that is reviewed outside a cluster.
    """

    group: str
    kind: str
    namespace: str
    name: str
    operation: str
    part: bytes | None
    old_part: bytes | None = None
    uid: str = ""
    user: str = ""
    subresource: str = ""
    dry_run: bool = False
    where: str = ""

    @classmethod
    def parse(cls, data: bytes, *, where: str = "request") -> Self:
        """Read an AdmissionReview. Raises `DocumentError` where it is none, with every fault.

        The API server's JSON has no key twice; here, as to the API server, the last one would count.
        """
        try:
            review = _REVIEW.decode(data)
            found = cls._typed(review.request, where) if _is_one(review) else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DocumentError):
            found = None
        if found is not None:
            return found
        try:
            return cls.of_review(json_object(data, where=where), where=where)
        except DocumentError as error:
            if error.rule is REVIEW_MALFORMED:
                raise
            raise DocumentError(REVIEW_MALFORMED, error.what, where=where, got=error.got) from error

    @classmethod
    def of_review(cls, document: JsonObject, *, where: str) -> Self:
        """Read an AdmissionReview that is JSON already. Raises as `parse` does."""
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
        if new is None and operation in _JUDGED:
            request.get("object").fault("missing")
        if old is None and operation == "UPDATE":
            request.get("oldObject").fault("missing")
        _agree(request.get("object"), group, kind)
        judged = operation in _JUDGED and not root.faults
        found = cls(
            group,
            kind,
            request.get("namespace").text() or "",
            request.get("name").text() or "",
            operation,
            _part_of(new if judged else None, group, kind, where),
            _part_of(old if judged else None, group, kind, where),
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
        part = _part_of(document, group, kind, where)
        return cls(group, kind, own or namespace or "default", name or "", "CREATE", part, where=where)

    @classmethod
    def of_change(cls, named: tuple[str, str, str], operation: str, new: Json, old: Json = None) -> Self:
        """Return the review of a change from one object (None: there is none) to another.

        `named` are API group, kind and namespace. Raises `DocumentError` where an object isn't JSON.
        """
        group, kind, namespace = named
        part, old_part = (_part_of(item, group, kind, kind) for item in (new, old))
        return cls(group, kind, namespace, "", operation, part, old_part)

    @classmethod
    def _typed(cls, request: _Request, where: str) -> Self | None:
        """Return the review in a request that has all that it must have, else None."""
        group, kind, operation = request.kind.group or "", request.kind.kind or "", request.operation
        if not request.uid or not kind or operation not in _OPERATIONS:
            return None
        new, old = bytes(request.object), bytes(request.old_object)
        if (operation in _JUDGED and new == b"null") or (operation == "UPDATE" and old == b"null"):
            return None
        if not all(item == b"null" or item.startswith(b"{") for item in (new, old)):
            return None
        part = old_part = None
        if operation in _JUDGED:
            part = relevant_part(request.object, group=group, kind=kind, where=where)
            if not _is_of(part, group, kind):
                return None
        if operation == "UPDATE":
            old_part = relevant_part(request.old_object, group=group, kind=kind, where=where)
        return cls(
            group,
            kind,
            request.namespace or "",
            request.name or "",
            operation,
            None if part is None else part.data,
            None if old_part is None else old_part.data,
            request.uid,
            (request.user.username or "") if request.user is not None else "",
            request.subresource or "",
            dry_run=request.dry_run or False,
            where=where,
        )

    @property
    def object(self) -> JsonObject | None:
        """The relevant part of the object, read, or None. Raises `DocumentError` where it can't be."""
        return None if self.part is None else RelevantPart(self.part).document(where=printable(self.kind))

    @property
    def question(self) -> Question:
        """What is asked: neither who asks, nor what the object is called, nor which of its subresources it is."""
        is_unchanged = self.operation == "UPDATE" and self.part is not None and self.part == self.old_part
        return Question(self.group, self.kind, self.namespace, self.operation, self.part, is_unchanged)

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


def uid_of(data: bytes) -> str:
    """Return the uid of a review that can't be read otherwise, so that it can be answered; empty where it has none."""
    try:
        return _UID.decode(data).request.uid
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        match = _FIRST_BYTES.match(data)
        return "" if match is None else match[1].decode()


def response_document(
    uid: str,
    *,
    allowed: bool,
    message: str,
    warnings: Sequence[str],
    annotations: Mapping[str, str],
    code: int = 403,
) -> bytes:
    """Return the AdmissionReview that answers; the message is told where it is a no, with an HTTP status code."""
    response: JsonObject = {"uid": uid, "allowed": allowed}
    if not allowed:
        response["status"] = {"code": code, "reason": _REASONS[code], "message": message}
    if warnings:
        shown: list[Json] = [warning[:_LONGEST_WARNING] for warning in warnings[:_MOST_WARNINGS]]
        if len(warnings) > _MOST_WARNINGS:
            shown.append(f"and {len(warnings) - _MOST_WARNINGS} more")
        response["warnings"] = shown
    if annotations:
        response["auditAnnotations"] = dict(annotations)
    document: JsonObject = {"apiVersion": REVIEW_API_VERSION, "kind": "AdmissionReview", "response": response}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _is_one(review: _AdmissionReview) -> bool:
    return review.kind == "AdmissionReview" and review.api_version == REVIEW_API_VERSION


def _is_of(part: RelevantPart, group: str, kind: str) -> bool:
    """Return whether an object says nothing else of its kind than the request does."""
    if part.is_whole or (part.kind is not None and part.kind != kind):
        return False
    return part.api_version is None or part.api_version.rpartition("/")[0] == group


def _part_of(document: Json, group: str, kind: str, where: str) -> bytes | None:
    if document is None:
        return None
    try:
        data = msgspec.json.encode(document)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(
            OBJECT_MALFORMED, f"can't be written as JSON: {printable(str(error))}", where=where
        ) from error
    return relevant_part(data, group=group, kind=kind, where=where).data


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
