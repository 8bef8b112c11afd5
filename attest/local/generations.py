"""Which keys are in force: the folder of a local Sigstore, and one more folder for each rotation of its keys.

The first generation lies in the folder itself, the later ones in `generations/1`, `generations/2` and so on. The file
`generation` names the one in force; where it is missing, that is the first. A rotation is done when that file is there.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from attest.local.stored import PATIENCE, locked
from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "GENERATIONS",
    "GENERATION_FILE",
    "all_folders",
    "base_of",
    "folder_in_force",
    "generation",
    "held",
    "number_of",
]

GENERATION_FILE: Final = "generation"
"""The file that names the generation in force."""

GENERATIONS: Final = "generations"
"""The folder that holds the generations after the first."""

_NUMBER: Final = re.compile(rb"[1-9][0-9]{0,5}\n")


def generation(base: Path) -> int:
    """Return the number of the generation in force: 0 before the first rotation. Raises `PathError`."""
    path = base / GENERATION_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise PathError(LOCAL_STATE, f"can't be read: {error.strerror}", where=printable(str(path))) from error
    if not _NUMBER.fullmatch(text):
        raise PathError(LOCAL_STATE, "doesn't name the generation of keys in force", where=printable(str(path)))
    return int(text)


def folder_in_force(base: Path) -> Path:
    """Return the folder of the keys in force. Raises `PathError`."""
    return _folder(base, generation(base))


def all_folders(base: Path) -> tuple[Path, ...]:
    """Return the folder of every generation up to the one in force, oldest first. Raises `PathError`."""
    return tuple(_folder(base, number) for number in range(generation(base) + 1))


def base_of(folder: Path) -> Path:
    """Return the folder that all generations belong to, from that of one of them."""
    return folder.parent.parent if folder.parent.name == GENERATIONS else folder


def number_of(folder: Path) -> int:
    """Return the number of the generation whose folder this is."""
    return int(folder.name) if folder.parent.name == GENERATIONS else 0


@contextmanager
def held(base: Path, *, alone: bool = False, patience: float = PATIENCE) -> Iterator[None]:
    """Hold off rotations while a signature is made, or (`alone`) signatures while keys are rotated.

    Raises `SigningError` where it takes too long, `PathError` where the folder may not be written.
    """
    with locked(base / "rotation.lock", shared=not alone, make=True, patience=patience):
        yield


def _folder(base: Path, number: int) -> Path:
    return base / GENERATIONS / str(number) if number else base
