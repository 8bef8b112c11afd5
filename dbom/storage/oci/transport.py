"""HTTP to one registry: which scheme, which proxy, how far a redirect is followed, and what goes along with it."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from dbom.errors import StoreError
from dbom.printable import printable
from dbom.rules.artifacts import REDIRECT_REFUSED, STORE_UNREACHABLE
from dbom.storage.filesystems import shown_url
from dbom.storage.oci.reference import is_loopback
from dbom.storage.retries import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import urllib3
    from urllib3.response import BaseHTTPResponse

__all__ = ["PLAIN_HTTP_VARIABLE", "Answer", "Transport", "address_of", "origin_of"]

PLAIN_HTTP_VARIABLE: Final = "DBOM_PLAIN_HTTP"
"""The environment variable that names, with commas between, registries to which unencrypted HTTP is spoken."""

_REDIRECTS: Final = 5
_POOLS, _CONNECTIONS = 8, 16
_FOLLOWED: Final = frozenset({301, 302, 303, 307, 308})
_CONNECT_SECONDS: Final = 30.0
_READ_SECONDS: Final = 120.0
_DOCKER_HUB: Final = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the status, the headers, the URL that answered, and the body, not read yet."""

    status: int
    headers: Mapping[str, str]
    url: str
    body: BaseHTTPResponse

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of the body. Raises `TransientError` where the connection fails."""
        import urllib3  # noqa: PLC0415  only who names a registry pays for it

        try:
            return self.body.read(size)
        except urllib3.exceptions.HTTPError as error:
            raise TransientError(f"the connection failed ({type(error).__name__})") from error

    def read_all(self, limit: int) -> bytes:
        """Return the whole body. Raises `StoreError` where it is longer than `limit` bytes."""
        parts, count = [], 0
        while data := self.read(limit + 1 - count):
            parts.append(data)
            count += len(data)
            if count > limit:
                raise StoreError(
                    STORE_UNREACHABLE,
                    "answers with more than is read",
                    where=shown_url(self.url),
                    expected=f"at most {limit} bytes",
                )
        return b"".join(parts)


def origin_of(url: str) -> tuple[str, str]:
    """Return what makes two URLs one server: the scheme, and host with port."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def address_of(target: str, base: str = "") -> str:
    """Return the URL that a server speaks of, seen from `base`, or nothing where it is malformed."""
    try:
        found = urljoin(base, target)
        port = urlsplit(found).port
    except ValueError:
        return ""
    return "" if port == 0 else found


class Transport:
    """The connections to one registry and to where it redirects."""

    def __init__(self, host: str, environment: Mapping[str, str]) -> None:
        self._host = _DOCKER_HUB.get(host, host)
        named = {item.strip() for item in environment.get(PLAIN_HTTP_VARIABLE, "").split(",")}
        self._plain = {item for item in named if item}
        self._base = ""
        self._managers: dict[str, urllib3.PoolManager] = {}

    @property
    def base(self) -> str:
        """The registry's address: https, unless it is this machine and speaks only http, or was named for http.

        Raises `TransientError` where this machine's registry can't be reached at all.
        """
        if not self._base:
            self._base = f"{self._scheme()}://{self._host}"
        return self._base

    def may_be_plain(self, url: str) -> bool:
        """Return whether what is secret may go to this URL: encrypted, on this machine, or named for plain HTTP."""
        scheme, host = origin_of(url)
        return scheme == "https" or (scheme == "http" and self._is_plain(host))

    @contextmanager
    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Iterator[Answer]:
        """Send a request and give its answer; redirects of what is only read are followed.

        `Authorization` goes to the server of `url` alone. Raises `TransientError` where it is worth asking again,
        `StoreError` for a redirect that isn't followed and for a certificate that doesn't hold.
        """
        sent = dict(headers)
        current = url
        for _ in range(_REDIRECTS + 1):
            answer = self._once(method, current, sent, body)
            if answer.status not in _FOLLOWED or "Location" not in answer.headers:
                try:
                    yield answer
                finally:
                    answer.body.close()
                return
            answer.body.close()
            target = address_of(answer.headers["Location"], current)
            self._demand_followable(method, current, target)
            if origin_of(target) != origin_of(url):
                sent.pop("Authorization", None)
            current = target
        raise StoreError(REDIRECT_REFUSED, f"leads on more than {_REDIRECTS} times", where=shown_url(url))

    def close(self) -> None:
        """Close all connections."""
        for manager in self._managers.values():
            manager.clear()
        self._managers.clear()

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        import urllib3  # noqa: PLC0415  only who names a registry pays for it

        try:
            response = self._manager(url).request(
                method,
                url,
                body=body,
                headers={"User-Agent": "dbom", "Accept-Encoding": "identity", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            )
        except urllib3.exceptions.HTTPError as error:
            if _is_certificate_error(error):
                raise StoreError(
                    STORE_UNREACHABLE, "shows a certificate that doesn't hold", where=shown_url(url)
                ) from error
            raise TransientError(f"the connection failed ({_cause(error)})") from error
        return Answer(response.status, response.headers, url, response)

    def _demand_followable(self, method: str, old: str, new: str) -> None:
        parts = urlsplit(new)
        # From elsewhere, nobody sends us to what this machine serves to itself alone.
        host, home = parts.netloc.lower(), is_loopback(urlsplit(old).netloc)
        downgraded = parts.scheme != "https" and not (host in self._plain or (home and is_loopback(host)))
        if method not in ("GET", "HEAD") or parts.scheme not in ("http", "https") or "@" in parts.netloc or downgraded:
            raise StoreError(
                REDIRECT_REFUSED,
                "leads to an address that isn't followed",
                where=shown_url(old),
                got=shown_url(new),
            )

    def _is_plain(self, host: str) -> bool:
        return is_loopback(host) or host in self._plain

    def _scheme(self) -> str:
        """Return http where it is allowed and https isn't spoken; which of the two is asked of loopback alone."""
        if self._host in self._plain:
            return "http"
        if not is_loopback(self._host):
            return "https"
        try:
            self._once("GET", f"https://{self._host}/v2/", {}, None).body.close()
        except TransientError as error:
            if not _speaks_no_tls(error):
                raise
            return "http"
        return "https"

    def _manager(self, url: str) -> urllib3.PoolManager:
        import urllib3  # noqa: PLC0415  only who names a registry pays for it

        parts = urlsplit(url)
        proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
        if is_loopback(parts.netloc):
            proxy = ""
        found = self._managers.get(proxy)
        if found is None:
            if proxy:
                found = urllib3.ProxyManager(proxy, num_pools=_POOLS, maxsize=_CONNECTIONS)
            else:
                found = urllib3.PoolManager(num_pools=_POOLS, maxsize=_CONNECTIONS)
            self._managers[proxy] = found
        return found


def _is_certificate_error(error: BaseException) -> bool:
    return any(isinstance(item, ssl.SSLCertVerificationError) for item in _chain(error))


def _speaks_no_tls(error: BaseException) -> bool:
    return any(isinstance(item, (ssl.SSLError, ConnectionResetError)) for item in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        yield from (item for item in seen.args if isinstance(item, BaseException))
        seen = seen.__cause__ or seen.__context__


def _cause(error: BaseException) -> str:
    return (
        printable(next((item.strerror for item in _chain(error) if isinstance(item, OSError) and item.strerror), ""))[
            :200
        ]
        or type(error).__name__
    )
