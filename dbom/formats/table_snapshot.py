"""What a snapshot of a table format is: its pin, and the files that it is made of (docs/formats/table-pins.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from dbom.errors import DocumentError, NameRefusedError
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.artifacts import TABLE_MALFORMED, TABLE_OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MAX_MANIFEST_BYTES",
    "MAX_TABLE_FILES",
    "TableFile",
    "TableLayout",
    "TablePin",
    "TableReader",
    "TableSnapshot",
    "demand_path",
    "distinct_files",
]

MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
"""The largest file of a table's metadata that is read, in bytes."""

MAX_TABLE_FILES: Final = 5_000_000
"""The most files of one snapshot."""


class TableLayout(StrEnum):
    """The table formats whose snapshots are pinned."""

    ICEBERG = "iceberg"
    DELTA = "delta"

    @property
    def word(self) -> str:
        """What the format calls a state of the table."""
        return "snapshot" if self is TableLayout.ICEBERG else "version"


@dataclass(frozen=True, slots=True)
class TablePin:
    """Which files a table is made of: the snapshot (Delta: version), and the sha256 in hex that holds it still.

    `manifests` is the digest of the manifests as docs/formats/table-pins.md defines it. It says which files, not which
    bytes are in them.
    """

    layout: TableLayout
    snapshot: int
    manifests: str

    def __str__(self) -> str:
        return f"{self.layout} {self.layout.word} {self.snapshot}, manifests sha256:{self.manifests}"


@dataclass(frozen=True, slots=True, order=True)
class TableFile:
    """A file of a snapshot: its path below the table's folder, and its size in bytes, -1 where the table is silent."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """A pin with all files of the snapshot, ordered by path.

    They are data files and delete files, and the `manifests` where those are files that no later snapshot changes.
    """

    pin: TablePin
    files: tuple[TableFile, ...]
    manifests: tuple[str, ...] = ()


class TableReader(Protocol):
    """Whoever reads the metadata of one table. Paths are relative to the table's folder, with `/` between segments.

    What is missing or can't be read raises `PathError` or `StoreError`, what is larger than `limit` `DocumentError`.
    """

    @property
    def where(self) -> str:
        """The table's folder, fit to be shown."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files in a folder of the table; none where there is no such folder."""

    def read(self, path: str, *, limit: int = MAX_MANIFEST_BYTES) -> bytes:
        """Return the bytes of a file."""

    def sha256(self, path: str) -> str:
        """Return the sha256 of a file, in hex."""


def demand_path(path: str, where: str) -> str:
    """Return a path below the table's folder. Raises `NameRefusedError` for one that no tree can hold."""
    fault = path_fault(path)
    if fault is not None:
        raise NameRefusedError(TABLE_OUTSIDE, f"names a file whose path {fault}", where=where, got=printable(path))
    return path


def distinct_files(files: Iterable[TableFile], where: str) -> tuple[TableFile, ...]:
    """Return each file once, ordered by path. Raises `DocumentError` where one is said to have two sizes."""
    sizes: dict[str, int] = {}
    for file in files:
        known = sizes.setdefault(file.path, file.size)
        if known == -1:
            sizes[file.path] = file.size
        elif file.size not in (-1, known):
            raise DocumentError(TABLE_MALFORMED, "says two sizes of one file", where=where, got=printable(file.path))
        if len(sizes) > MAX_TABLE_FILES:
            raise DocumentError(TABLE_MALFORMED, f"more than {MAX_TABLE_FILES} files in a snapshot", where=where)
    return tuple(TableFile(path, sizes[path]) for path in sorted(sizes))
