"""Which request is for which service, and what is said and logged of it. No transport, no decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from attest.http_server import Response, problem
from attest.local.timestamps import time_stamp
from attest.served.refusing import Reason, RequestRefusedError, refusal_body
from attest.served.time_queries import read_der_query, read_json_query
from dbom.canonical import canonical_json
from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.local import ENTRY_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from attest.http_server import Request
    from attest.local.services import TimeStamper
    from attest.served.certifying import Certifier
    from attest.served.transparency import TransparencyLog
    from dbom.canonical import JsonObject

__all__ = ["SigstoreApplication"]

_JSON: Final = "application/json"
_ENTRIES: Final = "/api/v1/log/entries"
_QUERY: Final = "application/timestamp-query"
_REPLY: Final = "application/timestamp-reply"
_KINDS: Final = {
    "/api/v1/log/publicKey": "application/x-pem-file",
    "/api/v1/timestamp/certchain": "application/pem-certificate-chain",
}


@dataclass(frozen=True, slots=True)
class SigstoreApplication:
    """Fulcio's, Rekor's and the time-stamp authority's paths. `serial` makes serial numbers of time stamps."""

    certifier: Certifier
    log: TransparencyLog
    stamper: TimeStamper
    stamper_chain: bytes = field(repr=False)
    now: Callable[[], datetime]
    serial: Callable[[], int]

    def at_once(self, request: Request) -> Response | None:
        """Answer whether it is alive, and what is for none of the services."""
        if request.path in ("/healthz", "/readyz", "/ping"):
            return Response(200, b'{"status":"ok"}') if request.method in ("GET", "HEAD") else _not_allowed("GET")
        methods = _methods(request.path)
        if not methods:
            return Response(404, problem("no such path"), log=_line(request, 404))
        if request.method not in methods:
            return _not_allowed(*methods)
        if request.method == "POST" and request.content_type not in _kinds(request.path):
            expected = " or ".join(_kinds(request.path))
            return Response(415, problem(f"expected the content type {expected}"), log=_line(request, 415))
        return None

    def answer(self, request: Request, is_late: Callable[[], bool]) -> Response:
        """Answer for one of the services. What is late by the time it is looked at isn't begun."""
        if is_late():
            return self.gave_up(request, "too late")
        try:
            return self._answer(request)
        except RequestRefusedError as error:
            said: JsonObject = {"reason": str(error.reason), "rule": error.rule.id, "message": printable(error.what)}
            line = {**_line(request, error.status), **said}
            return Response(error.status, refusal_body(error), headers=error.headers, log=line)
        except (SigningError, PathError) as error:
            # What is wrong here is told here, and is nothing to a client.
            fault: JsonObject = {"rule": error.rule.id, "message": printable(error.what), "where": error.where}
            body = canonical_json({"code": 14, "message": "the service can't write its log now", "details": []})
            return Response(503, body, log={**_line(request, 503), **fault})

    def gave_up(self, request: Request, why: str) -> Response:
        """Answer that it took too long; what was begun may still be done."""
        body = canonical_json({"code": 4, "message": why, "details": []})
        return Response(503, body, log={**_line(request, 503), "message": why})

    def _answer(self, request: Request) -> Response:
        posted = {"/api/v2/signingCert": self._certify, "/api/v1/timestamp": self._stamp, _ENTRIES: self._add}
        if request.method == "POST":
            return posted[request.path](request)
        told: dict[str, Callable[[], bytes]] = {
            "/api/v2/trustBundle": self.certifier.trust_bundle,
            "/api/v2/configuration": self.certifier.configuration,
            "/api/v1/log": self.log.state,
            "/api/v1/log/proof": lambda: self._proof(request),
            "/api/v1/log/publicKey": self.log.public_key,
            "/api/v1/timestamp/certchain": lambda: self.stamper_chain,
        }
        body = told.get(request.path, lambda: self._entry(request))()
        return Response(200, body, _KINDS.get(request.path, _JSON), log=_line(request, 200))

    def _entry(self, request: Request) -> bytes:
        name = request.path.removeprefix(_ENTRIES).removeprefix("/") or _only(request, "logIndex")
        return self.log.entry(name).body

    def _certify(self, request: Request) -> Response:
        body, identity = self.certifier.certify(request.body, request.headers.get("authorization", ""), self.now())
        who: JsonObject = {"identity": printable(identity.subject), "issuer": printable(identity.issuer)}
        return Response(200, body, log={**_line(request, 200), **who})

    def _add(self, request: Request) -> Response:
        logged = self.log.add(request.body, self.now())
        headers = (("etag", logged.uuid), ("location", f"{_ENTRIES}/{logged.uuid}"))
        about: JsonObject = {"kind": logged.kind, "index": logged.index}
        return Response(201, logged.body, headers=headers, log={**_line(request, 201), **about})

    def _stamp(self, request: Request) -> Response:
        query = read_der_query(request.body) if request.content_type == _QUERY else read_json_query(request.body)
        stamp = time_stamp(
            query.digest,
            key=self.stamper.key,
            certificate=self.stamper.certificate,
            serial=self.serial(),
            now=self.now().replace(microsecond=0),
            algorithm=query.algorithm,
            nonce=query.nonce,
            with_certificate=query.with_certificate,
        )
        return Response(201, stamp, _REPLY, log=_line(request, 201))

    def _proof(self, request: Request) -> bytes:
        first = _number(_only(request, "firstSize", default="1"))
        return self.log.consistency(first, _number(_only(request, "lastSize")))


_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "/api/v2/signingCert": ("POST",),
    "/api/v2/trustBundle": ("GET",),
    "/api/v2/configuration": ("GET",),
    _ENTRIES: ("GET", "POST"),
    "/api/v1/log": ("GET",),
    "/api/v1/log/proof": ("GET",),
    "/api/v1/log/publicKey": ("GET",),
    "/api/v1/timestamp": ("POST",),
    "/api/v1/timestamp/certchain": ("GET",),
}


def _methods(path: str) -> tuple[str, ...]:
    if path.startswith(f"{_ENTRIES}/") and "/" not in path.removeprefix(f"{_ENTRIES}/"):
        return ("GET",)
    return _PATHS.get(path, ())


def _kinds(path: str) -> tuple[str, ...]:
    return (_QUERY, _JSON) if path == "/api/v1/timestamp" else (_JSON,)


def _not_allowed(*methods: str) -> Response:
    return Response(405, problem(f"{', '.join(methods)} only"), headers=(("allow", ", ".join(methods)),))


def _line(request: Request, status: int) -> JsonObject:
    """Return what the log says of any request: never its headers or its body, which hold tokens."""
    return {"event": "request", "method": request.method, "path": printable(request.path[:200]), "status": status}


def _only(request: Request, name: str, *, default: str = "") -> str:
    try:
        values = parse_qs(request.query, max_num_fields=10).get(name, [default])
    except ValueError:
        raise _malformed("the query has more than ten fields, or can't be read") from None
    if len(values) != 1 or not values[0]:
        raise _malformed(f"the query names {name} once")
    return values[0]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004  no log is larger
        raise _malformed("a size is a number")
    return int(text)


def _malformed(what: str) -> RequestRefusedError:
    return RequestRefusedError(ENTRY_REFUSED, Reason.MALFORMED, what)
