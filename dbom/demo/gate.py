"""The real webhook, over HTTPS on the loopback, for as long as the demo asks it about pods."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from admission.certificates import write_self_signed
from admission.policy_reading import load_policies
from admission.server import Certificate, Server
from admission.syncing import load_evidence
from admission.webhook import Webhook
from dbom.canonical import json_object
from dbom.errors import MismatchError, StoreError
from dbom.rules.everyday import DEMO_BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from attest.stores.store import Store
    from dbom.canonical import JsonObject

__all__ = ["Gate", "open_gate", "review_of"]

_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Gate:
    """A webhook that is running: where, and the file with the authority that its certificate rests on."""

    host: str
    port: int
    authority: Path

    @property
    def url(self) -> str:
        """The address that an API server would call."""
        return f"https://{self.host}:{self.port}/validate"

    def ask(self, review: JsonObject) -> tuple[bool, str]:
        """Post an AdmissionReview over TLS; return whether the pod is let in, and what is said.

        Raises `StoreError` where the webhook can't be reached.
        """
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection(self.host, self.port, context=context, timeout=_SECONDS)
        try:
            connection.request("POST", "/validate", json.dumps(review), {"Content-Type": "application/json"})
            answer = json_object(connection.getresponse().read(), where=self.url)
        except OSError as error:
            raise StoreError(
                DEMO_BROKEN,
                f"the webhook can't be reached: {error.strerror or error}",
                where=self.url,
                hint="the demo needs the loopback interface: `ip link set lo up`",
            ) from error
        finally:
            connection.close()
        response = answer.get("response")
        if not isinstance(response, dict):
            raise MismatchError(DEMO_BROKEN, "the webhook's answer has no response", where=self.url)
        status = response.get("status")
        message = status.get("message", "") if isinstance(status, dict) else ""
        return response.get("allowed") is True, str(message)


def review_of(pod: JsonObject) -> JsonObject:
    """Return the AdmissionReview that an API server sends when somebody creates `pod`."""
    metadata = pod.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "d3b07384-d9a0-4c9b-8f3e-000000000001",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "name": named.get("name", ""),
            "namespace": named.get("namespace", "default"),
            "operation": "CREATE",
            "userInfo": {"username": "demo"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": None,
        },
    }


@contextmanager
def open_gate(
    folder: Path, policies: Sequence[Path], stores: Sequence[Store], *, clock: Callable[[], datetime]
) -> Iterator[Gate]:
    """Serve the policies over evidence from `stores` while the block runs; certificates go to `folder`.

    Raises `DocumentError` for a malformed policy, `MismatchError` where the server doesn't come up.
    """
    read = load_policies(policies)
    webhook = Webhook(read, load_evidence(stores, read, clock()), clock)
    files = write_self_signed(folder, now=clock())
    server = Server(webhook, Certificate(files.certificate, files.key, _unsaid), _unsaid)
    address: list[tuple[str, int, asyncio.AbstractEventLoop]] = []
    is_up = threading.Event()

    def started(host: str, port: int) -> None:
        address.append((host, port, asyncio.get_running_loop()))
        is_up.set()

    def serve() -> None:
        try:
            server.run("127.0.0.1", 0, started=started)
        finally:
            is_up.set()

    thread = threading.Thread(target=serve, name="dbom demo webhook")
    thread.start()
    is_up.wait(_SECONDS)
    if not address:
        thread.join()
        raise MismatchError(DEMO_BROKEN, "the webhook doesn't start", where="127.0.0.1")
    host, port, loop = address[0]
    try:
        yield Gate(host, port, files.authority)
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()


def _unsaid(_: JsonObject) -> None:
    """Leave the server's log lines out of the story."""
