"""What a service says is shown, but never what was sent to it in confidence."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from attest.signers.transport import Transport
from dbom.errors import SigningError

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Refuse, and say everything that was sent."""
        said = str(self.headers).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_service_that_repeats_the_token_does_not_get_it_into_a_message(echo: str) -> None:
    with pytest.raises(SigningError, match="HTTP 403") as caught:
        Transport(bearer=lambda: "a-token-of-mine").get(echo)
    assert "a-token-of-mine" not in str(caught.value)


def test_without_a_token_what_the_service_says_is_shown(echo: str) -> None:
    with pytest.raises(SigningError, match="User-Agent"):
        Transport().get(echo)
