"""ConfigMaps and Secrets as files, laid out and kept up to date as a kubelet does it: it stands in for one.

A test's cluster has no nodes, so nobody mounts anything. Here a thread watches the very objects in the API server and
writes the volumes that a pod asks for into folders, by the steps of a kubelet's `AtomicWriter` (kubernetes v1.36
`pkg/volume/util/atomic_writer.go`): the files go into a new folder, `..data` is swapped to it by one rename, and the
names that a program opens are links through `..data`. So a program meets what it meets in a pod: old files or new ones,
never half of each, and each name a link. An object's change is laid out at once; a kubelet takes up to a minute.

What isn't done: mounting (folders are folders of this machine, and `readOnly` holds nobody back), `subPath`, modes and
owners as `fsGroup` would have them, a token's renewal.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
import socket
import ssl
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Api", "Source", "Volumes", "lay_out", "sources_of"]

_KINDS = {"configMap": "configmaps", "secret": "secrets"}


@dataclass(frozen=True, slots=True)
class Api:
    """An API server as a program outside its network namespace reaches it: a port of loopback, token, authority."""

    port: int
    token: str = field(repr=False)
    authority: str

    def get(self, path: str) -> dict[str, Any]:
        """Return the document at a path. Raises `OSError` where there is none."""
        with contextlib.closing(self._connection()) as connection:
            return dict(json.loads(self._asked(connection, path).read()))

    def get_as_kubectl(self, *words: str) -> dict[str, Any] | None:
        """Return what `kubectl get` with these words would, without the time that starting it takes.

        None where there is no such object, or for words that aren't known here.
        """
        path = _path(words)
        if path is None:
            return None
        with contextlib.suppress(ConnectionError):
            found = self.get(path)
            kind = {"apiVersion": found["apiVersion"], "kind": str(found["kind"]).removesuffix("List")}
            return {**found, "items": [{**kind, **item} for item in found["items"]]} if "items" in found else found
        return None

    def watch(self, path: str, version: str, opened: Callable[[socket.socket], None]) -> Iterator[dict[str, Any]]:
        """Yield the events of a list since a resource version; `opened` is given the socket, whose end ends this."""
        with contextlib.closing(self._connection()) as connection:
            connection.connect()
            connection.sock.settimeout(None)
            opened(connection.sock)
            asked = f"{path}?watch=1&allowWatchBookmarks=true&resourceVersion={version}"
            for line in self._asked(connection, asked):
                yield json.loads(line)

    def _connection(self) -> http.client.HTTPSConnection:
        tls = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=tls)

    def _asked(self, connection: http.client.HTTPSConnection, path: str) -> http.client.HTTPResponse:
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise ConnectionError(f"GET {path} was answered with {answer.status}: {answer.read()[:500]!r}")
        return answer


_PATHS = {
    "events": "/api/v1",
    "pods": "/api/v1",
    "secrets": "/api/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "policyreports": "/apis/wgpolicyk8s.io/v1alpha2",
    "provenancepolicies": "/apis/dbom.dev/v1alpha1",
    "validatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1",
}
_NAMESPACED = set(_PATHS) - {"validatingwebhookconfigurations"}
_FLAGS = {"--selector": "labelSelector", "--field-selector": "fieldSelector"}


def _path(words: Sequence[str]) -> str | None:
    """Return the path of what `kubectl get WORDS` asks for: a kind, perhaps a name, and where and which."""
    plain = "/".join(word for word in words if not word.startswith("--")).split("/")
    flags = dict(word.split("=", 1) for word in words if word.startswith("--") and "=" in word)
    kind = plain[0] if plain[0] in _PATHS else f"{plain[0]}s"
    is_somewhere = "--namespace" in flags or "--all-namespaces" in words or kind not in _NAMESPACED
    others = [word for word in words if word.startswith("--") and "=" not in word and word != "--all-namespaces"]
    if others or not is_somewhere or kind not in _PATHS or len(plain) > 2 or set(flags) - {"--namespace", *_FLAGS}:
        return None
    within = [f"namespaces/{flags['--namespace']}"] if "--namespace" in flags else []
    query = urlencode({_FLAGS[flag]: value for flag, value in flags.items() if flag in _FLAGS})
    return "/".join([_PATHS[kind], *within, kind, *plain[1:]]) + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Source:
    """A ConfigMap or Secret of a volume; `items` are paths by keys, None for all keys by their own names."""

    kind: str
    name: str
    items: tuple[tuple[str, str], ...] | None = None
    optional: bool = False

    def files(self, item: Mapping[str, Any] | None) -> dict[str, bytes] | None:
        """Return the files that the object gives, None where the pod couldn't start without what is missing."""
        if item is None:
            return {} if self.optional else None
        binary = item.get("binaryData" if self.kind == "configmaps" else "data") or {}
        plain = item.get("data") or {} if self.kind == "configmaps" else {}
        found = {key: base64.b64decode(text) for key, text in binary.items()}
        found |= {key: text.encode() for key, text in plain.items()}
        if self.items is None:
            return found
        if any(key not in found for key, _ in self.items) and not self.optional:
            return None
        return {path: found[key] for key, path in self.items if key in found}


def sources_of(volume: Mapping[str, Any]) -> tuple[Source, ...]:
    """Return the objects that a volume of a pod is made of; nothing for any other kind of volume."""
    if "projected" in volume:
        return tuple(
            _source(kind, part[kind], part[kind]["name"])
            for part in volume["projected"]["sources"]
            for kind in _KINDS
            if kind in part
        )
    return tuple(
        _source(kind, volume[kind], volume[kind].get("name") or volume[kind]["secretName"])
        for kind in _KINDS
        if kind in volume
    )


def _source(kind: str, said: Mapping[str, Any], name: str) -> Source:
    items = said.get("items")
    paths = None if items is None else tuple((item["key"], item["path"]) for item in items)
    return Source(_KINDS[kind], name, paths, optional=bool(said.get("optional")))


class Volumes:
    """The volumes of pods of one namespace, laid out in folders by threads until `close`."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._objects: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS.values()}
        self._volumes: dict[Path, Sequence[Source]] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._threads = [threading.Thread(target=self._follow, args=(kind,), daemon=True) for kind in self._objects]
        for thread in self._threads:
            thread.start()

    def add(self, folder: Path, sources: Sequence[Source]) -> None:
        """Lay out a volume in `folder`, now and whenever one of its objects changes."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._lock:
            self._volumes[folder] = sources
            self._write(folder)

    def are_there(self) -> bool:
        """Return whether everything that the volumes need is there, and laid out: a pod wouldn't start before."""
        return all((folder / "..data").is_symlink() for folder in self._volumes)

    def holds(self, name: str, data: Mapping[str, str]) -> bool:
        """Return whether a ConfigMap or Secret is known to hold this; then the files that are made of it do too."""
        with self._lock:
            found = [objects[name].get("data") for objects in self._objects.values() if name in objects]
            return dict(data) in found

    def close(self) -> None:
        """Stop watching; what is laid out stays."""
        self._ended.set()
        for open_socket in list(self._sockets.values()):
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)

    def _follow(self, kind: str) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/{kind}"
        while not self._ended.is_set():
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                listed = self._api.get(path)
                self._take(kind, {item["metadata"]["name"]: item for item in listed["items"]})
                version = listed["metadata"]["resourceVersion"]
                for event in self._api.watch(path, version, lambda opened: self._sockets.update({kind: opened})):
                    self._changed(kind, event)
            self._ended.wait(0.1)  # the server is gone, or ended the watch: ask again

    def _changed(self, kind: str, event: Mapping[str, Any]) -> None:
        if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
            return
        name = event["object"]["metadata"]["name"]
        rest = {other: item for other, item in self._objects[kind].items() if other != name}
        self._take(kind, rest if event["type"] == "DELETED" else {**rest, name: event["object"]})

    def _take(self, kind: str, objects: dict[str, Any]) -> None:
        with self._lock:
            self._objects[kind] = objects
            for folder in self._volumes:
                self._write(folder)

    def _write(self, folder: Path) -> None:
        """Lay out a volume; one of which an object is gone keeps its files, as in a running pod."""
        files: dict[str, bytes] = {}
        for source in self._volumes[folder]:
            given = source.files(self._objects[source.kind].get(source.name))
            if given is None:
                return
            files |= given
        lay_out(folder, files)


def lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make the files of a volume these, at once: what a program opens through `..data` is all old or all new."""
    data = folder / "..data"
    old = folder / data.readlink() if data.is_symlink() else None
    if old is not None and _read(old) == dict(files):
        return
    new = Path(tempfile.mkdtemp(prefix="..2026_", dir=folder))
    new.chmod(0o755)
    for path, content in files.items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_bytes(content)
    swap = folder / "..data_tmp"
    swap.symlink_to(new.name)
    swap.rename(data)
    names = {path.partition("/")[0] for path in files}
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in names:
            link.unlink()
    if old is not None:
        shutil.rmtree(old)


def _read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
