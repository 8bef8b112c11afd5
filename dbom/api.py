"""What `import dbom` offers: the four steps of a pipeline, as functions of Python.

Each returns a value that a notebook shows as something worth looking at, and raises `dbom.errors.DbomError`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from attest.authority import Authority
    from attest.publishing import Published
    from attest.signers.signing import Signer
    from attest.verification import Verification
    from dbom.bom import Bom
    from dbom.cache import Cache
    from dbom.model import Fingerprint

__all__ = ["fingerprint", "generate", "sign", "verify"]


def fingerprint(
    source: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    engine: str | None = None,
    ray_address: str | None = None,
    executor: Executor | None = None,
    journal: str | os.PathLike[str] | None = None,
    cache: Cache | None = None,
    computed: bool = False,
    offline: bool = False,
    save: str | os.PathLike[str] | None = None,
    reuse: str | os.PathLike[str] | None = None,
    identity: str | None = None,
    issuer: str | None = None,
    key: str | os.PathLike[str] | None = None,
    trusted_root: str | os.PathLike[str] | None = None,
    stores: Sequence[str] = (),
    snapshot: str | int | None = None,
) -> Fingerprint:
    """Return what is at `source`, a path or a URL: its digest, and the files that the digest is made of.

    A `source` with `*` that names nothing as it stands is a pattern: its files are a tree. `snapshot` is of an Iceberg
    or Delta table (an id, a version or `current`): only its files are read, and a finding names its pin. It goes with
    `computed`, `jobs` and `offline` alone.

    `ignores` are patterns to leave out of a folder (None: the default ones), `jobs` the threads to read with (0: what
    suits). `engine="ray"` reads on a Ray cluster, at `ray_address` or the one that this machine is a part of; any
    `executor` of `concurrent.futures` does too, if its workers find the same files at the same paths. A path may have
    a `journal` (a file from which a killed run resumes) and a `dbom.cache.Cache` of what was read before. Of a URL, all
    is read with `computed`; otherwise a store's word is taken where it is a digest of the content.

    `save` is a file to write the fingerprint to, with the states of the files. With `reuse`, such a file, what is in
    the same state isn't read, and known as `derived`: only if a statement about that fingerprint's digest is there,
    signed by whom you expect, in the words of `verify`.

    Raises `PathError`, `NameRefusedError`, `ChangedError`, `UsageError`, for URLs `StoreError` too, and with `reuse`
    `EvidenceError` and `NoEvidenceError`.
    """
    from dbom.fingerprinting import fingerprint as fingerprint_of  # noqa: PLC0415  loaded on first use
    from dbom.fingerprinting import source_name  # noqa: PLC0415  loaded on first use
    from dbom.fingerprints import write_fingerprint  # noqa: PLC0415  loaded on first use
    from dbom.reuse import Reuse, States  # noqa: PLC0415  loaded on first use

    if snapshot is not None:
        from dbom.errors import UsageError  # noqa: PLC0415  only who asks for it pays for it
        from dbom.rules.everyday import USAGE  # noqa: PLC0415  only who asks for it pays for it
        from dbom.snapshots import fingerprint_snapshot  # noqa: PLC0415  only who asks for it pays for it

        if follow_links or any(
            given is not None for given in (ignores, engine, ray_address, executor, journal, cache, save, reuse)
        ):
            raise UsageError(USAGE, "a snapshot is read with computed, jobs and offline alone")
        return fingerprint_snapshot(source, str(snapshot), computed=computed, jobs=jobs, offline=offline).fingerprint
    earlier = Reuse.begin(_now())
    if reuse is not None:
        from attest.reusing import reuse_of  # noqa: PLC0415  only who asks for it pays for it
        from attest.stores.store import open_store  # noqa: PLC0415  only who asks for it pays for it

        authorities = _authorities(identity, issuer, key, trusted_root)
        opened = [open_store(url) for url in stores]
        earlier, _ = reuse_of(reuse, source, authorities, now=_now(), stores=opened)
    found = fingerprint_of(
        source,
        ignores=ignores,
        follow_links=follow_links,
        jobs=jobs,
        engine=engine,
        ray_address=ray_address,
        executor=executor,
        journal=journal,
        cache=cache,
        computed=computed,
        offline=offline,
        reuse=None if reuse is None and save is None else earlier,
    )
    if save is not None:
        Path(save).write_bytes(write_fingerprint(found, States(source_name(source), earlier.noted)))
    return found


def generate(
    path: str | os.PathLike[str],
    *,
    as_: str | None = None,
    name: str = "",
    version: str = "",
    licenses: Sequence[str] = (),
    supplier: str = "",
    inputs: Mapping[str, Iterable[str | os.PathLike[str]]] | None = None,
    ignores: Sequence[str] | None = None,
    jobs: int = 0,
) -> Bom:
    """Return the CycloneDX BOM that describes the dataset or model at `path`; `to_json()` gives its bytes.

    `as_` is `dataset` or `model` where the content doesn't tell. `inputs` are paths or BOM files by relation:
    `{"trained-on": ["data/"]}`. Raises `UsageError` for an unknown word, otherwise as `fingerprint` does.
    """
    from dbom.bom.facts import ArtifactType  # noqa: PLC0415  loaded on first use
    from dbom.bom.generating import Options, generate_bom  # noqa: PLC0415  loaded on first use
    from dbom.bom.parents import read_parent  # noqa: PLC0415  loaded on first use
    from dbom.model import Relation  # noqa: PLC0415  loaded on first use
    from dbom.tree import fingerprint_path  # noqa: PLC0415  loaded on first use

    try:
        type_ = None if as_ is None else ArtifactType(as_)
        relations = {Relation(word): paths for word, paths in (inputs or {}).items()}
    except ValueError as error:
        from dbom.errors import UsageError  # noqa: PLC0415  only where it is wrong
        from dbom.rules.everyday import USAGE  # noqa: PLC0415  only where it is wrong

        raise UsageError(USAGE, str(error)) from error
    options = Options(
        type=type_,
        name=name,
        version=version,
        licenses=tuple(licenses),
        supplier=supplier,
        parents=tuple(
            read_parent(os.fspath(source), relation, ignores=ignores, jobs=jobs)
            for relation, sources in relations.items()
            for source in sources
        ),
    )
    return generate_bom(path, fingerprint_path(path, ignores=ignores, jobs=jobs), options)


def sign(
    path: str | os.PathLike[str],
    *,
    signer: Signer | None = None,
    bom: Bom | None = None,
    locations: Sequence[str] = (),
    stores: Sequence[str] = (),
    ignores: Sequence[str] | None = None,
    jobs: int = 0,
) -> Published:
    """Sign what the artifact at `path` is, and write the evidence to `PATH.dbom/` and to each of `stores`.

    Without `signer`, the local identity signs on a person's own machine; in CI and pods the signer must be given
    (`attest.signers.signing.open_signer` makes one, of a key, a private Sigstore or the public one). `locations` are
    pinned places that hold the same bytes, such as `oci://registry/name@sha256:…`. Raises `UsageError` where nobody
    is to sign, `SigningError`, `StoreError`.
    """
    from attest.location import Location  # noqa: PLC0415  loaded on first use
    from attest.publishing import GivenBom, sign_artifact  # noqa: PLC0415  loaded on first use
    from attest.signers.signing import Choice, open_signer  # noqa: PLC0415  loaded on first use
    from attest.stores.store import open_store  # noqa: PLC0415  loaded on first use

    if signer is None:
        signer = open_signer(os.environ, Choice(), now=_now, ask_password=lambda: None)
    return sign_artifact(
        path,
        signer,
        bom=None if bom is None else GivenBom(bom.to_json(), "the given BOM"),
        locations=[Location.parse(text) for text in locations],
        stores=[open_store(url) for url in stores],
        ignores=ignores,
        jobs=jobs,
    )


def verify(
    path: str | os.PathLike[str],
    *,
    identity: str | None = None,
    issuer: str | None = None,
    key: str | os.PathLike[str] | None = None,
    trusted_root: str | os.PathLike[str] | None = None,
    stores: Sequence[str] = (),
    jobs: int = 0,
) -> Verification:
    """Check the bytes at `path` against evidence signed by whom you expect; `verdict` and `reasons` are the answer.

    Expect an `identity` with its `issuer` (and the `trusted_root` that vouches), or the owner of a public `key`;
    without either, this machine's own local identity. The bytes are read again. No settings file is read here.
    """
    from attest.checking import verify_artifact  # noqa: PLC0415  loaded on first use
    from attest.stores.store import open_store  # noqa: PLC0415  loaded on first use

    authorities = _authorities(identity, issuer, key, trusted_root)
    return verify_artifact(
        path, authorities, now=_now(), stores=[open_store(url, at_once=False) for url in stores], jobs=jobs
    )


def _authorities(
    identity: str | None,
    issuer: str | None,
    key: str | os.PathLike[str] | None,
    trusted_root: str | os.PathLike[str] | None,
) -> tuple[Authority, ...]:
    from attest.expecting import expected_authorities  # noqa: PLC0415  loaded on first use

    return expected_authorities(
        identity=identity,
        issuer=issuer,
        key=None if key is None else Path(key),
        trusted_root=None if trusted_root is None else Path(trusted_root),
    )


def _now() -> datetime:
    return datetime.now(UTC)
