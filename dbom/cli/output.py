"""Where results and talk go: the result to stdout or a file, everything else to stderr."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.cli.session import current_session
from dbom.errors import PathError
from dbom.names import schema_name
from dbom.rules.artifacts import PATH_UNREADABLE

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["json_result", "say", "write_file", "write_result"]


def write_result(result: str | bytes, output: Path | None = None) -> None:
    """Write the result to `output`, whole or not at all; to stdout where it is None or `-`."""
    data = result.encode() if isinstance(result, str) else result
    if not data.endswith(b"\n"):
        data += b"\n"
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_file(output, data)


def json_result(command: str, document: JsonObject, output: Path | None = None) -> None:
    """Write a command's JSON result, which carries its schema's name."""
    write_result(json.dumps({"schema": schema_name(command), **document}, indent=2, ensure_ascii=False), output)


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never half. Raises `PathError`."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise PathError(PATH_UNREADABLE, f"can't be written: {error.strerror}", where=str(path)) from error


def say(message: str, *, verbose: bool = False) -> None:
    """Talk to the person on stderr: not with --quiet, and with `verbose` only under --verbose."""
    session = current_session()
    if not session.quiet and (session.verbose or not verbose):
        sys.stderr.write(message + "\n")
