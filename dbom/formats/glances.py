"""What files are, told from their first bytes while somebody else reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbom.formats.recognition import FileFormat, recognise_head

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_GLANCES", "Glances"]

MAX_GLANCES = 100_000
"""The most files that are looked at while they are read."""

_FORMATS = tuple(FileFormat)
_NUMBERS: dict[FileFormat | None, int] = {None: 0, **{found: number for number, found in enumerate(_FORMATS, start=1)}}


@dataclass(frozen=True, slots=True)
class Glances:
    """An onlooker of the reading (`dbom.hashing.Onlooker`): what kind each file is whose beginning tells.

    `formats` are by path. What isn't here must be opened to be told.
    """

    formats: dict[str, FileFormat] = field(default_factory=dict)

    def see(self, path: str, head: memoryview, size: int) -> None:
        """Note what the file is, where its first bytes tell."""
        found = recognise_head(head, size) if len(self.formats) < MAX_GLANCES else None
        if found is not None:
            self.formats[path] = found

    def told(self, paths: Sequence[str]) -> bytes:
        """Return a byte for each file: 0, or which format it is of, counted from 1. It is forgotten here."""
        return bytes([_NUMBERS[self.formats.pop(path, None)] for path in paths])

    def hear(self, paths: Sequence[str], told: bytes) -> None:
        """Take over what another process's `told` says of these files."""
        for path, number in zip(paths, told, strict=True):
            if number and len(self.formats) < MAX_GLANCES:
                self.formats[path] = _FORMATS[number - 1]
