"""A real Ray cluster of two workers on this machine: the same digests, also where a worker is killed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_items import MadeItem, reads, until

import dbom
from dbom.engine import Journal, RenewingExecutor, batches, digest_items, local_parts, open_engine, reduce_tree
from dbom.engine.ray_engine import LostWorkerError, RayExecutor, _settle, _translated
from dbom.errors import ChangedError, StoreError
from dbom.hashing import FileState, LocalItem
from dbom.model import tree_digest
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.items import Progress
    from dbom.model import Entry

# The cluster listens on the loopback alone and wants a token. Ray decides for good when it is imported whether it looks
# there and sends one.
RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}
os.environ.update(RAY)
ray = pytest.importorskip("ray", reason="ray is not there: pip install 'dbom[ray]'")

TESTS = Path(__file__).resolve().parents[1]

# The Ray that dbom starts for itself, held until the test closes the pipe.
OWN = """
import json, os, sys
from dbom.engine import open_engine
with open_engine("ray", ray_address="local", jobs=2) as executor:
    import ray
    names = ("RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED")
    facts = {"address": ray.get_runtime_context().gcs_address, **{name: os.environ[name] for name in names}}
    facts["result"] = str(executor.submit(abs, -2).result())
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
assert not set(names) & set(os.environ)
"""

NOWHERE = """
from dbom.engine import open_engine
with open_engine("ray", ray_address="127.0.0.1:1"):
    pass
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Make a home of the cluster's own; the paths of its sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="dbom-ray-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def facts(home: Path) -> Iterator[dict[str, str]]:
    """Start a Ray of two workers from a process of its own, as anybody's cluster is, and tell where it is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    owner = subprocess.Popen(
        [sys.executable, "-P", "-c", OWN],
        env={
            **environment,
            "HOME": str(home),
            "RAY_TMPDIR": str(home),
            "RAY_AUTH_TOKEN": RAY["RAY_AUTH_TOKEN"],
            "PYTHONPATH": str(TESTS),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner:
        yield json.loads(owner.stdout.readline())
        owner.stdin.close()
        assert 0 == owner.wait(60)


@pytest.fixture(scope="module")
def cluster(home: Path, facts: dict[str, str]) -> Iterator[RayExecutor]:
    """Connect to the cluster by its address and token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        with open_engine("ray", ray_address=facts["address"]) as executor:
            assert isinstance(executor, RayExecutor)
            yield executor


@dataclass(frozen=True)
class WaitingItem(MadeItem):
    """An item whose first reading says in a pipe which process it is, and waits to be ended."""

    pipe: str = ""

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it, the second time."""
        entry = super().digest(progress)
        if len(reads(self.log, self.path)) == 1:
            Path(self.pipe).write_text(str(os.getpid()), encoding="ascii")
            signal.pause()
        return entry


def tree(root: Path) -> Path:
    for number in range(30):
        file = root / f"d{number % 4}" / f"f{number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]) * number * 100)
    return root.resolve()


def demand_worker_of(pid: int, home: Path) -> None:
    """Make sure that `pid` is a worker of the Ray that lives in `home` before it is killed."""
    assert Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::")
    raylet = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1]
    assert str(home).encode() in Path(f"/proc/{raylet}/cmdline").read_bytes()


def test_the_digest_is_the_same_on_a_cluster(cluster: RayExecutor, tmp_path: Path) -> None:
    root = tree(tmp_path / "tree")
    expected = fingerprint_path(root)
    items = [
        LocalItem(entry.path, str(root / entry.path), FileState.of((root / entry.path).stat()))
        for entry in expected.entries
    ]
    with Journal.open(tmp_path / "j", tree=str(root), ignores=()) as journal:
        found = tuple(digest_items(items, cluster, batch_bytes=10_000, journal=journal))
    assert expected.digest == tree_digest(found)
    spill = str(tmp_path / "spill")
    assert expected.digest == reduce_tree(local_parts(str(root), expected.ignores), cluster, spill=spill).digest


def test_the_digest_is_the_same_where_a_worker_is_killed_midway(
    cluster: RayExecutor, home: Path, tmp_path: Path
) -> None:
    log, pipe = str(tmp_path / "log"), str(tmp_path / "pipe")
    os.mkfifo(pipe)
    items: list[MadeItem] = [MadeItem(f"f{number}", str(number), log) for number in range(20)]
    items[7] = WaitingItem("f7", "7", log, pipe=pipe)

    def kill() -> None:
        pid = int(Path(pipe).read_text(encoding="ascii"))
        demand_worker_of(pid, home)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = tuple(digest_items(items, cluster, batch_items=2))
    killer.join()
    assert tree_digest(tuple(MadeItem(item.path, item.content).digest() for item in items)) == tree_digest(found)
    assert ["f7", "f7"] == reads(log, "f7")


def test_a_subtree_whose_worker_dies_is_read_again(cluster: RayExecutor, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    items = [MadeItem(f"f{number}", "x", log, "kill" if number == 3 else "") for number in range(8)]
    found = reduce_tree(batches(items, max_items=2), cluster)
    assert tree_digest(tuple(MadeItem(item.path).digest() for item in items)) == found.digest
    assert 2 == len(reads(log, "f3"))


def test_a_worker_that_dies_each_time_ends_the_run(cluster: RayExecutor, tmp_path: Path) -> None:
    item = MadeItem("bad", "x", str(tmp_path / "log"), "kill", times=9)
    with pytest.raises(StoreError, match="worker"):
        list(digest_items([item], cluster, retries=1))
    assert 2 == len(reads(tmp_path / "log"))
    with pytest.raises(LostWorkerError):
        cluster.submit(os._exit, 1).result()


def test_errors_come_back_as_themselves(cluster: RayExecutor) -> None:
    with pytest.raises(ChangedError, match="bad: changed"):
        list(digest_items([MadeItem("bad", first="changed", log=os.devnull)], cluster))
    with pytest.raises(ValueError, match="invalid literal"):
        cluster.submit(int, "x").result()


def test_where_this_process_is_connected_already_the_connection_is_used_and_left(cluster: RayExecutor) -> None:
    with open_engine("ray") as executor:
        assert 2 == executor.submit(abs, -2).result()
    assert 2 == cluster.submit(abs, -2).result()


def test_an_error_inside_the_context_cancels_what_waits(cluster: RayExecutor, tmp_path: Path) -> None:
    """Ray may miss that a task which is just being handed out was cancelled: then it is done, and nobody waits."""
    executor = RayExecutor()
    with RenewingExecutor(lambda: executor) as renewing:
        blocked = [renewing.submit(until, str(tmp_path / "end")) for _ in range(4)]
        executor.shutdown(wait=False, cancel_futures=True)
    (tmp_path / "end").touch()
    assert all(future.cancelled() for future in blocked)
    wait(blocked)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)
    assert 1 == cluster.submit(abs, -1).result()


def test_a_cluster_with_another_version_of_dbom_is_refused(
    cluster: RayExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbom, "__version__", "0.0.0")
    with pytest.raises(StoreError, match="another version"):
        cluster.submit(abs, 1).result()


def test_a_cluster_of_our_own_has_no_dashboard_no_statistics_and_no_open_door(
    facts: dict[str, str], cluster: RayExecutor, home: Path
) -> None:
    assert ("2", "0", "token") == (facts["result"], facts["RAY_USAGE_STATS_ENABLED"], facts["RAY_AUTH_MODE"])
    assert facts["address"].startswith("127.0.0.1:")
    assert ["127.0.0.1"] == [node["NodeManagerAddress"] for node in ray.nodes()]
    assert 2 == cluster.parallelism
    session = home / "ray" / "session_latest"
    assert session.exists()
    assert not (session / "usage_stats.json").exists()


def test_no_cluster_is_an_error(home: Path) -> None:
    """In a process of its own, since this one is connected."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", NOWHERE],
        env={**environment, "RAY_TMPDIR": str(home / "empty"), "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StoreError: 127.0.0.1:1: no Ray cluster" in done.stderr


def test_rays_errors_are_told_in_our_words() -> None:
    errors = ray.exceptions
    assert isinstance(_translated(errors.WorkerCrashedError(), ray), LostWorkerError)
    assert isinstance(_translated(errors.LocalRayletDiedError(), ray), LostWorkerError)
    assert isinstance(_translated(errors.TaskCancelledError(), ray), CancelledError)
    refused = _translated(errors.RaySystemError("the store is full"), ray)
    assert isinstance(refused, StoreError)
    assert "DBOM-177" == refused.rule.id
    missing = RuntimeError("The remote function failed to import on the worker. No module named 'dbom'")
    absent = _translated(errors.RayTaskError("f", "Traceback", missing), ray)
    assert isinstance(absent, StoreError)
    assert "DBOM-178" == absent.rule.id
    other = OSError("ours")
    assert other is _translated(errors.RayTaskError("f", "Traceback", other), ray)
    assert other is _translated(other, ray)


def test_an_answer_and_an_error_are_handed_on() -> None:
    cancelled: Future[int] = Future()
    cancelled.cancel()
    _settle(cancelled, Future(), ray)
    assert cancelled.cancelled()
    good: Future[int] = Future()
    good.set_result(1)
    bad: Future[int] = Future()
    bad.set_exception(ray.exceptions.WorkerCrashedError())
    handed: Future[int] = Future()
    _settle(handed, good, ray)
    assert 1 == handed.result()
    lost: Future[int] = Future()
    _settle(lost, bad, ray)
    assert isinstance(lost.exception(), LostWorkerError)
