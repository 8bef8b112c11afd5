"""A gate that is killed at any moment leaves a chain that checks, with every record in it that was promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from admission.journal import Journal
from admission.journal.reporting import Window, read_journals

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 12

WRITER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from admission.journal import Entry, Journal, Rotation
from admission.journal.contents import Content

now = lambda: datetime.now(UTC)
journal = Journal.open(Path(sys.argv[1]), at=now(), facts={}, rotation=Rotation(most_bytes=4000))
lock = threading.Lock()

def write(who):
    for number in range(100000):
        part = Content.of(b"%d" % (number % 7))
        head = journal.append(Entry.of("decision", now(), {"who": who}, contents=[part]))
        with lock:
            print(head.number, head.digest, flush=True)

for who in range(8):
    threading.Thread(target=write, args=(who,), daemon=True).start()
threading.Event().wait()
"""


def test_killed_again_and_again_no_promise_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    promised: dict[int, str] = {}
    for number in range(ROUNDS):
        promised |= _killed_after(path, 1 + number * 37)
    Journal.open(path, at=datetime.now(UTC), facts={}).close(at=datetime.now(UTC))
    journals = read_journals([path], Window())
    (chain,) = journals.chains
    broken = [fault for fault in chain.all_faults if "without all that one says" not in fault.what]
    assert (broken, chain.gaps, journals.faults) == ([], [], ())
    assert len(promised) > ROUNDS
    assert {number: chain.digest_of(number) for number in promised} == promised
    stops = sum(len(item.stops) for item in chain.files)
    # A gate that is killed between two files ended in good order, as far as the first of them says.
    assert ROUNDS >= stops >= ROUNDS // 2
    assert len(chain.files) > 2
    records = [json.loads(line) for line in path.read_bytes().splitlines() if line.endswith(b"}")]
    assert records[-1]["kind"] == "end"


def _killed_after(path: Path, lines: int) -> dict[int, str]:
    """Return what a writer promised before it was killed, after so many lines."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as writer:
        assert writer.stdout is not None
        told = [next(writer.stdout) for _ in range(lines)]
        writer.kill()
        told += [line for line in writer.stdout if line.endswith("\n")]
    return {int(line.split()[0]): line.split()[1] for line in told}
