"""Admission reviews: what the API server asks, and the words in which it is answered.

AdmissionReview `admission.k8s.io/v1`, as the Kubernetes documentation of dynamic admission control specifies it. It is
read into types that declare what is read of it; what doesn't fit is read again, slowly, so that every fault is named.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from msgspec.structs import force_setattr

from admission.documents import Node
from admission.references.relevance import RelevantPart, relevant_part
from admission.typed_review import JUDGED, LONGEST_TEXT, OPERATIONS, REVIEW_API_VERSION, read_request
from dbom.canonical import json_object
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED, REVIEW_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from admission.typed_review import Request
    from dbom.canonical import Json, JsonObject

__all__ = ["Question", "Review", "is_admission_review", "response_document"]

_LONGEST_WARNING: Final = 240
_MOST_WARNINGS: Final = 15
_LONGEST_DIGESTED: Final = 64 * 1024
_MOST_DIGESTED: Final = 64
_DIGESTED: Final[dict[int, tuple[bytes, bytes]]] = {}
"""Parts digested lately, by their length, with their digests."""

_REASONS: Final = {400: "BadRequest", 403: "Forbidden"}


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


class Review(msgspec.Struct, frozen=True):
    """A question, whether an object may be created or changed, and who asks it.

    `part` and `old_part` are what references are read from in the object and in the one that it replaces, None where
    there is none or where nothing is judged. `uid` is empty for a file that is reviewed outside a cluster.
    `part_digest` is always the sha256 of the part, None where there is none.
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
    part_digest: bytes | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "part_digest", None if self.part is None else _digest_of(self.part))

    @classmethod
    def parse(cls, data: bytes, *, where: str = "request") -> Self:
        """Read an AdmissionReview. Raises `DocumentError` where it is none, with every fault."""
        found = read_request(data)
        if found is not None:
            return cls._typed(*found, where)
        try:
            return cls.of_review(json_object(data, where=where), where=where)
        except DocumentError as error:
            if error.rule is REVIEW_MALFORMED:
                raise
            raise DocumentError(REVIEW_MALFORMED, error.what, where=where, got=error.got) from error

    @classmethod
    def glance(cls, data: bytes, *, where: str = "request") -> Self | None:
        """Read an AdmissionReview as API servers write it, quickly; None for whatever doesn't fit."""
        found = read_request(data)
        return None if found is None else cls._typed(*found, where)

    @classmethod
    def of_review(cls, document: JsonObject, *, where: str) -> Self:
        """Read an AdmissionReview that is JSON already. Raises as `parse` does."""
        root = Node(document)
        if not is_admission_review(document):
            root.fault(f"expected kind AdmissionReview and apiVersion {REVIEW_API_VERSION}")
        request = root.get("request")
        uid, operation = request.get("uid").required(), request.get("operation").required()
        if operation and operation not in OPERATIONS:
            request.get("operation").fault(f"got '{printable(operation)}', expected one of {', '.join(OPERATIONS)}")
        kind = request.at("kind", "kind").required()
        group = request.at("kind", "group").text() or ""
        new, old = _object(request.get("object")), _object(request.get("oldObject"))
        if new is None and operation in JUDGED:
            request.get("object").fault("missing")
        if old is None and operation == "UPDATE":
            request.get("oldObject").fault("missing")
        _agree(request.get("object"), group, kind)
        _bound(request.get("uid"), request.at("kind", "kind"), request.at("kind", "group"), request.get("namespace"))
        judged = operation in JUDGED and not root.faults
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
    def _typed(cls, request: Request[Any], new: RelevantPart | None, old: RelevantPart | None, where: str) -> Self:
        return cls(
            request.kind.group or "",
            request.kind.kind or "",
            request.namespace or "",
            request.name or "",
            request.operation,
            None if new is None else new.data,
            None if old is None else old.data,
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
    def is_unchanged(self) -> bool:
        """Whether it is an update that leaves the relevant part as it is."""
        return self.operation == "UPDATE" and self.part is not None and self.part == self.old_part

    @property
    def question(self) -> Question:
        """What is asked: neither who asks, nor what the object is called, nor which of its subresources it is."""
        return Question(self.group, self.kind, self.namespace, self.operation, self.part, self.is_unchanged)

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


def _digest_of(part: bytes) -> bytes:
    """Return the sha256 of a part. Pods of one template have the same, and comparing is faster than digesting."""
    known = _DIGESTED.get(len(part))
    if known is not None and known[0] == part:
        return known[1]
    found = hashlib.sha256(part).digest()
    if len(part) <= _LONGEST_DIGESTED:
        if len(_DIGESTED) >= _MOST_DIGESTED:
            _DIGESTED.clear()
        _DIGESTED[len(part)] = part, found
    return found


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


def _bound(*nodes: Node) -> None:
    """Note a fault where a text is longer than any of an API server's."""
    for node in nodes:
        if isinstance(node.value, str) and len(node.value) > LONGEST_TEXT:
            node.fault(f"longer than {LONGEST_TEXT} characters")


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
