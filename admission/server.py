"""The webhook's transport: HTTPS on top of `attest.http_server`. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attest.http_server import Certificate, HttpServer, Limits, Request, Response, parse_listen, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.webhook import Answered, Webhook
    from dbom.canonical import JsonObject

__all__ = ["Certificate", "Limits", "Server", "parse_listen"]

_JSON: Final = "application/json"


class Server(HttpServer):
    """An HTTPS server in front of a webhook: POST /validate, GET /healthz and /readyz."""

    def __init__(
        self,
        webhook: Webhook,
        certificate: Certificate,
        log: Callable[[JsonObject], None],
        limits: Limits | None = None,
    ) -> None:
        super().__init__(_Reviews(webhook), log, limits=limits, certificate=certificate)


@dataclass(frozen=True, slots=True)
class _Reviews:
    """What is asked of the webhook, and what isn't its to answer."""

    webhook: Webhook

    def at_once(self, request: Request) -> Response | None:
        if request.path in ("/healthz", "/readyz"):
            if request.method in ("GET", "HEAD"):
                return Response(200, b'{"status":"ok"}')
            return Response(405, problem("GET only"))
        if request.path != "/validate":
            return Response(404, problem("there are /validate, /healthz and /readyz"))
        if request.method != "POST":
            return Response(405, problem("POST an AdmissionReview"), headers=(("allow", "POST"),))
        if request.content_type != _JSON:
            return Response(415, problem(f"expected the content type {_JSON}"))
        return None

    def answer(self, request: Request, is_late: Callable[[], bool]) -> Response:
        return _sent(self.webhook.answer(request.body, is_late))

    def gave_up(self, request: Request, why: str) -> Response:
        return _sent(self.webhook.gave_up(request.body, why))


def _sent(answered: Answered) -> Response:
    return Response(answered.status, answered.body, log=answered.log)
