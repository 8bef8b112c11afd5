"""Google Cloud Storage, through gcsfs: keys as they are, generations."""

from __future__ import annotations

from json import JSONDecodeError
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from dbom.errors import PathError, StoreError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE, STORE_UNREACHABLE
from dbom.storage.filesystems import close_filesystem, open_own_filesystem, service_errors
from dbom.storage.objects import RemoteObject
from dbom.storage.ranges import demand_range, pieces, whole
from dbom.storage.retries import TransientError, judged, retrying

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["GcsSource"]


class GcsSource:
    """One bucket. Every object is read by its generation, so an overwritten one is gone and never mixed."""

    still = False

    def __init__(self, root: str) -> None:
        self._bucket = root.removeprefix("gs://")
        self._filesystem, _ = open_own_filesystem(root)

    @property
    def host(self) -> str:
        """The endpoint's host."""
        return urlsplit(str(self._filesystem.url(f"{self._bucket}/x"))).netloc

    def find(self, key: str) -> RemoteObject | None:
        """Ask for one object."""
        key, pinned, generation = key.partition("?generation=")
        key = unquote(key) if pinned else key  # a pinned address is a location, whose key is encoded
        if not key or key.endswith("/"):
            return None
        asked = {"generation": generation} if generation else {}
        try:
            found = self._call(key, "b/{}/o/{}", self._bucket, key, **asked)
        except PathError as error:
            if error.rule is PATH_MISSING:
                return None
            raise
        return _object(found)

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """List the objects below a prefix."""
        position: dict[str, object] = {}
        while True:
            page = self._call(prefix, "b/{}/o", self._bucket, prefix=prefix, **position)
            yield from map(_object, page.get("items") or ())
            ahead = {"pageToken": page["nextPageToken"]} if page.get("nextPageToken") else {}
            if not ahead:
                return
            if ahead == position:
                raise StoreError(STORE_UNREACHABLE, "the listing doesn't come to an end", where=self.shown(prefix))
            position = dict(ahead)

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range of the generation that was listed, in pieces: gcsfs gives each as a whole."""
        address = self._filesystem.url(f"{self._bucket}/{item.key}", generation=item.tag)
        for first, after in pieces(start, stop):
            try:
                told, data = self._filesystem.call("GET", address, headers={"Range": f"bytes={first}-{after - 1}"})
            except _errors() as error:
                raise _judged(error, self.shown(item.key)) from error
            demand_range(told.get("Content-Range"), first, after, item.size)
            yield whole(data, after - first)

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read nothing: the service knows ranges."""
        raise NotImplementedError(item.key)

    def attestation(self, item: RemoteObject) -> str:  # noqa: ARG002  it attests MD5 and CRC32C, which are no identity
        """Return nothing."""
        return ""

    def demand_same(self, item: RemoteObject) -> None:
        """Do nothing: a generation doesn't change."""

    def shown(self, key: str) -> str:
        """Return the object's URL."""
        return printable(f"gs://{self._bucket}/{key}")

    def location(self, item: RemoteObject) -> str:
        """Return the object's URL with its generation."""
        return f"gs://{self._bucket}/{quote(item.key)}?generation={item.version}"

    def tree_location(self, prefix: str) -> str | Unknown:  # noqa: ARG002  it doesn't depend on the prefix
        """Return why there is none."""
        return Unknown("a bucket pins objects, not trees")

    def close(self) -> None:
        """Close the session."""
        close_filesystem(self._filesystem)

    def _call(self, key: str, path: str, *parts: str, **asked: object) -> Mapping[str, Any]:
        def once() -> Mapping[str, Any]:
            try:
                found: Mapping[str, Any] = self._filesystem.call("GET", path, *parts, json_out=True, **asked)
            except JSONDecodeError as error:
                raise TransientError("sent no JSON") from error
            except _errors() as error:
                raise _judged(error, self.shown(key)) from error
            return found

        return retrying(once, self.shown(key))


def _object(found: Mapping[str, Any]) -> RemoteObject:
    generation = str(found.get("generation", ""))
    return RemoteObject(str(found["name"]), int(found.get("size", 0)), generation, generation)


def _judged(error: BaseException, where: str) -> Exception:
    # gcsfs makes an OSError of a 403, without its number.
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):
        return PathError(PATH_UNREADABLE, "the store answers 403", where=where)
    return judged(error, where)


def _errors() -> tuple[type[BaseException], ...]:
    # gcsfs says ValueError for some answers of the service.
    return (*service_errors(), ValueError)
