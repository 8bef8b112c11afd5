"""Signing with a key, wherever it is: for itself or by a certificate of one's own authority, recorded or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attest.dsse import pre_authentication_encoding
from attest.signers.assembling import dsse_envelope, key_bundle, own_certificate_bundle
from dbom.names import DSSE_PAYLOAD_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.identity import Identity, KeyIdentity
    from attest.signers.keys import SigningKey
    from attest.signers.own_certificates import OwnCertificate
    from attest.signers.recording import Recorder
    from attest.statement import Statement

__all__ = ["KeySigner", "RecordedKeySigner"]


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Signs with a key alone: no certificate, no log, no time stamp. Whoever holds the public key can verify."""

    key: SigningKey = field(repr=False)

    @property
    def identity(self) -> KeyIdentity:
        """The key, by its digest."""
        from attest.signers.keys import key_identity  # noqa: PLC0415  heavy

        return key_identity(self.key)

    def describe(self) -> str:
        """Say which key signs, and what is not there."""
        return f"{self.identity}, without a log entry or a time"

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle: a DSSE envelope and a hint at the key."""
        from attest.signers.keys import sign_bytes  # noqa: PLC0415  heavy

        encoded = pre_authentication_encoding(DSSE_PAYLOAD_TYPE, statement.payload)
        envelope = dsse_envelope(statement.payload, sign_bytes(self.key, encoded))
        return key_bundle(envelope, hint=_hint(self.key, statement))


@dataclass(frozen=True, slots=True)
class RecordedKeySigner:
    """Signs with a key, and has each signature logged or dated by somebody else.

    With a `certificate` of one's own authority, that names who signs; without, the key does.
    """

    key: SigningKey = field(repr=False)
    recorder: Recorder = field(repr=False)
    certificate: OwnCertificate | None = field(repr=False)
    _now: Callable[[], datetime] = field(repr=False)

    @property
    def identity(self) -> Identity | KeyIdentity:
        """Whom the certificate names, or the key by its digest."""
        from attest.signers.keys import key_identity  # noqa: PLC0415  heavy

        return key_identity(self.key) if self.certificate is None else self.certificate.identity

    def describe(self) -> str:
        """Say who signs, and where that is recorded."""
        return f"{self.identity}, {self.recorder.describe()}"

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle: signed, recorded, read again and verified.

        Raises `SigningError` where a record can't be had, is about something else or doesn't verify, `DocumentError`
        where the certificate isn't valid now.
        """
        from attest.signers.keys import sign_bytes  # noqa: PLC0415  heavy
        from attest.signers.records import Signed  # noqa: PLC0415  heavy

        if self.certificate is not None:
            self.certificate.check(self._now())
        encoded = pre_authentication_encoding(DSSE_PAYLOAD_TYPE, statement.payload)
        signature = sign_bytes(self.key, encoded)
        envelope = dsse_envelope(statement.payload, signature)
        certificate = None if self.certificate is None else self.certificate.der
        record = self.recorder.record(
            Signed(statement.payload, envelope, signature, self.key.public_key(), certificate)
        )
        entries, stamps = record.log_entries, record.time_stamps
        if self.certificate is None:
            raw = key_bundle(envelope, hint=_hint(self.key, statement), log_entries=entries, time_stamps=stamps)
        else:
            raw = own_certificate_bundle(
                envelope,
                certificate=self.certificate.der,
                log_entries=entries,
                time_stamps=stamps,
                issuers=None if statement.model is None else self.certificate.authority.certificates[:-1],
            )
        self._check(raw, statement)
        return raw

    def _check(self, raw: bytes, statement: Statement) -> None:
        """Check the new bundle as whoever verifies it will, as far as it is known here who vouches for what."""
        from attest.authority import Authority  # noqa: PLC0415  heavy
        from attest.demands import Demands  # noqa: PLC0415  heavy
        from attest.identity import IdentityPattern  # noqa: PLC0415  heavy
        from attest.signers.answers import check_answers  # noqa: PLC0415  heavy
        from attest.signers.keys import public_der, public_pem  # noqa: PLC0415  heavy
        from attest.verifier.log_body import Signer as LoggedSigner  # noqa: PLC0415  heavy
        from attest.verifier.selfcheck import check_accepted  # noqa: PLC0415  heavy

        known, certificate = self.recorder.root, self.certificate
        signer = LoggedSigner(public_der(self.key) if certificate is None else certificate.der, certificate is not None)
        logs, stamps = self.recorder.logs, self.recorder.time_stamps
        check_answers(raw, signer=signer, root=known, logs=logs, time_stamps=stamps)
        if known is None:
            return
        demands = Demands(log=logs > 0, sct=False, time=stamps > 0)
        if certificate is None:
            authority = Authority("signer", root=known, key_pem=public_pem(self.key), demands=demands)
        else:
            pattern = IdentityPattern.exact(certificate.identity.subject, certificate.identity.issuer)
            authority = Authority("signer", (pattern,), certificate.root(known), demands=demands)
        check_accepted(raw, statement.payload, authority, now=self._now())


def _hint(key: SigningKey, statement: Statement) -> str:
    """Return the hint at the key. To others it is opaque; model-signing refuses any but its own."""
    from attest.signers.keys import key_hint, model_key_hint  # noqa: PLC0415  heavy

    return key_hint(key) if statement.model is None else model_key_hint(key)
