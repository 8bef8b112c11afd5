"""Workloads and evidence for the gate in a real cluster: what is signed, what isn't, and who asks for it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = [
    "BEFORE",
    "GOOD",
    "OTHER",
    "UNKNOWN",
    "before_documents",
    "cron_job",
    "deployment",
    "job",
    "pod",
    "pod_spec",
    "run_dbom",
    "stateful_set",
    "write_evidence",
]

GOOD, OTHER, UNKNOWN = (f"registry.example.com/models/{name}@sha256:{digit * 64}" for name, digit in ("m1", "n2", "x3"))
"""Images that hold models: two whose models are signed, one of which nothing is known."""
BEFORE = "before"
"""A namespace with workloads that were there before the gate, and that it would refuse."""
_SERVER = f"registry.example.com/vllm@sha256:{'e' * 64}"


def write_evidence(site: Path) -> Callable[[], None]:
    """Begin to sign two models by the real commands, in the background; what is returned waits for it."""
    site.mkdir(parents=True)
    executor = ThreadPoolExecutor(1)

    def write() -> None:
        for number, image in enumerate((GOOD, OTHER)):
            model = site / f"model-{number}"
            model.mkdir()
            header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
            weights = struct.pack("<Q", len(header)) + header + struct.pack("<f", number)
            (model / "model.safetensors").write_bytes(weights)
            run_dbom(site, "sign", model.name, "--local", "--store", "store", "--location", f"oci://{image}")
        pattern = "oci://registry.example.com/models/*"
        run_dbom(site, "policy", "init", "--local", "--location", pattern, "-o", "policy.yaml")

    future = executor.submit(write)

    def wait() -> None:
        executor.shutdown()
        future.result()

    return wait


def run_dbom(site: Path, *words: str, code: int = 0) -> str:
    """Run the real command in a folder, with a state of its own there, and return what it printed.

    Raises where it doesn't end with `code`.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        **{name: str(site / name.lower()) for name in ("HOME", "DBOM_HOME", "DBOM_CONFIG_HOME", "DBOM_CACHE_HOME")},
    }
    command = [sys.executable, "-P", "-m", "dbom", *words]
    done = subprocess.run(command, cwd=site, env=environment, capture_output=True, check=False, text=True)
    if done.returncode != code:
        raise RuntimeError(f"dbom {' '.join(words)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def pod_spec(image: str = GOOD, **fields: object) -> dict[str, Any]:
    """Return the specification of a pod in which vLLM serves a model from an image volume."""
    container = {
        "name": "server",
        "image": _SERVER,
        "command": ["vllm", "serve", "/m"],
        "volumeMounts": [{"name": "m", "mountPath": "/m"}],
    }
    return {"containers": [container], "volumes": [{"name": "m", "image": {"reference": image}}], **fields}


def pod(
    name: str, image: str = GOOD, *, metadata: Mapping[str, object] | None = None, **fields: object
) -> dict[str, Any]:
    """Return a pod; `metadata` is added to its name, `fields` to its specification."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **(metadata or {})},
        "spec": pod_spec(image, **fields),
    }


def deployment(name: str, image: str = GOOD, *, replicas: int = 1) -> dict[str, Any]:
    """Return a Deployment."""
    return _workload("apps/v1", "Deployment", name, {"replicas": replicas, **_selected(name, image)})


def stateful_set(name: str, image: str = GOOD) -> dict[str, Any]:
    """Return a StatefulSet of one pod."""
    return _workload("apps/v1", "StatefulSet", name, {"serviceName": name, **_selected(name, image)})


def job(name: str, image: str = GOOD) -> dict[str, Any]:
    """Return a Job."""
    return _workload("batch/v1", "Job", name, _job(image))


def cron_job(name: str, image: str = GOOD) -> dict[str, Any]:
    """Return a CronJob that never starts by itself."""
    spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": _job(image)}}
    return _workload("batch/v1", "CronJob", name, spec)


def before_documents() -> list[dict[str, Any]]:
    """Return workloads that nothing vouches for, made before there was a gate."""
    kept = pod("kept", UNKNOWN, metadata={"finalizers": ["example.com/kept"], "labels": {"app": "old"}})
    gone = [pod(f"gone-{number}", UNKNOWN) for number in range(3)]
    made = [kept, *gone, pod("old", UNKNOWN), deployment("old", UNKNOWN), stateful_set("old", UNKNOWN)]
    return [*made, job("old", UNKNOWN), cron_job("old", UNKNOWN)]


def _job(image: str) -> dict[str, Any]:
    return {"template": {"spec": pod_spec(image, restartPolicy="Never")}}


def _selected(name: str, image: str) -> dict[str, Any]:
    labels = {"app": name}
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod_spec(image)}}


def _workload(api_version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
