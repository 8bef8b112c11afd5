"""Signing an artifact: what it is, and where it can be had; first everything is signed, then it is written.

The library function behind `dbom sign`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attest.statement import Statement, Subject
from attest.stores.sidecar import Sidecar
from dbom.bom import Bom, matches
from dbom.errors import DocumentError, MismatchError, NoEvidenceError, UsageError
from dbom.formats.glances import Glances
from dbom.model import Basis, Kind, Known, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, short_predicate
from dbom.printable import printable
from dbom.rules.attestations import BOM_OF_OTHER_BYTES, SIDECAR_PLACE
from dbom.rules.everyday import USAGE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.location import Location
    from attest.signers.signing import Signer
    from attest.stores.store import Store
    from dbom.bom.facts import ArtifactType
    from dbom.items import Progress
    from dbom.model import Digest, Finding, Fingerprint
    from dbom.reuse import Reuse

__all__ = [
    "BomSource",
    "GivenBom",
    "Locate",
    "Prepared",
    "Published",
    "SignedStatement",
    "prepare_artifact",
    "publish",
    "sign_artifact",
]


class Locate(Protocol):
    """However it is found out how it is known that a location holds an artifact; it raises where it doesn't."""

    def __call__(self, location: Location, artifact: Fingerprint) -> Known:
        """Return how it is known."""


class BomSource(StrEnum):
    """Where the BOM that is signed comes from."""

    GIVEN = "given"
    SIDECAR = "sidecar"
    GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class GivenBom:
    """A BOM file: its bytes, and where they come from."""

    data: bytes = field(repr=False)
    where: str


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement and the raw bytes of the bundle that holds it."""

    statement: Statement
    bundle: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The sha256 of the bundle in hex."""
        return hashlib.sha256(self.bundle).hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """An artifact with everything signed and nothing written yet."""

    path: Path
    fingerprint: Fingerprint
    bom: bytes = field(repr=False)
    bom_source: BomSource
    signed: tuple[SignedStatement, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """A signed artifact, and where its evidence was written.

    `sidecar` is None where the place beside the artifact can't be written and a store took the evidence. `files` are
    the bundles' files in the sidecar, `stored` their names in each store by its URL, both in the order of `signed`.
    """

    prepared: Prepared
    sidecar: Path | None
    files: tuple[Path, ...]
    stored: tuple[tuple[str, tuple[str, ...]], ...]

    def _repr_html_(self) -> str:
        """Return what was signed and where the evidence lies, for a notebook."""
        found = self.prepared.fingerprint
        kinds = [short_predicate(item.statement.predicate_type) for item in self.prepared.signed]
        places = [*map(str, self.files), *(f"{url}/{name}" for url, names in self.stored for name in names)]
        rows = "".join(f"<li><code>{escape(printable(place))}</code></li>" for place in places)
        return (
            f"<div><b>signed</b> {escape(printable(found.name))}: {', '.join(kinds)}<br>"
            f"<code>{found.digest}</code><ul>{rows}</ul></div>"
        )


def sign_artifact(
    path: str | os.PathLike[str],
    signer: Signer,
    *,
    bom: GivenBom | None = None,
    type_: ArtifactType | None = None,
    licenses: Sequence[str] = (),
    supplier: str = "",
    locations: Sequence[Location] = (),
    stores: Sequence[Store] = (),
    oms: bool | None = None,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    reuse: Reuse | None = None,
    progress: Progress | None = None,
) -> Published:
    """Sign what the artifact at `path` is, and that each of `locations` holds it; write the evidence beside it.

    The arguments and errors are those of `prepare_artifact` and `publish`.
    """
    prepared = prepare_artifact(
        path,
        signer,
        bom=bom,
        type_=type_,
        licenses=licenses,
        supplier=supplier,
        locations=locations,
        oms=oms,
        ignores=ignores,
        follow_links=follow_links,
        jobs=jobs,
        reuse=reuse,
        progress=progress,
    )
    return publish(prepared, stores=stores)


def prepare_artifact(
    path: str | os.PathLike[str],
    signer: Signer,
    *,
    bom: GivenBom | None = None,
    type_: ArtifactType | None = None,
    licenses: Sequence[str] = (),
    supplier: str = "",
    locations: Sequence[Location] = (),
    locate: Locate | None = None,
    oms: bool | None = None,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    reuse: Reuse | None = None,
    progress: Progress | None = None,
    forked: bool = False,
) -> Prepared:
    """Read and sign the artifact at `path`, and write nothing.

    Without `bom`, the sidecar's is taken where it is about these bytes; else one is generated, of a dataset or a model
    as `type_` insists or the content tells; it states `licenses` and `supplier` where they are given. `ignores` are
    the patterns of what to leave out of a tree (None: the default ones). `locate` says how it is known that a location
    holds the artifact; without it, that is declared. `oms` asks for OpenSSF Model Signing's statement as well; None
    is: of a model. `reuse` takes over what an earlier, verified statement vouches for; the BOM then says `derived`, and
    the sidecar's is taken only where it doesn't say more. `forked` is as in `fingerprint_path`.

    Raises `MismatchError` for a given BOM about other bytes, `NoEvidenceError` for one that doesn't say which bytes it
    is about, `DocumentError` for a malformed one, `UsageError` where something is in the sidecar's place or a given BOM
    says that more was read than was,
    `SigningError` where a signature can't be had; otherwise as `fingerprint_path`.
    """
    artifact = Path(os.path.realpath(path))
    Sidecar.writable(artifact)  # before anything is signed: what is logged stays logged
    glances = Glances()
    found = fingerprint_path(
        path,
        ignores=ignores,
        follow_links=follow_links,
        jobs=jobs,
        progress=progress,
        reuse=reuse,
        onlooker=None if bom is not None else glances,
        forked=forked,
    )
    data, parsed, source, findings = _chosen_bom(
        artifact, found, bom, glances, type_=type_, licenses=licenses, supplier=supplier
    )
    subject = Subject.of(found.name, found.digest, ignores=found.ignores)
    known = [(place, Known(Basis.DECLARED) if locate is None else locate(place, found)) for place in locations]
    statements = [
        Statement.build(subject, PREDICATE_BOM, parsed.document),
        *([Statement.of_model(found)] if oms or (oms is None and parsed.kind_word == "model") else []),
        *(Statement.build(subject, PREDICATE_LOCATION, place.predicate(how)) for place, how in known),
    ]
    signed = tuple(SignedStatement(statement, signer.sign(statement)) for statement in statements)
    return Prepared(Path(path), found, data, source, signed, findings)


def publish(prepared: Prepared, *, stores: Sequence[Store] = ()) -> Published:
    """Write what was signed: to the stores first, then beside the artifact.

    Where there is no place beside it (a root, a parent that can't be written), a store is enough. Raises
    `UsageError` where there is neither, `StoreError` where a store can't be written.
    """
    sidecar = Sidecar.writable(prepared.path)
    if sidecar is None and not stores:
        raise UsageError(SIDECAR_PLACE, "no place for a sidecar, and no store given", where=_shown(prepared.path))
    stored = tuple(
        (store.url, tuple(store.add(item.bundle, item.statement) for item in prepared.signed)) for store in stores
    )
    if sidecar is None:
        return Published(prepared, None, (), stored)
    files = tuple(sidecar.add_bundle(item.bundle, item.statement) for item in prepared.signed)
    if prepared.fingerprint.kind is Kind.TREE:
        sidecar.write_manifest(prepared.fingerprint.manifest())
    sidecar.write_bom(prepared.bom)
    return Published(prepared, sidecar.folder, files, stored)


def _chosen_bom(
    artifact: Path,
    found: Fingerprint,
    given: GivenBom | None,
    glances: Glances,
    *,
    type_: ArtifactType | None,
    licenses: Sequence[str],
    supplier: str,
) -> tuple[bytes, Bom, BomSource, tuple[Finding, ...]]:
    if given is not None:
        bom = Bom.parse(given.data, where=given.where)
        _demand_about(bom, found.digest, given.where)
        _demand_no_more(bom, found, given.where)
        return given.data, bom, BomSource.GIVEN, ()
    beside = _sidecar_bom(artifact, found)
    if beside is not None:
        return beside[0], beside[1], BomSource.SIDECAR, ()
    from dbom.bom.generating import Options, describe_path  # noqa: PLC0415  heavy: it reads tables

    options = Options(type=type_, licenses=tuple(licenses), supplier=supplier)
    description = describe_path(artifact, found, options, glances=glances)
    return description.bom.to_json(), description.bom, BomSource.GENERATED, description.findings


def _demand_about(bom: Bom, digest: Digest, where: str) -> None:
    about = bom.artifact
    if isinstance(about, Unknown):
        raise NoEvidenceError(
            BOM_OF_OTHER_BYTES, f"can't tell which bytes the BOM is about: {about.reason}", where=where
        )
    if not matches(bom, digest):
        raise MismatchError(
            BOM_OF_OTHER_BYTES, "the BOM is about other bytes", where=where, got=str(about), expected=str(digest)
        )


def _demand_no_more(bom: Bom, found: Fingerprint, where: str) -> None:
    """Refuse to sign that the bytes were read where they weren't."""
    if _says_more(bom, found):
        raise UsageError(
            USAGE,
            "the BOM says more of how its digest is known than this reading knows",
            where=where,
            got=printable(str(bom.artifact_known)),
            expected=f"{found.known.basis} at most",
            hint="generate it with --reuse too, or sign without --reuse",
        )


def _says_more(bom: Bom, found: Fingerprint) -> bool:
    said = bom.artifact_known
    return not isinstance(said, Unknown) and said.basis.strength > found.known.basis.strength


def _sidecar_bom(artifact: Path, found: Fingerprint) -> tuple[bytes, Bom] | None:
    """Return the BOM that lies beside the artifact, where it is one, is about these bytes and says no more of them."""
    try:
        data = Sidecar.of(artifact).bom()
        bom = Bom.parse(data, where=_shown(artifact)) if data is not None else None
    except (UsageError, DocumentError):
        return None
    if data is None or bom is None or not matches(bom, found.digest) or _says_more(bom, found):
        return None
    return data, bom


def _shown(path: Path) -> str:
    return printable(str(path))
