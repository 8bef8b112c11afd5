"""Asking the services of a Sigstore over HTTP: one request, one bounded answer, one deadline, no detours.

Redirects aren't followed: a service that a trust configuration names can't hand what it is sent to another one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from attest.signers.deadlines import within
from attest.signers.faults import ForeignFaults
from dbom.errors import SigningError
from dbom.printable import printable
from dbom.rules.attestations import REMOTE_SIGNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["DEADLINE_SECONDS", "Answer", "Transport"]

DEADLINE_SECONDS: Final = 60.0
"""How long one service may take for one answer. Rekor 2 answers once the entry is in the tree, some seconds later."""

_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_BAD: Final = 400
_REDIRECT: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal: its status, its headers by lower-case name, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Transport:
    """The way to the services. `deadline` are the seconds that one answer may take, its last byte included.

    `ca_file` holds the certificates, in PEM, that servers are known by, where those of the system won't do. `bearer`
    reads, for each request, the token that it is sent with.
    """

    deadline: float = DEADLINE_SECONDS
    ca_file: Path | None = None
    bearer: Callable[[], str] | None = field(default=None, repr=False)

    def post(self, url: str, body: bytes, *, content_type: str, accepted: tuple[int, ...] = ()) -> Answer:
        """Send `body` and return the answer: success, or a status that is `accepted` too.

        Raises `SigningError` where the server can't be reached, refuses, points elsewhere, is slow or says too much.
        """
        return self._ask("POST", url, body, content_type, accepted)

    def get(self, url: str) -> Answer:
        """Fetch `url`; errors as in `post`."""
        return self._ask("GET", url, None, "", ())

    def _ask(self, method: str, url: str, body: bytes | None, content_type: str, accepted: tuple[int, ...]) -> Answer:
        where = printable(url)
        with ForeignFaults(REMOTE_SIGNING, "the service can't be asked", ("requests", "urllib3"), where=where):
            answer = within(self.deadline, lambda: _asked(self, method, url, body, content_type))
        if answer.status >= _REDIRECT and answer.status not in accepted:
            what = "the service refused" if answer.status >= _BAD else "the service points elsewhere"
            # What was sent with a token may say it again.
            said = "" if self.bearer is not None else printable(answer.body[:300].decode(errors="replace").strip())
            raise SigningError(REMOTE_SIGNING, f"{what}: HTTP {answer.status} {said}".rstrip(), where=where)
        return answer


def _asked(transport: Transport, method: str, url: str, body: bytes | None, content_type: str) -> Answer:
    import requests  # noqa: PLC0415  heavy

    headers = {"Content-Type": content_type, "Accept": "*/*"} if body is not None else {"Accept": "*/*"}
    if transport.bearer is not None:
        headers["Authorization"] = f"Bearer {transport.bearer()}"
    verify = True if transport.ca_file is None else str(transport.ca_file)
    with requests.request(
        method,
        url,
        data=body,
        headers=headers,
        timeout=transport.deadline,
        allow_redirects=False,
        stream=True,
        verify=verify,
    ) as response:
        data = bytearray()
        for chunk in response.iter_content(_CHUNK):
            data += chunk
            if len(data) > _MAX_ANSWER_BYTES:
                raise ValueError(f"the answer is longer than {_MAX_ANSWER_BYTES} bytes")
        return Answer(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(data)
        )
