"""Who signs: one protocol for every kind of signer, the signer with a bare key, and which signer is meant.

The embedded local Sigstore's signer is in `attest.local`, the one for remote services in `attest.remote`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from attest.assembling import dsse_envelope, key_bundle
from attest.dsse import pre_authentication_encoding
from attest.files import read_file
from dbom.errors import UsageError
from dbom.names import DSSE_PAYLOAD_TYPE
from dbom.printable import printable
from dbom.rules.attestations import (
    IDENTITY_TOKEN,
    PUBLIC_UNASKED,
    SIGNER_AMBIGUOUS,
    SIGNER_UNNAMED,
    SIGNING_OFFLINE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from attest.identity import Identity, KeyIdentity
    from attest.keys import SigningKey
    from attest.statement import Statement

__all__ = ["Choice", "KeySigner", "Signer", "SignerKind", "choose_signer", "open_signer", "read_trust_config"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was said about who signs, on the command line or in settings: at most one of key, config, public and local.

    `public` asks for the public Sigstore, whose log is public and for ever: nothing else ever chooses it.
    """

    signing_key: Path | None = None
    trust_config: Path | None = None
    identity_token: str | None = field(default=None, repr=False)
    public: bool = False
    local: bool = False


TOKEN_VARIABLE = "SIGSTORE_ID_TOKEN"  # noqa: S105  the name of a variable
"""The environment variable in which Sigstore's clients look for an identity token."""

_AMBIENT_MARKS = (TOKEN_VARIABLE, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GOOGLE_SERVICE_ACCOUNT_NAME")
_CI_MARKS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "JENKINS_URL", "TF_BUILD")
_POD_MARK = "KUBERNETES_SERVICE_HOST"
_NO = ("", "0", "false", "no")
_MAX_CONFIG_BYTES = 4 * 1024 * 1024


def choose_signer(environment: Mapping[str, str], choice: Choice) -> SignerKind:
    """Return which kind of signer is meant: what was named, else the identity that the surroundings offer, else local.

    The local identity is never chosen by itself in CI or in a pod, the public Sigstore never by itself. Raises
    `UsageError` where several were named, or none and nobody can be assumed.
    """
    named = _named(choice)
    if len(named) > 1 or (choice.public and choice.trust_config is not None):
        got = ", ".join(named) if len(named) > 1 else "the public Sigstore and a private one"
        raise UsageError(SIGNER_AMBIGUOUS, "several signers named", got=got, expected="one")
    offered = [mark for mark in _AMBIENT_MARKS if environment.get(mark)]
    kind = named[0] if named else SignerKind.KEYLESS if offered else None
    if kind is SignerKind.KEYLESS and choice.trust_config is None and not choice.public:
        whose = "an identity token was given" if named else f"the surroundings offer an identity token ({offered[0]})"
        raise UsageError(PUBLIC_UNASKED, f"{whose}, and nothing says which Sigstore is to vouch for it")
    if kind is not None:
        return kind
    for mark in _CI_MARKS:
        if environment.get(mark, "").lower() not in _NO:
            raise UsageError(SIGNER_UNNAMED, f"nobody named to sign, and this is CI ({mark} is set)")
    if environment.get(_POD_MARK):
        raise UsageError(SIGNER_UNNAMED, f"nobody named to sign, and this is a pod ({_POD_MARK} is set)")
    return SignerKind.LOCAL


def _named(choice: Choice) -> list[SignerKind]:
    keyless = choice.trust_config is not None or choice.identity_token is not None or choice.public
    kinds = (
        (SignerKind.KEY, choice.signing_key is not None),
        (SignerKind.KEYLESS, keyless),
        (SignerKind.LOCAL, choice.local),
    )
    return [kind for kind, is_named in kinds if is_named]


def open_signer(
    environment: Mapping[str, str],
    choice: Choice,
    *,
    now: Callable[[], datetime],
    ask_password: Callable[[], str | None],
    offline: bool = False,
) -> Signer:
    """Return the signer that is meant, ready to sign.

    Nothing that fails falls back to another signer. Raises as `choose_signer` does, `UsageError` for remote signing
    while `offline`, and what reading a key, a trust configuration, a token or the local Sigstore raises.
    """
    kind = choose_signer(environment, choice)
    if kind is SignerKind.KEY and choice.signing_key is not None:
        from attest.keyfiles import read_key  # noqa: PLC0415  heavy

        return KeySigner(read_key(choice.signing_key, ask_password=ask_password))
    if kind is SignerKind.KEYLESS:
        return _remote(environment, choice, now=now, offline=offline)
    from attest.local import data_home, open_local  # noqa: PLC0415  heavy

    return open_local(data_home(environment), now=now).signer(now=now)


def _remote(environment: Mapping[str, str], choice: Choice, *, now: Callable[[], datetime], offline: bool) -> Signer:
    from attest.remote import RemoteSigner, ambient_token  # noqa: PLC0415  heavy

    if offline:
        raise UsageError(SIGNING_OFFLINE, "keyless signing needs the network, and --offline forbids it")
    config = read_trust_config(choice.trust_config) if choice.trust_config is not None else None
    token = choice.identity_token or environment.get(TOKEN_VARIABLE) or ambient_token()
    if not token:
        raise UsageError(IDENTITY_TOKEN, "there is no identity token to sign with")
    return RemoteSigner.of(config, token, where=printable(str(choice.trust_config)), now=now)


def read_trust_config(path: Path) -> bytes:
    """Return the bytes of a client trust configuration. Raises `PathError` where there is no readable file."""
    return read_file(path, limit=_MAX_CONFIG_BYTES, what="trust config")
