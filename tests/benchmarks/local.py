"""What the embedded local Sigstore costs: its log as it grows, and a signature against its bare parts.

Two bounds, each of medians of one run in this process, warm. Appending to and proving from a log of 10,000 entries may
take at most 1.3 times as long as at 1,000. A signature may take at most twice the sum of the ECDSA signatures and the
flushes to disk that it makes: the flushes are measured where they happen, the signatures made bare beside them. It
prints a table with the machine's facts; the exit code says whether both bounds hold.

What is left on an idle disk is about 0.9 ms of this process's own work (two certificates, a time stamp, JSON, most of
all) and 0.4 ms for two renames and fifteen opened files, which replace each log's head whole. The faster a disk
flushes, the nearer the ratio comes to its bound; where a flush takes less than some 0.15 ms, it passes it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attest.local import open_local
from attest.local.checkpoints import LogSigner
from attest.local.log import MerkleLog
from attest.local.merkle import Frontier, leaf_hash
from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import HasFileno

    from attest.local.signer import LocalSigner

_MOST_GROWTH: Final = 1.3
_MOST_OVERHEAD: Final = 2.0

# The ECDSA signatures of one bundle: of the certificate without and with its timestamp, of that timestamp, of the
# payload, of the promise, of the time stamp, and of the heads of both logs.
_SIGNATURES: Final = 8

_STATEMENT: Final = Statement.build(
    Subject.of("data", Digest(Kind.FILE, hashlib.sha256(b"rows").hexdigest())),
    PREDICATE_BOM,
    {"bomFormat": "CycloneDX"},
)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _seconds(what: Callable[[], object]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def _filled(folder: Path, size: int) -> MerkleLog:
    """Make a log of this size by writing its files at once, since flushing each entry isn't what is measured."""
    log = MerkleLog.create(folder, LogSigner("log.example", ec.generate_private_key(ec.SECP256R1())))
    entries, tree, frontier = bytearray(), bytearray(), Frontier()
    for number in range(size):
        entries += hashlib.sha256(b"%d" % number).digest() * 48
        tree += len(entries).to_bytes(8, "big") + b"".join(frontier.add(leaf_hash(bytes(entries[-1536:]))))
    (folder / "entries").write_bytes(entries)
    (folder / "tree").write_bytes(tree)
    (folder / "checkpoint").write_text(log.signer.checkpoint(size, frontier.root), encoding="utf-8")
    assert log.inclusion(0).root == frontier.root
    return log


def _growth(folder: Path, times: int) -> bool:
    """Measure both logs in turns, so that what else the machine does falls on both."""
    small, large = _filled(folder / "small", 1_000), _filled(folder / "large", 10_000)
    entry, good = b"x" * 1536, True
    measured: tuple[tuple[str, Callable[[MerkleLog, int], object]], ...] = (
        ("append", lambda log, _: log.append(entry)),
        ("proof", lambda log, n: log.inclusion(n * 7 % 1000)),
        ("consistency", lambda log, n: log.consistency(1 + n * 7 % 900)),
    )
    for what, run in measured:
        pairs = [(_seconds(partial(run, small, n)), _seconds(partial(run, large, n))) for n in range(times)]
        before, after = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        good &= after / before <= _MOST_GROWTH
        figures = f"{before * 1e3:9.3f} ms {after * 1e3:9.3f} ms {after / before:7.2f}"
        _say(f"{what:<22} at 1,000 / 10,000 entries {figures}  (at most {_MOST_GROWTH})")
    return good


class _Flushes:
    """Measures the flushes to disk that something makes: how many, and how many seconds they take."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        self._fsync = os.fsync

    def __enter__(self) -> Self:
        def measuring(fd: int | HasFileno) -> None:
            start = time.perf_counter()
            self._fsync(fd)
            self.seconds += time.perf_counter() - start
            self.count += 1

        os.fsync = measuring
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync = self._fsync


def _signed_once(signer: LocalSigner) -> tuple[float, float, int]:
    """Return the seconds of a signature, those of the flushes in it, and how many they are."""
    with _Flushes() as flushes:
        seconds = _seconds(lambda: signer.sign(_STATEMENT))
    return seconds, flushes.seconds, flushes.count


def _overhead(folder: Path, times: int) -> bool:
    signer = open_local(folder).signer(now=lambda: datetime.now(UTC))
    signer.sign(_STATEMENT)
    key = ec.generate_private_key(ec.SECP256R1())

    def signatures() -> None:
        for _ in range(_SIGNATURES):
            key.sign(_STATEMENT.payload, ec.ECDSA(hashes.SHA256()))

    runs = [(*_signed_once(signer), _seconds(signatures)) for _ in range(times)]
    signing, flushing, count, bare = (statistics.median(column) for column in zip(*runs, strict=True))
    ratio = statistics.median(whole / (flushed + made) for whole, flushed, _, made in runs)
    figures = f"{signing * 1e3:9.3f} ms {(flushing + bare) * 1e3:9.3f} ms {ratio:7.2f}"
    _say(f"{'local signing':<22} against its bare parts     {figures}  (at most {_MOST_OVERHEAD})")
    _say(f"    {count:.0f} flushes ({flushing * 1e3:.3f} ms), {_SIGNATURES} ECDSA signatures ({bare * 1e3:.3f} ms)")
    return ratio <= _MOST_OVERHEAD


def main() -> int:
    """Measure, print, and return 0 where both bounds hold."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--times", type=int, default=60, help="measurements of each")
    arguments.add_argument("--folder", type=Path, help="a folder on the disk to measure (default: the temporary one)")
    given = arguments.parse_args()
    _say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, medians of {given.times}")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        good = _growth(Path(folder), given.times)
        good &= _overhead(Path(folder), given.times)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
