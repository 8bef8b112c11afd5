"""The command line. `main` is what the `dbom` script calls; it imports as little as the words after `dbom` need."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line on `sys.argv` and leave with its exit code."""
    from dbom.installation import foreign_packages

    foreign = foreign_packages()
    if foreign:
        for line in foreign:
            sys.stderr.write(f"error: {line}\n")
        sys.stderr.write("  hint: uninstall the other distribution and install dbom again (rule DBOM-903)\n")
        sys.exit(2)
    if sys.argv[1:] == ["--version"]:
        from dbom import __version__

        sys.stdout.write(f"dbom {__version__}\n")
        return
    from dbom.cli.app import run

    sys.exit(run(sys.argv[1:]))
