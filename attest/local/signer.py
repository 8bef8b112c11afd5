"""Signing with the embedded local Sigstore: every service that a signature needs, in this process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attest.dsse import pre_authentication_encoding
from attest.local.ecdsa import is_signed, signed
from attest.local.entries import dsse_entry, log_entry
from attest.local.generations import base_of, folder_in_force, held
from attest.local.services import Services
from attest.signers.assembling import certificate_bundle, dsse_envelope
from attest.trust import TrustRoot
from attest.verifier.selfcheck import check_bundle
from dbom.errors import SigningError
from dbom.names import DSSE_PAYLOAD_TYPE
from dbom.rules.attestations import CLOCK_BEFORE_AUTHORITY, SELF_CHECK

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from attest.identity import Identity
    from attest.local.embedded import LocalSigstore
    from attest.statement import Statement
    from dbom.canonical import JsonObject

__all__ = ["LocalSigner"]


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """Signs as this machine's local identity. A fresh key and a ten-minute certificate for every statement."""

    folder: Path
    identity: Identity
    _services: Services = field(repr=False)
    _trusted_root: bytes = field(repr=False)
    _now: Callable[[], datetime] = field(repr=False)
    _proven: set[Identity] = field(default_factory=set, repr=False)

    @classmethod
    def of(cls, sigstore: LocalSigstore, now: Callable[[], datetime]) -> Self:
        """Load keys and certificates.

        Raises `PathError` where one is missing, malformed, open to other users, or not what the trust root vouches for.
        """
        raw = sigstore.trusted_root()
        services = Services.load(sigstore.folder, TrustRoot.parse(raw, where=str(sigstore.folder)))
        return cls(sigstore.folder, sigstore.identity, services, raw, now)

    def describe(self) -> str:
        """Say who signs, and what that is worth."""
        return f"local identity {self.identity}, only as good as this machine"

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle of `statement`: certificate, log entry and time stamp.

        The first bundle of each signer is read back and verified as a stranger would, by sigstore-python and by our
        verifier; of each later one, the signature of the statement, whose key is fresh, is verified. All other keys
        are the same, and were compared with the trust root when they were loaded.

        Raises `SigningError` where the clock is outside the authority's lifetime, where a log is busy or damaged, or
        where the bundle doesn't verify; `PathError` where a log can't be written.
        """
        with held(base_of(self.folder)):
            return self._current()._signed(statement)  # noqa: SLF001  another of this class

    def record(
        self,
        envelope: JsonObject,
        payload: bytes,
        signature: bytes,
        verifier_pem: bytes,
    ) -> tuple[JsonObject, bytes]:
        """Log a signature by anybody's key or certificate, and stamp it; return the log entry and the time stamp (DER).

        Raises `SigningError` as `sign` does.
        """
        with held(base_of(self.folder)):
            signer = self._current()
            moment = signer._moment()  # noqa: SLF001  another of this class
            return signer._recorded(envelope, payload, signature, verifier_pem, moment)  # noqa: SLF001  the same

    def _current(self) -> LocalSigner:
        """Return this signer, with the keys that another program may have rotated to since it was loaded."""
        from attest.local.embedded import load_local  # noqa: PLC0415  it imports this module

        base = base_of(self.folder)
        if folder_in_force(base) == self.folder:
            return self
        return replace(LocalSigner.of(load_local(base), self._now), identity=self.identity)

    def _signed(self, statement: Statement) -> bytes:
        now = self._moment()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.RFC822Name(self.identity.subject)
        certificate = self._services.authority.issue(name, self.identity.issuer, key=key.public_key(), now=now)
        encoded = pre_authentication_encoding(DSSE_PAYLOAD_TYPE, statement.payload)
        signature = signed(encoded, key)
        if not is_signed(encoded, signature, key.public_key()):
            raise SigningError(SELF_CHECK, "the new signature doesn't verify")
        envelope = dsse_envelope(statement.payload, signature)
        pem = certificate.public_bytes(Encoding.PEM)
        entry, stamp = self._recorded(envelope, statement.payload, signature, pem, now)
        bundle = certificate_bundle(
            envelope, certificate=certificate.public_bytes(Encoding.DER), log_entry=entry, time_stamp=stamp
        )
        if self.identity not in self._proven:
            check_bundle(bundle, statement.payload, identity=self.identity, trusted_root=self._trusted_root, now=now)
            self._proven.add(self.identity)
        return bundle

    def _recorded(
        self, envelope: JsonObject, payload: bytes, signature: bytes, verifier_pem: bytes, now: datetime
    ) -> tuple[JsonObject, bytes]:
        services = self._services
        body = dsse_entry(envelope, payload, signature, verifier_pem)
        entry = log_entry(body, services.log.append(body), signer=services.log.signer, now=now)
        return entry, services.stamper.stamp(hashlib.sha256(signature).digest(), now)

    def _moment(self) -> datetime:
        now = self._now().replace(microsecond=0)
        start, end = self._services.window.start, self._services.window.end
        if (start is not None and now < start) or (end is not None and now >= end):
            raise SigningError(
                CLOCK_BEFORE_AUTHORITY,
                "the local authority isn't valid now",
                got=now.isoformat(),
                expected=f"from {start.isoformat() if start else 'ever'} to {end.isoformat() if end else 'ever'}",
            )
        return now
