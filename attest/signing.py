"""Who signs: one protocol for every kind of signer, the signer with a bare key, and which signer is meant.

The embedded local Sigstore's signer is in `attest.local`, the one for remote services in `attest.keyless`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from attest.assembling import dsse_envelope, key_bundle
from attest.dsse import pre_authentication_encoding
from dbom.errors import UsageError
from dbom.names import DSSE_PAYLOAD_TYPE
from dbom.rules.attestations import SIGNER_AMBIGUOUS, SIGNER_UNNAMED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.identity import Identity, KeyIdentity
    from attest.keys import SigningKey
    from attest.statement import Statement

__all__ = ["KeySigner", "Signer", "SignerKind", "choose_signer"]


class Signer(Protocol):
    """Somebody who signs statements."""

    def sign(self, statement: Statement) -> bytes:
        """Return the raw bytes of a bundle with `statement`. Raises `SigningError` where it can't be had."""

    def describe(self) -> str:
        """Say who signs, and what that is worth."""

    @property
    def identity(self) -> Identity | KeyIdentity | None:
        """Who signs, or None where that is known only once something is signed."""


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a key alone: no certificate, no log, no time stamp. Whoever holds the public key can verify."""

    key: SigningKey = field(repr=False)

    @property
    def identity(self) -> KeyIdentity:
        """The key, by its digest."""
        from attest.keys import key_identity  # noqa: PLC0415  heavy

        return key_identity(self.key)

    def describe(self) -> str:
        """Say which key signs, and what is not there."""
        return f"{self.identity}, without a log entry or a time"

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle: a DSSE envelope and a hint at the key."""
        from attest.keys import key_hint, sign_bytes  # noqa: PLC0415  heavy

        encoded = pre_authentication_encoding(DSSE_PAYLOAD_TYPE, statement.payload)
        envelope = dsse_envelope(statement.payload, sign_bytes(self.key, encoded))
        return key_bundle(envelope, hint=key_hint(self.key))


class SignerKind(StrEnum):
    """The kinds of signers there are."""

    KEY = "key"
    KEYLESS = "keyless"
    LOCAL = "local"


_CI_MARKS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "JENKINS_URL", "TF_BUILD")
_POD_MARK = "KUBERNETES_SERVICE_HOST"
_TOKEN_MARKS = ("SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")


def choose_signer(
    environment: Mapping[str, str], *, key: bool = False, trust_config: bool = False, local: bool = False
) -> SignerKind:
    """Return which kind of signer is meant: what was named, else the local identity on a person's own machine.

    `key`, `trust_config` and `local` say whether each was named, on the command line or in settings. The local
    identity is never chosen by itself in CI, in a pod, or where an identity token says that another one is meant.
    Raises `UsageError` where several were named, or none and the local identity can't be assumed.
    """
    named = [
        kind
        for kind, is_named in (
            (SignerKind.KEY, key),
            (SignerKind.KEYLESS, trust_config),
            (SignerKind.LOCAL, local),
        )
        if is_named
    ]
    if len(named) > 1:
        raise UsageError(SIGNER_AMBIGUOUS, "several signers named", got=", ".join(named), expected="one")
    if named:
        return named[0]
    reason = _why_not_local(environment)
    if reason:
        raise UsageError(SIGNER_UNNAMED, f"nobody named to sign, and {reason}")
    return SignerKind.LOCAL


def _why_not_local(environment: Mapping[str, str]) -> str:
    for mark in _CI_MARKS:
        if environment.get(mark, "").lower() not in ("", "0", "false"):
            return f"this is CI ({mark} is set)"
    if environment.get(_POD_MARK):
        return f"this is a pod ({_POD_MARK} is set)"
    for mark in _TOKEN_MARKS:
        if environment.get(mark):
            return f"another identity is configured ({mark} is set)"
    return ""
