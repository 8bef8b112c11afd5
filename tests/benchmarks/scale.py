"""What the driver of many machines costs, simulated: made-up entries over a real Ray, nothing read.

The workers make entries (a sha256 of each name stands for the reading), segments and their files; the driver hands out
parts, keeps the journal, and streams the segments into the tree's digest. Run it with the Python of an environment that
dbom[ray] is installed in; it prints a table with the machine's facts, which docs/scale.md quotes, and nothing in it is
a bound. `--seconds` ends the part that would take too long, and the rate so far is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.engine import Journal, digest_items, open_engine, reduce_tree
from dbom.engine.running import window_of
from dbom.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from dbom.items import Item, Progress

_FOLDER = 10_000
_SIZE = 1_000_000
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class MadeUp:
    """An object of a megabyte that isn't there."""

    path: str

    @property
    def size(self) -> int:
        """A megabyte."""
        return _SIZE

    @property
    def state(self) -> str:
        """What a store says of an object: a time and a tag."""
        return "2026-01-01T00:00:00Z:d41d8cd98f00b204e9800998ecf8427e"

    def digest(self, progress: Progress | None = None) -> Entry:  # noqa: ARG002  there is nothing to tell
        """Give an entry without reading."""
        return Entry(self.path, _SIZE, hashlib.sha256(self.path.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class MadeUpPrefix:
    """The objects below one prefix, listed on the worker."""

    number: int

    @property
    def name(self) -> str:
        """The prefix."""
        return f"train/shard-{self.number:06}/"

    def items(self) -> Iterator[Item]:
        """List them."""
        return (MadeUp(f"{self.name}sample-{number:08}.parquet") for number in range(_FOLDER))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _memory() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def _timed(what: Callable[[], int]) -> tuple[float, float, int]:
    """Return wall seconds, CPU seconds of this process and what `what` returns."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = what()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def _row(what: str, wall: float, cpu: float, count: int) -> None:
    per = cpu / count * 1e6 if count else 0.0
    _say(f"{what:<58} {count:>11,} {wall:>8.1f} s {cpu:>8.1f} s {per:>8.2f} µs {_memory():>6} MB")


def _by_prefix(executor: Executor, entries: int, folder: str, seconds: float) -> None:
    """Parts listed and reduced on the workers: what 10^9 objects need."""
    parts = [MadeUpPrefix(number) for number in range(entries // _FOLDER)]
    until = time.monotonic() + seconds
    taken = 0

    def source() -> Iterator[MadeUpPrefix]:
        nonlocal taken
        for part in parts:
            if time.monotonic() > until:
                return
            taken += 1
            yield part

    manifest = Path(folder, "manifest.sha256")

    def run() -> int:
        with (
            Journal.open(Path(folder, "prefixes.journal"), tree="made up", ignores=()) as journal,
            manifest.open("wb") as out,
        ):
            tree = reduce_tree(source(), executor, spill=f"{folder}/segments", journal=journal, out=out)
        _say(f"    {tree.digest}")
        return tree.files

    wall, cpu, count = _timed(run)
    _row("parts listed and reduced on the workers", wall, cpu, count)
    lines = manifest.stat().st_size
    _say(f"    manifest {lines / _MIB:,.0f} MiB, {lines / count:.0f} bytes a file; {taken:,} parts")
    _say(f"    journal {Path(folder, 'prefixes.journal').stat().st_size / taken:.0f} bytes a part")

    def merge() -> int:
        hasher = hashlib.sha256()
        for segment in sorted(Path(folder, "segments").iterdir()):
            hasher.update(segment.read_bytes())
        return lines

    wall, cpu, _ = _timed(merge)
    _say(
        f"    reading and hashing the segments again: {lines / wall / 1e6:,.0f} MB/s wall, {lines / cpu / 1e6:,.0f} CPU"
    )


def _by_item(executor: Executor, entries: int, folder: str, seconds: float) -> None:
    """Items listed by the driver and entries collected by it: what small trees do."""
    until = time.monotonic() + seconds
    parts = (MadeUpPrefix(number) for number in range(entries // _FOLDER))

    def source() -> Iterator[Item]:
        for part in parts:
            if time.monotonic() > until:
                return
            yield from part.items()

    def run(journal: Journal | None) -> int:
        # A batch of 4 GB: with files of a megabyte 50 MiB would be 52 of them.
        return sum(1 for _ in digest_items(source(), executor, journal=journal, batch_bytes=1 << 32))

    wall, cpu, count = _timed(lambda: run(None))
    _row("items listed and entries collected by the driver", wall, cpu, count)
    until = time.monotonic() + seconds
    parts = (MadeUpPrefix(number) for number in range(entries // _FOLDER))
    with Journal.open(Path(folder, "items.journal"), tree="made up", ignores=()) as journal:
        wall, cpu, count = _timed(lambda: run(journal))
    _row("the same with a journal", wall, cpu, count)
    _say(f"    journal {Path(folder, 'items.journal').stat().st_size / count:.0f} bytes a file")


def _tasks(executor: Executor, count: int) -> None:
    """Empty tasks: what Ray itself takes for each."""

    def run() -> int:
        window = window_of(executor)
        waiting = [executor.submit(abs, -1) for _ in range(window)]
        for at in range(count - window):
            waiting[at % window].result()
            waiting[at % window] = executor.submit(abs, -1)
        return sum(future.result() for future in waiting) + count - window

    _row("empty tasks", *_timed(run))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10**7)
    parser.add_argument("--items", type=int, default=10**6, help="entries of the parts in which the driver lists")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--engine", choices=("ray", "threads"), default="ray")
    chosen = parser.parse_args()
    _say(f"{platform.platform()}, Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores")
    address = "local" if chosen.engine == "ray" else None
    with (
        tempfile.TemporaryDirectory(prefix="dbom-", dir="/tmp") as folder,
        open_engine(chosen.engine, ray_address=address) as executor,
    ):
        _say(f"{'':<58} {'count':>11} {'wall':>10} {'driver CPU':>10} {'CPU each':>11} {'memory':>9}")
        _tasks(executor, 5000)
        _by_prefix(executor, chosen.entries, folder, chosen.seconds)
        _by_item(executor, chosen.items, folder, chosen.seconds / 3)
        _say(f"peak memory of a worker: {executor.submit(_memory).result()} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
