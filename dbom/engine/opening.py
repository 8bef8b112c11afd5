"""From the name of an engine to the executor behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.errors import UsageError
from dbom.executors import open_executor
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

__all__ = ["ENGINES", "open_engine"]

ENGINES = ("threads", "ray")
"""What `--engine` may be."""


def open_engine(name: str, *, ray_address: str | None = None, jobs: int = 0) -> AbstractContextManager[Executor]:
    """Return a context that gives the executor of an engine and ends it: `threads` of this process, or `ray`.

    `jobs` is the number of threads, 0 for one each core. `ray_address` is where the Ray cluster is, None for
    `RAY_ADDRESS` or the cluster that this machine is a part of, `local` for one of `jobs` workers that ends with the
    context. Raises `UsageError` for another name or an address without Ray; entering it raises `MissingExtraError`
    where Ray isn't installed, `StoreError` where the cluster can't be reached.
    """
    if name not in ENGINES:
        raise UsageError(USAGE, "no such engine", got=printable(name), expected=" or ".join(ENGINES))
    if name == "ray":
        from dbom.engine.ray_engine import open_ray  # noqa: PLC0415  only who asks for a cluster pays for it

        return open_ray(ray_address, jobs=jobs)
    if ray_address is not None:
        raise UsageError(USAGE, "a Ray address goes with the engine ray", got=f"engine {name}")
    return open_executor(jobs)
