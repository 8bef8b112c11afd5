"""The first use: keys, certificates, trust root and empty logs, all at once or not at all."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attest.local.certificates import certificate_authority, time_stamper
from attest.local.log import MerkleLog
from attest.local.roots import trusted_root
from attest.trust import local_issuer
from dbom.errors import PathError
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["create", "machine_subject"]

_NAME_LIMIT = 64


def create(folder: Path, *, subject: str, now: datetime) -> None:
    """Make a local Sigstore in `folder`, for the signer `subject`, valid from `now` on.

    Everything is made in a folder beside it and then renamed: another first user at the same time either finds the
    whole or wins, and then ours is thrown away. Raises `PathError` where the place can't be written.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _fill(fresh, subject, now.replace(microsecond=0))
            _publish(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise PathError(LOCAL_STATE, f"can't be made: {error.strerror}", where=str(folder)) from error


def machine_subject(user: str | None = None, host: str | None = None) -> str:
    """Return `user@host`, in characters that every client takes in an e-mail name."""
    return f"{_plain(_user() if user is None else user)}@{_plain(socket.gethostname() if host is None else host)}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text.partition(".")[0])[:_NAME_LIMIT].strip("-") or "unknown"


def _fill(folder: Path, subject: str, now: datetime) -> None:
    authority, certificate_log, log, stamping_root, stamper = (
        ec.generate_private_key(ec.SECP256R1()) for _ in range(5)
    )
    root = certificate_authority(authority, now)
    # The key behind the time stamper's root signs this once and is then forgotten.
    chain = time_stamper(stamping_root, stamper.public_key(), now)
    _write(folder / "subject", subject.encode() + b"\n")
    _write(folder / "ca.pem", root.public_bytes(Encoding.PEM))
    _write(folder / "tsa.pem", b"".join(item.public_bytes(Encoding.PEM) for item in chain))
    for name, key in (("ca", authority), ("ct", certificate_log), ("log", log), ("tsa", stamper)):
        _write(folder / f"{name}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(
        folder / "trusted_root.json",
        trusted_root(
            authority=root,
            certificate_log=certificate_log.public_key(),
            log=log.public_key(),
            time_stamper=chain,
            issuer=local_issuer(authority.public_key()),
            start=now,
        ),
    )
    MerkleLog.create(folder / "ct-log")
    MerkleLog.create(folder / "log")
    _flush(folder)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _publish(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        # A folder that isn't empty is never replaced by a rename: somebody else was first, and theirs holds.
        if not (folder / "trusted_root.json").exists():
            raise
    _flush(folder.parent)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
