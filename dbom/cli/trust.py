"""`dbom trust export|show|rotate|update`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, say, write_file, write_result
from dbom.cli.session import current_session
from dbom.cli.signers import TrustConfigOption
from dbom.cli.trust_serve import HomeOption
from dbom.cli.trust_shown import document_of, lines_of
from dbom.errors import TrustError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import TRUST_ROOT_MISSING
from dbom.rules.everyday import USAGE
from dbom.rules.local import UPDATE_OFFLINE

if TYPE_CHECKING:
    from attest.local import LocalSigstore
    from attest.served.home import ServedSigstore
    from attest.trust import TrustRoot
    from dbom.canonical import JsonObject

__all__ = ["export", "local_of_this_machine", "rotate", "served_below", "show", "update"]


def export(*, trust_config: TrustConfigOption = None, home: HomeOption = None, output: OutputOption = None) -> None:
    """Write the trust root that verifies what this machine signs.

    It holds certificates and public keys, nothing secret: hand it to whoever verifies. With --trust-config, it is the
    trusted root of that Sigstore; with --home, that of the one that `dbom trust serve` offers from there.

    Example: dbom trust export -o trusted_root.json
    """
    if home is not None:
        if trust_config is not None:
            raise UsageError(USAGE, "--home and --trust-config name two Sigstores; give one")
        write_result(served_below(home).trusted_root(), output)
        return
    if trust_config is not None:
        write_result(_root_of(trust_config).raw, output)
        return
    sigstore = local_of_this_machine()
    write_result(sigstore.trusted_root(), output)
    _hand_over(sigstore, output)


def show(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A trusted root, or a client trust configuration.")
    ] = None,
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Say who vouches in a trust root, and when.

    It names the certificate authorities, logs and time stampers. Without FILE it is the root of this machine's own
    local identity. Names and addresses are what the document says of itself.

    Example: dbom trust show trusted_root.json
    """
    from datetime import UTC, datetime

    from attest.trust_summary import TrustSummary

    root = _own_root() if file is None else _root_in(file)
    summary, now = TrustSummary.of(root), datetime.now(UTC)
    if format_ is TextOrJson.JSON:
        json_result("trust-show", document_of(summary, now), output)
    else:
        write_result("\n".join(lines_of(summary, now)), output)


def rotate(*, format_: FormatOption = TextOrJson.TEXT, output: OutputOption = None) -> None:
    """Give this machine's local identity new keys.

    The intermediate authority, both logs and the time stamper get new keys, and the old private keys are removed. The
    identity stays. What was signed still verifies: the trust root keeps the old keys with the time they ended. What is
    signed from now on needs the new trust root, so hand it out again.

    It is no way to take back a stolen identity: whoever copied the folder has its root's key, which stays. For that,
    move the folder away, and tell those who trust it.

    Example: dbom trust rotate
    """
    from datetime import UTC, datetime

    from attest.local.rotation import rotate as rotated
    from attest.trust import TrustRoot

    found = rotated(local_of_this_machine(), now=datetime.now(UTC))
    folder, since = printable(str(found.sigstore.folder)), found.since.isoformat().replace("+00:00", "Z")
    if format_ is TextOrJson.JSON:
        sha256 = TrustRoot.parse(found.sigstore.trusted_root(), where=folder).sha256
        document: JsonObject = {"generation": found.number, "since": since, "folder": folder}
        document["trustedRootSha256"] = sha256
        json_result("trust-rotate", document, output)
    else:
        write_result(f"new keys, generation {found.number}, in force since {since}\nin {folder}", output)
    say("What is signed from now on needs the new trust root: `dbom trust export -o trusted_root.json`")


def update(
    *,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="The TUF repository.", show_default="the public Sigstore's"),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="FILE", help="The repository's root metadata, to begin with, as you trust it."),
    ] = None,
    trust_config_out: Annotated[
        Path | None,
        typer.Option("--trust-config-out", metavar="FILE", help="Also write what `sign --trust-config` takes."),
    ] = None,
    output: OutputOption = None,
) -> None:
    """Fetch a Sigstore's trust root from its TUF repository.

    Signatures, versions and expiry are checked from a root that is already trusted: --root, or that of the last update
    from there; for the public Sigstore the one that sigstore-python brings. The result is for `verify --trusted-root`.

    Example: dbom trust update --url https://tuf.example.org --root root.json -o trusted_root.json
    """
    from attest.files import read_file
    from attest.local import data_home
    from attest.trust import MAX_TRUST_ROOT_BYTES, TrustRoot
    from attest.tuf import PUBLIC_REPOSITORY, fetch_trust

    if current_session().offline:
        raise UsageError(UPDATE_OFFLINE, "an update asks a TUF repository over the network")
    start = None if root is None else read_file(root, limit=MAX_TRUST_ROOT_BYTES, what="root metadata")
    found = fetch_trust(url or PUBLIC_REPOSITORY, home=data_home(), root=start)
    # Nothing is written that couldn't be used.
    parsed = TrustRoot.parse(found.trusted_root, where=found.url)
    if trust_config_out is not None:
        write_file(trust_config_out, found.trust_config())
    write_result(found.trusted_root, output)
    say(f"trust root sha256:{parsed.sha256} from {found.url}")


def local_of_this_machine() -> LocalSigstore:
    """Return this machine's local Sigstore. Raises `TrustError` where there is none yet: none is made by looking."""
    from attest.local import find_local

    sigstore = find_local()
    if sigstore is None:
        raise TrustError(
            TRUST_ROOT_MISSING,
            "this machine has no local identity yet",
            hint="it is made by the first `dbom sign --local`",
        )
    return sigstore


def served_below(home: Path) -> ServedSigstore:
    """Return the Sigstore that is served from a home. Raises `TrustError` where there is none yet."""
    from attest.served.home import find_served

    sigstore = find_served(home)
    if sigstore is None:
        where = printable(str(home))
        raise TrustError(
            TRUST_ROOT_MISSING, "no Sigstore is served from there", where=where, hint="`dbom trust serve` makes one"
        )
    return sigstore


def _hand_over(sigstore: LocalSigstore, output: Path | None) -> None:
    from attest.handover import ROOT_FILE, Trust, verify_command

    name = ROOT_FILE if output is None or str(output) == "-" else str(output)
    say(f"identity: {sigstore.identity.subject}")
    say(f"issuer:   {sigstore.identity.issuer}")
    say("This identity is only as good as this machine. Somebody who has this file verifies with:")
    say(f"  {verify_command(Trust(sigstore.identity, name), 'ARTIFACT')}")


def _own_root() -> TrustRoot:
    from attest.trust import TrustRoot

    sigstore = local_of_this_machine()
    return TrustRoot.parse(sigstore.trusted_root(), where=printable(str(sigstore.folder)))


def _root_in(file: Path) -> TrustRoot:
    """Read a trusted root, or the one in a client trust configuration."""
    from attest.files import read_file
    from attest.trust import MAX_TRUST_ROOT_BYTES, TrustRoot
    from dbom.canonical import json_object
    from dbom.names import CLIENT_TRUST_CONFIG_V01

    where = printable(str(file))
    raw = read_file(file, limit=MAX_TRUST_ROOT_BYTES, what="trust root")
    if json_object(raw, where=where).get("mediaType") == CLIENT_TRUST_CONFIG_V01:
        return TrustRoot.of_trust_config(raw, where=where)
    return TrustRoot.parse(raw, where=where)


def _root_of(trust_config: Path) -> TrustRoot:
    from attest.signers.signing import read_trust_config
    from attest.trust import TrustRoot

    return TrustRoot.of_trust_config(read_trust_config(trust_config), where=printable(str(trust_config)))
