"""The keys of an object store to the paths of a tree: which a disk could hold, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbom.errors import DbomError, NameRefusedError, PathError, StoreError
from dbom.model import Finding, Fingerprint, Severity, tree_digest
from dbom.names import BUNDLE_SUFFIX, SIDECAR_BOM, SIDECAR_MANIFEST
from dbom.pathname import path_fault, path_order, segment_fault
from dbom.printable import printable
from dbom.rules.artifacts import (
    EMPTY_TREE,
    KEY_IS_FOLDER_TOO,
    NAME_REFUSED,
    NAME_TOO_LONG,
    NOT_A_SIDECAR,
    PATH_MISSING,
    STORE_UNREACHABLE,
)
from dbom.tree import collisions

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from dbom.ignores import Ignores
    from dbom.model import Entry
    from dbom.storage.objects import RemoteObject

__all__ = ["KeyListing", "artifact_name", "demand_files", "list_keys", "tree_of"]

_MAX_FAULTS = 20
_LONGEST_NAME = 255
_LONGEST_PATH = 4096
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class KeyListing:
    """The objects of a tree by their paths in it, what was left out, and what was remarkable."""

    files: dict[str, RemoteObject]
    ignored: tuple[str, ...]
    findings: tuple[Finding, ...]


def list_keys(
    objects: Iterable[RemoteObject], prefix: str, where: str, ignores: Ignores, *, wanted: re.Pattern[str] | None = None
) -> KeyListing:
    """Take the objects below `prefix` as the files of a tree; `wanted` keeps only the paths that it matches in full.

    Empty objects whose keys end in `/` stand for folders and don't count. Raises `NameRefusedError` for keys that no
    manifest or no disk can hold (all of them together, up to a number).
    """
    found: dict[str, RemoteObject] = {}
    for item in objects:
        if not item.key.startswith(prefix):
            raise StoreError(STORE_UNREACHABLE, "lists what wasn't asked for", where=where, got=_short(item.key))
        path = item.key.removeprefix(prefix)
        if (item.size == 0 and (path.endswith("/") or not path)) or (wanted and not wanted.fullmatch(path)):
            continue
        if path in found:
            raise StoreError(STORE_UNREACHABLE, "lists one object twice", where=where, got=_short(path))
        found[path] = item
    sorting = _Sorting(where, ignores, _sidecars(found, ignores))
    for path in sorted(found, key=lambda path: path.encode(errors="surrogateescape")):
        sorting.take(path, found[path])
    return sorting.result()


def demand_files(listing: KeyListing, where: str) -> None:
    """Raise `PathError` for a listing without files: there is no digest of nothing."""
    if listing.files:
        return
    if not listing.ignored:
        raise PathError(PATH_MISSING, "there is nothing here", where=where)
    raise PathError(EMPTY_TREE, f"holds no files; {len(listing.ignored)} entries are ignored", where=where)


def artifact_name(name: str, where: str) -> str:
    """Return a name that statements can carry, or raise `NameRefusedError`."""
    fault = path_fault(name)
    if fault is not None:
        raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=where)
    return name


def tree_of(name: str, entries: Iterable[Entry], listing: KeyListing, ignores: Ignores) -> Fingerprint:
    """Return the fingerprint of the tree that these entries, of that listing, are."""
    ordered = tuple(sorted(entries, key=lambda entry: path_order(entry.path)))
    findings = (*listing.findings, *collisions(entry.path for entry in ordered))
    return Fingerprint(name, tree_digest(ordered), ordered, ignores.texts, listing.ignored, findings)


@dataclass(slots=True)
class _Sorting:
    where: str
    ignores: Ignores
    sidecars: dict[str, bool]
    files: dict[str, RemoteObject] = field(default_factory=dict)
    folders: dict[str, bool] = field(default_factory=dict)
    ignored: dict[str, None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    faults: list[DbomError] = field(default_factory=list)

    def take(self, path: str, item: RemoteObject) -> None:
        try:
            if self._is_left_out(path):
                return
            if path in self.folders:
                self._refuse_folder(path)
        except NameRefusedError as error:
            self._note_fault(error)
            return
        if len(path.encode()) > _LONGEST_PATH or any(len(name.encode()) > _LONGEST_NAME for name in path.split("/")):
            self.findings.append(
                Finding(NAME_TOO_LONG.id, Severity.WARNING, "is longer than most disks can hold", path)
            )
        self.files[path] = item

    def result(self) -> KeyListing:
        for path in self.files.keys() & self.folders.keys():
            try:
                self._refuse_folder(path)
            except NameRefusedError as error:
                self._note_fault(error)
        if self.faults:
            raise self._fault()
        findings = sorted(self.findings, key=lambda finding: (path_order(finding.where), finding.rule))
        return KeyListing(self.files, tuple(sorted(self.ignored, key=path_order)), tuple(findings))

    def _is_left_out(self, path: str) -> bool:
        above, slash, name = path.rpartition("/")
        if slash and self._is_folder_left_out(above):
            return True
        self._demand_name(path, name)
        if self.ignores.match(path, folder=False):
            self.ignored[path] = None
            return True
        return False

    def _is_folder_left_out(self, folder: str) -> bool:
        # From the root down, without recursion: a hostile key has thousands of segments.
        segments = folder.split("/")
        path = ""
        for segment in segments:
            path = f"{path}/{segment}" if path else segment
            known = self.folders.get(path)
            if known is None:
                self._demand_name(path, segment)
                known = self.folders[path] = self._matches_folder(path)
            if known:
                return True
        return False

    def _matches_folder(self, path: str) -> bool:
        left_out = self.ignores.match(path, folder=False) or self.ignores.match(path, folder=True)
        if not left_out and self.ignores.may_be_sidecar(path):
            left_out = self.sidecars[path]
            if not left_out:
                message = "is no sidecar, so it is a part of the tree"
                self.findings.append(Finding(NOT_A_SIDECAR.id, Severity.WARNING, message, path))
        if left_out:
            self.ignored[path + "/"] = None
        return left_out

    def _demand_name(self, path: str, name: str) -> None:
        fault = segment_fault(name) if path != name else path_fault(path)
        if fault is not None:
            raise NameRefusedError(NAME_REFUSED, f"the name {fault}", where=f"{self.where}/{_short(path)}")

    def _refuse_folder(self, path: str) -> None:
        if not self.folders[path]:
            raise NameRefusedError(
                KEY_IS_FOLDER_TOO, "is an object and a folder of others", where=f"{self.where}/{_short(path)}"
            )

    def _note_fault(self, error: DbomError) -> None:
        if str(error) not in {str(fault) for fault in self.faults}:
            self.faults.append(error)
        if len(self.faults) == _MAX_FAULTS:
            raise self._fault()

    def _fault(self) -> DbomError:
        first, rest = self.faults[0], self.faults[1:]
        if not rest:
            return first
        what = f"{len(self.faults)} entries of this tree can't be fingerprinted"
        return NameRefusedError(first.rule, what, where=self.where, faults=tuple(str(fault) for fault in self.faults))


def _sidecars(paths: Iterable[str], ignores: Ignores) -> dict[str, bool]:
    """Return, for each folder that may be a sidecar, whether it holds nothing but a BOM, a manifest and bundles."""
    found: dict[str, bool] = {}
    for path in paths:
        above, _, rest = path.rpartition("/")
        here = above
        while here:
            if ignores.may_be_sidecar(here):
                fits = here == above and (rest in (SIDECAR_BOM, SIDECAR_MANIFEST) or rest.endswith(BUNDLE_SUFFIX))
                found[here] = found.get(here, True) and fits
            here = here.rpartition("/")[0]
    return found


def _short(path: str) -> str:
    shown = printable(path)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}… ({len(path)} characters)"
