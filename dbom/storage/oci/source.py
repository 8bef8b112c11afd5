"""The files of an artifact that are blobs of their own, as objects that are read in ranges, here or on a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.errors import MismatchError
from dbom.printable import printable
from dbom.rules.stores import REGISTRY_DIGEST
from dbom.storage.objects import RemoteObject
from dbom.storage.oci.reference import Reference
from dbom.storage.oci.registry import Registry
from dbom.storage.ranges import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbom.model import Unknown

__all__ = ["OciSource", "blob_object"]


def blob_object(path: str, size: int, sha256: str, *, streamed: bool = False) -> RemoteObject:
    """Return a file that is a whole blob: the registry attests its digest, since it is what the blob is asked for by.

    `streamed` is for a registry that knows no ranges.
    """
    return RemoteObject(path, size, tag=sha256, version=f"sha256:{sha256}", attested=sha256, streamed=streamed)


class OciSource:
    """One artifact, by the digest of its manifest. Nothing in it ever changes."""

    still = True
    """A digest names the same bytes for ever."""

    def __init__(self, root: str, environment: Mapping[str, str]) -> None:
        self._reference = Reference.parse(root)
        self._registry = Registry(self._reference.host, environment)

    @property
    def host(self) -> str:
        """The registry's host."""
        return self._reference.host

    def find(self, key: str) -> RemoteObject | None:
        """Raise: which files there are is for `read_artifact` to say."""
        raise NotImplementedError(key)

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """Raise: which files there are is for `read_artifact` to say."""
        raise NotImplementedError(prefix)

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range of a blob; where the registry knows none, what is around it is read and dropped."""
        if start == stop:
            return
        end = None if (start, stop) == (0, item.size) else stop
        with self._registry.blob_stream(self._reference.repository, item.version, start, end) as answer:
            left = stop - start
            while left and (data := answer.read(min(left, CHUNK_BYTES))):
                left -= len(data)
                yield data
            if end is None and answer.read(1):
                raise self._longer(item)

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read a blob in one go. Raises `MismatchError` where more comes than it has."""
        with self._registry.blob_stream(self._reference.repository, item.version, 0) as answer:
            count = 0
            while data := answer.read(CHUNK_BYTES):
                count += len(data)
                if count > item.size:
                    raise self._longer(item)
                yield data

    def attestation(self, item: RemoteObject) -> str:
        """Return the digest that the blob has in the registry."""
        return item.attested

    def demand_same(self, item: RemoteObject) -> None:
        """Do nothing: what was read is compared with the blob's own digest."""

    def shown(self, key: str) -> str:
        """Return the artifact's reference, and which of its files."""
        return f"{self._reference}: {printable(key)}" if key else str(self._reference)

    def location(self, item: RemoteObject) -> str:  # noqa: ARG002  the manifest's digest pins all files together
        """Return nothing: a file has no pin but its artifact's."""
        return ""

    def tree_location(self, prefix: str) -> str | Unknown:  # noqa: ARG002  there are no folders to choose from
        """Return the artifact by its digest."""
        return str(self._reference)

    def close(self) -> None:
        """Close all connections."""
        self._registry.close()

    def _longer(self, item: RemoteObject) -> MismatchError:
        return MismatchError(
            REGISTRY_DIGEST,
            "the registry sent other bytes",
            where=self.shown(item.key),
            got=f"more than {item.size} bytes",
            expected=item.version,
        )
