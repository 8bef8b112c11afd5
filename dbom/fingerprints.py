"""A fingerprint as a document of its own, and back (specified in docs/formats/fingerprint.md).

Whoever holds the document can compare without the data. What is read back is what the document declares: the strict
reader recomputes the digest from the files, so the document can't contradict itself, but only the bytes can say that
it is true of them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, TypeVar

from dbom.canonical import canonical_json, json_object
from dbom.difference import files_that_are_folders
from dbom.errors import DocumentError
from dbom.model import Basis, Digest, Entry, Finding, Fingerprint, Kind, Known, Severity, tree_digest
from dbom.names import schema_name
from dbom.pathname import path_fault, path_order
from dbom.printable import printable
from dbom.reuse import States
from dbom.rules.artifacts import FINGERPRINT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["MAX_FINGERPRINT_BYTES", "SAVED_FINGERPRINT", "read_fingerprint", "read_states", "write_fingerprint"]

SAVED_FINGERPRINT: Final = schema_name("saved-fingerprint")
"""What the document carries in `schema`. (`dbom.dev/fingerprint/v1` is the JSON result of `dbom fingerprint`.)"""

MAX_FINGERPRINT_BYTES: Final = 1024 * 1024 * 1024
"""The largest document that is read, in bytes: some millions of files."""

_T = TypeVar("_T")

_MAX_FAULTS = 20
_KEYS = ("schema", "name", "digest", "files", "ignores", "ignored", "findings")
_FILE_KEYS = ("path", "bytes", "sha256")
_FINDING_KEYS = ("rule", "severity", "message", "where")


def write_fingerprint(fingerprint: Fingerprint, states: States | None = None) -> bytes:
    """Return the document of a fingerprint: canonical JSON, the same bytes for the same fingerprint.

    With the `states` that its files were read in, a later reading can take their digests over (`attest.reusing`).
    """
    known = {} if states is None else states.files
    document: JsonObject = {
        "schema": SAVED_FINGERPRINT,
        "name": fingerprint.name,
        "digest": str(fingerprint.digest),
        "files": [_file(entry, known.get(entry.path, "")) for entry in fingerprint.entries],
        "ignores": list(fingerprint.ignores),
        "ignored": list(fingerprint.ignored),
        "findings": [
            {"rule": item.rule, "severity": str(item.severity), "message": item.message, "where": item.where}
            for item in fingerprint.findings
        ],
    }
    if states is not None and known:
        document["source"] = states.source
    return canonical_json(document)


def _file(entry: Entry, state: str) -> JsonObject:
    file: JsonObject = {"path": entry.path, "bytes": entry.size, "sha256": entry.sha256}
    if state:
        file["state"] = state
    if entry.known.basis is not Basis.COMPUTED:
        file["known"] = str(entry.known)
    return file


def read_fingerprint(data: bytes, *, where: str) -> Fingerprint:
    """Read a document that `write_fingerprint` wrote, in any layout of its JSON.

    Each entry is known as `declared`, by the document at `where`. Raises `DocumentError`, with every fault up to a
    number, for unknown or missing keys, values of another type, paths that a manifest can't hold or that stand twice,
    files out of order, and a digest that isn't that of the files.
    """
    return read_states(data, where=where)[0]


def read_states(data: bytes, *, where: str) -> tuple[Fingerprint, States | None]:
    """Read a document as `read_fingerprint` does, and the states that its files were read in, where it says any.

    They are what the document says, as all of it is, and no digest says that they are true.
    """
    document = json_object(data, where=where, limit=MAX_FINGERPRINT_BYTES)
    faults: list[str] = []
    reader = _Reader(where, faults)
    fingerprint, states = reader.fingerprint(document), reader.states(document)
    if fingerprint is None or faults:
        raise DocumentError(
            FINGERPRINT_MALFORMED,
            f"{len(faults)} faults in this saved fingerprint" if len(faults) > 1 else faults[0],
            where=where,
            faults=faults[:_MAX_FAULTS] if len(faults) > 1 else (),
        )
    return fingerprint, states


class _Reader:
    """Reads one document and notes its faults as it goes."""

    def __init__(self, where: str, faults: list[str]) -> None:
        self._known = Known(Basis.DECLARED, where)
        self._faults = faults

    def fingerprint(self, document: JsonObject) -> Fingerprint | None:
        if document.get("schema") != SAVED_FINGERPRINT:
            self._faults.append(f"its schema is not {SAVED_FINGERPRINT}")
            return None
        self._demand_keys(document, _KEYS, "the document", more=("source",))
        name = self._text(document, "name", "the document")
        if isinstance(document.get("name"), str) and name != "/" and (fault := path_fault(name)) is not None:
            self._faults.append(f"the name {printable(name)} {fault}")
        entries = self._entries(document.get("files"))
        ignores = self._each(document, "ignores", self._plain)
        ignored = self._each(document, "ignored", self._plain)
        findings = self._each(document, "findings", self._finding)
        digest = self._digest(document)
        if digest is None or self._faults:
            return None
        self._demand_digest(digest, entries)
        return Fingerprint(name, digest, entries, ignores, ignored, findings)

    def states(self, document: JsonObject) -> States | None:
        """Return the states of the files, None where the document has none or isn't one at all."""
        files = document.get("files")
        if self._faults or not isinstance(files, list):
            return None
        listed = [(item.get("path"), item.get("state")) for item in files if isinstance(item, dict)]
        found = {path: state for path, state in listed if isinstance(path, str) and isinstance(state, str)}
        if ("source" in document) != bool(found):
            self._faults.append("a source and the states of files go together")
            return None
        return States(self._text(document, "source", "the document"), found) if found else None

    def _digest(self, document: JsonObject) -> Digest | None:
        try:
            return Digest.parse(self._text(document, "digest", "the document"))
        except ValueError:
            self._faults.append("the digest is not sha256:<hex> or tree:sha256:<hex>")
            return None

    def _demand_digest(self, digest: Digest, entries: tuple[Entry, ...]) -> None:
        if digest.kind is Kind.FILE and len(entries) != 1:
            self._faults.append(f"it is a file's fingerprint and has {len(entries)} files")
            return
        found = Digest(Kind.FILE, entries[0].sha256) if digest.kind is Kind.FILE else tree_digest(entries)
        if found != digest:
            self._faults.append(f"the digest is {digest}, that of the files is {found}")

    def _entries(self, value: Json) -> tuple[Entry, ...]:
        if not isinstance(value, list) or not value:
            self._faults.append("files is not a list of at least one file")
            return ()
        entries = [entry for number, item in enumerate(value) if (entry := self._entry(item, f"files[{number}]"))]
        paths = [entry.path for entry in entries]
        self._faults.extend(
            f"the path {printable(after)} is out of order or stands twice"
            for before, after in itertools.pairwise(paths)
            if path_order(before) >= path_order(after)
        )
        self._faults.extend(f"{printable(path)} is both a file and a folder" for path in files_that_are_folders(paths))
        return tuple(entries)

    def _entry(self, item: Json, place: str) -> Entry | None:
        if not isinstance(item, dict):
            self._faults.append(f"{place} is not an object")
            return None
        self._demand_keys(item, _FILE_KEYS, place, more=("known", "state"))
        path, sha256, size = self._text(item, "path", place), self._text(item, "sha256", place), item.get("bytes")
        if isinstance(item.get("path"), str) and (fault := path_fault(path)) is not None:
            self._faults.append(f"{place}: the path {printable(path)} {fault}")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            self._faults.append(f"{place}: bytes is not a size")
            return None
        if not _is_sha256(sha256):
            self._faults.append(f"{place}: sha256 is not 64 lower-case hex digits")
            return None
        for key in ("known", "state"):
            if key in item:
                self._text(item, key, place)
        return Entry(path, size, sha256, self._known)

    def _finding(self, item: Json, place: str) -> Finding | None:
        if not isinstance(item, dict):
            self._faults.append(f"{place} is not an object")
            return None
        self._demand_keys(item, _FINDING_KEYS, place)
        rule, severity, message, at = (self._text(item, key, place) for key in _FINDING_KEYS)
        if severity not in set(Severity):
            self._faults.append(f"{place}: severity is not one of {', '.join(Severity)}")
            return None
        return Finding(rule, Severity(severity), message, at)

    def _plain(self, item: Json, place: str) -> str | None:
        if isinstance(item, str):
            return item
        self._faults.append(f"{place} is not a text")
        return None

    def _each(self, document: JsonObject, key: str, read: Callable[[Json, str], _T | None]) -> tuple[_T, ...]:
        value = document.get(key)
        if not isinstance(value, list):
            self._faults.append(f"{key} is not a list")
            return ()
        found = (read(item, f"{key}[{number}]") for number, item in enumerate(value))
        return tuple(item for item in found if item is not None)

    def _text(self, holder: JsonObject, key: str, place: str) -> str:
        value = holder.get(key)
        if isinstance(value, str):
            return value
        self._faults.append(f"{place}: {key} is not a text")
        return ""

    def _demand_keys(self, item: JsonObject, keys: Sequence[str], place: str, *, more: Sequence[str] = ()) -> None:
        unknown = sorted(item.keys() - {*keys, *more})
        missing = [key for key in keys if key not in item]
        self._faults.extend(f"{place}: {printable(key)} is no key of it" for key in unknown)
        self._faults.extend(f"{place}: {key} is missing" for key in missing)


def _is_sha256(text: str) -> bool:
    try:
        Digest(Kind.FILE, text)
    except ValueError:
        return False
    return True
