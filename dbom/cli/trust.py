"""`dbom trust export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.cli.options import OutputOption
from dbom.cli.output import say, write_result
from dbom.cli.signers import TrustConfigOption
from dbom.errors import TrustError
from dbom.rules.attestations import TRUST_ROOT_MISSING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["export"]


def export(*, trust_config: TrustConfigOption = None, output: OutputOption = None) -> None:
    """Write the trust root that verifies what this machine signs.

    It holds certificates and public keys, nothing secret: hand it to whoever verifies. With --trust-config, it is the
    trusted root of that Sigstore.

    Example: dbom trust export -o trusted_root.json
    """
    if trust_config is not None:
        write_result(_root_of(trust_config), output)
        return
    from attest.handover import ROOT_FILE, Trust, verify_command
    from attest.local import find_local

    sigstore = find_local()
    if sigstore is None:
        raise TrustError(
            TRUST_ROOT_MISSING,
            "this machine has no local identity yet",
            hint="it is made by the first `dbom sign --local`",
        )
    write_result(sigstore.trusted_root(), output)
    name = ROOT_FILE if output is None or str(output) == "-" else str(output)
    say(f"identity: {sigstore.identity.subject}")
    say(f"issuer:   {sigstore.identity.issuer}")
    say("This identity is only as good as this machine. Somebody who has this file verifies with:")
    say(f"  {verify_command(Trust(sigstore.identity, name), 'ARTIFACT')}")


def _root_of(trust_config: Path) -> bytes:
    from attest.signing import read_trust_config
    from attest.trust import TrustRoot
    from dbom.printable import printable

    return TrustRoot.of_trust_config(read_trust_config(trust_config), where=printable(str(trust_config))).raw
