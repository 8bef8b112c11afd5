"""The command line. `main` is what the `dbom` script calls; it imports as little as the words after `dbom` need."""

from __future__ import annotations

import gc
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line on `sys.argv` and leave with its exit code."""
    _mend_streams()
    # A tree of a million files makes millions of small values and hardly a cycle among them: looking for cycles at
    # every 700 of them would take a tenth of the time.
    gc.set_threshold(20_000, 50, 1_000)
    try:
        code = _code(sys.argv[1:])
        sys.stdout.flush()
        gc.freeze()  # on its way out, the interpreter would look through all these values for cycles
    except OSError as error:  # of stdout alone: `run` lets nothing leave
        from dbom.cli.output import give_up_stdout

        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"error: standard output: can't be written: {error.strerror} (DBOM-907)\n")
        give_up_stdout()
        code = 2
    except KeyboardInterrupt:  # while the program itself was loading
        sys.stderr.write("error: interrupted\n")
        code = 130
    if code:
        sys.exit(code)


def _code(arguments: list[str]) -> int:
    from dbom.installation import foreign_packages

    foreign = foreign_packages()
    if foreign:
        for line in foreign:
            sys.stderr.write(f"error: {line}\n")
        sys.stderr.write("  hint: uninstall the other distribution and install dbom again (rule DBOM-903)\n")
        return 2
    if arguments == ["--version"]:
        from dbom import __version__

        sys.stdout.write(f"dbom {__version__}\n")
        return 0
    from dbom.cli.app import run

    return run(arguments)


def _mend_streams() -> None:
    """Give a stream that was closed before the start its number back, so that no file that is opened later gets it.

    What is written to such a stdout fails; what is said on such a stderr is lost. What the locale's encoding can't hold
    is written as backslash escapes.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
