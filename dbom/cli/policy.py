"""`dbom policy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.session import current_settings
from dbom.errors import DocumentError, PathError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from admission.starting_policy import Expected
    from dbom.canonical import Json

__all__ = ["check", "init"]


def init(
    *,
    identity: Annotated[
        str | None, typer.Option("--identity", "--certificate-identity", metavar="ID", help="Whose statements count.")
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option("--issuer", "--certificate-oidc-issuer", metavar="URL", help="Who vouches for that identity."),
    ] = None,
    trusted_root: Annotated[
        Path | None, typer.Option("--trusted-root", metavar="FILE", help="The trust root behind the issuer.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUB", help="A public key whose statements count instead.")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Accept this machine's own local identity.")] = False,
    location: Annotated[
        str, typer.Option("--location", metavar="PATTERN", help="Places that models lie in; narrow it.")
    ] = "oci://**",
    mode: Annotated[str, typer.Option("--mode", help="What a no means: enforce, warn or audit.")] = "enforce",
    name: Annotated[str, typer.Option("--name", help="The policy's name.")] = "models",
    output: OutputOption = None,
) -> None:
    """Write a policy to start from.

    The file is commented and whole: the trust root stands in it. Say whose statements count: --identity with --issuer
    and --trusted-root, --key, or --local for the identity that `dbom sign` uses on this machine (the default, where
    neither a flag nor a setting names anybody).

    Example: dbom policy init --local --location 'oci://registry.example.com/models/*' -o policy.yaml
    """
    from admission.policy import Policy
    from admission.starting_policy import render_policy

    expected = _expected(identity, issuer, trusted_root, key, local=local)
    text = render_policy(expected, name=name, mode=mode, location=location)
    Policy.parse(text.encode(), where="the new policy", base=Path())
    if expected.root is not None and expected.root.is_local:
        say("the policy accepts this machine's own identity, which is only as good as this machine")
    write_result(text, output)


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files.")],
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Report every fault of a policy file.

    Checks keys, types, names, patterns, trust roots and keys, and that nothing is asked for that can't be checked.

    Example: dbom policy check policy.yaml
    """
    from admission.files import policies_at

    policies = policies_at(files)
    if format_ is TextOrJson.JSON:
        documents: list[Json] = [
            {"name": policy.name, "mode": str(policy.mode), "digest": policy.digest, "file": policy.where}
            for policy in policies
        ]
        json_result("policy-check", {"policies": documents}, output)
        return
    lines = [
        f"{printable(policy.where)}: {policy.name}: no fault ({policy.mode}; {len(policy.authorities)} authorities,"
        f" {len(policy.locations)} locations; sha256 {policy.digest[:16]}…)"
        for policy in policies
    ]
    write_result("\n".join(lines), output)


def _expected(
    identity: str | None, issuer: str | None, trusted_root: Path | None, key: Path | None, *, local: bool
) -> Expected:
    from admission.starting_policy import Expected
    from attest.identity import Identity, IdentityPattern
    from attest.local import find_local
    from attest.trust import TrustRoot

    keyless = (identity, issuer, trusted_root)
    if sum((local, key is not None, any(item is not None for item in keyless))) > 1:
        raise UsageError(USAGE, "--local, --key and --identity name different signers; give one of them")
    if not local:
        identity, issuer, trusted_root, key = _settled(identity, issuer, trusted_root, key)
    if key is not None:
        return Expected(key_pem=_read(key))
    if identity is not None or issuer is not None or trusted_root is not None:
        IdentityPattern.exact(identity or "", issuer or "")
        if trusted_root is None:
            raise UsageError(USAGE, "--identity and --issuer need --trusted-root, the root that vouches for the issuer")
        root = TrustRoot.parse(_read(trusted_root), where=str(trusted_root))
        return Expected(Identity(identity or "", issuer or ""), root)
    found = find_local()
    if found is None:
        raise UsageError(
            USAGE,
            "there is no local identity on this machine yet, and no other is named",
            hint="sign something first with `dbom sign --local`, or name a signer with --identity or --key",
        )
    return Expected(found.identity, TrustRoot.parse(found.trusted_root(), where=str(found.folder)))


def _settled(
    identity: str | None, issuer: str | None, trusted_root: Path | None, key: Path | None
) -> tuple[str | None, str | None, Path | None, Path | None]:
    """Return what the flags say, and what the settings say where no flag does; a root alone names nobody."""
    settings = current_settings(
        identity=identity,
        issuer=issuer,
        trusted_root=None if trusted_root is None else str(trusted_root),
        key=None if key is None else str(key),
    )
    if settings.key:
        return None, None, None, Path(settings.key)
    root = settings.trusted_root if settings.identity or settings.issuer or trusted_root else None
    return settings.identity, settings.issuer, Path(root) if root else None, None


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        data.decode()
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise DocumentError(USAGE, "not a text", where=str(path)) from error
    return data
