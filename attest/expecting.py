"""From what a person says of whom to expect to authorities: identities, keys, trust roots, this machine.

Nothing here looks at an artifact: whom to expect comes from the person who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.authority import Authority
from attest.certificates import authority_name, load_certificate
from attest.demands import Demands
from attest.files import read_file
from attest.identity import IdentityPattern, Pattern
from attest.trust import TrustRoot
from attest.verifier.key_verifying import VerifyingKey
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
    certificate_chain: Path | None = None,
    timestamp_certificate_chain: Path | None = None,
    use_signed_timestamps: bool = False,
    valid_now: bool = False,
    local: bool = False,
    home: Path | None = None,
) -> tuple[Authority, ...]:
    """Return the authorities that these say to expect; each accepted signer is one of them.

    Where nothing is said, or with `local`, it is this machine's own local identity, which is never made here. An
    identity without a trust root rests on this machine's own where its issuer is this machine's, else on none at
    hand. With `certificate_chain` the identity is one that a certificate authority of one's own vouches for, and needs
    no issuer. A root says what can be shown, and all of it is then demanded: of a key a log entry where the root names
    logs, else a time; of an identity always a time, a log entry and an SCT where the root names such logs.
    `use_signed_timestamps` demands a time of a key too; `valid_now` demands none of a certificate of one's own
    authority, which must then be valid now, as those that model-signing writes. `home` is where the local Sigstore
    lives.

    Raises `UsageError` where they don't go together or nobody is left to expect, `PathError` and `DocumentError` for
    files that can't be read.
    """
    own = certificate_chain is not None
    _check_together(identity, identity_regexp, issuer, own=own)
    if valid_now and (not own or timestamp_certificate_chain is not None):
        raise UsageError(
            IDENTITY_MALFORMED,
            "only a certificate of your own authority counts while it is valid, where nobody vouches for times",
            hint="give --certificate-chain, and no --timestamp-certificate-chain",
        )
    roots = (trusted_root, trust_config, certificate_chain, timestamp_certificate_chain)
    if any(roots) and not (key or issuer or own or local):
        raise UsageError(
            NOBODY_EXPECTED,
            "a trust root says who vouches, not whom to expect",
            hint="give --identity and --issuer too",
        )
    root = _given_root(*roots, valid_now=valid_now)
    found: list[Authority] = []
    if key is not None:
        found.append(_key_authority(key, root, needs_time=use_signed_timestamps))
    if issuer is not None or (own and root is not None):
        subject = Pattern(identity_regexp, is_expression=True) if identity_regexp else Pattern(identity or "")
        issuing = Pattern(issuer) if issuer is not None else Pattern(_own_authority(root))
        chosen = root or _own_root(issuer or "", home)
        demands = None if chosen is None else _demands(chosen, time=not valid_now)
        found.append(Authority("expected identity", (IdentityPattern(subject, issuing),), chosen, demands=demands))
    if local or not found:
        found.append(local_authority(home))
    if use_signed_timestamps and root is None:
        raise UsageError(
            NOBODY_EXPECTED,
            "nobody is named who vouches for time stamps",
            hint="give --trusted-root or --timestamp-certificate-chain too",
        )
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


def _check_together(identity: str | None, regexp: str | None, issuer: str | None, *, own: bool) -> None:
    named = identity is not None or regexp is not None
    if identity is not None and regexp is not None:
        raise UsageError(IDENTITY_MALFORMED, "an identity and an expression for it", hint="give one of the two")
    if own:
        if not (identity or regexp):
            raise UsageError(IDENTITY_MALFORMED, "an authority without an identity", hint="give --identity too")
        if issuer is not None:
            raise UsageError(
                IDENTITY_MALFORMED,
                "an issuer beside an authority of your own, which is the issuer",
                hint="leave --issuer out, or give a --trusted-root in place of --certificate-chain",
            )
        return
    if (identity or regexp or None) is None and issuer is not None:
        raise UsageError(IDENTITY_MALFORMED, "an issuer without an identity", hint="give --identity too")
    if named and not issuer:
        raise UsageError(IDENTITY_MALFORMED, "an identity without its issuer", hint="give --issuer too")


def _key_authority(path: Path, root: TrustRoot | None, *, needs_time: bool) -> Authority:
    pem = read_file(path, limit=_MAX_FILE_BYTES, what="public key")
    VerifyingKey.parse(pem, where=printable(str(path)))
    demands = None
    if root is not None:
        demands = Demands(log=bool(root.logs), sct=False, time=needs_time or not root.logs)
    return Authority(printable(path.name), key_pem=pem, root=root, demands=demands)


def _demands(root: TrustRoot, *, time: bool) -> Demands:
    """Return what an identity must show under a root: a time but for a reason, and all that the root can tell."""
    return Demands(log=bool(root.logs), sct=bool(root.certificate_logs), time=time)


def _given_root(
    trusted_root: Path | None, trust_config: Path | None, chain: Path | None, stamper: Path | None, *, valid_now: bool
) -> TrustRoot | None:
    """Return the one root that is given, in whichever form."""
    if sum((trusted_root is not None, trust_config is not None, chain is not None or stamper is not None)) > 1:
        raise UsageError(IDENTITY_MALFORMED, "two trust roots, which are never merged", hint="give one of them")
    if trusted_root is not None:
        raw = read_file(trusted_root, limit=_MAX_FILE_BYTES, what="trust root")
        return TrustRoot.parse(raw, where=printable(str(trusted_root)))
    if trust_config is not None:
        raw = read_file(trust_config, limit=_MAX_FILE_BYTES, what="trust config")
        return TrustRoot.of_trust_config(raw, where=printable(str(trust_config)))
    if chain is None and stamper is None:
        return None
    if stamper is None and not valid_now:
        raise UsageError(
            NOBODY_EXPECTED,
            "nobody is named who vouches for the time, and a certificate is judged at the time of the signature",
            hint="give --timestamp-certificate-chain too, or --valid-now for signatures that never had a time",
        )
    authority = None if chain is None else read_file(chain, limit=_MAX_FILE_BYTES, what="certificate chain")
    stamps = None
    if stamper is not None:
        stamps = read_file(stamper, limit=_MAX_FILE_BYTES, what="certificate chain of the time stamper")
    where = printable(", ".join(str(path) for path in (chain, stamper) if path is not None))
    return TrustRoot.of_certificates(authority, stamps, where=where)


def _own_authority(root: TrustRoot | None) -> str:
    """Return how the one authority of a root is named as an issuer."""
    assert root is not None
    anchor = load_certificate(root.authorities[0].certificates[-1], where="the certificate chain")
    return authority_name(anchor)


def _own_root(issuer: str, home: Path | None) -> TrustRoot | None:
    local = _local(home)
    if local is None or local.identity.issuer != issuer:
        return None
    return TrustRoot.parse(local.trusted_root(), where="this machine's own trust root")


def _local(home: Path | None) -> LocalSigstore | None:
    from attest.local import find_local  # noqa: PLC0415  only who rests on this machine pays for it

    return find_local(home)
