"""Which Python ran a command, and what was installed in it; known only where that Python is the one that runs us."""

from __future__ import annotations

import platform
import shutil
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.capture.provenance import Environment
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["environment_of", "own_environment"]


def environment_of(command: Sequence[str]) -> Environment | Unknown:
    """Return the environment that `command` runs in, where it is our own Python; else why it isn't known.

    Asking another interpreter would mean to run something that nobody asked for.
    """
    program = shutil.which(command[0])
    if program is not None and _is_own_python(Path(program)):
        return own_environment()
    return Unknown("the command is not the Python that dbom itself runs in")


def _is_own_python(program: Path) -> bool:
    """Return whether this is our interpreter, by the same folder: the link of another environment leads here too."""
    own = Path(sys.executable)
    return program.parent.resolve() == own.parent.resolve() and program.resolve() == own.resolve()


def own_environment() -> Environment:
    """Return the Python that runs this, and every distribution that it can import, ordered by name."""
    packages: dict[str, str] = {}
    for item in distributions():  # in the order of the path, so the first of a name is the one that is imported
        packages.setdefault(item.name.lower().replace("_", "-"), item.version)
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=sysconfig.get_platform(),
        packages=dict(sorted(packages.items())),
    )
