"""Keyless signing with the services of a Sigstore: certificate, log and time stamps over the network.

The services come from a client trust configuration; without one, the public Sigstore's is fetched by TUF. The identity
is an OIDC token: given, or what the surroundings (a CI job, a cloud) offer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from dbom.errors import DocumentError, SigningError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import IDENTITY_TOKEN, REMOTE_SIGNING, TRUST_CONFIG_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.oidc import IdentityToken

    from attest.identity import Identity
    from attest.statement import Statement

__all__ = ["RemoteSigner", "ambient_token"]


@dataclass(frozen=True, slots=True)
class RemoteSigner:
    """Signs with the services of a Sigstore, as whom an identity token names."""

    _config: ClientTrustConfig = field(repr=False)
    _token: IdentityToken = field(repr=False)
    _trusted_root: bytes | None = field(repr=False)
    _now: Callable[[], datetime] = field(repr=False)

    @classmethod
    def of(cls, trust_config: bytes | None, token: str, *, where: str, now: Callable[[], datetime]) -> Self:
        """Read a client trust configuration (None: the public Sigstore's, fetched by TUF) and an identity token.

        Raises `DocumentError` for a malformed configuration, `UsageError` for an unusable token, `SigningError` where
        the public Sigstore can't be reached.
        """
        from attest.trust import TrustRoot  # noqa: PLC0415  only who signs remotely pays for it

        identity = _identity_token(token)
        if trust_config is None:
            return cls(_public_config(), identity, None, now)
        root = TrustRoot.of_trust_config(trust_config, where=where)
        return cls(_read_config(trust_config, where), identity, root.raw, now)

    @property
    def identity(self) -> None:
        """Nothing yet: the authority decides which claim of the token it vouches for."""
        return

    def describe(self) -> str:
        """Say who signs, by the token's word."""
        return f"{printable(self._token.identity)} (issuer {printable(self._token.issuer)})"

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle: signed by a fresh key, certified, stamped and logged by the services, then verified.

        Raises `SigningError` where one of them can't be reached or refuses, or where the bundle doesn't verify.
        """
        from sigstore.dsse import Statement as Payload  # noqa: PLC0415  heavy
        from sigstore.sign import SigningContext  # noqa: PLC0415  heavy

        with _RemoteFaults("remote signing failed"):
            context = SigningContext.from_trust_config(self._config)
            with context.signer(self._token) as signer:
                bundle = signer.sign_dsse(Payload(statement.payload))
            stampers = self._config.signing_config.get_tsas()
        if stampers and bundle.verification_material.timestamp_verification_data is None:
            raise SigningError(REMOTE_SIGNING, "no time stamp could be had")
        raw = bundle.to_json().encode()
        self._check(raw, bundle, statement)
        return raw

    def _check(self, raw: bytes, bundle: Bundle, statement: Statement) -> None:
        from attest.selfcheck import check_bundle  # noqa: PLC0415  heavy

        if self._trusted_root is not None:
            check_bundle(
                raw, statement.payload, identity=_certified(bundle), trusted_root=self._trusted_root, now=self._now()
            )


def ambient_token() -> str | None:
    """Return the identity token that the surroundings offer (CI, cloud), or None where they offer none.

    Raises `SigningError` where they should and don't: a permission that is missing must not go unnoticed.
    """
    from sigstore.oidc import detect_credential  # noqa: PLC0415  heavy

    with _RemoteFaults("the identity that these surroundings offer could not be had"):
        return detect_credential()


def _identity_token(token: str) -> IdentityToken:
    from sigstore.oidc import IdentityError, IdentityToken  # noqa: PLC0415  heavy

    try:
        return IdentityToken(token.strip())
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


def _public_config() -> ClientTrustConfig:
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  heavy

    with _RemoteFaults("the public Sigstore's trust configuration could not be had"):
        return ClientTrustConfig.production()


def _certified(bundle: Bundle) -> Identity:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  heavy

    from attest.certificates import identity_of, load_certificate  # noqa: PLC0415  heavy

    encoded = bundle.signing_certificate.public_bytes(Encoding.DER)
    return identity_of(load_certificate(encoded, where="the new bundle"), where="the new bundle")


class _RemoteFaults:
    """Turns what goes wrong in there into a `SigningError`.

    sigstore raises classes of its private modules for a refusal by Fulcio or Rekor, so they are known by where they
    come from. What `requests` raises is an `OSError`, what parsing raises a `ValueError`.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or error is None:
            return
        if issubclass(kind, (OSError, ValueError)) or kind.__module__.partition(".")[0] in ("sigstore", "id", "tuf"):
            said = printable(str(error) or str(error.__cause__ or "") or kind.__name__)
            raise SigningError(REMOTE_SIGNING, f"{self._what}: {said}") from error
