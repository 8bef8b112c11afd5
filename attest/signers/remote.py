"""Keyless signing with the services of a Sigstore: certificate, log and time stamps over the network.

The services come from a client trust configuration; without one, the public Sigstore's is fetched by TUF. The identity
is an OIDC token's. sigstore-python signs; it only warns where a time stamp can't be had, waits for ever for a slow
service and checks little of what it is answered, so the bundle is looked at before it is returned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from attest.bundle import Bundle
from attest.signers.certified import check_certified
from attest.signers.deadlines import within
from attest.signers.faults import ForeignFaults
from attest.signers.services import Services
from dbom.errors import DocumentError, EvidenceError, SigningError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import IDENTITY_TOKEN, REMOTE_SIGNING, SELF_CHECK, TRUST_CONFIG_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken

    from attest.identity import Identity
    from attest.signers.tokens import Token, TokenSource
    from attest.statement import Statement

__all__ = ["RemoteSigner", "oidc_url"]

DEADLINE_SECONDS: Final = 120.0
"""How long the services may take, together, for one signature."""

_PACKAGES: Final = ("sigstore", "id", "tuf")
_WHERE: Final = "the new bundle"


@dataclass(frozen=True, slots=True)
class RemoteSigner:
    """Signs with the services of a Sigstore, as whom an identity token names.

    `deadline` are the seconds that one signature may take.
    """

    _config: ClientTrustConfig = field(repr=False)
    _services: Services | None = field(repr=False)
    _tokens: TokenSource = field(repr=False)
    _described: str
    _now: Callable[[], datetime] = field(repr=False)
    deadline: float = DEADLINE_SECONDS

    @classmethod
    def of(
        cls,
        trust_config: bytes | None,
        tokens: TokenSource,
        *,
        where: str,
        now: Callable[[], datetime],
        deadline: float = DEADLINE_SECONDS,
    ) -> Self:
        """Read a client trust configuration (None: the public Sigstore's, fetched by TUF) and try for a token.

        Raises `DocumentError` for a malformed configuration, `UsageError` for an unusable token, `SigningError` where
        the public Sigstore, or whoever gives tokens, can't be reached.
        """
        services = None
        if trust_config is not None:
            services = Services.of_trust_config(trust_config, where=where, now=now())
            if len(services.logs) != 1:
                raise DocumentError(
                    TRUST_CONFIG_MALFORMED,
                    "it asks for entries in several logs, and sigstore-python makes one",
                    where=where,
                    got=str(len(services.logs)),
                )
        config = _public_config(deadline) if trust_config is None else _read_config(trust_config, where)
        return cls(config, services, tokens, str(tokens.token(now())), now, deadline)

    @property
    def identity(self) -> None:
        """Nothing yet: the authority decides which claim of the token it vouches for."""
        return

    def describe(self) -> str:
        """Say who signs, by the token's word."""
        return self._described

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle: signed by a fresh key, certified, stamped and logged by the services, then verified.

        The token is asked for anew. Raises `UsageError` where it no longer holds, `SigningError` where a service can't
        be reached, refuses or is slow, where one answers with something else than was asked for, or where the bundle
        doesn't verify.
        """
        token = self._tokens.token(self._now())
        identity = _identity_token(token)
        with ForeignFaults(REMOTE_SIGNING, "remote signing failed", _PACKAGES, secrets=(token.raw,)):
            raw = within(self.deadline, lambda: _signed(self._config, identity, statement))
        self._check(raw, statement, token)
        return raw

    def _check(self, raw: bytes, statement: Statement, token: Token) -> None:
        from attest.signers.answers import check_answers  # noqa: PLC0415  heavy
        from attest.verifier.log_body import Signer as LoggedSigner  # noqa: PLC0415  heavy
        from attest.verifier.selfcheck import check_bundle  # noqa: PLC0415  heavy

        try:
            bundle = Bundle.parse(raw, where=_WHERE)
        except EvidenceError as error:
            raise SigningError(SELF_CHECK, error.what, where=_WHERE) from error
        identity = check_certified(bundle, token)
        root = None if self._services is None else self._services.root
        stampers = len(self._config.signing_config.get_tsas())
        signer = LoggedSigner(bundle.certificate or b"", is_certificate=True)
        check_answers(raw, signer=signer, root=root, logs=1, time_stamps=stampers)
        if root is None:
            _check_public(raw, statement, identity, self._config)
        else:
            check_bundle(raw, statement.payload, identity=identity, trusted_root=root, now=self._now())


def oidc_url(trust_config: bytes | None, *, where: str, deadline: float = DEADLINE_SECONDS) -> str:
    """Return the address of the OIDC issuer at which a person signs in for this configuration; errors as in `of`."""
    from sigstore.errors import Error  # noqa: PLC0415  heavy

    config = _public_config(deadline) if trust_config is None else _read_config(trust_config, where)
    try:
        return config.signing_config.get_oidc_url()
    except Error as error:
        raise DocumentError(TRUST_CONFIG_MALFORMED, "it names no OIDC issuer to sign in at", where=where) from error


def _signed(config: ClientTrustConfig, identity: IdentityToken, statement: Statement) -> bytes:
    from sigstore.dsse import Statement as Payload  # noqa: PLC0415  heavy
    from sigstore.sign import SigningContext  # noqa: PLC0415  heavy

    with SigningContext.from_trust_config(config).signer(identity) as signer:
        return signer.sign_dsse(Payload(statement.payload)).to_json().encode()


def _check_public(raw: bytes, statement: Statement, identity: Identity, config: ClientTrustConfig) -> None:
    """Check the bundle by sigstore-python alone, which keeps the bytes of the public root to itself."""
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import Bundle as SigstoreBundle  # noqa: PLC0415  heavy
    from sigstore.verify import Verifier  # noqa: PLC0415  heavy
    from sigstore.verify.policy import Identity as Expected  # noqa: PLC0415  heavy

    expected = Expected(identity=identity.subject, issuer=identity.issuer)
    try:
        verifier = Verifier(trusted_root=config.trusted_root)
        _, payload = verifier.verify_dsse(SigstoreBundle.from_json(raw), expected)
    except (Error, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise SigningError(SELF_CHECK, f"the new bundle doesn't verify: {printable(first)}") from error
    if payload != statement.payload:
        raise SigningError(SELF_CHECK, "the new bundle holds other bytes than were to be signed")


def _identity_token(token: Token) -> IdentityToken:
    from sigstore.oidc import IdentityError, IdentityToken  # noqa: PLC0415  heavy

    try:
        return IdentityToken(token.raw)
    except IdentityError as error:
        raise UsageError(IDENTITY_TOKEN, f"the identity token can't be used: {printable(str(error))}") from error


def _read_config(data: bytes, where: str) -> ClientTrustConfig:
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  heavy

    try:
        config = ClientTrustConfig.from_json(data.decode())
        _ = config.trusted_root, config.signing_config
    except (Error, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise DocumentError(
            TRUST_CONFIG_MALFORMED, f"not a client trust configuration: {printable(first)}", where=where
        ) from error
    return config


def _public_config(deadline: float) -> ClientTrustConfig:
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  heavy

    with ForeignFaults(REMOTE_SIGNING, "the public Sigstore's trust configuration could not be had", _PACKAGES):
        return within(deadline, ClientTrustConfig.production)
