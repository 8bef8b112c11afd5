"""Blobs as files that are read once from their beginning to their end, and hashed on the way."""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Protocol, cast

from dbom.errors import MismatchError
from dbom.rules.stores import REGISTRY_DIGEST
from dbom.storage.retries import TransientError, retrying

if TYPE_CHECKING:
    from dbom.items import Progress
    from dbom.storage.oci.manifests import Descriptor
    from dbom.storage.oci.registry import Registry
    from dbom.storage.oci.transport import Answer

__all__ = ["BlobFile", "HashedFile", "Reader"]

_CHUNK: Final = 256 * 1024


class Reader(Protocol):
    """Anything that is read on."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


class BlobFile(io.RawIOBase):
    """A blob, read in one connection; where that breaks, the next one goes on where it was."""

    def __init__(
        self, registry: Registry, repository: str, blob: Descriptor, where: str, *, progress: Progress | None = None
    ) -> None:
        super().__init__()
        self._registry = registry
        self._repository = repository
        self._blob = blob
        self._where = where
        self._progress = progress
        self._opened = ExitStack()
        self._answer: Answer | None = None
        self._hasher = hashlib.sha256()
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read on into a buffer. Raises `MismatchError` for more bytes than the blob has."""
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = retrying(lambda: self._taken(min(len(view), _CHUNK)), self._where)
        view[: len(data)] = data
        self._hasher.update(data)
        self._position += len(data)
        if self._position > self._blob.size:
            raise self._other(f"more than {self._blob.size} bytes")
        if self._progress is not None:
            self._progress.advance(len(data))
        return len(data)

    def finish(self) -> None:
        """Read what is left and raise `MismatchError` unless these were the blob's very bytes."""
        buffer = bytearray(_CHUNK)
        while self.readinto(buffer):
            pass
        if self._hasher.hexdigest() != self._blob.hex:
            raise self._other(f"sha256:{self._hasher.hexdigest()}")

    def close(self) -> None:
        """Let go of the connection."""
        self._opened.close()
        super().close()

    def _taken(self, size: int) -> bytes:
        if not size:
            return b""
        try:
            if self._answer is None:
                self._answer = self._opened.enter_context(
                    self._registry.blob_stream(self._repository, self._blob.digest, self._position)
                )
            data = self._answer.read(size)
            if not data and self._position < self._blob.size:
                raise TransientError(f"broke off {self._blob.size - self._position} bytes before the end")  # noqa: TRY301  the same clean-up as for what the connection raises
        except TransientError:
            self._answer = None
            self._opened.close()
            raise
        return data

    def _other(self, got: str) -> MismatchError:
        return MismatchError(
            REGISTRY_DIGEST, "the registry sent other bytes", where=self._where, got=got, expected=self._blob.digest
        )


class HashedFile:
    """Whatever is read through it is hashed: what a layer is before it was packed."""

    def __init__(self, file: Reader) -> None:
        self._file = file
        self._hasher = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Read on."""
        data = self._file.read(size)
        self._hasher.update(data)
        return data

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of what was read until now."""
        return f"sha256:{self._hasher.hexdigest()}"
