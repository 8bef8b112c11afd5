"""The files of a journal: FILE is the one that is written, FILE.000000, FILE.000001 … are the full ones before it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from admission.journal.checking import ChainCheck
from admission.journal.records import CONTINUED, CONTINUES, GENESIS, line_digest
from dbom.errors import EvidenceError, PathError
from dbom.printable import printable
from dbom.rules.admission import JOURNAL_UNWRITABLE
from dbom.rules.journals import JOURNAL_GAP, JOURNAL_IN_USE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "Rotation",
    "Tail",
    "create_file",
    "family_of",
    "full_files",
    "full_name",
    "locked_file",
    "read_tail",
    "sync_folder",
]

_NUMBERED: Final = re.compile(r"(.+)\.(\d{6})")


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a file is full: at so many bytes, or when its first record is so old."""

    most_bytes: int = 64 * 1024 * 1024
    longest: timedelta = timedelta(days=1)


@dataclass(slots=True)
class Tail:
    """Where a journal goes on. `chain` is the digest of its very first record, empty where there is none yet."""

    number: int = 0
    head: str = GENESIS
    chain: str = ""
    file: int = 0
    began: datetime | None = None
    is_full: bool = False
    contents: set[str] = field(default_factory=set)
    torn: bytes = b""


def full_name(path: Path, file: int) -> Path:
    """Return what a full file is called."""
    return path.with_name(f"{path.name}.{file:06d}")


def family_of(path: Path) -> Path:
    """Return the file that is written, whichever of a journal's files is given."""
    found = _NUMBERED.fullmatch(path.name)
    return path if found is None else path.with_name(found[1])


def full_files(path: Path) -> list[Path]:
    """Return the full files beside the one that is written, in order."""
    names = [item for item in path.parent.iterdir() if item.name.startswith(f"{path.name}.")]
    return sorted(item for item in names if _NUMBERED.fullmatch(item.name))


def read_tail(path: Path) -> Tail:
    """Return where the journal at `path` goes on, all of its newest file checked.

    Raises `EvidenceError` where that is broken, or where the file that was written is gone; `OSError` where it can't be
    read.
    """
    if path.exists() and path.stat().st_size:
        return _tail_of(path)
    full = full_files(path)
    if not full:
        return Tail()
    tail = _tail_of(full[-1])
    if not tail.is_full:
        raise EvidenceError(JOURNAL_GAP, f"it goes on after {printable(full[-1].name)}, and is gone", where=str(path))
    return tail


def _tail_of(path: Path) -> Tail:
    check = ChainCheck(str(path))
    torn = b""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                torn = line
                break
            check.feed(line[:-1])
    check.finish()
    if check.faults:
        raise check.faults[0].error()
    first, last = check.first, check.last
    if first is None or last is None:
        tail = Tail()
    else:
        chain, number = first.digest, 0
        if first.kind == CONTINUED:
            chain, number = str(first.facts.get("chain")), _count(first.facts.get("file"))
        tail = Tail(check.next_number, check.head, chain, number, first.at, last.kind == CONTINUES, check.contents)
    if torn and not tail.is_full:
        tail.torn, tail.number, tail.head = torn, tail.number + 1, line_digest(torn)
    return tail


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0


def create_file(path: Path, first: bytes) -> None:
    """Put a file with its first line at `path` in one step, durable; nothing may be there but an empty file.

    Raises `OSError`.
    """
    beside = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(first)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    finally:
        os.close(descriptor)
    beside.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def locked_file(path: Path) -> int:
    """Return the descriptor of the journal's lock, which ends with the process that holds it.

    Raises `PathError` where another gate holds it, or where it can't be made.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        what = f"can't be opened: {error.strerror}"
        raise PathError(JOURNAL_UNWRITABLE, what, where=printable(str(path))) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise PathError(JOURNAL_IN_USE, "another gate writes to it", where=printable(str(path))) from error
    return descriptor
