"""Requests without a pause at the gate of a real cluster: threads that make pods, and count what they were told.

They go to the API server itself, which calls the webhook through its Service for each of them. What is let in is a dry
run, so that nothing fills the cluster; what must be refused is not.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gate_samples import GOOD, UNKNOWN, pod

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate_cluster import GateCluster

__all__ = ["ALLOWED", "DENIED", "Load", "load"]

ALLOWED, DENIED = "allowed", "denied"
_GATE = 'admission webhook "provenance.dbom.dev" denied the request: dbom: '
_THREADS = 4


@dataclass(slots=True)
class Load:
    """What was answered so far, by the image that was asked for: allowed, denied by the gate, or what else was said."""

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    _ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, image: str) -> int:
        """Return how often an image was asked for."""
        with self._lock:
            return sum(number for (asked, _), number in self.answers.items() if asked == image)

    def run(self, gate: GateCluster, namespace: str) -> None:
        """Ask for both images in turn, until it is ended."""
        tls = ssl.create_default_context(cafile=gate.api.authority)
        with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", gate.api.port, timeout=60, context=tls)) as to:
            while not self._ended.is_set():
                for image in (GOOD, UNKNOWN):
                    said = _asked(to, gate.api.token, namespace, image)
                    with self._lock:
                        self.answers[image, said] += 1

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()


def _asked(to: http.client.HTTPSConnection, token: str, namespace: str, image: str) -> str:
    path = f"/api/v1/namespaces/{namespace}/pods"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    document = json.dumps({**pod("asked", image), "metadata": {"generateName": "asked-"}})
    to.request("POST", f"{path}?dryRun=All" if image == GOOD else path, document, headers)
    answer = to.getresponse()
    said = json.loads(answer.read())
    if answer.status == http.client.CREATED:
        return ALLOWED
    message = str(said.get("message"))
    return DENIED if _GATE in message else f"{answer.status}: {message}"


@contextlib.contextmanager
def load(gate: GateCluster, namespace: str) -> Iterator[Load]:
    """Keep asking while the `with` lasts; all was answered when it ends."""
    made = Load()
    threads = [threading.Thread(target=made.run, args=(gate, namespace)) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.end()
        for thread in threads:
            thread.join(120)
