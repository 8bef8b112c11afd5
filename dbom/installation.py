"""Whether the packages beside this one are ours.

`attest` and `lineage` are names that exist on the public index too. Installing those overwrites our files in place, so
start-up reads (without running) the file that an import would find, and refuses one that isn't ours.
"""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

__all__ = ["MARKER", "PACKAGES", "foreign_packages"]

PACKAGES = ("dbom", "attest", "lineage", "admission")
MARKER = "# dbom-package-marker: this file is dbom's own"


def foreign_packages(home: Path | None = None) -> list[str]:
    """Return one line for each of our packages that an import would take from somewhere else.

    `home` is the folder that holds `dbom/` (found from this file by default). Nothing is imported or run.
    """
    expected = Path(__file__).resolve().parent.parent if home is None else home
    return [line for package in PACKAGES if (line := _foreign(package, expected)) is not None]


def _foreign(package: str, expected: Path) -> str | None:
    spec = PathFinder.find_spec(package)
    if spec is None or spec.origin is None:
        return f"the package '{package}' is missing: expected {expected / package}"
    origin = Path(spec.origin)
    if origin.parent.parent.resolve() != expected:
        return f"the package '{package}' is not dbom's: got {origin}, expected {expected / package}"
    try:
        text = origin.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"the package '{package}' can't be checked: {origin}: {error.strerror}"
    if MARKER not in text:
        return f"the package '{package}' is not dbom's: {origin} has no dbom marker line"
    return None
