"""A Ray cluster as a `concurrent.futures.Executor`: the home of Ray."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import dbom
from dbom.errors import MissingExtraError, StoreError
from dbom.printable import printable
from dbom.rules.artifacts import CLUSTER_DIFFERS, CLUSTER_UNREACHABLE
from dbom.rules.everyday import EXTRA_MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

__all__ = ["LOCAL", "LostWorkerError", "RayExecutor", "open_ray"]

LOCAL = "local"
"""The address that means: a Ray of this process's own, on this machine, which ends with it."""

# What Ray raises where the work was lost with the process, machine or memory that held it.
_LOST = (
    "WorkerCrashedError",
    "NodeDiedError",
    "ActorDiedError",
    "LocalRayletDiedError",
    "ObjectLostError",
    "OutOfMemoryError",
)
_HOST_PORT = re.compile(r"(?P<host>[^/]+):(?P<port>[0-9]{1,5})")
_CONNECT_SECONDS = 10
_NOT_IMPORTED = "failed to import on the worker"  # how Ray words a worker without our code

# What Ray reads of the environment when it is imported, for a Ray of our own: no usage statistics, the loopback, and
# nobody let in without the token (a Ray runs what it is sent).
_PRIVATE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "",
}

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LostWorkerError(BrokenExecutor):
    """The worker that had the work is gone; the same work may be given again."""


@contextmanager
def open_ray(address: str | None = None, *, jobs: int = 0) -> Iterator[RayExecutor]:
    """Connect to the Ray cluster at `address` and leave it at the end.

    `address` is `host:port`, `ray://host:port`, None for `RAY_ADDRESS` or the cluster that this machine is a part of,
    or `LOCAL`, which starts a Ray with `jobs` workers (0: one a core) without dashboard and usage statistics. Where
    this process is connected already, that connection is used and left open.

    Raises `MissingExtraError` where Ray isn't installed, `StoreError` where there is no cluster.
    """
    if address == LOCAL and "ray" in sys.modules and not sys.modules["ray"].is_initialized():
        raise _unreachable("Ray was imported before it could be told to be private; start it by ray.init()", LOCAL)
    with _environment(_PRIVATE if address == LOCAL else {}):
        ray = _imported()
        if ray.is_initialized():
            yield RayExecutor()
            return
        _connect(ray, address, jobs)
        try:
            with RayExecutor() as executor:
                try:
                    yield executor
                except BaseException:
                    executor.shutdown(wait=False, cancel_futures=True)
                    raise
        finally:
            ray.shutdown()


class RayExecutor(Executor):
    """Runs functions as tasks of the Ray cluster that this process is connected to.

    Each task takes one CPU. Ray itself tries nothing again: a task whose worker, node or memory was lost fails with
    `LostWorkerError`, and whoever gave it decides. A worker with another version of dbom, or none, refuses.
    """

    def __init__(self) -> None:
        self._ray = _imported()
        # Ray's decorator is untyped for functions whose types aren't known before they are passed in.
        self._remote: Any = self._ray.remote(num_cpus=1, max_retries=0)(_call)
        self._pending: set[Future[Any]] = set()
        self._closed = False

    @property
    def parallelism(self) -> int:
        """How many tasks run at once: the CPUs that the cluster has now."""
        return int(self._ray.cluster_resources().get("CPU", 0))

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Start `fn` on the cluster. Function, arguments and result travel pickled."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        try:
            reference = self._remote.remote(dbom.__version__, fn, args, kwargs)
        except self._ray.exceptions.RayError as error:
            raise _unreachable(str(error), None) from error
        future: Future[_T] = Future()
        self._pending.add(future)
        future.add_done_callback(lambda done: self._forget(done, reference))
        reference.future().add_done_callback(lambda answer: _settle(future, answer, self._ray))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  Executor's own
        """Take no more work; wait for what runs, or cancel it. The connection to the cluster stays."""
        self._closed = True
        pending = tuple(self._pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
        if wait:
            _wait_for(pending)

    def _forget(self, future: Future[Any], reference: Any) -> None:  # noqa: ANN401  Ray's object reference
        self._pending.discard(future)
        if future.cancelled() and self._ray.is_initialized():
            # By force: a worker in the middle of a long read hears nothing else, and what it does may be done again.
            self._ray.cancel(reference, force=True)


def _call(version: str, function: Callable[..., _T], args: tuple[object, ...], kwargs: dict[str, object]) -> _T:
    """Run on a worker."""
    if version != dbom.__version__:
        what = "a worker has another version of dbom"
        raise StoreError(CLUSTER_DIFFERS, what, got=dbom.__version__, expected=version)
    return function(*args, **kwargs)


def _settle(future: Future[_T], answer: Future[_T], ray: ModuleType) -> None:
    """Hand Ray's answer on, its errors in the words of `concurrent.futures` and ours."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(answer.result())
    except BaseException as error:  # noqa: BLE001  whatever it is, it belongs to the one who asked
        future.set_exception(_translated(error, ray))


def _translated(error: BaseException, ray: ModuleType) -> BaseException:
    errors = ray.exceptions
    if isinstance(error, errors.RayTaskError):
        cause = error.cause
        if isinstance(cause, RuntimeError) and _NOT_IMPORTED in str(cause):
            return StoreError(CLUSTER_DIFFERS, "a worker can't load dbom", expected=dbom.__version__)
        return cause if isinstance(cause, BaseException) else error
    if isinstance(error, tuple(getattr(errors, name) for name in _LOST if hasattr(errors, name))):
        return LostWorkerError(type(error).__name__)
    if isinstance(error, errors.TaskCancelledError):
        return CancelledError()
    return _unreachable(str(error), None) if isinstance(error, errors.RayError) else error


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set what isn't set of `wanted`, a token to a random one, and take it back at the end."""
    ours = {name: value or secrets.token_hex(32) for name, value in wanted.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def _wait_for(pending: tuple[Future[Any], ...]) -> None:
    wait(pending)


def _imported() -> ModuleType:
    try:
        import ray  # noqa: PLC0415  only who asks for a cluster pays for it
        import ray.exceptions  # noqa: PLC0415
    except ImportError as error:
        what = "a Ray cluster needs a package that isn't installed"
        raise MissingExtraError(EXTRA_MISSING, what, hint="pip install 'dbom[ray]'") from error
    return ray


def _connect(ray: ModuleType, address: str | None, jobs: int) -> None:
    _demand_listening(address)
    options: dict[str, object] = {"address": address or "auto"}
    if address == LOCAL:
        options["include_dashboard"] = False
        options["num_cpus"] = jobs or len(os.sched_getaffinity(0))
    try:
        ray.init(log_to_driver=False, configure_logging=False, **options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise _unreachable(str(error), address) from error


def _demand_listening(address: str | None) -> None:
    """Raise `StoreError` where nothing listens at `host:port`; Ray itself would try for minutes."""
    found = _HOST_PORT.fullmatch(address or "")
    if found is None:
        return
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(str(error), address) from error


def _unreachable(reason: str, address: str | None) -> StoreError:
    first = printable(next(iter(reason.strip().splitlines()), "no reason given"))
    return StoreError(CLUSTER_UNREACHABLE, f"no Ray cluster: {first}", where=printable(address) if address else None)
