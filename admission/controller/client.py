"""Kubernetes' API over HTTPS with a service account's token: JSON in, JSON out, and no more (ADR 0024).

Every request has an end; a watch ends when nothing came for a while. The token is read anew for each request, since
kubelets renew it. A redirect is not followed, no proxy of the environment is used.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, urlencode, urlsplit

from attest.files import read_file
from dbom.canonical import json_object, load_json
from dbom.errors import DbomError, UndecidedError, UsageError
from dbom.printable import printable
from dbom.rules.cluster import CLUSTER_REFUSED, CLUSTER_SETUP, CLUSTER_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

__all__ = ["MERGE_PATCH", "Answer", "Api", "collection"]

MERGE_PATCH: Final = "application/merge-patch+json"
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
_MAX_LINE_BYTES: Final = 32 * 1024 * 1024
_JSON: Final = "application/json"
_OK: Final = range(200, 300)
_CREATED_ALREADY_OR_CHANGED: Final = 409
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered: a status of HTTP, and the object, or its `Status` where it says no."""

    status: int
    document: JsonObject
    asked: str

    @property
    def is_ok(self) -> bool:
        """Whether it said yes."""
        return self.status in _OK

    @property
    def is_missing(self) -> bool:
        """Whether there is no such object, or no such kind."""
        return self.status == _NOT_FOUND

    @property
    def is_kind_missing(self) -> bool:
        """Whether there is no such kind: the API server then says so in plain text, and names no object."""
        return self.is_missing and self.document.get("kind") != "Status"

    @property
    def is_namespace_ending(self) -> bool:
        """Whether the namespace in which something was to be made is gone, or on its way."""
        details = self.document.get("details")
        details = details if isinstance(details, dict) else {}
        if self.is_missing:
            return details.get("kind") == "namespaces"
        causes = details.get("causes")
        reasons = (
            [cause.get("reason") for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
        )
        return self.status == _FORBIDDEN and "NamespaceTerminating" in reasons

    @property
    def is_conflict(self) -> bool:
        """Whether it is there already, or was changed since it was read."""
        return self.status == _CREATED_ALREADY_OR_CHANGED

    def demanded(self) -> JsonObject:
        """Return the object. Raises `UndecidedError` where the API server said no."""
        if self.is_ok:
            return self.document
        said = printable(str(self.document.get("message", "no reason")))
        raise UndecidedError(
            CLUSTER_REFUSED, f"{self.asked} was answered with {self.status}: {said}", where="the API server"
        )


@dataclass(frozen=True, slots=True)
class Api:
    """An API server: where it is, who we are, and by which authority it is known. Times are in seconds."""

    host: str
    port: int
    token_file: Path
    tls: ssl.SSLContext = field(repr=False)
    timeout: float = 10.0

    @classmethod
    def open(cls, server: str, token_file: Path, authority: Path, *, timeout: float = 10.0) -> Self:
        """Return the API server at `https://HOST[:PORT]`. Raises `UsageError` for what can't be one."""
        parts = urlsplit(server)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
            raise UsageError(
                CLUSTER_SETUP, "not the address of an API server", got=printable(server), expected="https://HOST:PORT"
            )
        try:
            tls = ssl.create_default_context(cafile=str(authority))
        except OSError as error:
            where = printable(str(authority))
            raise UsageError(CLUSTER_SETUP, f"can't be used as its authority: {error}", where=where) from error
        return cls(parts.hostname, parts.port or 443, token_file, tls, timeout)

    def get(self, path: str, **query: str) -> Answer:
        """Ask for an object or a list."""
        return self._answer("GET", path, query=query)

    def create(self, path: str, document: JsonObject) -> Answer:
        """Make an object in a collection."""
        return self._answer("POST", path, document)

    def update(self, path: str, document: JsonObject) -> Answer:
        """Write an object over the one of the `resourceVersion` that it names: a conflict where it changed since."""
        return self._answer("PUT", path, document)

    def patch(self, path: str, document: JsonObject) -> Answer:
        """Change some fields of an object (RFC 7386)."""
        return self._answer("PATCH", path, document, content_type=MERGE_PATCH)

    def watch(self, path: str, version: str, *, seconds: int) -> Iterator[JsonObject]:
        """Yield the events of a collection since a resource version, until the API server ends it, after `seconds`.

        Raises `UndecidedError` where it can't be reached, says no, or goes away without a word.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        with self._connection(seconds + self.timeout) as connection:
            answer = self._asked(connection, "GET", path, None, query, content_type=_JSON)
            if answer.status not in _OK:
                Answer(answer.status, self._object(answer, path), f"watching {path}").demanded()
            while line := self._line(answer, path):
                event = load_json(line, where=path, limit=_MAX_LINE_BYTES)
                if isinstance(event, dict):
                    yield event

    def _answer(
        self,
        method: str,
        path: str,
        document: JsonObject | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = _JSON,
    ) -> Answer:
        with self._connection(self.timeout) as connection:
            answer = self._asked(connection, method, path, document, query or {}, content_type=content_type)
            return Answer(answer.status, self._object(answer, path), f"{method} {path}")

    def _asked(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        document: Json,
        query: Mapping[str, str],
        *,
        content_type: str,
    ) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": _JSON, "User-Agent": "dbom-controller"}
        body = None if document is None else json.dumps(document).encode()
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, body, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(path, error) from error

    def _object(self, answer: http.client.HTTPResponse, path: str) -> JsonObject:
        try:
            data = answer.read(MAX_ANSWER_BYTES + 1)
            if answer.length:
                raise http.client.IncompleteRead(data[:0], answer.length)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(path, error) from error
        try:
            return json_object(data, where=path, limit=MAX_ANSWER_BYTES)
        except DbomError as error:
            if answer.status in _OK:
                # Half an answer must never be taken for a whole one with nothing in it.
                raise _unreachable(path, error) from error
            return {"message": data[:200].decode("utf-8", "replace")}

    def _line(self, answer: http.client.HTTPResponse, path: str) -> bytes:
        try:
            line = answer.readline(_MAX_LINE_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(path, error) from error
        if line and not line.endswith(b"\n"):
            raise UndecidedError(CLUSTER_UNREACHABLE, f"watching {path} ended within an event", where="the API server")
        return line

    def _token(self) -> str:
        # A token is one line of ASCII; whatever else it were, it could add a header.
        text = read_file(self.token_file, limit=64 * 1024, what="token").decode("ascii", "replace").strip()
        if not text.isprintable() or " " in text:
            raise UsageError(CLUSTER_SETUP, "not a token", where=printable(str(self.token_file)))
        return text

    def _connection(self, timeout: float) -> contextlib.closing[http.client.HTTPSConnection]:
        return contextlib.closing(http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls))


def collection(group_version: str, resource: str, namespace: str = "", name: str = "", part: str = "") -> str:
    """Return the path of a collection, of an object in it, or of a part of that (`status`)."""
    root = "/api" if "/" not in group_version else "/apis"
    pieces = [root, group_version, *(["namespaces", quote(namespace, safe="")] if namespace else []), resource]
    return "/".join([*pieces, *([quote(name, safe="")] if name else []), *([part] if part else [])])


def _unreachable(path: str, error: Exception) -> UndecidedError:
    what = f"no answer to {path}: {type(error).__name__}: {printable(str(error))}"
    return UndecidedError(CLUSTER_UNREACHABLE, what, where="the API server")
