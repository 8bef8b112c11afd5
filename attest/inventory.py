"""What a side of a comparison names: an artifact's digest and, where it says so, its files.

A side is data (a path or a URL, which is read) or a document that speaks of data: a manifest, a BOM, a bundle, a saved
fingerprint. Which one is told by the content of the file. What a document says is a claim: no signature is checked
here, and everything that comes of it is known as `declared`.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from attest.showing import claim_of
from dbom.bom import Bom, matches
from dbom.bom.derivations import component_digest
from dbom.bom.reading import objects, property_value, text
from dbom.canonical import json_object
from dbom.difference import parse_manifest
from dbom.errors import DocumentError, EvidenceError, PathError, UndecidedError
from dbom.fingerprints import MAX_FINGERPRINT_BYTES, SAVED_FINGERPRINT, read_fingerprint
from dbom.model import Basis, Digest, Entry, Fingerprint, Kind, Known, Unknown, tree_digest
from dbom.names import ANNOTATION_IGNORE, BUNDLE_MEDIA_TYPES, PREDICATE_BOM
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE, SIDE_MALFORMED, SIDE_UNDECIDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.statement import Statement
    from dbom.canonical import JsonObject

__all__ = ["Inventory", "Source", "read_document"]

_HEAD: Final = 64 * 1024
_MAX_MANIFEST: Final = 1024 * 1024 * 1024
_MANIFEST_LINE: Final = re.compile(rb"[0-9a-f]{64} [ *]")
_MARKS: Final = tuple(mark.encode() for mark in ('"bomFormat"', *BUNDLE_MEDIA_TYPES, SAVED_FINGERPRINT))
_BYTES: Final = "dbom:bytes"


class Source(StrEnum):
    """What a side was read as."""

    PATH = "path"
    URL = "url"
    MANIFEST = "manifest"
    BOM = "bom"
    BUNDLE = "bundle"
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True)
class Inventory:
    """One side: what was given, as what it was read, the artifact's digest and its files.

    `files` are paths with their sha256 in hex, or why they aren't named; they always add up to the digest. `sizes` has
    those sizes that are stated, `total` the size of all files together. `ignores` is the ignore list that the digest
    rests on, or None where the side doesn't say.
    """

    given: str
    source: Source
    digest: Digest
    files: Mapping[str, str] | Unknown = field(repr=False)
    sizes: Mapping[str, int] = field(repr=False)
    total: int | Unknown
    known: Known
    ignores: tuple[str, ...] | None = None

    @classmethod
    def of_fingerprint(cls, given: str, source: Source, found: Fingerprint) -> Self:
        """Return the inventory of a fingerprint, which names all its files with their sizes."""
        return cls(
            given,
            source,
            found.digest,
            {entry.path: entry.sha256 for entry in found.entries},
            {entry.path: entry.size for entry in found.entries},
            found.size,
            found.known,
            found.ignores,
        )

    @property
    def is_document(self) -> bool:
        """Whether it is what somebody wrote about data, and not the data."""
        return self.source not in (Source.PATH, Source.URL)


def read_document(path: str) -> Inventory | None:
    """Return what the document at `path` names, or None where there is data, a folder, or nothing at all.

    Raises `DocumentError` for a document that begins like one of ours and isn't, `UndecidedError` for one that doesn't
    say which bytes it is about, `PathError` for what can't be read.
    """
    data = _document_bytes(path)
    if data is None:
        return None
    where = printable(path)
    try:
        if _MANIFEST_LINE.match(data):
            return _of_manifest(path, data, where)
        document = json_object(data, where=where, limit=MAX_FINGERPRINT_BYTES)
        if document.get("bomFormat") == "CycloneDX":
            return _of_bom(path, Bom.of_document(document, where=where), where)
        if document.get("schema") == SAVED_FINGERPRINT:
            return Inventory.of_fingerprint(path, Source.FINGERPRINT, read_fingerprint(data, where=where))
        if document.get("mediaType") in BUNDLE_MEDIA_TYPES:
            return _of_bundle(path, data, where)
    except (DocumentError, EvidenceError) as error:
        raise DocumentError(SIDE_MALFORMED, error.what, where=where, faults=error.faults) from error
    return None


def _document_bytes(path: str) -> bytes | None:
    """Return the bytes of a file that begins like a document; of any other nothing but the head is read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  a path that isn't UTF-8 is one too
            return None
        with open(path, "rb") as file:  # noqa: PTH123  as above
            head = file.read(_HEAD)
            is_manifest = _MANIFEST_LINE.match(head) is not None
            if not is_manifest and not head.lstrip().startswith(b"{"):
                return None
            limit = _MAX_MANIFEST if is_manifest else MAX_FINGERPRINT_BYTES
            data = head + file.read(limit - len(head) + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(path)) from error
    if not is_manifest and (len(data) > limit or not any(mark in data for mark in _MARKS)):
        return None
    if len(data) > limit:
        raise DocumentError(SIDE_MALFORMED, f"a manifest of more than {limit} bytes", where=printable(path))
    return data


def _of_manifest(given: str, data: bytes, where: str) -> Inventory:
    entries = parse_manifest(data, where=where)
    files = {entry.path: entry.sha256 for entry in entries}
    total = Unknown("a manifest states no sizes")
    return Inventory(given, Source.MANIFEST, tree_digest(entries), files, {}, total, Known(Basis.DECLARED, where))


def _of_bom(given: str, bom: Bom, where: str) -> Inventory:
    digest = bom.artifact
    if isinstance(digest, Unknown):
        raise UndecidedError(SIDE_UNDECIDED, digest.reason, where=where)
    files, sizes = _files_of(bom, digest)
    stated = property_value(bom.component, _BYTES)
    total = int(stated) if _is_size(stated) else Unknown("the BOM doesn't state it")
    ignores = _ignores_of(bom.component) if digest.kind is Kind.TREE else None
    return Inventory(given, Source.BOM, digest, files, sizes, total, Known(Basis.DECLARED, where), ignores)


def _files_of(bom: Bom, digest: Digest) -> tuple[Mapping[str, str] | Unknown, Mapping[str, int]]:
    """Return the files that a BOM lists of its artifact, where they add up to its digest, and their sizes."""
    if digest.kind is Kind.FILE:
        stated = property_value(bom.component, _BYTES)
        return {bom.name: digest.hex}, {bom.name: int(stated)} if _is_size(stated) else {}
    listed = [item for item in objects(bom.component, "components") if item.get("type") == "file"]
    entries = tuple(entry for item in listed if (entry := _entry(item)) is not None)
    if not entries:
        return Unknown("the BOM lists no files"), {}
    files = {entry.path: entry.sha256 for entry in entries}
    if len(files) != len(entries) or tree_digest(entries) != digest:
        return Unknown("the files that the BOM lists don't add up to its digest"), {}
    stated_sizes = {text(item, "name"): property_value(item, _BYTES) for item in listed}
    return files, {path: int(size) for path, size in stated_sizes.items() if _is_size(size)}


def _entry(component: JsonObject) -> Entry | None:
    path, digest = text(component, "name"), component_digest(component)
    if isinstance(digest, Unknown) or digest.kind is Kind.TREE or path_fault(path) is not None:
        return None
    return Entry(path, 0, digest.hex)


def _is_size(stated: str) -> bool:
    return re.fullmatch(r"0|[1-9][0-9]{0,18}", stated) is not None


def _ignores_of(component: JsonObject) -> tuple[str, ...] | None:
    """Return the ignore list of a BOM of ours; the BOMs of others have no word for it."""
    if not property_value(component, "dbom:kind"):
        return None
    stated = (item for item in objects(component, "properties") if item.get("name") == ANNOTATION_IGNORE)
    return tuple(text(item, "value") for item in stated)


def _of_bundle(given: str, data: bytes, where: str) -> Inventory:
    statement = claim_of(data, where=where).statement
    digests = {subject.digest for subject in statement.subjects if subject.digest is not None}
    if len(digests) != 1:
        what = f"is about {len(digests)} artifacts" if digests else "names no artifact by its sha256"
        raise UndecidedError(SIDE_UNDECIDED, what, where=where)
    digest = digests.pop()
    subject = statement.about(digest)
    ignores = subject.ignores() if subject is not None and digest.kind is Kind.TREE else None
    files, sizes, total = _files_of_statement(statement, digest)
    if digest.kind is Kind.FILE:
        files = {subject.name if subject is not None else "": digest.hex}
    known = Known(Basis.DECLARED, f"{where}, whose signature isn't checked here")
    return Inventory(given, Source.BUNDLE, digest, files, sizes, total, known, ignores)


def _files_of_statement(
    statement: Statement, digest: Digest
) -> tuple[Mapping[str, str] | Unknown, Mapping[str, int], int | Unknown]:
    unknown = Unknown("the bundle doesn't state it")
    if statement.predicate_type != PREDICATE_BOM:
        return Unknown("the bundle names the tree by its digest alone"), {}, unknown
    try:
        bom = Bom.of_document(statement.predicate, where="the signed BOM")
    except DocumentError as error:
        return Unknown(f"its BOM can't be read: {error.what}"), {}, unknown
    if not matches(bom, digest):
        return Unknown("its BOM is about other bytes"), {}, unknown
    files, sizes = _files_of(bom, digest)
    stated = property_value(bom.component, _BYTES)
    return files, sizes, int(stated) if _is_size(stated) else unknown
