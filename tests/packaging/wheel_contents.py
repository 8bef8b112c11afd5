"""Say what is wrong with a built wheel: something missing, or something that has no business in it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import PurePosixPath

PACKAGES = ("dbom", "attest", "lineage", "admission")
MARKER = b"# dbom-package-marker: this file is dbom's own"
ALLOWED_SUFFIXES = {".py", ".typed", ".csv", ".md", ".txt", ".json", ".html", ".css"}


def faults(wheel: zipfile.ZipFile) -> list[str]:
    """Return one line a fault of the wheel."""
    names = [name for name in wheel.namelist() if not name.endswith("/")]
    found = [
        f"missing: {path}"
        for package in PACKAGES
        for path in (f"{package}/__init__.py", f"{package}/py.typed")
        if path not in names
    ]
    found += [
        f"no marker line: {package}/__init__.py"
        for package in PACKAGES
        if f"{package}/__init__.py" in names and MARKER not in wheel.read(f"{package}/__init__.py")
    ]
    for name in names:
        path = PurePosixPath(name)
        if path.parts[0] not in PACKAGES and not path.parts[0].endswith(".dist-info"):
            found.append(f"outside the four packages: {name}")
        elif path.parts[0] in PACKAGES and path.suffix not in ALLOWED_SUFFIXES and not path.name.startswith("LICENSE"):
            found.append(f"unexpected kind of file: {name}")
    if not any(name.startswith("dbom/demo/data/") and name.endswith(".csv") for name in names):
        found.append("missing: the demo's table")
    if not any(PurePosixPath(name).name.startswith("LICENSE") and name.startswith("dbom/demo/data/") for name in names):
        found.append("missing: the licence of the demo's table")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        found.append("missing: the licence")
    return found


def main() -> int:
    """Check each wheel that is named on the command line."""
    status = 0
    for file in sys.argv[1:]:
        with zipfile.ZipFile(file) as wheel:
            found = faults(wheel)
            count = len(wheel.namelist())
        for fault in found:
            sys.stderr.write(f"{file}: {fault}\n")
        status = 1 if found else status
        sys.stdout.write(f"{file}: {count} files, {len(found)} faults\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
