"""`dbom demo`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dbom.cli.output import write_result
from dbom.cli.session import current_session
from dbom.errors import PathError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.everyday import USAGE

__all__ = ["demo"]

_KeepOption = Annotated[
    Path | None, typer.Option("--keep", metavar="DIR", help="Play in this folder, which must be new or empty.")
]


def demo(keep: _KeepOption = None) -> None:
    """Watch the whole chain work, offline, in a minute.

    A real dataset and a real model are fingerprinted, described, signed, verified and drawn; a pod with the model is
    let in by the real webhook; one label is flipped, and the verdict is no. All of it stays in one folder: keys,
    evidence, the report. Exit 1 says that the chain doesn't behave here.

    Example: dbom demo --keep my-demo
    """
    from dbom.demo.story import tell

    folder = _folder(keep)
    told = tell(folder, say=_say, clock=lambda: datetime.now(UTC))
    write_result(f"The report:  {told.report}\nThe lineage: {told.picture}")
    by_hand = (*_path_line(Path(sys.executable).parent), *told.commands)
    _say("\nThe same by hand:\n" + "\n".join(f"  {line}" for line in by_hand))
    if keep is None:
        _say(f"\nAll of it lies in {folder}; remove that folder when you have seen enough.")


def _path_line(scripts: Path) -> tuple[str, ...]:
    """Return the command that puts the `dbom` of this environment on PATH, where the shell doesn't find that one."""
    script = scripts / "dbom"
    if not script.is_file() or shutil.which("dbom") == str(script):
        return ()
    return (f'export PATH={shlex.quote(str(scripts))}:"$PATH"',)


def _say(line: str) -> None:
    if not current_session().quiet:
        write_result(f"{line}\n")


def _folder(keep: Path | None) -> Path:
    try:
        if keep is None:
            return Path(os.path.realpath(tempfile.mkdtemp(prefix="dbom-demo-")))
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise UsageError(USAGE, "the folder isn't empty", where=printable(str(keep)), hint="name a new one")
        return Path(os.path.realpath(keep))
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be used: {error.strerror}", where=printable(str(keep))) from error
