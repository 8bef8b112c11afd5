"""The webhook under load over TLS, against an ASGI application under the same server that reads the type and says yes.

`make bench` runs it; `wrk` must be installed. It exits 1 where a bound is missed. Both serve at the same time and are
asked in turns; the webhook is `dbom admission serve` as it is, with a journal that waits for the disk. What it has
decided before it answers as soon as the request came whole (`admission.bounded.Quick`); the application that says yes
is a plain one, which uvicorn calls in a task for each request. The rows:

- requests a second of a cached decision on an 18 KB review at 64 connections (at 16 beside it), and the 99th percentile
  of its time at 16;
- 10,000 requests at 200 connections, while the certificate is changed and a policy is read anew: how many fail;
- memory after 100,000 requests against before, with 10,000 entries of evidence;
- from the start of the process until it is ready, with as many in a snapshot.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.admission import Row, bom_statement, interleaved, review_body, told

from admission.certificates import write_self_signed
from admission.typed_review import review_decoder
from attest.http_server import Certificate
from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PLACE = f"oci://registry.example.com/models/m@sha256:{'1' * 64}"
_LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open(os.getenv("BENCH_BODY"), "rb")
wrk.body = file:read("*a")
file:close()
"""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FEW, _MANY = 16, 64


@dataclass
class Load:
    """What `wrk` said of one run."""

    requests: int
    rate: float
    p99: float
    failed: int
    cpu: float = 0.0
    """Processor time of the server, in µs a request."""


@dataclass
class Serving:
    """A server that runs in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    ready_after: float

    @property
    def resident(self) -> float:
        """Its resident memory in MB."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE / 1e6

    @property
    def cpu(self) -> float:
        """How many seconds of processor time its threads have used."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def ask(self, path: str) -> bytes:
        """Return what is at a path."""
        with urllib.request.urlopen(f"https://127.0.0.1:{self.port}{path}", context=_unchecked()) as answer:
            return bytes(answer.read())


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Serving]:
    """Start a process that says on stderr, in JSON, where it listens; end it afterwards in good order."""
    start = time.perf_counter()
    command = [sys.executable, "-P", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # To a file, as a container's runtime keeps it: a reader here would take what is measured.
    log = folder / f"{time.monotonic_ns()}.log"
    with (
        log.open("w") as into,
        subprocess.Popen(command, cwd=folder, stderr=into, text=True, env=environment) as process,
    ):
        found = Serving(process, _port_in(log, process), 0.0)
        while json.loads(found.ask("/status")).get("ready") is False:
            time.sleep(0.02)
        found.ready_after = time.perf_counter() - start
        try:
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _port_in(log: Path, process: subprocess.Popen[str]) -> int:
    """Return the port that a server's log names, once it does."""
    while True:
        lines = [line for line in log.read_text().splitlines() if '"listening"' in line and line.endswith("}")]
        if lines:
            return int(json.loads(lines[0])["port"])
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        time.sleep(0.02)


def load(folder: Path, port: int, body: Path, *, connections: int, seconds: float) -> Load:
    """Let `wrk` post the review for some time."""
    script = folder / "post.lua"
    script.write_text(_LUA)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout=10s"]
    text = subprocess.run(
        [*command, "-s", str(script), f"https://127.0.0.1:{port}/validate?timeout=5s"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "BENCH_BODY": str(body)},
    ).stdout
    requests = int(_found(r"(\d+) requests in", text))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    number, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", text)[0]
    milliseconds = float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    return Load(
        requests,
        float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        milliseconds,
        failed + int(refused[1] if refused else 0),
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def bare(folder: Path) -> None:
    """Serve what reads the same types and says yes."""
    from admission.evidence import Evidence
    from admission.server import Server
    from admission.webhook import Webhook

    found = review_decoder("", "Pod")
    assert found is not None
    decode = found.decode

    class Yes:
        """An ASGI application that says yes."""

        async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
            if scope["method"] != "POST":
                body = b'{"ready": true}'
            else:
                message = await receive()
                parts = [message["body"]]
                while message.get("more_body"):
                    message = await receive()
                    parts.append(message["body"])
                answer = {"uid": decode(b"".join(parts)).request.uid, "allowed": True}
                document = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
                body = json.dumps(document).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        def close(self) -> None:
            """Have nothing to close."""

    def say(line: object) -> None:
        sys.stderr.write(json.dumps(line) + "\n")

    certificate = Certificate(folder / "tls" / "tls.crt", folder / "tls" / "tls.key", say)
    server = Server(Webhook((), Evidence(), lambda: datetime.now(UTC)), certificate, say)
    server.application = Yes()  # type: ignore[assignment]  # in the place of ours
    server.quick = None
    server.run("127.0.0.1", 0, started=lambda _, port: say({"event": "listening", "port": port}))


def quietly(*words: str) -> None:
    """Run a command of dbom, which must succeed."""
    with Path(os.devnull).open("w") as nowhere:
        old, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), nowhere, nowhere
        try:
            code = run(list(words))
        finally:
            sys.stdout, sys.stderr = old
    assert code == 0, words


def write_site(folder: Path, entries: int) -> None:
    """Sign a model, write a policy that accepts it, fill a store with other statements, and hand over a snapshot."""
    from attest.local import open_local
    from attest.stores.store import open_store

    (folder / "m").mkdir()
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (folder / "m" / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    os.environ["DBOM_HOME"] = str(folder / "home")
    store = str(folder / "store")
    quietly("generate", str(folder / "m"), "--as", "model")
    quietly("sign", str(folder / "m"), "--local", "--store", store, "--location", _PLACE)
    location = "oci://registry.example.com/models/*"
    policy = str(folder / "policy.yaml")
    quietly("policy", "init", "--local", "--location", location, "-o", policy)
    write_self_signed(folder / "tls", now=datetime.now(UTC))
    local, into = open_local(folder / "home", now=lambda: datetime.now(UTC)), open_store(str(folder / "many"))
    shutil.copytree(folder / "store", folder / "many")
    signer = local.signer(now=lambda: datetime.now(UTC))
    for number in range(1, entries + 1):
        statement = bom_statement(number, 4_000)
        into.add(signer.sign(statement), statement)
    quietly(
        "admission", "snapshot", "--policy", policy, "--store", str(folder / "many"), "-o", str(folder / "snapshot")
    )


def serve_words(*words: str) -> list[str]:
    """Return the command line of the webhook."""
    own = ["--tls-cert", "tls/tls.crt", "--tls-key", "tls/tls.key", "--listen", "127.0.0.1:0", "--drain", "0"]
    return ["-m", "dbom", "admission", "serve", *words, *own]


def watched(server: Serving, folder: Path, body: Path, connections: int, seconds: float) -> Load:
    """Put load on a server, and say how much of the processor's time each request took it."""
    before = server.cpu
    found = load(folder, server.port, body, connections=connections, seconds=seconds)
    found.cpu = (server.cpu - before) / found.requests * 1e6
    return found


def speed(folder: Path, body: Path, *, rounds: int, seconds: float) -> list[Row]:
    """Measure requests a second and the 99th percentile, in turns.

    What a server can do in a second is told by as many connections as keep it busy: at few, a journal's flushes are
    waited for by all of them.
    """
    ours: dict[int, list[Load]] = {_FEW: [], _MANY: []}
    theirs: dict[int, list[Load]] = {_FEW: [], _MANY: []}
    files = ("--policy", "policy.yaml", "--store", "store", "--journal", "journal.jsonl")
    with (
        serving(folder, *serve_words(*files)) as gate,
        serving(folder, str(Path(__file__).resolve()), "--bare", str(folder)) as yes,
    ):
        for item in (gate, yes):
            load(folder, item.port, body, connections=_FEW, seconds=1)
        for connections in (_FEW, _MANY) * rounds:
            theirs[connections].append(watched(yes, folder, body, connections, seconds))
            ours[connections].append(watched(gate, folder, body, connections, seconds))
        status = json.loads(gate.ask("/status"))
    failed = sum(item.failed for found in (ours, theirs) for each in found.values() for item in each)
    assert {item["verdict"] for item in status["decisions"]} == {"verified"}, status
    assert not failed, failed
    few, many = (_Both.of(ours[connections], theirs[connections]) for connections in (_FEW, _MANY))
    return [
        Row(
            f"requests a second of cached decisions at {_MANY} connections, journal on / of bare yeses",
            many.rate[0] / many.rate[1],
            0.6,
            f"{many.told}; at {_FEW} connections {few.rate[0] / few.rate[1]:.2f}: {few.told};"
            f" {status['journal']['records']} records",
            at_least=True,
        ),
        Row(
            f"99th percentile at {_FEW} connections / that of bare yeses",
            few.p99[0] / few.p99[1],
            1.5,
            f"{few.p99[0]:.1f} ms against {few.p99[1]:.1f} ms",
        ),
    ]


@dataclass
class _Both:
    """Medians of ours and of the bare yeses."""

    rate: tuple[float, float]
    p99: tuple[float, float]
    cpu: tuple[float, float]

    @classmethod
    def of(cls, ours: list[Load], theirs: list[Load]) -> _Both:
        def both(what: Callable[[Load], float]) -> tuple[float, float]:
            return statistics.median(map(what, ours)), statistics.median(map(what, theirs))

        return cls(both(lambda item: item.rate), both(lambda item: item.p99), both(lambda item: item.cpu))

    @property
    def told(self) -> str:
        return (
            f"{self.rate[0]:.0f} against {self.rate[1]:.0f}, {self.cpu[0]:.0f} µs of processor time each against"
            f" {self.cpu[1]:.0f}"
        )


def changes(folder: Path, body: Path, requests: int) -> Row:
    """Ask at 200 connections while the certificate and a policy change; count what fails."""
    files = ("--policy", "policy.yaml", "--store", "store", "--journal", "journal-2.jsonl")
    asked = failed = 0
    with serving(folder, *serve_words(*files)) as gate:
        before = ssl.get_server_certificate(("127.0.0.1", gate.port))
        found: list[Load] = []
        while asked < requests:
            thread = threading.Thread(
                target=lambda: found.append(load(folder, gate.port, body, connections=200, seconds=6))
            )
            thread.start()
            if not asked:
                time.sleep(1.5)
                write_self_signed(folder / "tls", now=datetime.now(UTC))
                time.sleep(1)
                policy = (folder / "policy.yaml").read_text()
                (folder / "policy.yaml").write_text(policy.replace('name: "models"', 'name: "again-models"', 1))
            thread.join()
            asked += found[-1].requests
            failed += found[-1].failed
        status = json.loads(gate.ask("/status"))
        after = ssl.get_server_certificate(("127.0.0.1", gate.port))
        counted = {(item["verdict"], item["allowed"]) for item in status["decisions"]}
    assert before != after
    assert status["policies"][0]["name"].startswith("again-"), status["policies"]
    assert counted == {("verified", True)}, status
    detail = f"{asked} asked, certificate changed, policy read anew, {status['reloadFailures']} reload failures"
    return Row("failed of 10,000 requests at 200 connections", failed, 0, detail)


def memory(folder: Path, body: Path, requests: int, entries: int) -> list[Row]:
    """Measure the start from a snapshot, and memory before and after many requests."""
    with serving(folder, *serve_words("--snapshot", "snapshot", "--journal", "journal-3.jsonl")) as gate:
        before, asked = gate.resident, 0
        while asked < requests:
            asked += load(folder, gate.port, body, connections=16, seconds=10).requests
        after = gate.resident
        status = json.loads(gate.ask("/status"))
        assert status["evidence"]["statements"] >= entries, status["evidence"]
    detail = f"{before:.0f} MB, {after:.0f} MB after {asked} requests, {status['evidence']['statements']} statements"
    return [
        Row("resident memory after 100,000 requests / before", after / before, 1.1, detail),
        Row("start until ready from a snapshot, seconds", gate.ready_after, 3.0, f"{entries} entries"),
    ]


def stages(body: bytes, folder: Path) -> str:
    """Return how long each stage of a cached answer takes, in µs, in this process."""
    from admission.counts import Counts
    from admission.gathered_log import GatheredLog
    from admission.mounted import MountedFiles
    from admission.webhook import Webhook
    from attest.stores.store import open_store

    loaded = MountedFiles([folder / "policy.yaml"], [open_store(str(folder / "store"))]).load(datetime.now(UTC))
    from admission.journal import Journal

    journal = Journal.open(folder / "stages.jsonl", at=datetime.now(UTC), facts={})
    hook = Webhook(loaded.policies, loaded.evidence, lambda: datetime.now(UTC), journal)
    review: Any = hook.read(body)
    decision = hook.decide(review)
    answered, counts, log = hook.answered(review, decision), Counts(), GatheredLog(lambda _: None)
    decoder = review_decoder("", "Pod")
    assert decoder is not None
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: hook.read(body),
        "types alone": lambda: decoder.decode(body),
        "look up": lambda: hook.recalled(review, datetime.now(UTC)),
        "record": lambda: hook.entry(review, decision, body),
        "answer": lambda: hook.answered(review, decision),
        "log": lambda: log(answered.log),
        "count": lambda: counts.answered(answered, 0.001),
        "durable": lambda: journal.append(hook.entry(review, decision, body)),  # type: ignore[arg-type]  # it has one
    }
    found = interleaved(calls, 300)
    found |= {"read, decided, recorded and answered at 16 a time": asyncio.run(together(hook, body))}
    journal.close(at=datetime.now(UTC))
    log.close()
    return ", ".join(f"{name} {took * 1000:.0f} µs" for name, took in found.items())


class _Asked:
    """What was posted, and somebody who counts the answers."""

    target, headers = b"/validate?timeout=5s", [(b"content-type", b"application/json")]

    def __init__(self, body: bytes, told: Callable[[], None]) -> None:
        self.body, self.parts, self.began, self.is_known = body, [body], asyncio.get_running_loop().time(), False
        self._told = told

    def respond(self, *_: object) -> None:
        """Take an answer."""
        self._told()


async def together(hook: Any, body: bytes) -> float:  # noqa: ANN401  imported where it is measured
    """Return how many ms of processor time the application itself takes for each of 16 requests at once."""
    from admission.asgi import Application
    from admission.counts import Counts
    from admission.live import Fixed

    application, best = Application(Fixed(hook), lambda _: None, Counts()), float("inf")
    for _ in range(50):
        answers: asyncio.Queue[None] = asyncio.Queue()
        before = time.thread_time()
        for _ in range(16):
            asked: Any = _Asked(body, partial(answers.put_nowait, None))
            assert application.expects(asked)
            assert application.at_once(asked)
        for _ in range(16):
            await answers.get()
        best = min(best, (time.thread_time() - before) / 16 * 1000)
    application.close()
    return best


def main() -> int:
    """Measure, print a table, and return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds and a small store, which say little")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bare is not None:
        bare(asked.bare)
        return 0
    if shutil.which("wrk") is None:
        sys.stderr.write("to measure the webhook under load, wrk is needed: on Debian, apt-get install wrk\n")
        return 1
    entries = 200 if asked.quick else 10_000
    with tempfile.TemporaryDirectory() as place:
        folder, body = Path(place), Path(place) / "review.json"
        body.write_bytes(review_body(18_000))
        write_site(folder, entries)
        sys.stdout.write(f"stages: {stages(body.read_bytes(), folder)}\n")
        rows = [
            *speed(folder, body, rounds=1 if asked.quick else 5, seconds=3 if asked.quick else 6),
            *memory(folder, body, 5_000 if asked.quick else 100_000, entries),
            changes(folder, body, 1_000 if asked.quick else 10_000),
        ]
    return told(rows)


if __name__ == "__main__":
    sys.exit(main())
