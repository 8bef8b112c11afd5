"""`dbom policy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.policy_signers import PolicySigners, with_policy_signer_flags
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
    from_bundle: Annotated[
        Path | None,
        typer.Option(
            "--from-bundle",
            metavar="FILE",
            help="Accept whoever signed this bundle, verified under --trusted-root, --key or this machine's own root.",
        ),
    ] = None,
    location: Annotated[
        str, typer.Option("--location", metavar="PATTERN", help="Places that models lie in; narrow it.")
    ] = "oci://**",
    mode: Annotated[str, typer.Option("--mode", help="What a no means: enforce, warn or audit.")] = "enforce",
    name: Annotated[str, typer.Option("--name", help="The policy's name.")] = "models",
    output: OutputOption = None,
) -> None:
    """Write a policy to start from.

    The file is commented and whole: the trust root stands in it. Say whose statements count: --identity with --issuer
    and --trusted-root, --key, --from-bundle, or --local for the identity that `dbom sign` uses on this machine. Where
    neither a flag nor a setting names anybody, the policy vouches for nothing: it only watches (mode audit).

    Example: dbom policy init --local --location 'oci://registry.example.com/models/*' -o policy.yaml
    """
    from admission.match_reading import is_place_pattern
    from admission.policy import Mode, Policy
    from admission.starting_policy import Expected, render_policy

    if mode not in list(Mode):
        raise UsageError(USAGE, "no such mode", got=printable(mode), expected=", ".join(Mode))
    if not is_place_pattern(location):
        raise UsageError(
            USAGE, "not a pattern of places", got=printable(location), expected="oci://HOST/PATH, * for any"
        )

    if from_bundle is not None:
        expected = _of_bundle(from_bundle, (identity, issuer), trusted_root, key, local=local)
    else:
        expected = _expected(identity, issuer, trusted_root, key, local=local)
    text = render_policy(expected, name=name, mode=mode, location=location)
    Policy.parse(text.encode(), where="the new policy", base=Path())
    if expected == Expected():
        say("the policy names nobody whose statements count, so it only watches (mode audit)")
    if expected.root is not None and expected.root.is_local:
        say("the policy accepts this machine's own identity, which is only as good as this machine")
    write_result(text, output)


@with_policy_signer_flags
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy files, or folders of them.")],
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    policy_signers: PolicySigners,
) -> None:
    """Report every fault of a policy file.

    Checks keys, types, names, patterns, trust roots and keys, and that nothing is asked for that can't be checked. With
    --policy-key or --policy-identity also that the file is signed, as it is, by them.

    Example: dbom policy check policy.yaml
    """
    from datetime import UTC, datetime

    from admission.policy_files import policies_at

    signers = policy_signers.authorities()
    policies = policies_at(files, signers=signers, now=datetime.now(UTC))
    signed = f"; signed by {' or '.join(item.expects for item in signers)}" if signers else ""
    if format_ is TextOrJson.JSON:
        documents: list[Json] = [
            {"name": policy.name, "mode": str(policy.mode), "digest": policy.digest, "file": policy.where}
            for policy in policies
        ]
        json_result("policy-check", {"policies": documents}, output)
        return
    lines = [
        f"{printable(policy.where)}: {policy.name}: no fault ({policy.mode}; {len(policy.authorities)} authorities,"
        f" {len(policy.locations)} locations; sha256 {policy.digest[:16]}…{signed})"
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
    if not local:
        return Expected()
    found = find_local()
    if found is None:
        raise UsageError(
            USAGE,
            "there is no local identity on this machine yet, and no other is named",
            hint="sign something first with `dbom sign --local`, or name a signer with --identity or --key",
        )
    return Expected(found.identity, TrustRoot.parse(found.trusted_root(), where=str(found.folder)))


def _of_bundle(
    bundle: Path, identity: tuple[str | None, ...], trusted_root: Path | None, key: Path | None, *, local: bool
) -> Expected:
    """Return whom a policy made from a bundle expects, after saying who that is and by whose word."""
    from datetime import UTC, datetime

    from admission.from_bundle import expected_of_bundle
    from attest.local import find_local
    from attest.trust import TrustRoot

    if local or any(identity):
        raise UsageError(USAGE, "--from-bundle says who signs, and so do --identity, --issuer and --local")
    raw, where = _read(bundle), printable(str(bundle))
    own = None if trusted_root is not None or key is not None else find_local()
    root = None if own is None else TrustRoot.parse(own.trusted_root(), where=str(own.folder))
    if trusted_root is not None:
        root = TrustRoot.parse(_read(trusted_root), where=str(trusted_root))
    key_pem = None if key is None else _read(key)
    expected, verified = expected_of_bundle(raw, where=where, root=root, key_pem=key_pem, now=datetime.now(UTC))
    kind = printable(verified.statement.predicate_type)
    about = ", ".join(str(subject.digest) for subject in verified.statement.subjects)
    by = f"under the trust root sha256:{verified.root[:16]}…" if verified.root else "under the key that you gave"
    say(f"{where}: {kind} about {about}, signed by {verified.signer}; verified {by}")
    say("the policy accepts what this signer signs from now on, about any model: look whether that is whom you mean")
    return expected


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
