"""Key pairs on disk: written once, never over something, and readable by their owner alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from attest.files import read_file
from attest.signers.keys import MAX_KEY_BYTES, is_encrypted, load_key, private_pem, public_pem
from dbom.errors import PathError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.attestations import KEY_EXISTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers.keys import SoftwareKey

__all__ = ["KeyPair", "read_key", "write_key_pair"]

KeyPair = tuple[Path, Path]
"""The private key's file and the public key's."""


def write_key_pair(prefix: str, key: SoftwareKey, *, password: str | None) -> KeyPair:
    """Write `PREFIX.key` (mode 0600) and `PREFIX.pub`, both or neither.

    Raises `UsageError` where one of them is there already, `PathError` where the folder can't be written.
    """
    private, public = Path(f"{prefix}.key"), Path(f"{prefix}.pub")
    for path in (private, public):
        if os.path.lexists(path):
            raise UsageError(KEY_EXISTS, "there is a file already", where=printable(str(path)))
    _create(private, private_pem(key, password=password), 0o600)
    try:
        _create(public, public_pem(key), 0o644)
    except (PathError, UsageError):
        private.unlink(missing_ok=True)
        raise
    return private, public


def read_key(path: Path, *, ask_password: Callable[[], str | None]) -> SoftwareKey:
    """Read a private key; `ask_password` is called only where it is encrypted.

    Raises `PathError` where there is no readable file, `UsageError` for a missing or wrong password, `DocumentError`
    for what isn't a key.
    """
    data = read_file(path, limit=MAX_KEY_BYTES, what="key")
    return load_key(data, where=printable(str(path)), password=ask_password() if is_encrypted(data) else None)


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise UsageError(KEY_EXISTS, "there is a file already", where=printable(str(path))) from error
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be written: {error.strerror}", where=printable(str(path))) from error
