"""The webhook's process ended at load: by SIGTERM in good order, by kill -9 without losing an answered record."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING

import pytest
from running_webhook import review

from admission.journal import check_journal
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


def asked(port: int, answered: list[str], client: int) -> None:
    """Ask until the server is gone; keep the uids of what was answered."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    with suppress(OSError, HTTPException), closing(connection):
        for number in range(100_000):
            uid = f"{client}-{number}"
            body = review().replace(b'"uid": "u"', f'"uid": "{uid}"'.encode())
            connection.request("POST", "/validate", body, {"Content-Type": "application/json"})
            with connection.getresponse() as answer:
                found = json.loads(answer.read())["response"]["uid"]
            if found == uid:
                answered.append(uid)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_each_answer_is_in_the_journal(
    end: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_text("x")
    assert 0 == run(["sign", "d", "--local", "--store", "store", "--location", f"oci://r.example/m@sha256:{'1' * 64}"])
    assert 0 == run(["policy", "init", "--local", "--location", "oci://r.example/*", "-o", "policy.yaml"])
    words = ["--policy", "policy.yaml", "--store", "store", "--self-signed", "tls", "--journal", "journal.jsonl"]
    words += ["--listen", "127.0.0.1:0", "--drain", "0"]
    command = [sys.executable, "-P", "-m", "dbom", "admission", "serve", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stderr=log, env=environment) as server:
        while not (
            lines := [line for line in (tmp_path / "log").read_text().split("\n")[:-1] if '"listening"' in line]
        ):
            assert server.poll() is None
            time.sleep(0.05)
        port, answered = json.loads(lines[0])["port"], []  # type: ignore[var-annotated]  # of texts
        clients = [threading.Thread(target=asked, args=(port, answered, number)) for number in range(4)]
        for client in clients:
            client.start()
        while len(answered) < 50:
            assert server.poll() is None
            time.sleep(0.01)
        server.send_signal(end)
        for client in clients:
            client.join(60)
        assert (0 if end is signal.SIGTERM else -end) == server.wait(30)
    data = (tmp_path / "journal.jsonl").read_bytes()
    whole = data[: data.rindex(b"\n") + 1]
    recorded = {line["facts"].get("uid") for line in map(json.loads, whole.splitlines())}
    assert set() == set(answered) - recorded
    assert (end is signal.SIGKILL) == check_journal(whole, where="journal").is_open
