"""One registry, spoken to as the OCI distribution specification 1.1 says. Every byte that comes is hashed."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dbom.errors import ChangedError, DocumentError, MismatchError, PathError, StoreError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, STORE_UNREACHABLE
from dbom.rules.stores import MANIFEST_MALFORMED, REGISTRY_DIGEST, REGISTRY_LOGIN
from dbom.storage.oci.login import Login
from dbom.storage.oci.manifests import ACCEPTED, MAX_MANIFEST_BYTES, Index, Manifest, parse_document
from dbom.storage.oci.transport import Transport, address_of, origin_of
from dbom.storage.retries import TransientError, judged, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dbom.storage.oci.manifests import Document
    from dbom.storage.oci.reference import Reference
    from dbom.storage.oci.transport import Answer

__all__ = ["Registry", "open_registry"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LINK: Final = re.compile(r"<(?P<url>[^<>]*)>(?P<parameters>[^<]*)")
_NEXT: Final = re.compile(r';\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")', re.IGNORECASE)
_CHUNK: Final = 256 * 1024
_OK, _CREATED, _ACCEPTED, _PARTIAL = 200, 201, 202, 206
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


class Registry:
    """One registry. Every method may be called from any thread.

    All methods raise `StoreError` where the registry can't be reached or refuses the login, `PathError` for what isn't
    there, `MismatchError` for bytes that aren't those of their digest.
    """

    def __init__(self, host: str, environment: Mapping[str, str]) -> None:
        self.host = host
        self._transport = Transport(host, environment)
        self._login = Login(host, environment, self._transport)

    def document(self, reference: Reference) -> Document:
        """Return the manifest or index of a reference, its digest checked.

        A registry that names a digest for a tag and sends other bytes is refused. Raises `DocumentError` for what is
        neither a manifest nor an index.
        """
        where, wanted = str(reference), reference.wanted

        def ask() -> tuple[bytes, str, str]:
            with self.asking(
                "GET", reference.repository, f"manifests/{wanted}", where, headers={"Accept": ACCEPTED}
            ) as answer:
                _demand(answer, _OK, where)
                said = answer.headers.get("Docker-Content-Digest", "")
                return answer.read_all(MAX_MANIFEST_BYTES), answer.headers.get("Content-Type", ""), said

        data, media_type, said = retrying(ask, where)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        for expected in (reference.digest, said if _DIGEST.fullmatch(said) else ""):
            if expected not in ("", digest):
                raise _other_bytes(where, digest, expected)
        return parse_document(data, where=where, media_type=media_type)

    def manifest(self, reference: Reference) -> Manifest:
        """Return the manifest of one artifact. Raises `DocumentError` where there is an index."""
        found = self.document(reference)
        if isinstance(found, Index):
            raise DocumentError(
                MANIFEST_MALFORMED, "is an index", where=str(reference), expected="the manifest of one artifact"
            )
        return found

    def blob(self, repository: str, digest: str, *, limit: int) -> bytes:
        """Return a whole blob, at most `limit` bytes, its digest checked."""
        where = self._shown(repository, digest)

        def ask() -> bytes:
            with self.asking("GET", repository, f"blobs/{digest}", where) as answer:
                _demand(answer, _OK, where)
                return answer.read_all(limit)

        data = retrying(ask, where)
        got = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if got != digest:
            raise _other_bytes(where, got, digest)
        return data

    def knows_ranges(self, repository: str, digest: str) -> bool:
        """Return whether a blob can be had in ranges."""
        where = self._shown(repository, digest)

        def ask() -> bool:
            with self.asking("GET", repository, f"blobs/{digest}", where, headers={"Range": "bytes=0-0"}) as answer:
                _demand(answer, (_OK, _PARTIAL), where)
                return answer.status == _PARTIAL

        return retrying(ask, where)

    @contextmanager
    def blob_stream(self, repository: str, digest: str, start: int, stop: int | None = None) -> Iterator[Answer]:
        """Open a blob from `start` on, up to `stop` where it is given; nothing is checked of its bytes here.

        Where the registry knows no ranges, what stands before `start` is read and dropped, and more than up to `stop`
        may come. Raises `TransientError` where it is worth asking again.
        """
        where = self._shown(repository, digest)
        headers = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop is not None else {}
        with self.asking("GET", repository, f"blobs/{digest}", where, headers=headers) as answer:
            _demand(answer, (_OK, _PARTIAL), where)
            said = answer.headers.get("Content-Range", "").partition("-")[0]
            if answer.status == _PARTIAL and said != f"bytes {start}":
                raise TransientError("sent another range than was asked for")
            left = start if answer.status == _OK else 0
            while left:
                data = answer.read(min(left, _CHUNK))
                if not data:
                    raise TransientError("broke off before where it was")
                left -= len(data)
            yield answer

    def put_blob(self, repository: str, data: bytes) -> str:
        """Store a blob, unless it is there, and return its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        where = self._shown(repository, digest)

        def ask() -> None:
            with self.asking("HEAD", repository, f"blobs/{digest}", where, writes=True) as answer:
                if answer.status == _OK:
                    return
                _demand(answer, _NOT_FOUND, where)
            with self.asking("POST", repository, "blobs/uploads/", where, writes=True, body=b"") as answer:
                _demand(answer, _ACCEPTED, where)
                target = self._upload_url(answer, digest, where)
            headers = {"Content-Type": "application/octet-stream"}
            with self._sent("PUT", repository, target, where, headers=headers, writes=True, body=data) as answer:
                _demand(answer, _CREATED, where)

        retrying(ask, where)
        return digest

    def put_manifest(self, repository: str, name: str, data: bytes, media_type: str) -> Mapping[str, str]:
        """Store a manifest or index under a digest or a tag, and return the headers of the answer."""
        where = self._shown(repository, name)
        headers = {"Content-Type": media_type}

        def ask() -> Mapping[str, str]:
            path = f"manifests/{name}"
            with self.asking("PUT", repository, path, where, headers=headers, writes=True, body=data) as answer:
                _demand(answer, _CREATED, where)
                return dict(answer.headers)

        return retrying(ask, where)

    @contextmanager
    def asking(
        self,
        method: str,
        repository: str,
        path: str,
        where: str,
        *,
        headers: Mapping[str, str] | None = None,
        writes: bool = False,
        body: bytes | None = None,
    ) -> Iterator[Answer]:
        """Send a request about a repository, logging in where that is asked for, and give the answer as it is.

        Raises `TransientError` where it is worth asking again, `StoreError` where the login isn't taken.
        """
        url = f"{self._transport.base}/v2/{repository}/{path}"
        with self._sent(method, repository, url, where, headers=headers, writes=writes, body=body) as answer:
            yield answer

    def demand_ok(self, answer: Answer, where: str) -> None:
        """Raise what an answer that isn't a plain yes means: `PathError`, `StoreError` or `TransientError`."""
        _demand(answer, _OK, where)

    def next_url(self, answer: Answer, where: str) -> str:
        """Return the address of the next page of a list (RFC 8288), or nothing where this is the last.

        Raises `StoreError` where it leads elsewhere.
        """
        for link in _LINK.finditer(answer.headers.get("Link", "")):
            if _NEXT.search(link["parameters"]):
                return self._own_url(answer.url, link["url"], where)
        return ""

    def page(self, repository: str, url: str, where: str, read: Callable[[Answer], None]) -> None:
        """Ask for a page at an address that the registry gave, and hand its answer to `read`."""
        with self._sent("GET", repository, url, where) as answer:
            _demand(answer, _OK, where)
            read(answer)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    @contextmanager
    def _sent(
        self,
        method: str,
        repository: str,
        url: str,
        where: str,
        *,
        headers: Mapping[str, str] | None = None,
        writes: bool = False,
        body: bytes | None = None,
    ) -> Iterator[Answer]:
        known = self._login.known(repository, writes=writes)
        challenge: Answer
        with self._transport.send(method, url, _with(headers, known), body) as answer:
            if answer.status != _UNAUTHORIZED:
                yield answer
                return
            challenge = answer
        if origin_of(challenge.url) != origin_of(url):
            raise StoreError(REGISTRY_LOGIN, "leads to a server that wants a login of its own", where=printable(where))
        given = self._login.answer(challenge, repository, where, writes=writes)
        with self._transport.send(method, url, _with(headers, given), body) as answer:
            if answer.status == _UNAUTHORIZED:
                raise StoreError(REGISTRY_LOGIN, "the registry doesn't take this login", where=printable(where))
            yield answer

    def _upload_url(self, answer: Answer, digest: str, where: str) -> str:
        target = self._own_url(answer.url, answer.headers.get("Location", ""), where)
        return f"{target}{'&' if urlsplit(target).query else '?'}digest={digest}"

    def _own_url(self, base: str, target: str, where: str) -> str:
        """Return an address that the registry gave, where it is its own: our credentials and bytes go there."""
        found = address_of(target, base)
        if not target or urlsplit(found)[:2] != urlsplit(self._transport.base)[:2]:
            raise StoreError(STORE_UNREACHABLE, "names another server for its own work", where=printable(where))
        return found

    def _shown(self, repository: str, name: str) -> str:
        return f"oci://{self.host}/{repository}{'@' if _DIGEST.fullmatch(name) else ':'}{printable(name)}"


class _StatusError(Exception):
    """An answer that wasn't hoped for, in the shape in which errors of client libraries are judged."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


def _demand(answer: Answer, wanted: int | tuple[int, ...], where: str) -> None:
    """Raise what an answer other than the wanted one means."""
    if answer.status in ((wanted,) if isinstance(wanted, int) else wanted):
        return
    if answer.status == _FORBIDDEN:
        raise StoreError(REGISTRY_LOGIN, "the registry forbids it", where=printable(where))
    if answer.status == _NOT_FOUND:
        raise PathError(PATH_MISSING, "the registry has nothing here", where=printable(where))
    if answer.status >= 400:  # noqa: PLR2004  where HTTP's errors begin
        verdict = judged(_StatusError(answer.status, answer.headers), where)
        if not isinstance(verdict, ChangedError):
            raise verdict
        raise TransientError(f"the registry answers {answer.status}")
    raise StoreError(STORE_UNREACHABLE, f"the registry answers {answer.status}", where=printable(where))


def _other_bytes(where: str, got: str, expected: str) -> MismatchError:
    return MismatchError(REGISTRY_DIGEST, "the registry sent other bytes", where=where, got=got, expected=expected)


def _with(headers: Mapping[str, str] | None, authorization: str) -> dict[str, str]:
    return {**(headers or {}), **({"Authorization": authorization} if authorization else {})}


_lock = threading.Lock()
_registries: dict[str, Registry] = {}


def open_registry(host: str) -> Registry:
    """Return this process's registry of that host; its connections and logins are shared."""
    with _lock:
        found = _registries.get(host)
        if found is None:
            found = _registries[host] = Registry(host, os.environ)
        return found
