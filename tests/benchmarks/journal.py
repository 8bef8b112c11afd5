"""How many records a second a journal takes, each durable before its caller goes on, beside one flush a record.

    python -P tests/benchmarks/journal.py

The record is a decision on an 18 KB pod, which stands in the journal already. `alone` is a loop that writes a line and
flushes it, in this run and on this disk: what the journal would do without sharing flushes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from admission.journal import Entry, Journal, check_journal
from admission.journal.contents import Content

SECONDS = 3.0
WRITERS = (1, 16, 200)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def entry() -> Entry:
    """Return a record like that of a decision."""
    digest = "a" * 64
    facts = dict.fromkeys(("answer", "inputs", "request"), digest)
    names = dict.fromkeys(("uid", "user", "namespace", "name", "group", "objectKind"), "a-name-of-some-length")
    return Entry.of("decision", NOW, {**facts, **names, "allowed": True}, contents=[Content.of(b"x" * 18_000)])


def alone(folder: str) -> float:
    """Return records a second of one flush each."""
    line = entry().facts + b"\n"
    descriptor = os.open(Path(folder, "alone"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        os.write(descriptor, line)
        os.fsync(descriptor)
        count += 1
    os.close(descriptor)
    return count / SECONDS


def together(folder: str, writers: int) -> tuple[float, float]:
    """Return records a second of so many writers at once, and the 99th percentile of how long one waits, in ms."""
    path = Path(folder, f"journal-{writers}")
    journal = Journal.open(path, at=NOW, facts={})
    stop, what = threading.Event(), entry()

    def write() -> list[float]:
        took = []
        while not stop.is_set():
            before = time.perf_counter()
            journal.append(what)
            took.append(time.perf_counter() - before)
        return took

    with ThreadPoolExecutor(writers) as pool:
        begin = time.perf_counter()
        futures = [pool.submit(write) for _ in range(writers)]
        stop.wait(SECONDS)
        stop.set()
        took = sorted(item for future in futures for item in future.result())
        spent = time.perf_counter() - begin
    journal.close(at=NOW)
    summary = check_journal(path.read_bytes(), where=str(path))
    if summary.decisions != len(took):
        sys.exit(f"{len(took)} records were promised, {summary.decisions} are there")
    return len(took) / spent, took[len(took) * 99 // 100] * 1000


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        base = alone(folder)
        sys.stdout.write(f"{'writers':>9} {'records/s':>10} {'to alone':>9} {'p99 ms':>8}\n")
        sys.stdout.write(f"{'alone':>9} {base:>10.0f} {1:>9.2f}\n")
        for writers in WRITERS:
            rate, wait = together(folder, writers)
            sys.stdout.write(f"{writers:>9} {rate:>10.0f} {rate / base:>9.2f} {wait:>8.2f}\n")


if __name__ == "__main__":
    main()
