"""What lies at a path of a container: an image volume whose digest is known, or something that can't be told."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from admission.references.places import image_target
from admission.references.program import read_volume
from admission.references.reference import Held, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from admission.documents import Node
    from dbom.model import Unknown

__all__ = ["FILLED", "Mount", "Mounts", "Volume", "read_mounts", "read_volumes"]

FILLED: Final = Target.opaque("a controller fills this folder with what another part of the object names")
"""What a path comes to in a folder that the controller of the object fills (`Resource.fills`)."""

_NO_IMAGE: Final = Target.opaque("it lies in the container image, which the object doesn't name")
_ABSENT: Final = "the volume mounted at its path is not one of the pod's"
_MESSAGE_PATH: Final = "/dev/termination-log"
_LAST_WORDS: Final = Target.opaque("a file for the container's last words lies there")
_NEVER_WORKED_IN: Final = ("/dev/shm", "/run/secrets/")  # noqa: S108  a path of containers, nothing is written there
_LINKS: Final = {
    "/var/run": "/run",
    "/var/lock": "/run/lock",
    "/bin": "/usr/bin",
    "/sbin": "/usr/sbin",
    "/lib": "/usr/lib",
    "/lib64": "/usr/lib64",
}


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of a pod: its kind (`image`, `emptyDir`, …), what it comes to, its name, and the pod's JSON path."""

    kind: str
    target: Target
    name: str = ""
    pod: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume at a path of a container; `sub_path` is the part of it that is seen, None where that can't be told."""

    path: str
    volume: Volume
    sub_path: str | None = ""
    read_only: bool = False

    def holding(self, path: str) -> Target:
        """Return what a clean path at or below this mount comes to, with where in the volume it lies."""
        target = self.volume.target
        if target.location is not None or self.sub_path is None or not self.volume.name:
            return target
        inside = posixpath.normpath(posixpath.join(self.sub_path, posixpath.relpath(path, self.path)))
        return replace(target, held=Held(self.volume.name, "" if inside == "." else inside, self.volume.pod))


@dataclass(frozen=True, slots=True)
class Mounts:
    """Everything that is mounted in a container, where it starts, and what its image comes to.

    `filled` are folders that a controller fills: nothing is mounted there yet.
    """

    mounts: tuple[Mount, ...]
    working_dir: str | None = None
    image: Target = _NO_IMAGE
    filled: tuple[str, ...] = ()

    def resolve(self, text: str) -> Target:
        """Return what a path comes to.

        An image volume says what lies in it, where nothing else is mounted over a part of it. Where nothing is mounted,
        the container's own image holds it.
        """
        path = text.removeprefix("file://")
        if ".." in path.split("/"):
            return Target.opaque("its path goes upwards")
        if not path.startswith("/"):
            if self.working_dir is None:
                return Target.opaque("its path is relative, and the image decides where it starts")
            path = posixpath.join(self.working_dir, path)
        path = _clean(path)
        over = [mount for mount in self.mounts if _within(path, mount.path)]
        if any(_within(mount.path, path) and mount.path != path for mount in self.mounts):
            return Target.opaque("another volume is mounted over a part of it")
        if not over:
            return FILLED if any(_within(path, _clean(folder)) for folder in self.filled) else self.image
        return _nearest(over, path)

    def started_in(self, folder: str | Unknown | None, altered: str) -> Mounts:
        """Return the mounts for a program that starts in another folder, or after others changed files (`altered`)."""
        if folder is None and not altered:
            return self
        working_dir = self.working_dir
        if folder is not None:
            is_plain = isinstance(folder, str) and folder.startswith("/") and ".." not in folder.split("/")
            working_dir = _clean(folder) if is_plain and isinstance(folder, str) else None
        return replace(self, working_dir=working_dir, image=Target.opaque(altered) if altered else self.image)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where something is mounted."""
        return tuple(mount.path for mount in self.mounts)

    def reach(self, folder: str) -> bool:
        """Return whether a folder, or something in it, could lie on a volume."""
        if not folder.startswith("/") or ".." in folder.split("/"):
            return self.shadows(folder)
        path = _clean(folder)
        return any(_within(path, mount) or _within(mount, path) for mount in self.paths)

    def shadows(self, name: str) -> bool:
        """Return whether a name, taken as a relative path, could lie on a volume: a loader would prefer that.

        Without a working directory in the object, the image decides, and any volume could be mounted there.
        """
        if self.working_dir is None or ".." in name.split("/"):
            return any(not path.startswith(_NEVER_WORKED_IN) for path in self.paths)
        return self.reach(posixpath.join(self.working_dir, name))


def read_volumes(pod_spec: Node) -> dict[str, Volume]:
    """Return the volumes of a pod by name."""
    volumes: dict[str, Volume] = {}
    for volume in pod_spec.get("volumes").items():
        name = volume.get("name").required()
        if name in volumes:
            volume.get("name").fault("another volume has this name")
        volumes[name] = _volume(volume, name, pod_spec.path)
    return volumes


def _volume(volume: Node, name: str, pod: str) -> Volume:
    kinds = sorted(key for key, node in volume.members() if key != "name" and node.is_there)
    own = read_volume(volume)
    if own is not None:
        return Volume(", ".join(kinds), own.target, name, pod)
    if kinds != ["image"]:
        kind = ", ".join(kinds) or "emptyDir"
        because = f"it lies on a volume of the kind {kind}, whose bytes nobody names"
        return Volume(kind, Target.opaque(because), name, pod)
    reference = volume.at("image", "reference").text()
    if not reference:
        return Volume("image", Target.opaque("the image volume names no image"), name, pod)
    return Volume("image", image_target(reference), name, pod)


def read_mounts(container: Node, volumes: Mapping[str, Volume], filled: tuple[str, ...] = ()) -> Mounts:
    """Return what is mounted in a container; a controller fills the folders `filled` in it."""
    mounts = [_mount(item, volumes) for item in container.get("volumeMounts").items()]
    last_words = container.get("terminationMessagePath").text()
    if last_words and last_words != _MESSAGE_PATH:
        mounts.append(Mount(_clean(last_words), Volume("unknown", _LAST_WORDS)))
    working_dir = container.get("workingDir").text()
    absolute = working_dir is not None and working_dir.startswith("/") and ".." not in working_dir.split("/")
    image = container.get("image").text()
    own = image_target(image) if image else _NO_IMAGE
    return Mounts(tuple(mounts), _clean(working_dir or "") if absolute else None, own, filled)


def _mount(item: Node, volumes: Mapping[str, Volume]) -> Mount:
    name, path = item.get("name").required(), item.get("mountPath").required()
    sub_path = item.get("subPath").text() or ""
    is_plain = not item.get("subPathExpr").is_there and ".." not in sub_path.split("/")
    return Mount(
        _clean(path),
        volumes.get(name) or Volume("unknown", Target.opaque(_ABSENT)),
        sub_path.strip("/") if is_plain else None,
        read_only=item.get("readOnly").flag() or False,
    )


def _nearest(over: list[Mount], path: str) -> Target:
    """Return what lies at a path that is at or below each of these mounts."""
    deepest = max(len(mount.path) for mount in over)
    nearest, *others = sorted(over, key=lambda mount: -len(mount.path))
    if any(len(mount.path) == deepest for mount in others):
        return Target.opaque("two volumes are mounted at its path")
    if any(mount.volume.target.location is None for mount in others):
        # A link in the outer volume leads to where the inner one is mounted, until somebody changes the link.
        return Target.opaque("its volume is mounted within another, where a link could take its place")
    return nearest.holding(path)


def _clean(path: str) -> str:
    """Return a path without `.` and doubled slashes, and with the links followed that images of Linux have."""
    path = "/" + posixpath.normpath("/" + path).lstrip("/")
    for link, target in _LINKS.items():
        if _within(path, link):
            return target + path.removeprefix(link)
    return path


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
