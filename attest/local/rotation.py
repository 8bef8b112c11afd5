"""New keys for a local Sigstore: what was signed stays verifiable, what will be signed uses the new ones."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.local.creation import fill_generation
from attest.local.embedded import LocalSigstore, load_local
from attest.local.generations import GENERATION_FILE, GENERATIONS, all_folders, base_of, generation, held
from attest.local.roots import succeeded_root
from attest.local.services import Services, load_key
from attest.local.stored import PATIENCE, flush_folder, replace_file
from attest.trust import TrustRoot
from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_STATE
from dbom.rules.local import ROTATION_REFUSED

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography import x509

__all__ = ["Rotation", "rotate"]

_RETIRED: Final = ("intermediate.key", "ct.key", "log.key", "tsa.key")


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the local Sigstore with its new keys, their number, and since when they hold."""

    sigstore: LocalSigstore
    number: int
    since: datetime


def rotate(sigstore: LocalSigstore, *, now: datetime, patience: float = PATIENCE) -> Rotation:
    """Give a local Sigstore new keys: intermediate authority, both logs (which begin anew), time stamper.

    The root and so the identity stay. The trust root then names the old keys with an end and the new ones with a start,
    both `now` in whole seconds. The switch is one rename: a crash before it leaves the old keys in force, and what it
    leaves behind is cleared by the next rotation. The old private keys are removed after it.

    Raises `SigningError` where the clock is behind the keys' start or a log is damaged, `PathError` where the folder is
    incomplete or can't be written.
    """
    base, moment = base_of(sigstore.folder), now.replace(microsecond=0)
    try:
        with held(base, alone=True, patience=patience):
            return _rotated(base, moment)
    except OSError as error:
        where = printable(str(error.filename or base))
        raise PathError(LOCAL_STATE, f"can't be rotated: {error.strerror}", where=where) from error


def _rotated(base: Path, moment: datetime) -> Rotation:
    _retire(base)
    old = load_local(base)
    services = Services.load(old.folder, TrustRoot.parse(old.trusted_root(), where=str(old.folder)))
    start, end = services.window.start, services.window.end
    if (start is not None and moment < start) or (end is not None and moment >= end):
        raise SigningError(
            ROTATION_REFUSED,
            "the clock is outside the time of the keys in force",
            where=printable(str(base)),
            got=moment.isoformat(),
            expected=f"from {start} to {end}",
        )
    # Their last heads are signed while there is a key to do it with.
    for log in (services.log, services.authority.log):
        log.migrate()
    number = generation(base) + 1
    _make(base, old, services.authority.chain[-1], number, moment)
    replace_file(base / GENERATION_FILE, f"{number}\n".encode())
    _retire(base)
    return Rotation(load_local(base), number, moment)


def _make(base: Path, old: LocalSigstore, root: x509.Certificate, number: int, moment: datetime) -> None:
    """Make the next generation's folder, whole; nothing is in force by that."""
    home = base / GENERATIONS
    home.mkdir(mode=0o700, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".new.", dir=home))
    root_key = load_key(base / "ca.key")
    fill_generation(fresh, subject=old.identity.subject, root=root, root_key=root_key, now=moment, number=number)
    path = fresh / "trusted_root.json"
    replace_file(path, succeeded_root(old.trusted_root(), path.read_bytes(), moment))
    fresh.rename(home / str(number))
    flush_folder(home)
    flush_folder(base)


def _retire(base: Path) -> None:
    """Remove the private keys that are no longer in force, and what a rotation that was cut short left behind."""
    *retired, current = all_folders(base)
    for folder in retired:
        for name in _RETIRED:
            (folder / name).unlink(missing_ok=True)
    known = {current.name, *(folder.name for folder in retired)} - {base.name}
    home = base / GENERATIONS
    for folder in home.iterdir() if home.exists() else ():
        if folder.name not in known:
            shutil.rmtree(folder)
