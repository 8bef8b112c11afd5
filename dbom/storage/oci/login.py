"""Logging in to a registry: Basic, and the token service that a registry names (the "token dance" of docker)."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from dbom.canonical import json_object
from dbom.errors import DocumentError, StoreError
from dbom.printable import printable
from dbom.rules.stores import REGISTRY_LOGIN
from dbom.storage.oci.credentials import find_credentials
from dbom.storage.oci.transport import address_of
from dbom.storage.retries import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.storage.oci.credentials import Credentials
    from dbom.storage.oci.transport import Answer, Transport

__all__ = ["Login"]

_MAX_TOKEN_BYTES: Final = 1024 * 1024
_PARAMETER: Final = re.compile(r'([A-Za-z_]{1,32})="([^"]*)"')
_LONGEST_CHALLENGE: Final = 8192
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,65536}")
_OK: Final = 200
_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_CLIENT: Final = "dbom"


@dataclass(frozen=True, slots=True)
class _Challenge:
    scheme: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, header: str) -> _Challenge:
        """Read a `WWW-Authenticate` header (RFC 9110, 11.6.1) with one challenge."""
        # (Bounded: what searches it tries each of its signs.)
        scheme, _, rest = header[:_LONGEST_CHALLENGE].strip().partition(" ")
        return cls(scheme.lower(), {name.lower(): value for name, value in _PARAMETER.findall(rest)})


class Login:
    """What this process has shown a registry, and how it shows more where that is asked for."""

    def __init__(self, host: str, environment: Mapping[str, str], transport: Transport) -> None:
        self._host = host
        self._environment = environment
        self._transport = transport
        self._lock = threading.Lock()
        self._known: dict[tuple[str, bool], str] = {}

    def known(self, repository: str, *, writes: bool) -> str:
        """Return the `Authorization` that was good enough the last time, or nothing."""
        with self._lock:
            return self._known.get((repository, writes), "")

    def answer(self, asked: Answer, repository: str, where: str, *, writes: bool) -> str:
        """Return the `Authorization` that a registry's challenge asks for. Raises `StoreError` where there is none."""
        challenge = _Challenge.parse(asked.headers.get("WWW-Authenticate", ""))
        credentials = find_credentials(self._host, repository, self._environment)
        if not self._transport.may_be_plain(asked.url):
            raise _refused("asks for a login without encryption", where)
        if challenge.scheme == "basic":
            if credentials is None or credentials.identity_token:
                raise _refused("wants a login, and nobody has logged in here", where)
            given = credentials.basic
        elif challenge.scheme == "bearer":
            given = f"Bearer {self._token(challenge, credentials, repository, where, writes=writes)}"
        else:
            raise _refused("asks for a kind of login that isn't known", where)
        with self._lock:
            self._known[repository, writes] = given
        return given

    def _token(
        self, challenge: _Challenge, credentials: Credentials | None, repository: str, where: str, *, writes: bool
    ) -> str:
        said = challenge.parameters.get("realm", "")
        realm = address_of(said)
        parts = urlsplit(realm)
        if parts.scheme not in ("http", "https") or "@" in parts.netloc or not self._transport.may_be_plain(realm):
            raise _refused(f"names no usable login service: {printable(said[:200])}", where)
        scope = challenge.parameters.get("scope") or f"repository:{repository}:pull{',push' if writes else ''}"
        query = {"scope": scope, "client_id": _CLIENT}
        if service := challenge.parameters.get("service"):
            query["service"] = service
        if credentials is not None and credentials.identity_token:
            query |= {"grant_type": "refresh_token", "refresh_token": credentials.identity_token}
            headers, body = {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(query).encode()
            sending = self._transport.send("POST", realm, headers, body)
        else:
            del query["client_id"]
            headers = {"Authorization": credentials.basic} if credentials is not None else {}
            joint = "&" if parts.query else "?"
            sending = self._transport.send("GET", f"{realm}{joint}{urlencode(query)}", headers)
        with sending as answer:
            if answer.status in _BUSY:
                raise TransientError(f"the registry's login service answers {answer.status}")
            if answer.status != _OK:
                raise _refused(_said(answer.status, credentials), where)
            data = answer.read_all(_MAX_TOKEN_BYTES)
        return _token_of(data, where)


def _said(status: int, credentials: Credentials | None) -> str:
    if credentials is None:
        return f"wants a login, and nobody has logged in here (its login service answers {status})"
    return f"has a login service that answers {status}"


def _token_of(data: bytes, where: str) -> str:
    try:
        document = json_object(data, where="the login service's answer", limit=_MAX_TOKEN_BYTES)
    except DocumentError:
        document = {}
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise _refused("has a login service that gives no token", where)
    return token


def _refused(what: str, where: str) -> StoreError:
    return StoreError(REGISTRY_LOGIN, f"the registry {what}", where=printable(where))
