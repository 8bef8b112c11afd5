"""The door for sigstore-conformance: `python -P -m attest.conformance sign-bundle|verify-bundle …`.

Arguments are those of the suite's client protocol (sigstore/sigstore-conformance, docs/cli_protocol.md). It is for that
suite: people sign and verify with `dbom`. Exit code 0 is a yes, anything else a no, which is said on stderr.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.conformance.signing import sign_bundle
from attest.conformance.verifying import verify_for_suite
from dbom.errors import DbomError, UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_DIGEST: Final = re.compile(r"sha256:(?P<hex>[0-9a-fA-F]{64})")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of the protocol and return its exit code."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "sign-bundle":
            sign_bundle(
                Path(asked.file),
                Path(asked.bundle),
                token=asked.identity_token,
                is_statement=asked.in_toto,
                staging=asked.staging,
                trusted_root=asked.trusted_root,
                signing_config=asked.signing_config,
            )
        else:
            _verify(asked)
    except DbomError as error:
        sys.stderr.write(f"{printable(str(error), limit=2000)} ({error.rule.id})\n")
        return error.exit_code
    return 0


def _verify(asked: argparse.Namespace) -> None:
    named = asked.certificate_identity is not None or asked.certificate_oidc_issuer is not None
    if named == (asked.key is not None):
        raise UsageError(USAGE, "a key, or an identity with its issuer: one of the two")
    matched = None if Path(asked.file).exists() else _DIGEST.fullmatch(asked.file)
    verify_for_suite(
        Path(asked.bundle),
        artifact=bytes.fromhex(matched["hex"]) if matched else Path(asked.file),
        identity=asked.certificate_identity,
        issuer=asked.certificate_oidc_issuer,
        key=asked.key,
        trusted_root=asked.trusted_root,
        staging=asked.staging,
        now=datetime.now(UTC),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m attest.conformance", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    signing = commands.add_parser("sign-bundle", allow_abbrev=False)
    signing.add_argument("--staging", action="store_true")
    signing.add_argument("--in-toto", action="store_true")
    signing.add_argument("--identity-token", required=True)
    signing.add_argument("--bundle", required=True)
    signing.add_argument("--trusted-root", type=Path)
    signing.add_argument("--signing-config", type=Path)
    signing.add_argument("file")
    verifying = commands.add_parser("verify-bundle", allow_abbrev=False)
    verifying.add_argument("--staging", action="store_true")
    verifying.add_argument("--bundle", required=True)
    verifying.add_argument("--certificate-identity")
    verifying.add_argument("--certificate-oidc-issuer")
    verifying.add_argument("--key", type=Path)
    verifying.add_argument("--trusted-root", type=Path)
    verifying.add_argument("file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
