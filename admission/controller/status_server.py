"""The controller's own pages: /healthz, /readyz and /metrics, over plain HTTP; they hold no secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from admission.metrics import CONTENT_TYPE
from attest.http_server import Request, Response, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.controller.controlling import Controller

__all__ = ["StatusPages"]


@dataclass(frozen=True, slots=True)
class StatusPages:
    """What is answered of a controller."""

    controller: Controller

    def at_once(self, request: Request) -> Response | None:
        """Return the page."""
        if request.method not in ("GET", "HEAD"):
            return Response(405, problem("GET only"))
        if request.path == "/healthz":
            return _said(not self.controller.is_stuck)
        if request.path == "/readyz":
            return _said(self.controller.is_ready)
        if request.path == "/metrics":
            return Response(200, self.controller.metrics.text(), CONTENT_TYPE)
        return Response(404, problem("there are /healthz, /readyz and /metrics"))

    def answer(self, request: Request, is_late: Callable[[], bool]) -> Response:
        """Answer nothing: every page is answered at once."""
        del request, is_late
        return Response(404, problem("not here"))

    def gave_up(self, request: Request, why: str) -> Response:
        """Say why."""
        del request
        return Response(503, problem(why))


def _said(is_so: bool) -> Response:  # noqa: FBT001  what the page says
    return Response(200, b'{"status":"ok"}') if is_so else Response(503, b'{"status":"not yet"}')
