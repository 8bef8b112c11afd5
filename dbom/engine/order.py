"""The manifest's order without a sort of the whole: a walk whose paths come out ordered by their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Child", "in_order"]

_Folder = TypeVar("_Folder")
_File = TypeVar("_File")


@dataclass(frozen=True, slots=True)
class Child(Generic[_Folder, _File]):
    """One entry of a folder: its name, and either the folder or the file that it is (the other is None)."""

    name: str
    folder: _Folder | None = None
    file: _File | None = None


def in_order(
    top: _Folder, children: Callable[[_Folder], Iterable[Child[_Folder, _File]]]
) -> Iterator[Child[_Folder, _File]]:
    """Walk from `top` and give the files so that their full paths are ordered by their bytes.

    That isn't the order of a walk by names: `a-b` and `a.b` come before `a/c`, since `-` and `.` come before `/`. It
    is the order of a walk that takes each folder's children by name, with a `/` behind the names of folders. Memory is
    the children of the folders on the way down.
    """
    levels = [iter(_ordered(children(top)))]
    while levels:
        child = next(levels[-1], None)
        if child is None:
            levels.pop()
        elif child.folder is not None:
            levels.append(iter(_ordered(children(child.folder))))
        else:
            yield child


def _ordered(children: Iterable[Child[_Folder, _File]]) -> list[Child[_Folder, _File]]:
    return sorted(children, key=_key)


def _key(child: Child[_Folder, _File]) -> bytes:
    name = child.name.encode(errors="surrogateescape")
    return name if child.folder is None else name + b"/"
