"""AdmissionReviews read into types: the fast way, for what API servers really send.

`read_request` gives nothing for whatever doesn't fit; who asks then reads it the slow way, which names every fault.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from admission.references.relevance import part_of, relevant_part
from admission.references.shapes import Part, object_type
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from admission.references.relevance import RelevantPart

__all__ = [
    "JUDGED",
    "LONGEST_TEXT",
    "OPERATIONS",
    "REVIEW_API_VERSION",
    "Request",
    "read_request",
    "read_uid",
    "review_decoder",
]

REVIEW_API_VERSION: Final = "admission.k8s.io/v1"
OPERATIONS: Final = ("CREATE", "UPDATE", "DELETE", "CONNECT")
JUDGED: Final = ("CREATE", "UPDATE")
"""The operations that bring an object which is judged."""

LONGEST_TEXT: Final = 1024
"""The longest uid, group, kind and namespace, in characters. Those of API servers have 253 at most."""

_T = TypeVar("_T")


class GroupKind(msgspec.Struct, frozen=True):
    """`GroupVersionKind`, of which the version isn't read."""

    group: str | None = None
    kind: str | None = None


class User(msgspec.Struct, frozen=True):
    """`UserInfo`."""

    username: str | None = None


class Request(msgspec.Struct, Generic[_T], frozen=True):
    """`AdmissionRequest`, its objects in the type that its kind has, or as the JSON that they are."""

    uid: str
    operation: str
    kind: GroupKind
    namespace: str | None = None
    name: str | None = None
    user: User | None = msgspec.field(default=None, name="userInfo")
    subresource: str | None = msgspec.field(default=None, name="subResource")
    dry_run: bool | None = msgspec.field(default=None, name="dryRun")
    object: _T | UnsetType = UNSET
    old_object: _T | UnsetType = msgspec.field(default=UNSET, name="oldObject")

    def fits(self, group: str, kind: str) -> bool:
        """Return whether it is a request about this kind that has all that it must have."""
        own, namespace = self.kind, self.namespace or ""
        if not self.uid or not kind or own.kind != kind or (own.group or "") != group:
            return False
        if max(len(self.uid), len(kind), len(group), len(namespace)) > LONGEST_TEXT:
            return False
        if self.operation in JUDGED:
            return _is_there(self.object) and (self.operation == "CREATE" or _is_there(self.old_object))
        return self.operation in OPERATIONS and all(_may_be(item) for item in (self.object, self.old_object))


class _Review(msgspec.Struct, Generic[_T], frozen=True):
    """`AdmissionReview`."""

    version: str = msgspec.field(name="apiVersion")
    kind: str
    request: Request[_T]


class _OnlyUid(msgspec.Struct, frozen=True):
    uid: str


class _OnlyRequest(msgspec.Struct, frozen=True):
    request: _OnlyUid


_RAW: Final = msgspec.json.Decoder(_Review[Raw])
_UID: Final = msgspec.json.Decoder(_OnlyRequest)
# How API servers begin: a hint which types to read with, and no more than that.
_HINT: Final = re.compile(rb'"kind":\{"group":"([a-z0-9.-]*)","version":"[a-z0-9]*","kind":"([A-Za-z0-9]*)"\}')
_HINT_WITHIN: Final = 400
_BEGINNING: Final = re.compile(
    rb'\s*\{"kind":"AdmissionReview","apiVersion":"admission\.k8s\.io/v1","request":\{"uid":"([0-9a-fA-F-]{36})"'
)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, DocumentError)


def read_request(data: bytes) -> tuple[Request[Any], RelevantPart | None, RelevantPart | None] | None:
    """Return the request of a review with the relevant parts of its new and old objects, None where it doesn't fit.

    The parts are None where the operation brings nothing that is judged. JSON of API servers has no key twice; here,
    as to an API server, the last one would count.
    """
    hint = _HINT.search(data, 0, _HINT_WITHIN)
    group, kind = ("", "") if hint is None else (hint[1].decode(), hint[2].decode())
    decoder = review_decoder(group, kind)
    try:
        return _read(decoder, data, group, kind) if decoder is not None else _read_raw(data)
    except _UNREADABLE:
        return None


def read_uid(data: bytes) -> str:
    """Return the uid of a review that can't be read otherwise, so that it can be answered; empty where it has none."""
    try:
        uid = _UID.decode(data).request.uid
        return uid if len(uid) <= LONGEST_TEXT else ""
    except _UNREADABLE:
        match = _BEGINNING.match(data)
        return "" if match is None else match[1].decode()


@cache
def review_decoder(group: str, kind: str) -> msgspec.json.Decoder[_Review[Part]] | None:
    """Return what reads a review on an object of a kind into its type, None where the kind has none."""
    found = object_type(group, kind)
    if found is None:
        return None
    typed: Any = _Review[found | None]  # type: ignore[valid-type]  # a type that is only known at run time
    return msgspec.json.Decoder(typed)


def _read(
    decoder: msgspec.json.Decoder[_Review[Part]], data: bytes, group: str, kind: str
) -> tuple[Request[Any], RelevantPart | None, RelevantPart | None] | None:
    review = decoder.decode(data)
    request = review.request
    if review.kind != "AdmissionReview" or review.version != REVIEW_API_VERSION or not request.fits(group, kind):
        return None
    if request.operation not in JUDGED:
        return request, None, None
    new = part_of(request.object) if isinstance(request.object, Part) else None
    old = part_of(request.old_object) if isinstance(request.old_object, Part) else None
    return (request, new, old) if new is not None and _is_of(new, group, kind) else None


def _read_raw(data: bytes) -> tuple[Request[Any], RelevantPart | None, RelevantPart | None] | None:
    review = _RAW.decode(data)
    request = review.request
    group, kind = request.kind.group or "", request.kind.kind or ""
    if review.kind != "AdmissionReview" or review.version != REVIEW_API_VERSION or not request.fits(group, kind):
        return None
    if request.operation not in JUDGED:
        return request, None, None
    new, old = (
        relevant_part(item, group=group, kind=kind, where=kind) if isinstance(item, Raw) and _is_there(item) else None
        for item in (request.object, request.old_object)
    )
    return (request, new, old) if new is not None and _is_of(new, group, kind) else None


def _is_there(item: object) -> bool:
    return bytes(item).startswith(b"{") if isinstance(item, Raw) else isinstance(item, Part)


def _may_be(item: object) -> bool:
    return item is None or item is UNSET or (isinstance(item, Raw) and bytes(item) == b"null") or _is_there(item)


def _is_of(part: RelevantPart, group: str, kind: str) -> bool:
    """Return whether an object says nothing else of its kind than the request does."""
    if part.is_whole or (part.kind is not None and part.kind != kind):
        return False
    return part.api_version is None or part.api_version.rpartition("/")[0] == group
