"""What this user has seen of each publisher's heads, so that an older one can't be shown for the newest.

Kept in the user's state as `revocations/seen.json`; written whole, under a lock, and a sequence never goes back.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attest.files import read_file
from attest.revocation.head import MAX_SEQUENCE, SeenHead
from dbom.canonical import canonical_json, json_object
from dbom.errors import DocumentError, PathError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.documents import JSON_MALFORMED
from dbom.storage import open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

__all__ = ["RevocationMemory"]

_FILE: Final = "seen.json"
_LOCK: Final = ".lock"
_SCHEMA: Final = "dbom.dev/revocations-seen/v1"
_MAX_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RevocationMemory:
    """The memory of one user: a folder that needn't be there yet."""

    folder: Path

    @classmethod
    def of_home(cls, home: Path) -> RevocationMemory:
        """Return the memory in the folder for dbom's own data."""
        return cls(home / "revocations")

    def seen(self) -> dict[str, SeenHead]:
        """Return the newest head seen of each publisher.

        Raises `PathError` or `DocumentError` where there is something that can't be read: an empty memory would let
        every older head pass.
        """
        path = self.folder / _FILE
        if not os.path.lexists(path):
            return {}
        where = printable(str(path))
        document = json_object(read_file(path, limit=_MAX_BYTES, what="memory of revocations"), where=where)
        publishers = document.get("publishers")
        if document.get("schema") != _SCHEMA or not isinstance(publishers, dict):
            raise DocumentError(JSON_MALFORMED, "not a memory of revocations", where=where)
        return {name: _read(value, where) for name, value in publishers.items()}

    def remember(self, heads: Mapping[str, SeenHead]) -> None:
        """Add what was seen. Nothing is written where it is all known.

        Raises `PathError` or `StoreError` where it can't be written.
        """
        known = self.seen()
        if all(name in known and known[name].sequence >= head.sequence for name, head in heads.items()):
            return
        with self._locked():
            known = self.seen()
            for name, head in heads.items():
                if name not in known or known[name].sequence < head.sequence:
                    known[name] = head
            publishers: JsonObject = {
                name: {"sequence": head.sequence, "content": head.content} for name, head in known.items()
            }
            written = canonical_json({"schema": _SCHEMA, "publishers": publishers})
            open_folder(str(self.folder)).replace(_FILE, written)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            where = printable(str(self.folder))
            raise PathError(PATH_UNREADABLE, f"can't be written: {error.strerror}", where=where) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read(value: Json, where: str) -> SeenHead:
    sequence = value.get("sequence") if isinstance(value, dict) else None
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(sequence, int) or not 1 <= sequence <= MAX_SEQUENCE or not isinstance(content, str):
        raise DocumentError(JSON_MALFORMED, "not a memory of revocations", where=where)
    return SeenHead(sequence, content)
