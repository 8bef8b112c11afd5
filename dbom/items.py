"""What an artifact's files are read from: one protocol for a local file, a remote object and whatever comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dbom.model import Entry

__all__ = ["Item", "Progress"]


class Progress(Protocol):
    """Whoever wants to see how far the reading is. Both methods may be called from any thread."""

    def expect(self, size: int) -> None:
        """Hear that `size` more bytes are going to be read."""

    def advance(self, size: int) -> None:
        """Hear that `size` bytes have been read."""


class Item(Protocol):
    """One file of an artifact, wherever it is. It can be pickled, so that another machine can read it."""

    @property
    def path(self) -> str:
        """Its path in the tree, with `/` between segments; the file's name where the artifact is one file."""

    @property
    def size(self) -> int:
        """Its size in bytes, as it was listed."""

    @property
    def state(self) -> str:
        """Everything that would differ if its bytes did, as one text: what a cache or a journal keys its digest on."""

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it and return its entry.

        Raises `ChangedError` where it isn't what was listed, `PathError` or `StoreError` where it can't be read.
        """
