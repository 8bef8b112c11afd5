"""The services of a Sigstore from a folder's keys: certificates, log and time stamps, as parts that can be called."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from attest.local.certificates import party_of
from attest.local.checkpoints import LogSigner
from attest.local.ecdsa import key_id
from attest.local.generations import base_of, number_of
from attest.local.issuing import CertificateAuthority
from attest.local.log import MerkleLog
from attest.local.roots import log_origin
from attest.local.timestamps import time_stamp
from attest.trust import TrustRoot, Window
from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from attest.trust import LogKey

__all__ = ["Services", "TimeStamper", "load_key"]

_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class TimeStamper:
    """An RFC 3161 authority: its key and that key's certificate."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)

    def stamp(self, digest: bytes, now: datetime) -> bytes:
        """Return the DER response that says that the bytes with this sha256 were there at `now` (whole seconds)."""
        return time_stamp(digest, key=self.key, certificate=self.certificate, serial=secrets.randbits(63), now=now)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a signature needs, and `window`, the time in which the trust root lets it vouch."""

    authority: CertificateAuthority
    log: MerkleLog
    stamper: TimeStamper
    window: Window

    @classmethod
    def load(cls, folder: Path, root: TrustRoot) -> Self:
        """Load keys and certificates of one generation.

        Raises `PathError` where one is missing, malformed or open to other users, or where they aren't those that
        `root` vouches for.
        """
        try:
            return cls._loaded(folder, root)
        except OSError as error:
            where = printable(str(error.filename))
            raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=where) from error
        except ValueError as error:
            raise PathError(LOCAL_STATE, "a certificate is malformed", where=printable(str(folder))) from error

    @classmethod
    def _loaded(cls, folder: Path, root: TrustRoot) -> Self:
        chain, key = _authority(folder)
        stamper = TimeStamper(load_key(folder / "tsa.key"), _certificates(folder / "tsa.pem")[0])
        origin = log_origin(party_of(chain[-1]).name, number_of(folder))
        log = MerkleLog(folder / "log", LogSigner(origin, load_key(folder / "log.key")))
        certificate_log = MerkleLog(folder / "ct-log", LogSigner(f"ct.{origin}", load_key(folder / "ct.key")))
        authority = CertificateAuthority(chain, key, certificate_log)
        _check_pair(key, chain[0], folder)
        _check_pair(stamper.key, stamper.certificate, folder)
        window = _vouched(log, root.logs)
        _vouched(certificate_log, root.certificate_logs)
        start = max(chain[0].not_valid_before_utc, window.start or chain[0].not_valid_before_utc)
        return cls(authority, log, stamper, Window(start, min(item.not_valid_after_utc for item in chain)))


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private key. Raises `PathError` where it is open to other users or not one of ECDSA, else `OSError`."""
    where = printable(str(path))
    if path.stat().st_mode & _OTHERS:
        raise PathError(
            LOCAL_STATE,
            "other users may read this key",
            where=where,
            hint="take it back with chmod 600, or start anew",
        )
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise PathError(LOCAL_STATE, "a key is malformed", where=where) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PathError(LOCAL_STATE, "not an ECDSA key", where=where)
    return key


def _authority(folder: Path) -> tuple[tuple[x509.Certificate, ...], ec.EllipticCurvePrivateKey]:
    """Return the chain and the key that signs: an intermediate's, or the root's in a folder made before those."""
    root = _certificates(folder / "ca.pem")
    root_key = load_key(base_of(folder) / "ca.key")
    _check_pair(root_key, root[0], folder)
    if not (folder / "intermediate.pem").exists():
        return root, root_key
    return _certificates(folder / "intermediate.pem") + root, load_key(folder / "intermediate.key")


def _certificates(path: Path) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(path.read_bytes()))


def _check_pair(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, folder: Path) -> None:
    if key.public_key() != certificate.public_key():
        raise PathError(LOCAL_STATE, "a key and its certificate don't belong together", where=printable(str(folder)))


def _vouched(log: MerkleLog, logs: Sequence[LogKey]) -> Window:
    log_id = key_id(log.signer.key.public_key())
    windows = [item.window for item in logs if item.log_id == log_id]
    if not windows:
        where = printable(str(log.folder))
        raise PathError(LOCAL_STATE, "the key of this log isn't one that the trust root names", where=where)
    return windows[0]
