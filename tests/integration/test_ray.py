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
import servers
from made_items import Bar, MadeItem, reads, until

import dbom
from dbom.engine import Journal, RenewingExecutor, batches, digest_items, local_parts, open_engine, reduce_tree
from dbom.engine.ray_engine import LostWorkerError, RayExecutor, _settle, _translated
from dbom.errors import ChangedError, StoreError
from dbom.hashing import FileState, LocalItem
from dbom.model import tree_digest
from dbom.reducing import reduce_source
from dbom.remote import fingerprint_url
from dbom.storage.objects import RemoteItem, source_of
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


LARGE = 51 * 1024 * 1024  # a batch of its own

# A driver over the cluster that is killed as soon as a batch is in its journal.
KILLED = """
import os, signal, sys
from dbom.engine import Journal, open_engine
from dbom.remote import fingerprint_url

class Killer:
    def expect(self, size): pass
    def advance(self, size): os.kill(os.getpid(), signal.SIGKILL)

address, path, url = sys.argv[1:]
with open_engine("ray", ray_address=address) as executor, Journal.open(path, tree=url, ignores=()) as journal:
    fingerprint_url(url, ignores=(), executor=executor, journal=journal, progress=Killer())
"""


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """Run an S3 server that has a tree in a bucket, and tell what its clients have in their environment."""
    with servers.moto() as endpoint:
        call = servers.s3_call(endpoint)
        call("create_bucket", Bucket="bkt")
        for path, data in objects().items():
            call("put_object", Bucket="bkt", Key=f"data/{path}", Body=data)
        yield {**servers.S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}


def objects() -> dict[str, bytes]:
    return {"a/large": b"l" * LARGE, **{f"d{number % 3}/f{number}": bytes([number]) * number for number in range(20)}}


@pytest.fixture
def here(bucket: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this process be a client of the S3 server, and return the same tree on a disk."""
    for name, value in bucket.items():
        monkeypatch.setenv(name, value)
    for path, data in objects().items():
        (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / path).write_bytes(data)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def facts(home: Path, bucket: dict[str, str]) -> Iterator[dict[str, str]]:
    """Start a Ray of two workers from a process of its own, as anybody's cluster is, and tell where it is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    owner = subprocess.Popen(
        [sys.executable, "-P", "-c", OWN],
        env={
            **environment,
            **bucket,
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


class WaitingProgress:
    """Says in a pipe which process reads, in the middle of the reading, and waits to be ended."""

    def __init__(self, pipe: str) -> None:
        self.pipe = pipe

    def expect(self, size: int) -> None:
        """Say nothing."""

    def advance(self, size: int) -> None:
        """Be in the middle."""
        assert 0 < size < LARGE
        Path(self.pipe).write_text(str(os.getpid()), encoding="ascii")
        signal.pause()


@dataclass(frozen=True)
class WaitingObject:
    """A remote item whose first reading is ended in its middle."""

    inner: RemoteItem
    pipe: str
    log: str

    @property
    def path(self) -> str:
        """The object's."""
        return self.inner.path

    @property
    def size(self) -> int:
        """The object's."""
        return self.inner.size

    @property
    def state(self) -> str:
        """The object's."""
        return self.inner.state

    def digest(self, progress: Progress | None = None) -> Entry:
        """Read it, the second time."""
        first = not reads(self.log)
        with Path(self.log).open("a", encoding="utf-8") as log:
            log.write(f"{self.path}\n")
        return self.inner.digest(WaitingProgress(self.pipe) if first else progress)


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
    shutil.make_archive(str(tmp_path / "packed"), "zip", root)
    assert expected.digest == fingerprint_url(f"zip://::{tmp_path}/packed.zip", executor=cluster).digest
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


def test_objects_of_a_bucket_have_the_same_digest_on_a_cluster(cluster: RayExecutor, here: Path) -> None:
    found = fingerprint_url("s3://bkt/data", executor=cluster)
    assert fingerprint_path(here) == found


def test_folders_of_a_disk_and_of_a_bucket_are_reduced_on_a_cluster(
    cluster: RayExecutor, here: Path, tmp_path: Path
) -> None:
    expected, segments = fingerprint_path(here), str(tmp_path / "segments")
    assert cluster.parallelism
    for source in (here, "s3://bkt/data"):
        found = reduce_source(
            source, segments=segments, engine="ray", journal=tmp_path / f"journal of {here == source}"
        )
        assert (expected.digest, len(expected.entries)) == (found.tree.digest, found.tree.files)


def test_an_object_whose_worker_is_killed_in_the_middle_of_it_is_read_again(
    cluster: RayExecutor, here: Path, home: Path, tmp_path: Path
) -> None:
    log, pipe = str(tmp_path / "log"), str(tmp_path / "pipe")
    os.mkfifo(pipe)
    listed = list(source_of("s3://bkt").below("data/"))
    items: list[RemoteItem | WaitingObject] = [
        RemoteItem(found.key.removeprefix("data/"), "s3://bkt", found) for found in listed
    ]
    (place,) = (number for number, item in enumerate(items) if item.path == "a/large")
    large = items[place]
    assert isinstance(large, RemoteItem)
    items[place] = WaitingObject(large, pipe, log)

    def kill() -> None:
        pid = int(Path(pipe).read_text(encoding="ascii"))
        demand_worker_of(pid, home)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = tuple(digest_items(items, cluster, batch_items=4))
    killer.join()
    assert fingerprint_path(here).digest == tree_digest(found)
    assert ["a/large", "a/large"] == reads(log)


def test_a_driver_that_was_killed_goes_on_over_a_bucket_where_it_was(
    cluster: RayExecutor, here: Path, facts: dict[str, str], home: Path, tmp_path: Path
) -> None:
    journal, url = tmp_path / "journal", "s3://bkt/data"
    killed = subprocess.run(
        [sys.executable, "-P", "-c", KILLED, facts["address"], str(journal), url],
        env={**os.environ, **RAY, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    bar = Bar()
    with Journal.open(journal, tree=url, ignores=()) as opened:
        assert 0 < len(opened) < len(objects())
        found = fingerprint_url(url, ignores=(), executor=cluster, journal=opened, progress=bar)
    assert fingerprint_path(here, ignores=()) == found
    assert bar.advanced == bar.expected < sum(map(len, objects().values()))


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
