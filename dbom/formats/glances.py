"""What files are, told from their first bytes while somebody else reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbom.formats.recognition import FileFormat, recognise_head

__all__ = ["MAX_GLANCES", "Glances"]

MAX_GLANCES = 100_000
"""The most files that are looked at while they are read."""


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
