"""What can be wrong with a store or with a name in it, said in one way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dbom.errors import DbomError, MismatchError, NameRefusedError, StoreError
from dbom.printable import printable
from dbom.rules.artifacts import STORE_CONFLICT, STORE_ENTRY_TOO_LARGE, STORE_NAME_REFUSED, STORE_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MAX_ENTRY_BYTES",
    "Refused",
    "checked_name",
    "conflict",
    "name_refused",
    "ordered_names",
    "unreachable",
    "within",
]

Refused: TypeAlias = "Callable[[DbomError], None]"
"""Who is told what is wrong with one entry of a listing, so that the others are listed all the same."""

MAX_ENTRY_BYTES = 64 * 1024 * 1024
"""The largest entry that is read unless a caller says otherwise, in bytes."""


def checked_name(name: str, where: str) -> str:
    """Return a name that stays below its folder. Raises `NameRefusedError` for one that could lead out."""
    segments = name.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise name_refused(name, where, "has an empty, . or .. segment, or a leading slash")
    if "\0" in name:
        raise name_refused(name, where, "holds a NUL")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise name_refused(name, where, "is not UTF-8") from None
    return name


def ordered_names(names: list[str], where: str, refused: Refused | None = None) -> list[str]:
    """Return checked names, ordered by their bytes. A refused name is told to `refused`, or raised without it."""
    checked = []
    for name in names:
        try:
            checked.append(checked_name(name, where))
        except NameRefusedError as error:
            if refused is None:
                raise
            refused(error)
    return sorted(checked, key=str.encode)


def within(data: bytes, limit: int, where: str) -> bytes:
    """Return `data` where it is at most `limit` bytes. Raises `StoreError`."""
    if len(data) > limit:
        raise StoreError(
            STORE_ENTRY_TOO_LARGE, "is too large to be read", where=printable(where), expected=f"at most {limit} bytes"
        )
    return data


def unreachable(what: str, where: str, error: BaseException) -> StoreError:
    """Return the error of a store that can't be reached, listed, read or written."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return StoreError(STORE_UNREACHABLE, f"{what}: {printable(str(reason))}", where=printable(where))


def conflict(where: str) -> MismatchError:
    """Return the error of a file that is there with other bytes and is never overwritten."""
    return MismatchError(STORE_CONFLICT, "is there already with other bytes", where=printable(where))


def name_refused(name: str, where: str, fault: str) -> NameRefusedError:
    """Return the error of a name that a store can't have."""
    return NameRefusedError(STORE_NAME_REFUSED, f"the name {printable(name)} {fault}", where=printable(where))
