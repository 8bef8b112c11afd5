"""Signing with the embedded local Sigstore: every service that a signature needs, in this process."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from attest.assembling import certificate_bundle, dsse_envelope
from attest.dsse import pre_authentication_encoding
from attest.local.certificates import (
    certificate_timestamp,
    precertificate_entry,
    signing_certificate,
    with_timestamp,
)
from attest.local.entries import dsse_entry, log_entry
from attest.local.log import MerkleLog
from attest.local.roots import log_origin
from attest.local.timestamps import time_stamp
from attest.selfcheck import check_bundle
from dbom.errors import PathError, SigningError
from dbom.names import DSSE_PAYLOAD_TYPE
from dbom.rules.attestations import CLOCK_BEFORE_AUTHORITY, LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from attest.identity import Identity
    from attest.local.embedded import LocalSigstore
    from attest.statement import Statement

__all__ = ["LocalSigner"]

_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """Signs as this machine's local identity. A fresh key and a ten-minute certificate for every statement."""

    folder: Path
    identity: Identity
    _root: x509.Certificate = field(repr=False)
    _stamper: x509.Certificate = field(repr=False)
    _keys: dict[str, ec.EllipticCurvePrivateKey] = field(repr=False)
    _trusted_root: bytes = field(repr=False)
    _now: Callable[[], datetime] = field(repr=False)

    @classmethod
    def of(cls, sigstore: LocalSigstore, now: Callable[[], datetime]) -> Self:
        """Load keys and certificates. Raises `PathError` where one is missing, malformed or open to other users."""
        folder = sigstore.folder
        try:
            root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            stamper = x509.load_pem_x509_certificates((folder / "tsa.pem").read_bytes())[0]
            keys = {name: _key(folder / f"{name}.key") for name in ("ca", "ct", "log", "tsa")}
        except OSError as error:
            raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=str(error.filename)) from error
        except ValueError as error:
            raise PathError(LOCAL_STATE, "a certificate is malformed", where=str(folder)) from error
        return cls(folder, sigstore.identity, root, stamper, keys, sigstore.trusted_root(), now)

    def describe(self) -> str:
        """Say who signs, and what that is worth."""
        return f"local identity {self.identity}, only as good as this machine"

    def sign(self, statement: Statement) -> bytes:
        """Return the bundle of `statement`: certificate, log entry and time stamp, verified before it is returned.

        Raises `SigningError` where the clock is outside the authority's lifetime, where a log is busy or damaged, or
        where the bundle doesn't verify.
        """
        now = self._moment()
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certificate(key.public_key(), now)
        signature = key.sign(
            pre_authentication_encoding(DSSE_PAYLOAD_TYPE, statement.payload), ec.ECDSA(hashes.SHA256())
        )
        envelope = dsse_envelope(statement.payload, signature)
        body = dsse_entry(envelope, statement.payload, signature, certificate.public_bytes(Encoding.PEM))
        inclusion = MerkleLog(self.folder / "log").append(body)
        bundle = certificate_bundle(
            envelope,
            certificate=certificate.public_bytes(Encoding.DER),
            log_entry=log_entry(
                body, inclusion, origin=log_origin(self.identity.issuer), key=self._keys["log"], now=now
            ),
            time_stamp=time_stamp(
                hashlib.sha256(signature).digest(),
                key=self._keys["tsa"],
                certificate=self._stamper,
                serial=secrets.randbits(63),
                now=now,
            ),
        )
        check_bundle(bundle, statement.payload, identity=self.identity, trusted_root=self._trusted_root, now=now)
        return bundle

    def _moment(self) -> datetime:
        now = self._now().replace(microsecond=0)
        start, end = self._root.not_valid_before_utc, self._root.not_valid_after_utc
        if not start <= now < end:
            raise SigningError(
                CLOCK_BEFORE_AUTHORITY,
                "the local authority isn't valid now",
                got=now.isoformat(),
                expected=f"from {start.isoformat()} to {end.isoformat()}",
            )
        return now

    def _certificate(self, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.Certificate:
        authority = self._keys["ca"]
        builder = signing_certificate(self.identity, key, self._root, now)
        entry = precertificate_entry(builder.sign(authority, hashes.SHA256()), self._root, now)
        timestamp = certificate_timestamp(entry, self._keys["ct"], now)
        MerkleLog(self.folder / "ct-log").append(entry)
        return with_timestamp(builder, timestamp).sign(authority, hashes.SHA256())


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.stat().st_mode & _OTHERS:
        raise PathError(
            LOCAL_STATE,
            "other users may read this key",
            where=str(path),
            hint="take it back with chmod 600, or start anew",
        )
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise PathError(LOCAL_STATE, "a key is malformed", where=str(path)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PathError(LOCAL_STATE, "not an ECDSA key", where=str(path))
    return key
