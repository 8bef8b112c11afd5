"""The sidecar: the folder beside an artifact in which its evidence lies.

For an artifact X it is `X.dbom/`, with the BOM, the manifest and one bundle a statement. Bundles are only added; the
BOM and the manifest are rewritten for the bytes that are there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from attest.files import read_file
from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle, UnreadBundle, bundle_name, read_only_bundles
from dbom.errors import PathError, UsageError
from dbom.names import BUNDLE_SUFFIX, SIDECAR_BOM, SIDECAR_MANIFEST, SIDECAR_SUFFIX
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.attestations import SIDECAR_PLACE
from dbom.storage import open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.statement import Statement

__all__ = ["Sidecar"]

_MAX_FILE_BYTES: Final = 256 * 1024 * 1024
_NAME_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The folder `X.dbom/` of an artifact X; it needn't be there yet. What it holds is evidence only once verified."""

    folder: Path

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """Return the sidecar of the artifact at `path`. Raises `UsageError` for a root: it has no place beside it."""
        resolved = Path(os.path.realpath(path))
        if not resolved.name:
            raise UsageError(SIDECAR_PLACE, "a root has no place for a sidecar", where=str(resolved))
        return cls(resolved.with_name(resolved.name + SIDECAR_SUFFIX))

    @classmethod
    def writable(cls, path: str | os.PathLike[str]) -> Self | None:
        """Return the sidecar where it can be written, None where there is no place for one (`--store` then takes it).

        Raises `UsageError` where something is in its place.
        """
        try:
            sidecar = cls.of(path)
        except UsageError:
            return None
        sidecar.demand_place()
        place = sidecar.folder if sidecar.folder.is_dir() else sidecar.folder.parent
        return sidecar if os.access(place, os.W_OK | os.X_OK) else None

    def demand_place(self) -> None:
        """Raise `UsageError` where evidence can't be written here: a link leads who knows where, a file is in the way.

        Reading follows a link, since what is read counts only once it is verified.
        """
        if self.folder.is_symlink():
            raise UsageError(
                SIDECAR_PLACE,
                "the sidecar is a link, and evidence isn't written to where a link leads",
                where=printable(str(self.folder)),
                hint="remove the link, or put a folder in its place",
            )
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(
                SIDECAR_PLACE,
                "where the sidecar belongs there is something else",
                where=printable(str(self.folder)),
                expected="a folder, or nothing yet",
                hint="move it away",
            )

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield the bundles, ordered by name. Raises `PathError` for one that can't be read or is too large."""
        return read_only_bundles(self.entries())

    def entries(self) -> Iterator[StoredBundle | UnreadBundle]:
        """Yield the bundles as `bundles` does, and what can't be read as that."""
        for path in self._files():
            if path.name.endswith(BUNDLE_SUFFIX):
                try:
                    raw = read_file(path, limit=MAX_BUNDLE_BYTES, what="bundle")
                except PathError as error:
                    yield UnreadBundle(error, str(path))
                else:
                    yield StoredBundle.of(raw, where=str(path))

    def bom(self) -> bytes | None:
        """Return the BOM file, or None where there is none."""
        return self._optional(SIDECAR_BOM)

    def manifest(self) -> bytes | None:
        """Return the manifest file, or None where there is none."""
        return self._optional(SIDECAR_MANIFEST)

    def write_bom(self, data: bytes) -> Path:
        """Write the BOM file, whole or not at all."""
        return self._replace(SIDECAR_BOM, data)

    def write_manifest(self, data: bytes) -> Path:
        """Write the manifest file, whole or not at all."""
        return self._replace(SIDECAR_MANIFEST, data)

    @property
    def url(self) -> str:
        """Where it is."""
        return str(self.folder)

    def add(self, raw: bytes, statement: Statement) -> str:
        """Add a bundle as `add_bundle` does, and return its name."""
        return self.add_bundle(raw, statement).name

    def add_bundle(self, raw: bytes, statement: Statement) -> Path:
        """Add a bundle under `<short predicate name>-<first 16 hex of its sha256>.sigstore.json`."""
        name = bundle_name(raw, statement.predicate_type, digits=_NAME_DIGITS)
        self.demand_place()
        open_folder(str(self.folder)).add(name, raw)
        return self.folder / name

    def _files(self) -> list[Path]:
        try:
            return sorted(self.folder.iterdir(), key=lambda path: path.name.encode("utf-8", "surrogateescape"))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unreadable(self.folder, error) from error

    def _optional(self, name: str) -> bytes | None:
        path = self.folder / name
        return read_file(path, limit=_MAX_FILE_BYTES) if os.path.lexists(path) else None

    def _replace(self, name: str, data: bytes) -> Path:
        self.demand_place()
        open_folder(str(self.folder)).replace(name, data)
        return self.folder / name


def _unreadable(path: Path, error: OSError) -> PathError:
    return PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(str(path)))
