"""The webhook as it is run: really signed evidence, the real command line, real TLS, and curl as the API server."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from admission.journal import check_journal
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

GOOD, TAMPERED = "1" * 64, "2" * 64


def write_model(folder: Path) -> None:
    folder.mkdir()
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))


def pod(digest: str, repository: str = "models/m") -> JsonObject:
    container: Json = {
        "name": "server",
        "image": "vllm/vllm-openai:v0.11",
        "args": ["/m"],
        "volumeMounts": [{"name": "m", "mountPath": "/m"}],
    }
    volume: Json = {"name": "m", "image": {"reference": f"registry.example.com/{repository}@sha256:{digest}"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [container], "volumes": [volume]},
    }


@pytest.fixture(name="site")
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sign a model with the local identity and write a policy that accepts it."""
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model")
    place = f"oci://registry.example.com/models/m@sha256:{GOOD}"
    assert run(["sign", "model", "--local", "--store", "store", "--location", place]) == 0
    pattern = "oci://registry.example.com/models/*"
    assert run(["policy", "init", "--local", "--location", pattern, "-o", "policy.yaml"]) == 0
    return tmp_path


def curl(site: Path, port: int, body: JsonObject) -> tuple[int, JsonObject]:
    found = subprocess.run(
        [
            *("curl", "-sS", "--cacert", "tls/ca.crt", "-w", "\n%{http_code}", "-H", "Content-Type: application/json"),
            *("--data-binary", json.dumps(body), f"https://localhost:{port}/validate"),
        ],
        cwd=site,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    answer, _, status = found.stdout.rpartition("\n")
    return int(status), json.loads(answer)


def review(uid: str, document: JsonObject) -> JsonObject:
    request: JsonObject = {
        "uid": uid,
        "operation": "CREATE",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "prod",
        "object": document,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@pytest.mark.skipif(shutil.which("curl") is None, reason="install curl")
def test_pods_are_let_in_and_kept_out_over_https(site: Path) -> None:
    arguments = ["admission", "serve", "--policy", "policy.yaml", "--store", "store", "--self-signed", "tls"]
    arguments += ["--listen", "127.0.0.1:0", "--journal", "journal.jsonl"]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dbom", *arguments],
        cwd=site,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as server:
        assert server.stderr is not None
        try:
            line = next(line for line in server.stderr if line.startswith('{"event": "listening"'))
            port = json.loads(line)["port"]
            questions: dict[str, JsonObject] = {
                "good": pod(GOOD),
                "tampered": pod(TAMPERED),
                "unknown": pod(GOOD, "models/other"),
                "not-a-pod": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": 3}},
            }
            answers = {uid: curl(site, port, review(uid, document)) for uid, document in questions.items()}
            malformed = curl(site, port, pod(GOOD))
        finally:
            server.terminate()
        lines = [json.loads(line) for line in server.stderr]
        assert server.wait(30) == 0
    found: dict[str, object] = {}
    for uid, (status, answer) in answers.items():
        response = answer["response"]
        assert isinstance(response, dict)
        assert (status, response["uid"]) == (200, uid)
        found[uid] = (response["allowed"], response["auditAnnotations"])
    assert found == {
        "good": (True, {"verdict": "verified", "record": "good"}),
        "tampered": (False, {"verdict": "refused", "rules": "DBOM-531", "record": "tampered"}),
        "unknown": (False, {"verdict": "can't tell", "rules": "DBOM-530", "record": "unknown"}),
        "not-a-pod": (False, {"verdict": "refused", "rules": "DBOM-510", "record": "not-a-pod"}),
    }
    assert (malformed[0], malformed[1]["rule"]) == (400, "DBOM-511")
    assert [item["event"] for item in lines] == [*["decision"] * 4, "malformed", "stopped"]
    summary = check_journal((site / "journal.jsonl").read_bytes(), where="journal")
    assert (summary.decisions, summary.is_open) == (4, False)


def test_a_review_of_files_answers_like_the_webhook(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {"good": (pod(GOOD), 0), "tampered": (pod(TAMPERED), 1), "unknown": (pod(GOOD, "models/x"), 3)}
    flags = ["--policy", "policy.yaml", "--store", "store"]
    for name, (document, code) in expected.items():
        (site / f"{name}.yaml").write_text(yaml.safe_dump(document))
        assert run(["admission", "review", f"{name}.yaml", *flags]) == code
    assert run(["admission", "review", *(f"{name}.yaml" for name in expected), *flags]) == 1
    capsys.readouterr()
    assert run(["admission", "review", "good.yaml", *flags, "-f", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "dbom.dev/admission-review/v1"
    assert document["counts"]["verified"] == 1


def test_a_bundle_by_somebody_else_in_the_store_counts_for_nothing(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(site / "stranger"))
    write_model(site / "other")
    place = f"oci://registry.example.com/models/other@sha256:{GOOD}"
    assert run(["sign", "other", "--local", "--store", "store", "--location", place]) == 0
    (site / "pod.yaml").write_text(yaml.safe_dump(pod(GOOD, "models/other")))
    capsys.readouterr()
    assert run(["admission", "review", "pod.yaml", "--policy", "policy.yaml", "--store", "store", "-v"]) == 1
    shown = capsys.readouterr()
    assert "DBOM-534" in shown.out
    assert "3 of what is there count for no policy" in shown.err
