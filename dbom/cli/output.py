"""Where results and talk go: the result to stdout or a file, everything else to stderr."""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.cli.session import current_session
from dbom.errors import PathError, UsageError
from dbom.names import schema_name
from dbom.printable import printable
from dbom.rules.artifacts import WRITES_INTO_ARTIFACT
from dbom.rules.everyday import OUTPUT_UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from dbom.canonical import JsonObject

__all__ = [
    "STDOUT",
    "demand_outside",
    "give_up_stdout",
    "json_result",
    "opened_file",
    "say",
    "write_file",
    "write_result",
]


STDOUT = "standard output"
"""Where a result goes that no file is named for, as messages call it."""


def write_result(result: str | bytes, output: Path | None = None) -> None:
    """Write the result to `output`, whole or not at all; to stdout where it is None or `-`. Raises `PathError`."""
    # A file name that isn't UTF-8 holds surrogates; written as backslash escapes they are still JSON.
    data = result.encode(errors="backslashreplace") if isinstance(result, str) else result
    if not data.endswith(b"\n"):
        data += b"\n"
    if output is None or str(output) == "-":
        _write_stdout(data)
    else:
        write_file(output, data)


def _write_stdout(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_stdout()
        raise PathError(OUTPUT_UNWRITABLE, f"can't be written: {error.strerror}", where=STDOUT) from error


def json_result(command: str, document: JsonObject, output: Path | None = None) -> None:
    """Write a command's JSON result, which carries its schema's name."""
    write_result(json.dumps({"schema": schema_name(command), **document}, indent=2, ensure_ascii=False), output)


def give_up_stdout() -> None:
    """Send what is still in stdout's buffer nowhere: at exit it would be tried again, with Python's own message."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never half. Raises `PathError`.

    A link is followed, as a shell would. A pipe or a device (`/dev/stdout`) is written to, never replaced by a file.
    """
    with opened_file(path) as file:
        file.write(data)


@contextmanager
def opened_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written piece by piece, whole or not at all; otherwise as `write_file`."""
    try:
        with path.open("wb", buffering=0) if _is_stream(path) else _replaced(Path(os.path.realpath(path))) as file:
            yield file
    except OSError as error:
        raise PathError(OUTPUT_UNWRITABLE, f"can't be written: {error.strerror}", where=printable(str(path))) from error


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """Give a file beside `path` that takes its place at the end, and is gone where that isn't reached."""
    import tempfile

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".dbom-tmp-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def demand_outside(written: Path | None, artifacts: Iterable[str]) -> None:
    """Raise `UsageError` where the file to write is one of the artifacts, or lies inside one; stdout never does."""
    if written is None or str(written) == "-":
        return
    target = Path(os.path.realpath(written))
    for artifact in artifacts:
        if target.is_relative_to(os.path.realpath(artifact)):
            raise UsageError(
                WRITES_INTO_ARTIFACT,
                f"lies inside {printable(artifact)} and would change it",
                where=printable(str(written)),
            )


def say(message: str, *, verbose: bool = False) -> None:
    """Talk to the person on stderr: not with --quiet, and with `verbose` only under --verbose."""
    session = current_session()
    if not session.quiet and (session.verbose or not verbose):
        sys.stderr.write(message + "\n")
