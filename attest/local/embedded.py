"""The embedded local Sigstore: opened from its folder, or made at the first use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.identity import Identity
from attest.local.generations import folder_in_force
from attest.local.home import FOLDER_NAME, data_home
from attest.trust import TrustRoot
from dbom.errors import DbomError, PathError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from attest.local.signer import LocalSigner

__all__ = ["LocalSigstore", "find_local", "load_local", "open_local"]


@dataclass(frozen=True, slots=True)
class LocalSigstore:
    """A whole Sigstore in a folder: certificate authority, certificate log, transparency log, time stamps.

    `folder` holds the keys in force (each rotation makes one). `identity` is the one signer it vouches for; it is only
    as good as the machine that holds the folder.
    """

    folder: Path
    identity: Identity
    _trusted_root: bytes = field(repr=False)

    def trusted_root(self) -> bytes:
        """Return `trusted_root.json`: all that somebody else needs to verify what is signed here."""
        return self._trusted_root

    def signer(self, *, now: Callable[[], datetime]) -> LocalSigner:
        """Return the signer. Raises `PathError` where its keys are missing, malformed or open to other users."""
        from attest.local.signer import LocalSigner  # noqa: PLC0415  whoever only verifies needs no keys

        return LocalSigner.of(self, now)


def open_local(home: Path | None = None, *, now: Callable[[], datetime] | None = None) -> LocalSigstore:
    """Open the local Sigstore under `home` (default: `DBOM_HOME`, else the user's data folder); make it at first use.

    Raises `PathError` where the folder can't be made or read, or where its parts don't belong together.
    """
    found = find_local(home)
    if found is not None:
        return found
    from attest.local.creation import create, machine_subject  # noqa: PLC0415  only the first use pays for it

    folder = _folder(home)
    create(folder, subject=machine_subject(), now=datetime.now(UTC) if now is None else now())
    return load_local(folder)


def find_local(home: Path | None = None) -> LocalSigstore | None:
    """Open the local Sigstore under `home`, or return None where there is none yet; otherwise as `open_local`."""
    folder = _folder(home)
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PathError(
            LOCAL_STATE,
            f"can't tell whether there is a local Sigstore: {error.strerror}",
            where=printable(str(folder)),
            hint="give this user the right to look into that folder, or set DBOM_HOME to one of their own",
        ) from error
    return load_local(folder)


def _folder(home: Path | None) -> Path:
    return (data_home() if home is None else home) / FOLDER_NAME


def load_local(base: Path) -> LocalSigstore:
    """Read the local Sigstore whose folder is `base`, with the keys in force. Raises `PathError`."""
    folder = folder_in_force(base)
    where = str(folder)
    try:
        subject = (folder / "subject").read_text(encoding="ascii").strip()
        raw = (folder / "trusted_root.json").read_bytes()
        root = TrustRoot.parse(raw, where=str(folder / "trusted_root.json"))
    except OSError as error:
        raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=str(error.filename)) from error
    except UnicodeDecodeError as error:
        raise PathError(LOCAL_STATE, "the subject isn't ASCII", where=where) from error
    except DbomError as error:
        raise PathError(LOCAL_STATE, error.what, where=error.where) from error
    if not subject or root.issuer_scope is None:
        raise PathError(LOCAL_STATE, "not the folder of a local Sigstore", where=where)
    return LocalSigstore(folder, Identity(subject, root.issuer_scope), raw)
