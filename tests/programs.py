"""Where the real peers are: on PATH, or where `make peers` puts them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["find_program", "missing", "peers_folder", "program"]

_SYSTEM = ("/usr/sbin", "/sbin", "/usr/lib/postgresql/15/bin")
"""Where Debian has programs that aren't on everybody's PATH."""


def peers_folder() -> Path:
    """Return the folder that `make peers` fills."""
    given = os.environ.get("DBOM_TEST_PEERS")
    return (
        Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dbom/test-peers"
    )


def find_program(name: str) -> str | None:
    """Return the path of a peer, or None where it isn't there."""
    folder = peers_folder()
    places = (folder, folder / "python" / "bin", folder / "node_modules" / ".bin", *_SYSTEM)
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, places)))


def program(name: str) -> str:
    """Return the path of a peer. Raises where it isn't there."""
    found = find_program(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not there: run `make peers`")
    return found


def missing(*names: str) -> list[str]:
    """Return those of these peers that aren't there."""
    return [name for name in names if find_program(name) is None]
