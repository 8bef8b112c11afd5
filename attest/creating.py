"""Any statement about an artifact: a predicate that somebody wrote, signed and put where its evidence lies.

The library function behind `dbom attest create`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attest.predicates import demand_predicate
from attest.publishing import SignedStatement
from attest.statement import Statement, Subject
from attest.stores.sidecar import Sidecar
from dbom.errors import UsageError
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.attestations import SIDECAR_PLACE
from dbom.rules.everyday import USAGE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from attest.signers.signing import Signer
    from attest.stores.store import Store
    from dbom.canonical import JsonObject
    from dbom.items import Progress
    from dbom.model import Digest

__all__ = ["Created", "GivenPredicate", "attest_artifact", "attest_digest"]


@dataclass(frozen=True, slots=True)
class GivenPredicate:
    """A predicate: its type, the document, and where that comes from."""

    type: str
    document: JsonObject
    where: str


@dataclass(frozen=True, slots=True)
class Created:
    """A statement that was signed, and where its bundle was put: each place's URL, and the name there."""

    subject: Subject
    signed: SignedStatement
    places: tuple[tuple[str, str], ...]


def attest_artifact(
    path: str | os.PathLike[str],
    predicate: GivenPredicate,
    signer: Signer,
    *,
    stores: Sequence[Store] = (),
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Created:
    """Read the artifact at `path`, sign the predicate about it, and put the bundle into the stores and beside it.

    Raises what `demand_predicate` raises before anything is signed, `UsageError` where neither a sidecar nor a store
    takes the bundle, `SigningError` where a signature can't be had; otherwise as `fingerprint_path`.
    """
    sidecar = Sidecar.writable(path)
    if sidecar is None and not stores:
        raise UsageError(SIDECAR_PLACE, "no place for a sidecar, and no store given", where=printable(str(path)))
    found = fingerprint_path(path, ignores=ignores, follow_links=follow_links, jobs=jobs, progress=progress)
    subject = Subject.of(found.name, found.digest, ignores=found.ignores)
    return _created(subject, found.digest, predicate, signer, [*stores, *([sidecar] if sidecar is not None else [])])


def attest_digest(
    digest: Digest, name: str, predicate: GivenPredicate, signer: Signer, *, stores: Sequence[Store]
) -> Created:
    """Sign the predicate about a digest whose bytes aren't at hand, such as that of an image's manifest.

    A tree's ignore list isn't known, so its statement states an empty one. Raises `UsageError` where no store is given
    or the name is none that a statement can carry; otherwise as `attest_artifact`.
    """
    if not stores:
        raise UsageError(USAGE, "a digest alone has no sidecar", hint="say with --store where the bundle is to go")
    fault = path_fault(name)
    if fault is not None:
        raise UsageError(USAGE, f"the name {fault}", got=printable(name))
    return _created(Subject.of(name, digest), digest, predicate, signer, stores)


def _created(
    subject: Subject, digest: Digest, predicate: GivenPredicate, signer: Signer, targets: Sequence[Store | Sidecar]
) -> Created:
    demand_predicate(predicate.type, predicate.document, digest, where=predicate.where)
    statement = Statement.build(subject, predicate.type, predicate.document)
    signed = SignedStatement(statement, signer.sign(statement))
    places = tuple((target.url, target.add(signed.bundle, statement)) for target in targets)
    return Created(subject, signed, places)
