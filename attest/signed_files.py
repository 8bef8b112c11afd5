"""The files of a signed tree, where something proves them: the manifest, or the BOM that was signed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dbom.difference import parse_manifest
from dbom.errors import DbomError
from dbom.model import Entry, Kind, tree_digest
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from attest.statement import Statement
    from dbom.canonical import JsonObject
    from dbom.model import Digest

__all__ = ["proven_files"]


def proven_files(digest: Digest | None, statement: Statement, manifest: bytes | None) -> dict[str, str] | None:
    """Return path and sha256 of the files of a signed tree, where the manifest or the signed BOM proves them."""
    if digest is None or digest.kind is not Kind.TREE:
        return None
    if manifest is not None and hashlib.sha256(manifest).hexdigest() == digest.hex:
        try:
            return {entry.path: entry.sha256 for entry in parse_manifest(manifest, where="the manifest")}
        except DbomError:
            return None
    entries = _files_of_bom(statement.predicate) if statement.predicate_type == PREDICATE_BOM else ()
    if entries and tree_digest(entries) == digest:
        return {entry.path: entry.sha256 for entry in entries}
    return None


def _files_of_bom(bom: JsonObject) -> tuple[Entry, ...]:
    """Return the files that a BOM lists within the component that it describes, or beside it."""
    metadata = bom.get("metadata")
    described = metadata.get("component") if isinstance(metadata, dict) else None
    within = described.get("components") if isinstance(described, dict) else None
    listed = within if isinstance(within, list) else bom.get("components")
    return tuple(
        Entry(name, 0, digits)
        for component in (listed if isinstance(listed, list) else [])
        if isinstance(component, dict) and component.get("type") == "file"
        if isinstance(name := component.get("name"), str) and (digits := _sha256(component)) is not None
    )


def _sha256(component: JsonObject) -> str | None:
    hashes = component.get("hashes")
    found = [
        item.get("content")
        for item in (hashes if isinstance(hashes, list) else [])
        if isinstance(item, dict) and item.get("alg") == "SHA-256"
    ]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else None
