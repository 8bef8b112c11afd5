"""From what a person says of whom to expect to authorities: identities, keys, trust roots, this machine.

Nothing here looks at an artifact: whom to expect comes from the person who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.authority import Authority
from attest.files import read_file
from attest.identity import IdentityPattern, Pattern
from attest.key_verifying import VerifyingKey
from attest.trust import TrustRoot
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.attestations import IDENTITY_MALFORMED, NOBODY_EXPECTED

if TYPE_CHECKING:
    from pathlib import Path

    from attest.local import LocalSigstore

__all__ = ["expected_authorities", "local_authority"]

_MAX_FILE_BYTES: Final = 4 * 1024 * 1024


def expected_authorities(
    *,
    identity: str | None = None,
    identity_regexp: str | None = None,
    issuer: str | None = None,
    key: Path | None = None,
    trusted_root: Path | None = None,
    trust_config: Path | None = None,
    local: bool = False,
    home: Path | None = None,
) -> tuple[Authority, ...]:
    """Return the authorities that these say to expect; each accepted signer is one of them.

    Where nothing is said, or with `local`, it is this machine's own local identity, which is never made here. An
    identity without a trust root rests on this machine's own where its issuer is this machine's, else on none at
    hand. `home` is where the local Sigstore lives.

    Raises `UsageError` where they don't go together or nobody is left to expect, `PathError` and `DocumentError` for
    files that can't be read.
    """
    _check_together(identity, identity_regexp, issuer, trusted_root, trust_config)
    found: list[Authority] = []
    if key is not None:
        found.append(_key_authority(key))
    if issuer is not None:
        subject = Pattern(identity_regexp, is_expression=True) if identity_regexp else Pattern(identity or "")
        root = _root(trusted_root, trust_config) or _own_root(issuer, home)
        found.append(Authority("expected identity", (IdentityPattern(subject, Pattern(issuer)),), root))
    if local or not found:
        if not local and (trusted_root or trust_config):
            raise UsageError(
                NOBODY_EXPECTED,
                "a trust root says who vouches, not whom to expect",
                hint="give --identity and --issuer too",
            )
        found.append(local_authority(home))
    return tuple(found)


def local_authority(home: Path | None = None) -> Authority:
    """Return this machine's own local identity as an authority. Raises `UsageError` where there is none yet."""
    local = _local(home)
    if local is None:
        raise UsageError(NOBODY_EXPECTED, "nothing says whom to expect, and this machine has no local identity")
    exact = IdentityPattern.exact(local.identity.subject, local.identity.issuer)
    return Authority(
        "this machine", (exact,), TrustRoot.parse(local.trusted_root(), where="this machine's own trust root")
    )


def _check_together(
    identity: str | None, regexp: str | None, issuer: str | None, root: Path | None, config: Path | None
) -> None:
    if identity is not None and regexp is not None:
        raise UsageError(IDENTITY_MALFORMED, "an identity and an expression for it", hint="give one of the two")
    if (identity or regexp or None) is None and issuer is not None:
        raise UsageError(IDENTITY_MALFORMED, "an issuer without an identity", hint="give --identity too")
    if (identity is not None or regexp is not None) and not issuer:
        raise UsageError(IDENTITY_MALFORMED, "an identity without its issuer", hint="give --issuer too")
    if root is not None and config is not None:
        raise UsageError(IDENTITY_MALFORMED, "two trust roots, which are never merged", hint="give one of the two")


def _key_authority(path: Path) -> Authority:
    pem = read_file(path, limit=_MAX_FILE_BYTES, what="public key")
    VerifyingKey.parse(pem, where=printable(str(path)))
    return Authority(printable(path.name), key_pem=pem)


def _root(trusted_root: Path | None, trust_config: Path | None) -> TrustRoot | None:
    if trusted_root is not None:
        return TrustRoot.parse(
            read_file(trusted_root, limit=_MAX_FILE_BYTES, what="trust root"), where=printable(str(trusted_root))
        )
    if trust_config is not None:
        return TrustRoot.of_trust_config(
            read_file(trust_config, limit=_MAX_FILE_BYTES, what="trust config"), where=printable(str(trust_config))
        )
    return None


def _own_root(issuer: str, home: Path | None) -> TrustRoot | None:
    local = _local(home)
    if local is None or local.identity.issuer != issuer:
        return None
    return TrustRoot.parse(local.trusted_root(), where="this machine's own trust root")


def _local(home: Path | None) -> LocalSigstore | None:
    from attest.local import find_local  # noqa: PLC0415  only who rests on this machine pays for it

    return find_local(home)
