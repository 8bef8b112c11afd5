"""A network namespace of a test's own: loopback and nothing else, the servers that run in it, and the ways in.

Servers in there have fixed ports, whoever else runs the same tests on the machine, and reach nobody outside. What the
test needs of them it reaches through `outside(port)`, a port of the machine's own loopback.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Namespace", "await_ready", "namespace"]

_BRIDGE = Path(__file__).with_name("bridge.py")
_READY_SECONDS = 60


class Namespace:
    """A network namespace with programs in it, made by `namespace`; each program's output goes to `logs`/NAME.log."""

    def __init__(self, logs: Path, holder: subprocess.Popen[bytes], ports: Sequence[int]) -> None:
        self.logs = logs
        self._holder = holder
        self._running: dict[str, subprocess.Popen[bytes]] = {"holder": holder}
        self._outside: dict[int, int] = {}
        self._bridge(ports)

    def _bridge(self, ports: Sequence[int]) -> None:
        listeners = {port: socket.create_server(("127.0.0.1", 0)) for port in ports}
        self._outside = {port: listener.getsockname()[1] for port, listener in listeners.items()}
        pairs = [f"{listener.fileno()}={port}" for port, listener in listeners.items()]
        descriptors = [listener.fileno() for listener in listeners.values()]
        self.start("bridge", [sys.executable, "-P", "-S", str(_BRIDGE), *pairs], descriptors=descriptors)
        for listener in listeners.values():
            listener.close()

    def inside(self, command: Sequence[str], *, user: str | None = None) -> list[str]:
        """Return the command that runs `command` in the namespace, as `user` if given, ended when the caller ends."""
        entered = ["nsenter", f"--target={self._holder.pid}", "--net"]
        if os.geteuid() != 0:
            entered += ["--user", "--preserve-credentials"]
        return [*entered, "--", *_bound(user), *command]

    def run(self, command: Sequence[str], *, user: str | None = None, stdin: bytes = b"") -> bytes:
        """Run a program to its end in the namespace and return what it printed. Raises where it fails."""
        done = subprocess.run(self.inside(command, user=user), input=stdin, capture_output=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {said}")
        return done.stdout

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        descriptors: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a server in the namespace."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self.inside(command, user=user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=descriptors,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.logs), **(environment or {})},
            )

    def outside(self, port: int) -> int:
        """Return the port of the machine's loopback that leads to this port of the namespace's."""
        return self._outside[port]

    def answers(self, port: int, path: str, *, tls: ssl.SSLContext | None = None) -> Callable[[], bool]:
        """Return a function that tells whether what listens on `port` in there answers GET `path` with 200."""

        def ask() -> bool:
            here = self.outside(port)
            if tls is None:
                connection = http.client.HTTPConnection("127.0.0.1", here, timeout=5)
            else:
                connection = http.client.HTTPSConnection("127.0.0.1", here, timeout=5, context=tls)
            with contextlib.closing(connection):
                connection.request("GET", path)
                return connection.getresponse().status == 200

        return ask

    def succeeds(self, command: Sequence[str]) -> Callable[[], bool]:
        """Return a function that tells whether `command`, run in there, ends well."""
        return lambda: subprocess.run(self.inside(command), capture_output=True, check=False).returncode == 0

    def ready(self, name: str, check: Callable[[], bool]) -> None:
        """Wait until `check` says yes of the server `name`. Raises with its log's end where it doesn't, or ended."""
        running = self._running[name]
        try:
            await_ready(name, check, ended=lambda: running.poll() is not None)
        except RuntimeError as error:
            log = (self.logs / f"{name}.log").read_text(errors="replace")
            raise RuntimeError(f"{error}:\n{log[-3000:]}") from None

    def send(self, name: str, what: signal.Signals) -> None:
        """Send a signal to a server."""
        self._running[name].send_signal(what)

    def stop(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End a server, by default at once: what they hold is thrown away with the test."""
        running = self._running.pop(name)
        if running.poll() is None:
            running.send_signal(how)
        running.wait(30)

    def close(self) -> None:
        """End what still runs in there, the last started first."""
        for name in reversed(list(self._running)):
            self.stop(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def namespace(logs: Path, ports: Sequence[int], addresses: Sequence[str] = ()) -> Iterator[Namespace]:
    """Make a network namespace whose `ports` can be reached from outside; it ends, with all in it, with the `with`.

    Its loopback has these `addresses`, such as 10.99.0.1/32, too.
    """
    logs.mkdir(parents=True, exist_ok=True)
    made = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-current-user", "--keep-caps", "--net"]
    added = "".join(f"ip addr add {address} dev lo && " for address in addresses)
    up = f"ip link set lo up && {added}echo up && exec sleep infinity"
    holder = subprocess.Popen([*made, *_bound(None), "sh", "-c", up], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        if holder.stdout.readline() != b"up\n":
            raise RuntimeError(f"no network namespace could be made: unshare ended with {holder.wait()}")
    with Namespace(logs, holder, ports) as made_one:
        yield made_one


def _bound(user: str | None) -> list[str]:
    """Return what is put before a command to tie its life to ours, and to run it as another user."""
    words = ["setpriv", "--pdeathsig=KILL"]
    if user is None or os.geteuid() != 0:
        return words
    found = pwd.getpwnam(user)
    return [*words, f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups"]


def await_ready(what: str, check: Callable[[], bool], *, ended: Callable[[], bool] = lambda: False) -> None:
    """Wait until `check` says yes; what it can't connect to isn't ready yet. Raises where it never does."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if check():
                return
        if ended():
            raise RuntimeError(f"{what} ended before it was ready")
        threading.Event().wait(0.05)
    raise RuntimeError(f"{what} wasn't ready after {_READY_SECONDS} s")
