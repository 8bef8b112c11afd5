"""S3 and what speaks like it, through botocore: keys as they are, versions, checksums of the content."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from dbom.errors import ChangedError, PathError, StoreError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_MISSING, PATH_UNREADABLE, STORE_UNREACHABLE
from dbom.storage.attested import attested_by_s3
from dbom.storage.filesystems import service_errors
from dbom.storage.objects import RemoteObject
from dbom.storage.ranges import CHUNK_BYTES, demand_range
from dbom.storage.retries import TransientError, judged, retrying
from dbom.storage.s3_client import open_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["S3Source"]


class S3Source:
    """One bucket."""

    still = False

    def __init__(self, root: str) -> None:
        self._bucket = root.removeprefix("s3://")
        self._client, self._calls = open_client(printable(root))

    @property
    def host(self) -> str:
        """The endpoint's host."""
        return urlsplit(str(self._client.meta.endpoint_url)).netloc

    def find(self, key: str) -> RemoteObject | None:
        """Ask for one object, and by which version the bucket keeps it."""
        key, pinned, version = key.partition("?versionId=")
        key = unquote(key) if pinned else key  # a pinned address is a location, whose key is encoded
        if not key or key.endswith("/"):
            return None
        try:
            head = self._call("head_object", key, Key=key, **({"VersionId": version} if version else {}))
        except PathError as error:
            if error.rule is PATH_MISSING:
                return None
            raise
        return RemoteObject(key, int(head["ContentLength"]), _tag(head), _version(head))

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """List current objects, with their versions where the bucket keeps some and lets us see them."""
        return self._below(prefix, None)

    def _below(self, prefix: str, folders: list[str] | None) -> Iterator[RemoteObject]:
        if self._keeps_versions():
            try:
                yield from self._listed("list_object_versions", "Versions", prefix, folders)
            except PathError as error:
                if error.rule is not PATH_UNREADABLE:
                    raise
            else:
                return
        yield from self._listed("list_objects_v2", "Contents", prefix, folders)

    def level(self, prefix: str) -> tuple[list[RemoteObject], list[str]]:
        """List what lies right below `prefix`, empty or ending in `/`: its objects, and the prefixes of its folders."""
        folders: list[str] = []
        return list(self._below(prefix, folders)), folders

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range of the very object that was listed: If-Match, and its version where it has one."""
        asked = self._named(item)
        is_part = (start, stop) != (0, item.size)
        if is_part:
            asked["Range"] = f"bytes={start}-{stop - 1}"
        answer = self._ask("get_object", item.key, asked)
        body = answer["Body"]
        try:
            self._demand_answer(answer, item, stop - start)
            if is_part:
                demand_range(answer.get("ContentRange"), start, stop, item.size)
            while data := body.read(CHUNK_BYTES):
                yield data
        except service_errors() as error:
            raise judged(error, self.shown(item.key)) from error
        finally:
            body.close()

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read nothing: S3 knows ranges."""
        raise NotImplementedError(item.key)

    def attestation(self, item: RemoteObject) -> str:
        """Ask for the checksum of the content, of the very object that was listed."""
        head = self._call("head_object", item.key, ChecksumMode="ENABLED", **self._named(item))
        if (_tag(head), head.get("ContentLength")) != (item.tag, item.size):
            raise ChangedError(CHANGED_WHILE_READ, "was replaced after it was listed", where=self.shown(item.key))
        return attested_by_s3(head) or ""

    def demand_same(self, item: RemoteObject) -> None:
        """Do nothing: each range was asked for with If-Match."""

    def shown(self, key: str) -> str:
        """Return the object's URL."""
        return printable(f"s3://{self._bucket}/{key}")

    def location(self, item: RemoteObject) -> str:
        """Return the object's URL with its version."""
        if not item.version:
            return ""
        return f"s3://{self._bucket}/{quote(item.key)}?versionId={quote(item.version, safe='')}"

    def tree_location(self, prefix: str) -> str | Unknown:  # noqa: ARG002  it doesn't depend on the prefix
        """Return why there is none."""
        return Unknown("a bucket pins objects, not trees")

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _named(self, item: RemoteObject) -> dict[str, object]:
        """Return how to ask for this very object: its ETag and its version where there are any."""
        asked: dict[str, object] = {"Key": item.key}
        if item.tag.startswith('"'):
            asked["IfMatch"] = item.tag
        if item.version:
            asked["VersionId"] = item.version
        return asked

    def _demand_answer(self, answer: Mapping[str, Any], item: RemoteObject, size: int) -> None:
        if _tag(answer) != item.tag:
            raise ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=self.shown(item.key))
        if answer["ContentLength"] != size:
            raise TransientError(f"announced {answer['ContentLength']} bytes where {size} were asked for")

    def _keeps_versions(self) -> bool:
        try:
            answer = self._call("get_bucket_versioning", "")
        except (PathError, StoreError):
            # Not every server has versions, and not everybody may ask: then there is no pin, and that is said.
            return False
        return answer.get("Status") in ("Enabled", "Suspended")

    def _listed(self, method: str, wanted: str, prefix: str, folders: list[str] | None) -> Iterator[RemoteObject]:
        """List objects; with `folders` only those right below the prefix, and put the prefixes of the others in it."""
        position: dict[str, object] = {}
        asked = {"Prefix": prefix} if folders is None else {"Prefix": prefix, "Delimiter": "/"}
        while True:
            page = self._call(method, prefix, **asked, **position)
            if folders is not None:
                folders.extend(str(found["Prefix"]) for found in page.get("CommonPrefixes") or ())
            for found in page.get(wanted) or ():
                if found.get("IsLatest", True):
                    yield RemoteObject(str(found["Key"]), int(found["Size"]), _tag(found), _version(found))
            if not page.get("IsTruncated"):
                return
            ahead = _position(page)
            if ahead in ({}, position):
                raise StoreError(STORE_UNREACHABLE, "the listing doesn't come to an end", where=self.shown(prefix))
            position = ahead

    def _call(self, method: str, key: str, **asked: object) -> Mapping[str, Any]:
        return retrying(lambda: self._ask(method, key, asked), self.shown(key))

    def _ask(self, method: str, key: str, asked: Mapping[str, object]) -> Mapping[str, Any]:
        payer = {} if method == "get_bucket_versioning" else self._calls  # which has no word for who pays
        try:
            answer: Mapping[str, Any] = getattr(self._client, method)(Bucket=self._bucket, **asked, **payer)
        except service_errors() as error:
            raise judged(error, self.shown(key)) from error
        return answer


def _tag(found: Mapping[str, Any]) -> str:
    """Return the ETag, or for servers that have none the time of the last change, in seconds as headers have it."""
    tag = found.get("ETag")
    return str(tag) if tag else f"changed {int(found['LastModified'].timestamp())}"


def _version(found: Mapping[str, object]) -> str:
    version = found.get("VersionId")
    # What was written before versions were kept has the version "null", which the next write replaces: no pin.
    return version if isinstance(version, str) and version != "null" else ""


def _position(page: Mapping[str, Any]) -> dict[str, object]:
    if "NextContinuationToken" in page:
        return {"ContinuationToken": page["NextContinuationToken"]}
    names = (("KeyMarker", "NextKeyMarker"), ("VersionIdMarker", "NextVersionIdMarker"))
    return {marker: page[following] for marker, following in names if page.get(following)}
