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

    from attest.publishing import Published
    from attest.signing import Signer
    from attest.verification import Verification
    from dbom.bom import Bom
    from dbom.model import Fingerprint

__all__ = ["fingerprint", "generate", "sign", "verify"]


def fingerprint(
    path: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
) -> Fingerprint:
    """Return what the file or folder at `path` is: its digest, and the files that the digest is made of.

    `ignores` are patterns to leave out of a folder (None: the default ones), `jobs` the threads to read with (0: one
    for each core). Raises `PathError`, `NameRefusedError` or `ChangedError`.
    """
    from dbom.tree import fingerprint_path  # noqa: PLC0415  loaded on first use

    return fingerprint_path(path, ignores=ignores, follow_links=follow_links, jobs=jobs)


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
    return generate_bom(path, fingerprint(path, ignores=ignores, jobs=jobs), options)


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

    Without `signer`, whoever `dbom sign` would choose signs: on a person's own machine the local identity, in CI and
    pods what the surroundings offer. `locations` are pinned places that hold the same bytes, such as
    `oci://registry/name@sha256:…`. Raises `UsageError` where nobody is to sign, `SigningError`, `StoreError`.
    """
    from attest.location import Location  # noqa: PLC0415  loaded on first use
    from attest.publishing import GivenBom, sign_artifact  # noqa: PLC0415  loaded on first use
    from attest.signing import Choice, open_signer  # noqa: PLC0415  loaded on first use
    from attest.store import open_store  # noqa: PLC0415  loaded on first use

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
    from attest.expecting import expected_authorities  # noqa: PLC0415  loaded on first use
    from attest.store import open_store  # noqa: PLC0415  loaded on first use

    authorities = expected_authorities(
        identity=identity,
        issuer=issuer,
        key=None if key is None else Path(key),
        trusted_root=None if trusted_root is None else Path(trusted_root),
    )
    return verify_artifact(path, authorities, now=_now(), stores=[open_store(url) for url in stores], jobs=jobs)


def _now() -> datetime:
    return datetime.now(UTC)
