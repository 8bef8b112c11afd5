"""Azure Blob Storage, through adlfs and the client that it opens: keys as they are, each range by its ETag."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dbom.errors import PathError, StoreError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, STORE_UNREACHABLE
from dbom.storage.filesystems import close_filesystem, open_own_filesystem, service_errors, shown_url, wait_for
from dbom.storage.objects import RemoteObject
from dbom.storage.ranges import demand_range, pieces, whole
from dbom.storage.retries import judged, retrying

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import TypeVar

    _Result = TypeVar("_Result")

__all__ = ["AzureSource"]

_ONCE = {"retry_total": 0}
"""One way of asking again, ours."""


class AzureSource:
    """One container. Every range is asked for with If-Match, so an overwritten blob is never mixed with the new one."""

    still = False

    def __init__(self, root: str) -> None:
        self._root = root
        self._filesystem, path = open_own_filesystem(root)
        self._container = path.strip("/")
        self._service = self._filesystem.service_client

    @property
    def host(self) -> str:
        """The account's host."""
        return urlsplit(str(self._service.url)).netloc

    def find(self, key: str) -> RemoteObject | None:
        """Ask for one blob."""
        if not key or key.endswith("/"):
            return None
        try:
            found = self._call(key, lambda: self._blob(key).get_blob_properties(**_ONCE))
        except PathError as error:
            if error.rule is PATH_MISSING:
                return None
            raise
        return None if _is_folder(found) else _object(key, found)

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """List the blobs below a prefix, a page at a time."""
        position: str | None = None
        while True:
            found, ahead = self._call(prefix, partial(self._page, prefix, position))
            yield from (_object(blob.name, blob) for blob in found if not _is_folder(blob))
            if not ahead:
                return
            if ahead == position:
                raise StoreError(STORE_UNREACHABLE, "the listing doesn't come to an end", where=self.shown(prefix))
            position = ahead

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range of the blob that was listed, in pieces."""
        for first, after in pieces(start, stop):
            try:
                data = wait_for(self._filesystem, self._read, item, first, after - first)
            except service_errors() as error:
                raise judged(error, self.shown(item.key)) from error
            yield whole(data, after - first)

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read nothing: the service knows ranges."""
        raise NotImplementedError(item.key)

    def attestation(self, item: RemoteObject) -> str:  # noqa: ARG002  it attests an MD5 that the writer made up
        """Return nothing."""
        return ""

    def demand_same(self, item: RemoteObject) -> None:
        """Do nothing: each range was asked for with If-Match."""

    def shown(self, key: str) -> str:
        """Return the blob's URL."""
        return printable(f"{shown_url(self._root)}/{key}")

    def location(self, item: RemoteObject) -> str:  # noqa: ARG002  no version is asked for
        """Return nothing."""
        return ""

    def tree_location(self, prefix: str) -> str | Unknown:  # noqa: ARG002  it doesn't depend on the prefix
        """Return why there is none."""
        return Unknown("a container pins blobs, not trees")

    def close(self) -> None:
        """Close the client."""
        close_filesystem(self._filesystem)

    def _blob(self, key: str) -> Any:  # noqa: ANN401  the library's client, loaded only where it is used
        return self._service.get_blob_client(self._container, key)

    async def _read(self, item: RemoteObject, start: int, size: int) -> bytes:
        from azure.core import MatchConditions  # noqa: PLC0415  only who reads from Azure pays for it

        told: list[str | None] = []
        answer = await self._blob(item.key).download_blob(
            start,
            size,
            etag=f'"{item.tag}"',
            match_condition=MatchConditions.IfNotModified,
            decompress=False,
            raw_response_hook=lambda said: told.append(said.http_response.headers.get("Content-Range")),
            **_ONCE,
        )
        demand_range(told[-1], start, start + size, item.size)
        return bytes(await answer.readall())

    async def _page(self, prefix: str, position: str | None) -> tuple[list[Any], str | None]:
        container = self._service.get_container_client(self._container)
        # Where an account has true folders, their metadata says which blobs they are.
        pages = container.list_blobs(name_starts_with=prefix or None, include=["metadata"], **_ONCE).by_page(position)
        async for page in pages:
            return [blob async for blob in page], pages.continuation_token
        return [], None

    def _call(self, key: str, ask: Callable[[], Awaitable[_Result]]) -> _Result:
        def once() -> _Result:
            try:
                return wait_for(self._filesystem, ask)
            except service_errors() as error:
                raise judged(error, self.shown(key)) from error

        return retrying(once, self.shown(key))


def _object(key: str, found: Any) -> RemoteObject:  # noqa: ANN401  as above
    # (A look at one blob has its ETag in quotes, a listing doesn't.)
    return RemoteObject(key, int(found.size), str(found.etag).strip('"'))


def _is_folder(found: Any) -> bool:  # noqa: ANN401  as above
    return found.size == 0 and (found.metadata or {}).get("hdi_isfolder") == "true"
