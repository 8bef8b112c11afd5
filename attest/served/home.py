"""The folder of a served Sigstore: keys, certificates and logs in the form of the local one's, and no identity."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from attest.local.certificates import Party
from attest.local.creation import create
from attest.local.ecdsa import spki
from attest.local.services import Services
from attest.local.stored import locked
from attest.trust import TrustRoot
from dbom.errors import DbomError, PathError
from dbom.names import SERVED_CA_ORGANIZATION, SERVED_NAME_PREFIX
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["ServedSigstore", "find_served", "open_served"]

FOLDER_NAME: Final = "served-sigstore"
"""The folder below the home that holds keys, certificates and logs."""

_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class ServedSigstore:
    """A Sigstore in a folder, whose certificates are issued for checked tokens. It has no identity of its own."""

    folder: Path
    _trusted_root: bytes = field(repr=False)

    def trusted_root(self) -> bytes:
        """Return `trusted_root.json`: all that somebody needs to verify what is signed with it."""
        return self._trusted_root

    def services(self) -> Services:
        """Return its authority, logs and time stamper.

        Raises `PathError` where a key is missing, malformed or open to other users.
        """
        return Services.load(self.folder, self._root())

    def time_stamper_chain(self) -> bytes:
        """Return the certificates of the time stamper in PEM, leaf first. Raises `PathError`."""
        from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415  only a server pays for it

        (chain,) = self._root().time_stampers
        return b"".join(load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in chain.certificates)

    @contextmanager
    def served(self) -> Iterator[None]:
        """Hold the folder: one program serves it. Raises `SigningError` where another does."""
        with locked(self.folder / "serve.lock", make=True, patience=0):
            yield

    def _root(self) -> TrustRoot:
        return TrustRoot.parse(self._trusted_root, where=printable(str(self.folder)))


def open_served(home: Path, *, now: datetime) -> ServedSigstore:
    """Open the Sigstore below `home`, and make it where there is none. Raises `PathError`."""
    found = find_served(home)
    if found is not None:
        return found
    create(home / FOLDER_NAME, subject="served", now=now, party=_party)
    return _loaded(home / FOLDER_NAME)


def find_served(home: Path) -> ServedSigstore | None:
    """Open the Sigstore below `home`, or return None where there is none yet. Raises `PathError`."""
    folder = home / FOLDER_NAME
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=printable(str(folder))) from error
    return _loaded(folder)


def _party(key: ec.EllipticCurvePublicKey) -> Party:
    digits = hashlib.sha256(spki(key)).hexdigest()[:_DIGITS]
    return Party(SERVED_CA_ORGANIZATION, f"{SERVED_NAME_PREFIX}{digits}")


def _loaded(folder: Path) -> ServedSigstore:
    path = folder / "trusted_root.json"
    try:
        raw = path.read_bytes()
        root = TrustRoot.parse(raw, where=printable(str(path)))
    except OSError as error:
        raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=printable(str(path))) from error
    except DbomError as error:
        raise PathError(LOCAL_STATE, error.what, where=error.where) from error
    if root.is_local:
        raise PathError(
            LOCAL_STATE, "this is a local identity's Sigstore, which isn't served", where=printable(str(path))
        )
    return ServedSigstore(folder, raw)
