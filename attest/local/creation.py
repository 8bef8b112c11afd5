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

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attest.local.certificates import intermediate_certificate, party_of, root_certificate, time_stamper
from attest.local.checkpoints import LogSigner
from attest.local.log import MerkleLog
from attest.local.roots import log_origin, trusted_root
from attest.local.stored import flush_folder, write_new
from dbom.errors import PathError
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.local.certificates import Party

__all__ = ["create", "fill_generation", "machine_subject", "write_key"]

_NAME_LIMIT = 64


def create(
    folder: Path,
    *,
    subject: str,
    now: datetime,
    party: Callable[[ec.EllipticCurvePublicKey], Party] | None = None,
) -> None:
    """Make a local Sigstore in `folder`, for the signer `subject`, valid from `now` on.

    `party` makes of the root's key whose Sigstore it is; by default it is this machine's, for its local identity.

    Everything is made in a folder beside it and then renamed: another first user at the same time either finds the
    whole or wins, and then ours is thrown away. Raises `PathError` where the place can't be written.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            _fill(fresh, subject, now.replace(microsecond=0), party)
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


def _fill(
    folder: Path, subject: str, now: datetime, party: Callable[[ec.EllipticCurvePublicKey], Party] | None
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    write_key(folder / "ca.key", key)
    root = root_certificate(key, now, party=None if party is None else party(key.public_key()))
    fill_generation(folder, subject=subject, root=root, root_key=key, now=now)


def fill_generation(
    folder: Path,
    *,
    subject: str,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    number: int = 0,
) -> None:
    """Write all of one generation into an empty folder: new keys under the same root, trust root, empty logs.

    A root that may have nothing between it and a signer (as those of older versions) signs by itself.
    """
    party = party_of(root)
    origin = log_origin(party.name, number)
    certificate_log = LogSigner(f"ct.{origin}", ec.generate_private_key(ec.SECP256R1()))
    log = LogSigner(origin, ec.generate_private_key(ec.SECP256R1()))
    stamper = ec.generate_private_key(ec.SECP256R1())
    # The key behind the time stamper's root signs this once and is then forgotten.
    stampers = time_stamper(
        ec.generate_private_key(ec.SECP256R1()), stamper.public_key(), now, organization=party.organization
    )
    chain: tuple[x509.Certificate, ...] = (root,)
    if root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length != 0:
        key = ec.generate_private_key(ec.SECP256R1())
        chain = (intermediate_certificate(root, root_key, key.public_key(), now), root)
        write_key(folder / "intermediate.key", key)
        write_new(folder / "intermediate.pem", chain[0].public_bytes(Encoding.PEM))
    write_new(folder / "subject", subject.encode() + b"\n")
    write_new(folder / "ca.pem", root.public_bytes(Encoding.PEM))
    write_new(folder / "tsa.pem", b"".join(item.public_bytes(Encoding.PEM) for item in stampers))
    for name, private in (("ct", certificate_log.key), ("log", log.key), ("tsa", stamper)):
        write_key(folder / f"{name}.key", private)
    write_new(
        folder / "trusted_root.json",
        trusted_root(
            authority=chain,
            certificate_log=certificate_log,
            log=log,
            time_stamper=stampers,
            party=party,
            start=now,
        ),
    )
    MerkleLog.create(folder / "ct-log", certificate_log)
    MerkleLog.create(folder / "log", log)
    flush_folder(folder)


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key for this user alone, as PKCS#8 PEM without a password."""
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _publish(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        # A folder that isn't empty is never replaced by a rename: somebody else was first, and theirs holds.
        if not (folder / "trusted_root.json").exists():
            raise
    flush_folder(folder.parent)
