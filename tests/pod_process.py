"""A pod's container as a process of this machine: what a Deployment of our manifests says to run, run without a node.

Its command, arguments and variables are taken from the object as the API server has it, word by word. Only the paths
at which its volumes would be mounted are replaced, by the folders of this machine in which they lie; ConfigMaps and
Secrets are laid out there by `mounted_files`, a PersistentVolumeClaim is a folder that the test gives, an `emptyDir` an
empty one. A program of the image (`dbom`) is this checkout's. Nobody mounts, probes, limits or restarts it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mounted_files import Volumes, sources_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["PodProcess", "pod_process"]

_VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


@dataclass(frozen=True, slots=True)
class PodProcess:
    """What is run: words and variables; `folders` are where the volumes lie, by their names.

    `empty` are those of them that are empty in a new pod.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str]
    folders: Mapping[str, Path]
    empty: tuple[Path, ...] = ()

    def replace(self) -> None:
        """Have empty volumes be empty, as in the pod that replaces one before it."""
        for folder in self.empty:
            folder.rename(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
            folder.mkdir()


def pod_process(
    pod: Mapping[str, Any],
    name: str,
    folder: Path,
    *,
    volumes: Volumes,
    claims: Mapping[str, Path],
    token: Callable[[str, str], str],
) -> PodProcess:
    """Return how the first container of a pod's specification is run as the pod `name`, its volumes below `folder`.

    `claims` are the folders of PersistentVolumeClaims by name; `token` makes the token of a
    service account of that name for an audience (none: the API server). Raises `KeyError` for a claim that isn't given.
    """
    container = pod["containers"][0]
    folders = {volume["name"]: _folder(volume, folder, claims) for volume in pod.get("volumes", ())}
    for volume in pod.get("volumes", ()):
        for part in volume.get("projected", {}).get("sources", ()):
            if "serviceAccountToken" in part:
                path = folders[volume["name"]] / part["serviceAccountToken"]["path"]
                said = part["serviceAccountToken"]
                path.write_text(token(pod.get("serviceAccountName", "default"), said.get("audience", "")))
        sources = sources_of(volume)
        if sources:
            volumes.add(folders[volume["name"]], sources)
    mounts = {mount["mountPath"].rstrip("/"): folders[mount["name"]] for mount in container.get("volumeMounts", ())}
    fields = {"metadata.name": name, "metadata.namespace": "dbom-system", "spec.nodeName": "", "status.podIP": ""}
    variables: dict[str, str] = {}
    for variable in container.get("env", ()):
        field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        variables[variable["name"]] = (
            fields[field] if field else _moved(_put(variable.get("value", ""), variables), mounts)
        )
    said = [str(word) for word in (*container.get("command", ()), *container.get("args", ()))]
    program, words = said[0], [_moved(_put(word, variables), mounts) for word in said[1:]]
    ours = [sys.executable, "-P", "-m", "dbom"] if program == "dbom" else [_moved(program, mounts)]
    path = os.pathsep.join(filter(None, sys.path))
    empty = tuple(folders[volume["name"]] for volume in pod.get("volumes", ()) if "emptyDir" in volume)
    return PodProcess((*ours, *words), {**variables, "PYTHONPATH": path}, folders, empty)


def _folder(volume: Mapping[str, Any], folder: Path, claims: Mapping[str, Path]) -> Path:
    if "persistentVolumeClaim" in volume:
        return claims[str(volume["persistentVolumeClaim"]["claimName"])]
    made = folder / str(volume["name"])
    made.mkdir(parents=True, exist_ok=True)
    return made


def _put(word: str, variables: Mapping[str, str]) -> str:
    """Return a word with `$(NAME)` put in, as a kubelet does; a name that isn't a variable's stays as it is."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), word)


def _moved(word: str, mounts: Mapping[str, Path]) -> str:
    """Return a word in which each path in a volume leads to the volume's folder."""
    if not mounts:
        return word
    paths = "|".join(re.escape(path) for path in sorted(mounts, key=len, reverse=True))
    return re.sub(f"(?<![^=,:])({paths})(?=/|$|[,:])", lambda found: str(mounts[found[1]]), word)
