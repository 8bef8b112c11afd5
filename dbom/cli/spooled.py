"""Results too long for memory: gathered in a temporary file first, so that they are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.everyday import OUTPUT_UNWRITABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["spooled_result"]


@contextmanager
def spooled_result(output: Path | None) -> Iterator[BinaryIO]:
    """Give a file to write a result to; at the end it goes to `output` (None or `-`: stdout). Raises `PathError`."""
    with tempfile.TemporaryFile() as spool:
        yield cast("BinaryIO", spool)
        spool.seek(0)
        try:
            _copy(cast("BinaryIO", spool), output)
        except BrokenPipeError:
            raise
        except OSError as error:
            where = "standard output" if output is None else printable(str(output))
            raise PathError(OUTPUT_UNWRITABLE, f"can't be written: {error.strerror}", where=where) from error


def _copy(spool: BinaryIO, output: Path | None) -> None:
    if output is None or str(output) == "-":
        shutil.copyfileobj(spool, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    if output.exists() and not stat.S_ISREG(output.stat().st_mode):
        with output.open("wb", buffering=0) as stream:
            shutil.copyfileobj(spool, stream)
        return
    target = Path(os.path.realpath(output))
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".dbom-tmp-", delete=False) as fresh:
        try:
            shutil.copyfileobj(spool, fresh)
            fresh.flush()
            Path(fresh.name).chmod(0o644)
            Path(fresh.name).replace(target)
        except OSError:
            Path(fresh.name).unlink(missing_ok=True)
            raise
