"""Layers put on top of one another: whiteouts, folders that are opaque, and links, resolved within.

OCI image specification 1.1, "Image Layer Filesystem Changeset". Where container runtimes would disagree about what
comes out (a file under a link, a file where a folder is needed), the layer is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.stores import LAYER_REFUSED
from dbom.storage.oci.layers import FolderMember, LinkMember, Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbom.storage.oci.layers import PackedFile
    from dbom.storage.oci.manifests import Descriptor

__all__ = ["Leaf", "Rootfs"]

Leaf: TypeAlias = "PackedFile | Descriptor"
"""A file: read from a layer, or a whole blob of its own."""

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MOST_LINKS: Final = 40
_MOST_ENTRIES: Final = 1_000_000
_DEEPEST: Final = 1_000


@dataclass(slots=True)
class _Folder:
    children: dict[str, _Node] = field(default_factory=dict)


_Node: TypeAlias = "_Folder | LinkMember | Leaf"


class Rootfs:
    """The tree that layers make, each laid over the ones before."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._root = _Folder()

    def add_file(self, path: str, leaf: Leaf) -> None:
        """Add a file of its own. Raises `PathError` where something is there already."""
        parent, name = self._parent(path)
        if name in parent.children:
            raise self._refused("stands in the artifact twice", path)
        parent.children[name] = leaf

    def add_members(self, members: Iterable[Member]) -> None:
        """Add what an archive holds, which changes nothing that other layers hold.

        Raises `PathError` where something is there already.
        """
        for member in members:
            parent, name = self._parent(member.path)
            there = parent.children.get(name)
            if isinstance(there, _Folder) and isinstance(member.what, FolderMember) and not member.hard:
                continue
            if there is not None:
                raise self._refused("stands in the artifact twice", member.path)
            parent.children[name] = self._node(member)

    def apply(self, members: Iterable[Member]) -> None:
        """Lay a layer over the ones before: what it removes first, since it removes nothing of its own.

        Raises `PathError` for a layer that has no single reading.
        """
        added: list[Member] = []
        folders: dict[str, bool] = {}
        for member in members:
            folder, _, name = member.path.rpartition("/")
            if name == _OPAQUE:
                self._empty(folder, member.path)
            elif name.startswith(_WHITEOUT):
                self._remove(f"{folder}/{name[len(_WHITEOUT) :]}".lstrip("/"), member.path)
            else:
                is_folder = isinstance(member.what, FolderMember) and not member.hard
                if member.path in folders and not (is_folder and folders[member.path]):
                    raise self._refused("stands in one layer twice", member.path)
                folders[member.path] = is_folder
                added.append(member)
        for member in added:
            self._lay(member)

    def files(self) -> Iterator[tuple[str, Leaf]]:
        """Yield each file by its path, links within read as what they point to.

        Raises `PathError` for a link that dangles, leads out, or leads in circles.
        """
        count = 0
        open_folders: list[tuple[str, _Folder, Iterator[tuple[str, _Node]]]] = [
            ("", self._root, iter(sorted(self._root.children.items())))
        ]
        while open_folders:
            folder, _, rest = open_folders[-1]
            name, node = next(rest, ("", None))
            if node is None:
                open_folders.pop()
                continue
            path = f"{folder}/{name}" if folder else name
            if isinstance(node, LinkMember):
                node = self._resolved(path, node)
            count += 1
            if count > _MOST_ENTRIES:
                raise self._refused(f"has more than {_MOST_ENTRIES:,} entries", path)
            if not isinstance(node, _Folder):
                yield path, node
                continue
            if any(node is above for _, above, _ in open_folders) or len(open_folders) > _DEEPEST:
                raise self._refused("leads in circles", path)
            open_folders.append((path, node, iter(sorted(node.children.items()))))

    def _lay(self, member: Member) -> None:
        parent, name = self._parent(member.path)
        there = parent.children.get(name)
        if isinstance(there, _Folder) and isinstance(member.what, FolderMember) and not member.hard:
            return
        parent.children[name] = self._node(member)

    def _node(self, member: Member) -> _Node:
        if member.hard:
            found = self._find(member.hard)
            if found is None or isinstance(found, (_Folder, LinkMember)):
                raise self._refused("is a hard link to what is no file", member.path)
            return found
        return _Folder() if isinstance(member.what, FolderMember) else member.what

    def _parent(self, path: str) -> tuple[_Folder, str]:
        """Return the folder that a path belongs into, made where it is missing, and the name in it."""
        *above, name = path.split("/")
        if len(above) > _DEEPEST:
            raise self._refused("lies too deep", path)
        folder = self._root
        for segment in above:
            found = folder.children.setdefault(segment, _Folder())
            if not isinstance(found, _Folder):
                raise self._refused("lies below a file or a link", path)
            folder = found
        return folder, name

    def _find(self, path: str) -> _Node | None:
        node: _Node = self._root
        for segment in path.split("/") if path else ():
            found = node.children.get(segment) if isinstance(node, _Folder) else None
            if found is None:
                return None
            node = found
        return node

    def _empty(self, folder: str, marker: str) -> None:
        found = self._hidden_in(folder, marker)
        if found is not None:
            found.children.clear()

    def _remove(self, path: str, marker: str) -> None:
        folder, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            raise self._refused("is a whiteout of nothing", marker)
        found = self._hidden_in(folder, marker)
        if found is not None:
            found.children.pop(name, None)

    def _hidden_in(self, folder: str, marker: str) -> _Folder | None:
        """Return the folder that a whiteout speaks of, or None where there is none.

        Below a link or a file, one runtime hides what the link points to, the next puts a folder in its place.
        """
        node: _Node = self._root
        for segment in folder.split("/") if folder else ():
            if not isinstance(node, _Folder):
                break
            if segment not in node.children:
                return None
            node = node.children[segment]
        if not isinstance(node, _Folder):
            raise self._refused("is a whiteout below a file or a link", marker)
        return node

    def _resolved(self, path: str, link: LinkMember) -> _Folder | Leaf:
        """Follow a link within the tree, as a kernel would (path_resolution(7)), a number of steps at most."""
        place: list[_Folder] = [self._root]
        for segment in path.split("/")[:-1]:
            inner = place[-1].children.get(segment)
            if isinstance(inner, LinkMember):  # the folder was reached through a link: begin where that one leads
                return self._resolved_from(path, link, self._chain(path.rpartition("/")[0]))
            assert isinstance(inner, _Folder)
            place.append(inner)
        return self._resolved_from(path, link, place)

    def _chain(self, folder: str) -> list[_Folder]:
        """Return the folders above and at a path whose segments may be links, from the root down."""
        place: list[_Folder] = [self._root]
        found = self._walked(folder, folder.split("/"), place, 0)
        assert isinstance(found, _Folder)
        return place

    def _resolved_from(self, path: str, link: LinkMember, place: list[_Folder]) -> _Folder | Leaf:
        return self._walked(path, self._segments(path, link), place, 1)

    def _walked(self, path: str, segments: list[str], place: list[_Folder], links: int) -> _Folder | Leaf:
        """Walk `segments` from the last folder of `place`, which follows; return what is at the end."""
        left = list(reversed(segments))
        while left:
            segment = left.pop()
            if segment in ("", "."):
                continue
            if segment == "..":
                place.pop()
                if not place:
                    raise self._refused("is a link that leads out of the tree", path)
                continue
            found = place[-1].children.get(segment)
            if found is None:
                raise self._refused("is a link to what isn't there", path)
            if isinstance(found, LinkMember):
                links += 1
                if links > _MOST_LINKS:
                    raise self._refused("is a link that leads in circles", path)
                left.extend(reversed(self._segments(path, found)))
            elif isinstance(found, _Folder):
                place.append(found)
            elif left:
                raise self._refused("is a link through a file", path)
            else:
                return found
        return place[-1]

    def _segments(self, path: str, link: LinkMember) -> list[str]:
        if not link.target or link.target.startswith("/"):
            raise self._refused("is a link that leads out of the tree", path)
        return link.target.split("/")

    def _refused(self, what: str, path: str) -> PathError:
        return PathError(LAYER_REFUSED, what, where=f"{self._where}: {printable(path)}")
