"""Who signs: one protocol for every kind of signer, and which signer is meant.

The signers with a key are in `attest.signers.key_signing`, the embedded local Sigstore's in `attest.local`, the one for
remote services in `attest.signers.remote`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from attest.files import read_file
from attest.signers.ambient import offered_identity
from attest.signers.key_signing import KeySigner, RecordedKeySigner
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.attestations import (
    KEY_RECORD,
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
    from attest.signers.devices import KeyUri
    from attest.signers.keys import SigningKey
    from attest.signers.recording import Recorder
    from attest.statement import Statement

__all__ = [
    "PIN_VARIABLE",
    "Choice",
    "KeySigner",
    "RecordedKeySigner",
    "Signer",
    "SignerKind",
    "choose_signer",
    "open_signer",
    "read_trust_config",
]


class Signer(Protocol):
    """Somebody who signs statements."""

    def sign(self, statement: Statement) -> bytes:
        """Return the raw bytes of a bundle with `statement`. Raises `SigningError` where it can't be had."""

    def describe(self) -> str:
        """Say who signs, and what that is worth."""

    @property
    def identity(self) -> Identity | KeyIdentity | None:
        """Who signs, or None where that is known only once something is signed."""


class SignerKind(StrEnum):
    """The kinds of signers there are."""

    KEY = "key"
    KEYLESS = "keyless"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was said about who signs, on the command line or in settings.

    Either a `signing_key` (a file, or a key in a device or service), or a keyless signer (by `trust_config`, `public`,
    or both; as `identity_token`, `identity_token_file` or `browser` say), or the `local` identity. With a key,
    `trust_config` or `local` says who logs and dates its signatures, `timestamp_url` who only dates them, and
    `certificate_chain` is the PEM file of the certificate that one's own authority gave it.

    `public` asks for the public Sigstore, whose log is public and for ever: nothing else ever chooses it.
    """

    signing_key: Path | KeyUri | None = None
    certificate_chain: Path | None = None
    timestamp_url: str | None = None
    trust_config: Path | None = None
    identity_token: str | None = field(default=None, repr=False)
    identity_token_file: Path | None = None
    browser: bool = False
    public: bool = False
    local: bool = False


PIN_VARIABLE = "DBOM_PKCS11_PIN"
"""The environment variable that a device's PIN is read from."""

_CI_MARKS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "JENKINS_URL", "TF_BUILD")
_POD_MARK = "KUBERNETES_SERVICE_HOST"
_NO = ("", "0", "false", "no")
_MAX_CONFIG_BYTES = 4 * 1024 * 1024


def choose_signer(environment: Mapping[str, str], choice: Choice) -> SignerKind:
    """Return which kind of signer is meant: what was named, else the identity that the surroundings offer, else local.

    The local identity is never chosen by itself in CI or in a pod, the public Sigstore never by itself. Raises
    `UsageError` where several were named, or none and nobody can be assumed.
    """
    if choice.signing_key is not None:
        _check_key_choice(choice)
        return SignerKind.KEY
    if choice.certificate_chain is not None or choice.timestamp_url is not None:
        what = "--certificate-chain and --timestamp-url go with --signing-key"
        raise UsageError(KEY_RECORD, what, hint="name the key with --signing-key")
    tokens = _named_tokens(choice)
    keyless = bool(tokens) or choice.trust_config is not None or choice.public
    if len(tokens) > 1 or (keyless and choice.local):
        got = ", ".join(tokens) if len(tokens) > 1 else "keyless, local"
        raise UsageError(SIGNER_AMBIGUOUS, "several signers named", got=got, expected="one")
    if choice.local:
        return SignerKind.LOCAL
    offered = offered_identity(environment)
    if choice.trust_config is not None or choice.public:
        return SignerKind.KEYLESS
    if tokens or offered:
        whose = "an identity token was given" if tokens else f"the surroundings offer an identity token ({offered})"
        raise UsageError(PUBLIC_UNASKED, f"{whose}, and nothing says which Sigstore is to vouch for it")
    for mark in _CI_MARKS:
        if environment.get(mark, "").lower() not in _NO:
            raise UsageError(SIGNER_UNNAMED, f"nobody named to sign, and this is CI ({mark} is set)")
    if environment.get(_POD_MARK):
        raise UsageError(SIGNER_UNNAMED, f"nobody named to sign, and this is a pod ({_POD_MARK} is set)")
    return SignerKind.LOCAL


def _named_tokens(choice: Choice) -> list[str]:
    given = (
        ("--identity-token", choice.identity_token is not None),
        ("--identity-token-file", choice.identity_token_file is not None),
        ("--browser", choice.browser),
    )
    return [name for name, is_named in given if is_named]


def _check_key_choice(choice: Choice) -> None:
    """Check that what was said beside a key goes with it. Raises `UsageError`."""
    others = [*_named_tokens(choice), *(["--public"] if choice.public else [])]
    if others:
        raise UsageError(SIGNER_AMBIGUOUS, "several signers named", got=f"key, {', '.join(others)}", expected="one")
    given = (
        ("--trust-config", choice.trust_config is not None),
        ("--local", choice.local),
        ("--timestamp-url", choice.timestamp_url is not None),
    )
    recorders = [name for name, is_named in given if is_named]
    if len(recorders) > 1:
        what = "several named to log or to date what the key signs"
        raise UsageError(SIGNER_AMBIGUOUS, what, got=", ".join(recorders), expected="one")
    if choice.certificate_chain is not None and not recorders:
        raise UsageError(KEY_RECORD, "a certificate ends, and nobody was named who says when it signed")


def open_signer(
    environment: Mapping[str, str],
    choice: Choice,
    *,
    now: Callable[[], datetime],
    ask_password: Callable[[], str | None],
    ask_pin: Callable[[], str | None] | None = None,
    offline: bool = False,
    interactive: bool = False,
) -> Signer:
    """Return the signer that is meant, ready to sign.

    `ask_pin` gives a device's PIN (default: from the environment). `interactive` says that a person is there to sign in
    with a browser. Nothing that fails falls back to another signer. Raises as `choose_signer` does, `UsageError` for
    remote signing while `offline`, and what reading a key, a trust configuration, a token or the local Sigstore raises.
    """
    kind = choose_signer(environment, choice)
    if kind is SignerKind.KEY and choice.signing_key is not None:
        pin = ask_pin or (lambda: environment.get(PIN_VARIABLE))
        key = _key(choice.signing_key, ask_password, pin, offline=offline)
        return _key_signer(environment, choice, key, now=now, offline=offline)
    if kind is SignerKind.KEYLESS:
        return _remote(environment, choice, now=now, offline=offline, interactive=interactive)
    from attest.local import data_home, open_local  # noqa: PLC0415  heavy

    return open_local(data_home(environment), now=now).signer(now=now)


def _key(
    named: Path | KeyUri, ask_password: Callable[[], str | None], ask_pin: Callable[[], str | None], *, offline: bool
) -> SigningKey:
    from attest.signers.devices import KeyUri, open_key  # noqa: PLC0415  heavy
    from attest.signers.keyfiles import read_key  # noqa: PLC0415  heavy

    if isinstance(named, KeyUri):
        return open_key(named, ask_pin=ask_pin, offline=offline)
    return read_key(named, ask_password=ask_password)


def _key_signer(
    environment: Mapping[str, str], choice: Choice, key: SigningKey, *, now: Callable[[], datetime], offline: bool
) -> Signer:
    recorder = _recorder(environment, choice, now=now, offline=offline)
    if recorder is None:
        return KeySigner(key)
    recorder.demand(key.public_key())
    certificate = None
    if choice.certificate_chain is not None:
        from attest.signers.own_certificates import MAX_CHAIN_BYTES, OwnCertificate  # noqa: PLC0415  heavy

        pem = read_file(choice.certificate_chain, limit=MAX_CHAIN_BYTES, what="certificate chain")
        certificate = OwnCertificate.read(pem, key, where=printable(str(choice.certificate_chain)))
        certificate.check(now())
    return RecordedKeySigner(key, recorder, certificate, now)


def _recorder(
    environment: Mapping[str, str], choice: Choice, *, now: Callable[[], datetime], offline: bool
) -> Recorder | None:
    """Return who logs and dates what the key signs, or None where nobody does."""
    if choice.local:
        from attest.local import data_home, open_local  # noqa: PLC0415  heavy
        from attest.signers.local_recording import LocalRecorder  # noqa: PLC0415  heavy

        return LocalRecorder.of(open_local(data_home(environment), now=now), now)
    if choice.trust_config is None and choice.timestamp_url is None:
        return None
    if offline:
        raise UsageError(SIGNING_OFFLINE, "logs and time stamps need the network, and --offline forbids it")
    from attest.signers.recording import RemoteRecorder  # noqa: PLC0415  heavy
    from attest.signers.services import Services, demand_private  # noqa: PLC0415  heavy

    if choice.trust_config is None:
        return RemoteRecorder.of_authority(choice.timestamp_url or "", now)
    data, where = read_trust_config(choice.trust_config), printable(str(choice.trust_config))
    demand_private(data, where=where)
    return RemoteRecorder(Services.of_trust_config(data, where=where, now=now()), now)


def _remote(
    environment: Mapping[str, str],
    choice: Choice,
    *,
    now: Callable[[], datetime],
    offline: bool,
    interactive: bool,
) -> Signer:
    from attest.signers.ambient import BrowserTokens, find_tokens  # noqa: PLC0415  heavy
    from attest.signers.remote import RemoteSigner, oidc_url  # noqa: PLC0415  heavy
    from attest.signers.services import demand_private, names_public  # noqa: PLC0415  heavy

    if offline:
        raise UsageError(SIGNING_OFFLINE, "keyless signing needs the network, and --offline forbids it")
    where = printable(str(choice.trust_config))
    config = None
    if choice.trust_config is not None:
        config = read_trust_config(choice.trust_config)
        if not choice.public:
            demand_private(config, where=where)
        elif not names_public(config, where=where):
            got = "the public Sigstore and a private one"
            raise UsageError(SIGNER_AMBIGUOUS, "several signers named", got=got, expected="one")
    tokens = (
        BrowserTokens(lambda: oidc_url(config, where=where), interactive)
        if choice.browser
        else find_tokens(environment, token=choice.identity_token, token_file=choice.identity_token_file)
    )
    return RemoteSigner.of(config, tokens, where=where, now=now)


def read_trust_config(path: Path) -> bytes:
    """Return the bytes of a client trust configuration. Raises `PathError` where there is no readable file."""
    return read_file(path, limit=_MAX_CONFIG_BYTES, what="trust config")
