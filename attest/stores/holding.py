"""What is at a place, read so that it can be said whether a statement is about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from dbom.errors import PathError, UsageError
from dbom.fingerprinting import fingerprint
from dbom.model import Digest, Kind
from dbom.oci import is_reference, pinned_artifact
from dbom.rules.artifacts import EMPTY_TREE
from dbom.storage.oci import Reference

if TYPE_CHECKING:
    import os

    from attest.statement import Statement, Subject
    from dbom.items import Progress
    from dbom.model import Fingerprint

__all__ = ["Holding", "Read", "digests_held"]


class Read(Protocol):
    """However a place is read under an ignore list; None is the default one."""

    def __call__(self, ignores: tuple[str, ...] | None) -> Fingerprint:
        """Return the fingerprint of what is there."""


@dataclass(slots=True)
class Holding:
    """An artifact at a path or in a registry. It is read when it is asked about, once for each ignore list.

    `where` names it, `names` are digests that it has whatever it holds: for an artifact in a registry, that of its
    manifest, which is what signatures of container images speak of.
    """

    where: str
    read: Read
    names: frozenset[Digest] = frozenset()
    _known: dict[tuple[str, ...] | None, frozenset[Digest]] = field(default_factory=dict)

    @classmethod
    def at(
        cls,
        place: str | os.PathLike[str],
        *,
        platform: str = "",
        jobs: int = 0,
        offline: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Return what is at a path, or at a reference (`oci://…`): of an index, what is there for `platform`.

        Of an artifact in a registry, blobs that are files aren't read: the registry names them by their digest. Reading
        raises what `dbom.fingerprinting.fingerprint` raises.
        """
        source = str(place)
        names: frozenset[Digest] = frozenset()
        if is_reference(source):
            source = pinned_artifact(source, platform=platform)
            names = frozenset({Digest(Kind.FILE, Reference.parse(source).digest.removeprefix("sha256:"))})

        def read(ignores: tuple[str, ...] | None) -> Fingerprint:
            return fingerprint(source, ignores=ignores, jobs=jobs, offline=offline, progress=progress)

        return cls(source, read, names)

    def is_about(self, statement: Statement) -> bool:
        """Return whether a statement has a subject that is this artifact, by kind and sha256.

        An artifact in a registry that is one single file is that file, too. Raises what reading raises.
        """
        return any(subject.digest is not None and self._is(subject) for subject in statement.subjects)

    def _is(self, subject: Subject) -> bool:
        if subject.digest in self.names:
            return True
        is_tree = subject.digest is not None and subject.digest.kind is Kind.TREE
        return subject.digest in self._digests((subject.ignores() or ()) if is_tree else None)

    def _digests(self, ignores: tuple[str, ...] | None) -> frozenset[Digest]:
        if ignores not in self._known:
            self._known[ignores] = self._found(ignores)
        return self._known[ignores]

    def _found(self, ignores: tuple[str, ...] | None) -> frozenset[Digest]:
        try:
            found = self.read(ignores)
        except UsageError:
            if ignores is None:
                raise
            return frozenset()  # a list that can't be applied proves no bytes
        except PathError as error:
            if error.rule is not EMPTY_TREE or ignores is None:
                raise
            return frozenset()  # nor does one that leaves out all that is there
        return digests_held(found, is_artifact=bool(self.names))


def digests_held(found: Fingerprint, *, is_artifact: bool) -> frozenset[Digest]:
    """Return the digests of what was read: of an artifact in a registry with one file, that file's as well."""
    if is_artifact and len(found.entries) == 1:
        return frozenset({found.digest, Digest(Kind.FILE, found.entries[0].sha256)})
    return frozenset({found.digest})
