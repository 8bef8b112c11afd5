"""One file at an http or https address, in ranges where the server knows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from dbom.errors import ChangedError, PathError, StoreError, UsageError
from dbom.model import Unknown
from dbom.rules.artifacts import (
    CHANGED_WHILE_READ,
    LENGTH_UNKNOWN,
    PATH_MISSING,
    REDIRECT_REFUSED,
    URL_REFUSED,
)
from dbom.storage.filesystems import service_errors, shown_url
from dbom.storage.objects import Place, RemoteObject
from dbom.storage.retries import TransientError, judged, retrying

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPMessage, HTTPResponse
    from typing import IO

__all__ = ["Redirects", "WebSource", "web_place"]

_TIMEOUT = 60.0
_REDIRECTS = 5
_CONTENT_RANGE = re.compile(r"bytes (?:(?P<first>\d+)-(?P<last>\d+)|\*)/(?P<total>\d+)")
_CHUNK = 256 * 1024
_PARTIAL, _UNSATISFIABLE = 206, 416


def web_place(url: str) -> Place:
    """Return the place of a web address; a query may be a signature, so it stays with the root and is never shown.

    Raises `UsageError` where a password stands in it, or no host.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise UsageError(URL_REFUSED, "a password in an address is not taken", where=shown_url(url))
    if not parts.hostname or not url.isprintable() or " " in url:
        raise UsageError(URL_REFUSED, "not a web address", where=shown_url(url))
    return Place(parts._replace(fragment="").geturl(), unquote(parts.path))


class WebSource:
    """One web address. Nothing is sent along but what is asked for, so a redirect gives nothing away."""

    still = False

    def __init__(self, root: str) -> None:
        self._url = root
        self._opener = build_opener(Redirects())

    @property
    def host(self) -> str:
        """The server's host."""
        return urlsplit(self._url).netloc

    def find(self, key: str) -> RemoteObject | None:
        """Ask for the first byte: that tells the length, the ETag, and whether the server knows ranges."""
        try:
            return retrying(lambda: self._found(key), self.shown(key))
        except PathError as error:
            if error.rule is PATH_MISSING:
                return None
            raise

    def below(self, prefix: str) -> Iterator[RemoteObject]:  # noqa: ARG002  the web has no folders
        """List nothing: what a web server shows for a folder is a page of its own making."""
        yield from ()

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range of the file that was listed, and check that it is the one that was asked for."""
        if start == stop:
            return
        with self._answer({"Range": f"bytes={start}-{stop - 1}", "If-Match": item.tag}) as answer:
            self._demand_tag(answer, item)
            found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status != _PARTIAL or found is None:
                raise TransientError("sent the whole where a range was asked for")
            if (found["first"], found["last"], found["total"]) != (str(start), str(stop - 1), str(item.size)):
                raise TransientError("sent another range than was asked for")
            yield from self._read(answer, stop - start)

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read the whole file in one answer."""
        with self._answer({}) as answer:
            self._demand_tag(answer, item)
            if _announced(answer) != item.size:
                raise ChangedError(CHANGED_WHILE_READ, "has another length than before", where=self.shown(item.key))
            yield from self._read(answer, item.size)

    def attestation(self, item: RemoteObject) -> str:  # noqa: ARG002  a web server attests nothing of the content
        """Return nothing."""
        return ""

    def demand_same(self, item: RemoteObject) -> None:
        """Do nothing: each range was asked for with If-Match, and everything else comes in one answer."""

    def shown(self, key: str) -> str:  # noqa: ARG002  the address is all there is
        """Return the address without its query."""
        return shown_url(self._url)

    def location(self, item: RemoteObject) -> str:  # noqa: ARG002  the web keeps no versions
        """Return nothing."""
        return ""

    def tree_location(self, prefix: str) -> str | Unknown:  # noqa: ARG002  it doesn't depend on the prefix
        """Return why there is none."""
        return Unknown("a web server keeps no versions")

    def close(self) -> None:
        """Do nothing: no connection outlives its answer."""

    def _found(self, key: str) -> RemoteObject:
        with self._answer({"Range": "bytes=0-0"}) as answer:
            tag = answer.headers.get("ETag", "")
            found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status in (_PARTIAL, _UNSATISFIABLE) and found is not None:
                # A weak ETag doesn't say that the bytes are the same, so ranges could be of two files.
                return RemoteObject(key, int(found["total"]), tag, streamed=not tag.startswith('"'))
            if answer.status == _UNSATISFIABLE:
                raise StoreError(LENGTH_UNKNOWN, "the server doesn't say how long it is", where=self.shown(key))
            size = _announced(answer)
            if size is None:
                raise StoreError(LENGTH_UNKNOWN, "the server doesn't say how long it is", where=self.shown(key))
            return RemoteObject(key, size, tag, streamed=True)

    def _demand_tag(self, answer: HTTPResponse, item: RemoteObject) -> None:
        if answer.headers.get("ETag", "") != item.tag:
            raise ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=self.shown(item.key))
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise StoreError(LENGTH_UNKNOWN, "the server sends it encoded, unasked", where=self.shown(item.key))

    def _answer(self, headers: dict[str, str]) -> HTTPResponse:
        request = Request(self._url, headers={"Accept-Encoding": "identity", **headers})  # noqa: S310  http and https only, see web_place
        try:
            answer: HTTPResponse = self._opener.open(request, timeout=_TIMEOUT)
        except HTTPError as error:
            if error.code == _UNSATISFIABLE and "Range" in headers and "If-Match" not in headers:
                return cast("HTTPResponse", error)  # it has status, headers and a with, as an answer has
            with error:
                raise judged(error, self.shown("")) from error
        except service_errors() as error:
            raise judged(error, self.shown("")) from error
        return answer

    def _read(self, answer: HTTPResponse, size: int) -> Iterator[bytes]:
        left = size
        while left:
            try:
                data = answer.read(min(left, _CHUNK))
            except service_errors() as error:
                raise judged(error, self.shown("")) from error
            if not data:
                raise TransientError(f"broke off {left} bytes before the end")
            left -= len(data)
            yield data


class Redirects(HTTPRedirectHandler):
    """Follows a few redirects between web addresses, never to less protection."""

    max_redirections = _REDIRECTS

    def redirect_request(  # noqa: PLR0917  the base class has it so
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the next request, or refuse."""
        old, new = urlsplit(req.full_url), urlsplit(urljoin(req.full_url, newurl))
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http") or "@" in new.netloc:
            fp.close()
            raise StoreError(
                REDIRECT_REFUSED,
                "leads to an address that isn't followed",
                where=shown_url(req.full_url),
                got=shown_url(newurl),
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _announced(answer: HTTPResponse) -> int | None:
    said = answer.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None
