"""What is in a cluster now: collections listed once, page by page, and then watched; asked again whatever goes wrong.

The steps are those of Kubernetes' own informers (client-go `tools/cache/reflector.go`): list, watch from there, list
again where the API server no longer knows the version (410), wait longer each time it is away.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.errors import DbomError, UndecidedError
from dbom.rules.cluster import CLUSTER_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from admission.controller.client import Api
    from dbom.canonical import Json, JsonObject

__all__ = ["MOST_OBJECTS", "Watched", "Watcher", "backed_off"]

MOST_OBJECTS: Final = 100_000
"""How many objects of a collection are kept; the others are counted."""

_PAGE: Final = "500"
_WATCH_SECONDS: Final = 240
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_GONE: Final = 410


def backed_off(failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row: half a second, doubled, up to 30."""
    return float(min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(failures, 16)))


@dataclass(frozen=True, slots=True)
class Watched:
    """A collection of a cluster as it was last known, by namespace and name. `generation` grows with every change.

    `is_there` is False where the cluster has no such kind. `left_out` counts what wasn't kept.
    """

    objects: Mapping[tuple[str, str], JsonObject]
    generation: int
    is_listed: bool
    is_there: bool = True
    left_out: int = 0


class Watcher:
    """Follows one collection in a thread of its own. `keeps` makes of an object what is kept of it."""

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        keeps: Callable[[JsonObject], JsonObject],
        changed: Callable[[], None],
        failed: Callable[[str, DbomError], None],
        most: int = MOST_OBJECTS,
    ) -> None:
        self.path = path
        self._api, self._keeps, self._changed, self._failed, self._most = api, keeps, changed, failed, most
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, str], JsonObject] = {}
        self._left_out: set[tuple[str, str]] = set()
        self._generation = 0
        self._is_listed, self._is_there = False, True
        self._thread = threading.Thread(target=self._follow, name=f"watch {path}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; a watch that is open ends with the process."""
        self._ended.set()

    def now(self) -> Watched:
        """Return what is known now. The objects aren't changed any more, whatever comes."""
        with self._lock:
            known = dict(self._objects)
            return Watched(known, self._generation, self._is_listed, self._is_there, len(self._left_out))

    @property
    def generation(self) -> int:
        """The number of changes so far."""
        return self._generation

    @property
    def is_listed(self) -> bool:
        """Whether the collection was read whole at least once."""
        return self._is_listed

    def _follow(self) -> None:
        failures = 0
        while not self._ended.is_set():
            try:
                version = self._list()
                failures = 0
                while version and not self._ended.is_set():
                    version = self._watch(version)
            except DbomError as error:
                self._failed(self.path, error)
                failures += 1
            self._ended.wait(backed_off(failures))

    def _list(self) -> str:
        """Read the whole collection and return its version; an empty one where there is no such kind."""
        found: dict[tuple[str, str], JsonObject] = {}
        left_out: set[tuple[str, str]] = set()
        more = ""
        while True:
            answer = self._api.get(self.path, limit=_PAGE, **({"continue": more} if more else {}))
            if answer.is_missing:
                self._take({}, set(), is_there=False)
                self._ended.wait(_LONGEST_WAIT)
                return ""
            document = answer.demanded()
            items, kind = document.get("items"), str(document.get("kind", ""))
            if not kind.endswith("List") or not isinstance(items, list):
                raise UndecidedError(CLUSTER_REFUSED, f"{self.path} was answered with no list", where="the API server")
            kind = kind.removesuffix("List")
            for item in items:
                if isinstance(item, dict):
                    # The items of a list leave out what the list says for all of them.
                    whole: JsonObject = {"apiVersion": document.get("apiVersion"), "kind": kind, **item}
                    self._put(found, left_out, whole)
            metadata = document.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            more = str(metadata.get("continue") or "")
            if not more:
                self._take(found, left_out, is_there=True)
                return str(metadata.get("resourceVersion") or "")

    def _watch(self, version: str) -> str:
        """Follow the changes since a version and return the last one; an empty one where all is to be listed again."""
        for event in self._api.watch(self.path, version, seconds=_WATCH_SECONDS):
            if self._ended.is_set():
                return ""
            item = event.get("object")
            if not isinstance(item, dict):
                continue
            if event.get("type") == "ERROR":
                if item.get("code") == _GONE:
                    return ""
                message = f"watching {self.path}: {item.get('message', 'no reason')!s}"
                raise UndecidedError(CLUSTER_REFUSED, message, where="the API server")
            metadata = item.get("metadata")
            version = str(metadata.get("resourceVersion") or version) if isinstance(metadata, dict) else version
            if event.get("type") in ("ADDED", "MODIFIED", "DELETED"):
                self._change(item, is_gone=event.get("type") == "DELETED")
        return version

    def _change(self, item: JsonObject, *, is_gone: bool) -> None:
        with self._lock:
            key = _key(item)
            if is_gone:
                self._left_out.discard(key)
                is_other = self._objects.pop(key, None) is not None
            else:
                before = self._objects.get(key)
                self._put(self._objects, self._left_out, item)
                is_other = before != self._objects.get(key)
            self._generation += is_other
        if is_other:
            self._changed()

    def _put(
        self, objects: dict[tuple[str, str], JsonObject], left_out: set[tuple[str, str]], item: JsonObject
    ) -> None:
        key = _key(item)
        if key in objects or len(objects) < self._most:
            objects[key] = self._keeps(item)
        else:
            left_out.add(key)

    def _take(
        self, found: dict[tuple[str, str], JsonObject], left_out: set[tuple[str, str]], *, is_there: bool
    ) -> None:
        with self._lock:
            is_other = not self._is_listed or found != self._objects or is_there is not self._is_there
            self._objects, self._left_out = found, left_out
            self._is_listed, self._is_there = True, is_there
            self._generation += is_other
        if is_other:
            self._changed()


def _key(item: JsonObject) -> tuple[str, str]:
    metadata: Json = item.get("metadata")
    if not isinstance(metadata, dict):
        return "", ""
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
