"""Anything else that fsspec opens: listed and read through what all its file systems have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbom.errors import ChangedError, PathError, UsageError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_MISSING, URL_REFUSED
from dbom.storage.filesystems import close_filesystem, open_own_filesystem, service_errors, shown_url
from dbom.storage.objects import Place, RemoteObject
from dbom.storage.ranges import pieces, whole
from dbom.storage.retries import judged, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, TypeVar

    _Result = TypeVar("_Result")

__all__ = ["AnySource", "any_place"]

_TAGS = (
    "ETag",
    "etag",
    "generation",
    "version_id",
    "content_md5",
    "mtime",
    "last_modified",
    "LastModified",
    "modified",
    "created",
    "ino",
)
"""What file systems call that which differs when bytes do. Each is a hint of change, none an identity."""


def any_place(url: str) -> Place:
    """Return the place of a URL. Raises `UsageError` where a password stands in it or it isn't a URL."""
    protocol, separator, rest = url.partition("://")
    if not separator or "::" in url or not protocol.isalnum():
        raise UsageError(URL_REFUSED, "not an address", where=shown_url(url))
    if ":" in urlsplit(url).netloc.rpartition("@")[0]:
        raise UsageError(URL_REFUSED, "a password in an address is not taken", where=shown_url(url))
    head, _, key = rest.partition("/")
    return Place(f"{protocol}://{head}", key)


class AnySource:
    """One host, container or the like of a protocol that has no module of its own here."""

    still = False

    def __init__(self, root: str) -> None:
        self._root = root
        self._filesystem, path = open_own_filesystem(root)
        self._path = path.rstrip("/")

    @property
    def host(self) -> str:
        """The URL's host."""
        return urlsplit(self._root).netloc

    def find(self, key: str) -> RemoteObject | None:
        """Ask for one object."""
        if not key or key.endswith("/"):
            return None
        try:
            found = self._asked(key, lambda: self._filesystem.info(self._full(key)))
        except PathError as error:
            if error.rule is PATH_MISSING:
                return None
            raise
        return self._object(key, found) if found.get("type") == "file" else None

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """List the objects below a prefix."""
        where = self._full(prefix).rstrip("/")
        try:
            found = self._asked(prefix, lambda: self._filesystem.find(where, detail=True))
        except PathError as error:
            if error.rule is PATH_MISSING:
                return
            raise
        for name, details in sorted(found.items()):
            if details.get("type") == "file" and name != where:
                yield self._object(self._key(name), details)

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range, in pieces: fsspec gives each as a whole."""
        for first, after in pieces(start, stop):
            try:
                data = self._filesystem.cat_file(self._full(item.key), start=first, end=after)
            except service_errors() as error:
                raise judged(error, self.shown(item.key)) from error
            yield whole(data, after - first)

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read nothing: every file system here knows ranges."""
        raise NotImplementedError(item.key)

    def attestation(self, item: RemoteObject) -> str:  # noqa: ARG002  fsspec's checksums are hints of change
        """Return nothing."""
        return ""

    def demand_same(self, item: RemoteObject) -> None:
        """Look again: not all of these can be asked for one state of an object."""
        now = self.find(item.key)
        if now is None or now.size != item.size or not _agree(now.tag, item.tag):
            raise ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=self.shown(item.key))

    def shown(self, key: str) -> str:
        """Return the object's URL."""
        return printable(f"{shown_url(self._root)}/{key}")

    def location(self, item: RemoteObject) -> str:  # noqa: ARG002  no pin is known of these
        """Return nothing."""
        return ""

    def tree_location(self, prefix: str) -> str | Unknown:  # noqa: ARG002  it doesn't depend on the prefix
        """Return why there is none."""
        return Unknown("no pin is known of this protocol")

    def close(self) -> None:
        """Close its connections."""
        close_filesystem(self._filesystem)

    def _full(self, key: str) -> str:
        return f"{self._path}/{key}" if key else self._path

    def _key(self, name: str) -> str:
        return str(name).removeprefix(self._path).removeprefix("/")

    def _object(self, key: str, found: Mapping[str, Any]) -> RemoteObject:
        tag = "\n".join(f"{name} {_plain(found[name])}" for name in _TAGS if found.get(name) is not None)
        return RemoteObject(key, int(found.get("size") or 0), tag)

    def _asked(self, key: str, ask: Callable[[], _Result]) -> _Result:
        def once() -> _Result:
            try:
                return ask()
            except service_errors() as error:
                raise judged(error, self.shown(key)) from error

        return retrying(once, self.shown(key))


def _plain(value: object) -> object:
    """Return a time in one form: some file systems list a number and tell a date of one file."""
    timestamp = getattr(value, "timestamp", None)
    return timestamp() if timestamp is not None else value


def _agree(tag: str, other: str) -> bool:
    """Return whether two tags say the same where both say something: a listing may say less than a look at one file."""
    here, there = (dict(line.split(" ", 1) for line in text.splitlines() if " " in line) for text in (tag, other))
    return all(here[name] == there[name] for name in here.keys() & there.keys())
