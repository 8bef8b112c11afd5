"""`dbom verify`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, JobsOption, OutputOption, StoreOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.session import current_session, current_settings
from dbom.cli.verdicts import summary_line, verification_document, verification_text
from dbom.errors import DbomError, PathError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.authority import Authority
    from attest.store import StoredBundle
    from attest.verification import Verification
    from dbom.model import Digest

__all__ = ["verify"]

# Over several results a no outweighs an unusable input, and that a "can't tell" (DESIGN, command line).
_WORST_FIRST = (1, 2, 3, 0)


def verify(
    artifacts: Annotated[
        list[Path] | None, typer.Argument(metavar="ARTIFACT...", help="Files or folders to check.", show_default=False)
    ] = None,
    *,
    digest: Annotated[
        list[str] | None,
        typer.Option("--digest", metavar="DIGEST", help="Check evidence about this digest, without the bytes."),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--identity", "--certificate-identity", metavar="ID", help="The signer to expect."),
    ] = None,
    identity_regexp: Annotated[
        str | None,
        typer.Option("--identity-regexp", metavar="RE2", help="Expect a signer that matches this in full."),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option("--issuer", "--certificate-oidc-issuer", metavar="URL", help="Who vouches for the signer."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUB", help="Expect the owner of this public key.")
    ] = None,
    trusted_root: Annotated[
        Path | None, typer.Option("--trusted-root", metavar="FILE", help="The trusted_root.json to rest on.")
    ] = None,
    trust_config: Annotated[
        Path | None, typer.Option("--trust-config", metavar="FILE", help="The client trust config to rest on.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Expect this machine's own local identity.")] = False,
    bundle: Annotated[
        list[Path] | None, typer.Option("--bundle", metavar="FILE", help="A bundle to use beside the sidecar's.")
    ] = None,
    store: StoreOption = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read links that lead out of a tree, and say so.")
    ] = False,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Check an artifact's bytes against signed evidence.

    The bytes are read again, the evidence comes from the sidecar (ARTIFACT.dbom/), --bundle and --store. Say whom to
    expect: --identity with --issuer, or --key. Without either it is this machine's own local identity.

    Example: dbom verify model/ --identity ci@example.org --issuer https://accounts.example.org --trusted-root root.json
    """
    if not artifacts and not digest:
        raise UsageError(USAGE, "nothing to verify", expected="ARTIFACT... or --digest")
    authorities = _authorities(
        identity=identity,
        identity_regexp=identity_regexp,
        issuer=issuer,
        key=key,
        trusted_root=trusted_root,
        trust_config=trust_config,
        local=local,
    )
    results = _results(
        artifacts or [],
        [_digest(text) for text in digest or []],
        authorities,
        bundles=bundle or [],
        stores=current_settings(store=tuple(store or ())).store,
        follow_links=follow_links,
        jobs=current_settings(jobs=jobs or None).jobs,
    )
    if format_ is TextOrJson.JSON:
        json_result("verify", verification_document(results), output)
    else:
        lines = [verification_text(result) for result in results]
        write_result("\n".join([*lines, *([summary_line(results)] if len(results) > 1 else [])]), output)
    code = min((result.exit_code for result in results), key=_WORST_FIRST.index)
    if code:
        raise typer.Exit(code)


def _authorities(
    *,
    identity: str | None,
    identity_regexp: str | None,
    issuer: str | None,
    key: Path | None,
    trusted_root: Path | None,
    trust_config: Path | None,
    local: bool,
) -> tuple[Authority, ...]:
    from attest.expecting import expected_authorities

    settings = current_settings(
        identity=identity,
        issuer=issuer,
        key=None if key is None else str(key),
        trusted_root=None if trusted_root is None else str(trusted_root),
        trust_config=None if trust_config is None else str(trust_config),
    )
    asked = identity or identity_regexp or issuer or key
    if local and not asked:
        return expected_authorities(local=True)
    return expected_authorities(
        identity=None if identity_regexp and identity is None else settings.identity,
        identity_regexp=identity_regexp,
        issuer=settings.issuer,
        key=Path(settings.key) if settings.key else None,
        trusted_root=Path(settings.trusted_root) if settings.trusted_root else None,
        trust_config=Path(settings.trust_config) if settings.trust_config else None,
        local=local,
    )


def _results(
    paths: Sequence[Path],
    digests: Sequence[Digest],
    authorities: Sequence[Authority],
    *,
    bundles: Sequence[Path],
    stores: Sequence[str],
    follow_links: bool,
    jobs: int,
) -> list[Verification]:
    from attest.checking import verify_artifact, verify_digest
    from attest.store import open_store

    given = [_bundle(path) for path in bundles]
    opened = [open_store(url, offline=current_session().offline) for url in stores]
    now = datetime.now(UTC)

    def artifact(path: Path) -> Verification:
        with progress_bar(f"reading {printable(str(path))}") as progress:
            return verify_artifact(
                path,
                authorities,
                now=now,
                bundles=given,
                stores=opened,
                follow_links=follow_links,
                jobs=jobs,
                progress=progress,
            )

    several = len(paths) + len(digests) > 1
    return [
        *(_one(str(path), lambda path=path: artifact(path), several=several) for path in paths),  # type: ignore[misc]  # mypy can't infer a lambda with a default
        *(verify_digest(item, authorities, now=now, bundles=given, stores=opened) for item in digests),
    ]


def _one(where: str, verified: Callable[[], Verification], *, several: bool) -> Verification:
    """Return one result; among several, an artifact that can't be checked is a result too."""
    from attest.verification import Verification

    try:
        return verified()
    except DbomError as error:
        if not several or error.exit_code not in _WORST_FIRST:
            raise
        return Verification.failed(printable(where), error)


def _digest(text: str) -> Digest:
    from dbom.model import Digest

    try:
        return Digest.parse(text)
    except ValueError as error:
        raise UsageError(
            USAGE, "not a digest", got=printable(text), expected="sha256:<64 lower-case hex> or tree:sha256:<…>"
        ) from error


def _bundle(path: Path) -> StoredBundle:
    from attest.store import MAX_BUNDLE_BYTES, StoredBundle

    try:
        with path.open("rb") as file:
            return StoredBundle.of(file.read(MAX_BUNDLE_BYTES + 1), where=str(path))
    except FileNotFoundError as error:
        raise PathError(PATH_MISSING, "there is no such bundle", where=printable(str(path))) from error
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(str(path))) from error
