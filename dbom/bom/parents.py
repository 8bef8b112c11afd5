"""What somebody names as an input, a BOM or a path, to the parent that a BOM can hold."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.bom.document import Bom
from dbom.bom.facts import Parent
from dbom.bom.reading import text
from dbom.errors import DocumentError, PathError
from dbom.model import COMPUTED, Basis, Derivation, Known
from dbom.names import SIDECAR_BOM, SIDECAR_SUFFIX
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.model import Relation

__all__ = ["read_parent"]

_MAX_BOM_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 65_536


def read_parent(source: str, relation: Relation, *, ignores: Sequence[str] | None = None, jobs: int = 0) -> Parent:
    """Return the parent at `source`: a CycloneDX JSON file, or any file or folder, which is then fingerprinted.

    A BOM's word for the digest is `declared`, by that BOM; the digest of a path is `computed`. A BOM in the sidecar of
    a path gives its name, version and kind where it is about the bytes that are there. Raises as `fingerprint_path`
    and `Bom.parse` do.
    """
    data = _bom_file(Path(source))
    if data is not None:
        bom = Bom.parse(data, where=source)
        known = Known(Basis.DECLARED, f"BOM sha256:{hashlib.sha256(data).hexdigest()}")
        return _described(bom, Derivation(relation, bom.name or Path(source).name, bom.artifact, known))
    fingerprint = fingerprint_path(source, ignores=ignores, jobs=jobs)
    beside = _sidecar_bom(Path(os.path.realpath(source)))
    if beside is not None and beside.artifact == fingerprint.digest:
        return _described(beside, Derivation(relation, beside.name, fingerprint.digest, fingerprint.known))
    return Parent(Derivation(relation, fingerprint.name, fingerprint.digest, COMPUTED))


def _described(bom: Bom, derivation: Derivation) -> Parent:
    serial, version = text(bom.document, "serialNumber"), bom.document.get("version", 1)
    link = f"urn:cdx:{serial.removeprefix('urn:uuid:')}/{version}" if serial.startswith("urn:uuid:") else ""
    return Parent(derivation, bom.kind_word, bom.version, link)


def _bom_file(path: Path) -> bytes | None:
    """Return the bytes of a file that says of itself that it is CycloneDX JSON."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            is_bom = head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"bomFormat"' in head
            return head + file.read(_MAX_BOM_BYTES) if is_bom else None
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=str(path)) from error


def _sidecar_bom(path: Path) -> Bom | None:
    """Return the BOM in the sidecar, or None where there is none that can be read: it is only asked for its words."""
    try:
        file = path.with_name(path.name + SIDECAR_SUFFIX) / SIDECAR_BOM
        return Bom.parse(file.read_bytes(), where=str(file)) if file.stat().st_size <= _MAX_BOM_BYTES else None
    except (OSError, ValueError, DocumentError):
        return None
