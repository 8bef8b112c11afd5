"""An API server in memory: objects with versions, conflicts as the real one has them, and an end after so many writes.

It stands where the real one can't: a clock that the test moves, and a controller that ends between any two writes.
"""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admission.controller.client import Answer, Api
from dbom.errors import UndecidedError
from dbom.rules.cluster import CLUSTER_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbom.canonical import Json, JsonObject

__all__ = ["MemoryApi"]


class MemoryApi(Api):
    """Objects by path. After `writes_left` writes it is gone; `events` are what watches give, one list a watch.

    `refused` are answers to what is made, by the path of the collection.
    """

    def __init__(self) -> None:
        super().__init__("memory", 443, Path("token"), ssl.create_default_context())
        state: dict[str, Any] = {"objects": {}, "version": 0, "writes_left": None, "written": [], "pages": 0}
        state |= {"events": [], "kinds_gone": set(), "refused": {}}
        object.__setattr__(self, "state", state)

    state: dict[str, Any]

    def put(self, path: str, document: Mapping[str, Any]) -> None:
        """Write an object as somebody else would."""
        self.state["version"] += 1
        kept = json.loads(json.dumps(document))
        kept.setdefault("metadata", {})["resourceVersion"] = str(self.state["version"])
        self.state["objects"][path] = kept

    def at(self, path: str) -> dict[str, Any]:
        """Return an object."""
        return dict(json.loads(json.dumps(self.state["objects"][path])))

    def _answer(
        self,
        method: str,
        path: str,
        document: JsonObject | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "",
    ) -> Answer:
        del content_type
        asked = f"{method} {path}"
        path = path.removesuffix("/status")
        self._count(method, asked)
        if any(path.endswith(f"/{kind}") or f"/{kind}/" in path for kind in self.state["kinds_gone"]):
            return Answer(404, {"message": "404 page not found"}, asked)
        if method == "GET" and query is not None and "limit" in query:
            return self._listed(path, query, asked)
        if document is not None and method == "POST":
            return self._made(path, document, asked)
        if path not in self.state["objects"]:
            return Answer(404, {"kind": "Status", "message": "it isn't there"}, asked)
        before = self.state["objects"][path]
        if document is not None and method == "PUT":
            if _version(document) != _version(before):
                return Answer(409, {"message": "it was changed"}, asked)
            self.put(path, document)
        if document is not None and method == "PATCH":
            self.put(path, {**before, **document})
        return Answer(200, self.at(path), asked)

    def _count(self, method: str, asked: str) -> None:
        if method == "GET":
            return
        if self.state["writes_left"] == 0:
            raise UndecidedError(CLUSTER_UNREACHABLE, "gone")
        if self.state["writes_left"] is not None:
            self.state["writes_left"] -= 1
        self.state["written"].append(asked)

    def _made(self, path: str, document: JsonObject, asked: str) -> Answer:
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        if path in self.state["refused"]:
            status, said = self.state["refused"][path]
            return Answer(status, said, asked)
        path = f"{path}/{metadata['name']}"
        if path in self.state["objects"]:
            return Answer(409, {"message": "it is there"}, asked)
        self.put(path, document)
        return Answer(201, self.at(path), asked)

    def _listed(self, path: str, query: Mapping[str, str], asked: str) -> Answer:
        # A collection of all namespaces holds those of each.
        group, _, resource = path.rpartition("/")
        inside = re.compile(f"{re.escape(group)}/(namespaces/[^/]+/)?{re.escape(resource)}/")
        found = [item for key, item in sorted(self.state["objects"].items()) if inside.match(key)]
        start, size = int(query.get("continue", "0")), self.state["pages"] or len(found) or 1
        more = {"continue": str(start + size)} if start + size < len(found) else {}
        metadata: JsonObject = {"resourceVersion": str(self.state["version"]), **more}
        items: list[Json] = [
            {key: value for key, value in item.items() if key != "kind"} for item in found[start : start + size]
        ]
        return Answer(200, {"apiVersion": "v1", "kind": "ThingList", "metadata": metadata, "items": items}, asked)

    def watch(self, path: str, version: str, *, seconds: int) -> Iterator[JsonObject]:
        """Yield the next list of events; nothing comes after the last."""
        del path, version, seconds
        if not self.state["events"]:
            raise UndecidedError(CLUSTER_UNREACHABLE, "gone")
        yield from self.state["events"].pop(0)


def _version(document: Mapping[str, Any]) -> str:
    return str(document["metadata"].get("resourceVersion"))
