"""How fast fingerprints are, against other people's tools or a limit: ratios within one run, medians, as one table.

`make bench` runs it. It exits 1 where a ratio is over its bound; a row whose peer isn't there says so (and counts as
over under DBOM_REQUIRE_PEERS=1). `--quick` takes small sizes, which say little about the bounds.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from servers import S3_ENVIRONMENT, versitygw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MIB = 1024 * 1024

_IN_PROCESS = """
import json, re, resource, sys
import dbom
dbom.fingerprint(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
dbom.fingerprint(sys.argv[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_utime
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps([after - before, peak]))
"""

_BY_URL = """
import sys
import dbom
dbom.fingerprint(sys.argv[1], computed=True)
"""

_S3FS_LOOP = """
import hashlib, sys
import s3fs
store = s3fs.S3FileSystem()
for key in sorted(store.find(sys.argv[1])):
    digest = hashlib.sha256()
    with store.open(key, "rb") as file:
        while block := file.read(5 * 1024 * 1024):
            digest.update(block)
"""


class PeerMissingError(Exception):
    """A row's peer isn't there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took: seconds of wall and of CPU, and the most memory it held, in bytes."""

    wall: float
    user: float
    system: float
    memory: int

    @property
    def cpu(self) -> float:
        """User and system time together."""
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, against what, the ratio (or the amount) and its bound."""

    what: str
    ours: str
    theirs: str
    figure: float
    bound: float
    unit: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the bound is broken."""
        return self.figure > self.bound


@dataclass(frozen=True, slots=True)
class Bench:
    """Where to work, what with, and how much of it."""

    room: Path
    peers: Path
    quick: bool
    runs: int
    environment: Mapping[str, str] = field(default_factory=dict)

    def scaled(self, size: int) -> int:
        """Return a size, or a sixteenth of it in a quick run."""
        return size // 16 if self.quick else size

    def peer(self, name: str) -> str:
        """Return the path of a peer: on PATH, built by `make peers`, or in its Python environment."""
        places = (None, str(self.peers), str(self.peers / "python" / "bin"))
        for place in places:
            if found := shutil.which(name, path=place):
                return found
        raise PeerMissingError(f"{name} is not there: run `make peers`")

    def run(self, command: Sequence[str], **environment: str) -> Usage:
        """Run a command to its end and return what it took. Raises `SystemExit` with its words where it fails."""
        with (self.room / "said").open("w+") as said:
            started = time.perf_counter()
            process = subprocess.Popen(
                command,
                cwd=self.room,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, **self.environment, **environment},
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                said.seek(0)
                raise SystemExit(f"error: {' '.join(command)} ended with {process.returncode}\n{said.read()[-2000:]}")
        return Usage(wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024)

    def dbom(self, *words: str, **environment: str) -> Usage:
        """Run our command line, with a cache that nobody else has."""
        return self.run([sys.executable, "-P", "-m", "dbom", *words], **environment)

    def cache(self, name: str) -> str:
        """Return a cache folder of this name; the environment variable that leads there is XDG_CACHE_HOME."""
        folder = self.room / "caches" / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)


def in_pairs(
    ours: Callable[[int], Usage], theirs: Callable[[int], Usage], runs: int
) -> tuple[list[Usage], list[Usage]]:
    """Run both in turn, so that a slow moment hits both alike; a first turn warms up and doesn't count."""
    pairs = [(ours(turn), theirs(turn)) for turn in range(runs + 1)][1:]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def median(usages: Sequence[Usage], what: str) -> float:
    """Return the median of one of the figures."""
    return float(statistics.median(getattr(usage, what) for usage in usages))


def _against(what: str, ours: Sequence[Usage], theirs: Sequence[Usage], key: str, bound: float) -> Row:
    mine, other = median(ours, key), median(theirs, key)
    ratio = statistics.median(getattr(a, key) / getattr(b, key) for a, b in zip(ours, theirs, strict=True))
    return Row(what, f"{mine:.2f} s", f"{other:.2f} s", ratio, bound)


def big_file_in_process(bench: Bench) -> Iterator[Row]:
    """Read one file in process: user CPU against openssl, and memory."""
    path = _big_file(bench, bench.scaled(2048 * _MIB))
    (bench.room / "small").write_bytes(b"x")
    openssl = bench.peer("openssl")

    def ours(_: int) -> Usage:
        bench.run([sys.executable, "-P", "-c", _IN_PROCESS, str(path), str(bench.room / "small")])
        user, peak = json.loads((bench.room / "said").read_text())
        return Usage(0, user, 0, peak * 1024)

    mine, theirs = in_pairs(ours, lambda _: bench.run([openssl, "dgst", "-sha256", str(path)]), max(5, bench.runs))
    size = f"{path.stat().st_size / _MIB / 1024:.3g} GiB"
    yield _against(f"one file of {size} in process: user CPU / openssl", mine, theirs, "user", 1.10)
    peak = max(usage.memory for usage in mine) / _MIB
    yield Row("  the same: memory", f"{peak:.0f} MiB", "", peak, 64, "MiB")
    path.unlink()


def big_file_by_command(bench: Bench) -> Iterator[Row]:
    """Run the whole command on one file, user CPU against openssl; then shards by two threads against one."""
    path = _big_file(bench, bench.scaled(4096 * _MIB))
    openssl = bench.peer("openssl")
    mine, theirs = in_pairs(
        lambda turn: bench.dbom("fingerprint", str(path), XDG_CACHE_HOME=bench.cache(f"big-{turn}")),
        lambda _: bench.run([openssl, "dgst", "-sha256", str(path)]),
        max(5, bench.runs),
    )
    size = f"{path.stat().st_size / _MIB / 1024:.3g} GiB"
    yield _against(f"dbom fingerprint, one file of {size}: user CPU / openssl", mine, theirs, "user", 1.15)
    yield from _shards(bench, path, size)
    path.unlink()


def _shards(bench: Bench, path: Path, size: str) -> Iterator[Row]:
    bench.dbom("fingerprint", "--help")
    if "--scheme" not in (bench.room / "said").read_text():
        raise PeerMissingError("this dbom has no --scheme shards")

    def jobs(number: int) -> Callable[[int], Usage]:
        return lambda turn: bench.dbom(
            *("fingerprint", "--scheme", "shards", "--jobs", str(number), str(path)),
            XDG_CACHE_HOME=bench.cache(f"shards-{number}-{turn}"),
        )

    two, one = in_pairs(jobs(2), jobs(1), bench.runs)
    yield _against(f"shards of {size}: wall, 2 threads / 1", two, one, "wall", 0.60)


def small_files(bench: Bench) -> Iterator[Row]:
    """Read many small files: fingerprint, BOM, signature against model_signing; the unchanged tree against dvc."""
    folder = bench.room / "many"
    count = bench.scaled(20_000)
    _make_tree(folder, count, lambda rng: rng.randrange(10_000, 100_000))
    yield from _signing(bench, folder, f"{count:,} files of 10-100 KB")
    yield from _again(bench, folder, f"{count:,} files")
    shutil.rmtree(folder)


def _signing(bench: Bench, folder: Path, what: str) -> Iterator[Row]:
    theirs_program, openssl, key = bench.peer("model_signing"), bench.peer("openssl"), bench.room / "key.pem"
    bench.run([openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)])
    key.chmod(0o600)

    def ours(turn: int) -> Usage:
        shutil.rmtree(folder.with_name(folder.name + ".dbom"), ignore_errors=True)
        words = ("sign", str(folder), "--as", "dataset", "--signing-key", str(key))
        return bench.dbom(*words, XDG_CACHE_HOME=bench.cache(f"sign-{turn}"))

    def theirs(_: int) -> Usage:
        signature = str(bench.room / "model.sig")
        return bench.run(
            [theirs_program, "sign", "key", str(folder), "--private_key", str(key), "--signature", signature]
        )

    mine, other = in_pairs(ours, theirs, bench.runs)
    yield _against(f"{what}: fingerprint, BOM, signature: wall / model_signing", mine, other, "wall", 0.25)
    yield _against("  the same: CPU / model_signing", mine, other, "cpu", 0.35)


def _again(bench: Bench, folder: Path, what: str) -> Iterator[Row]:
    dvc = bench.peer("dvc")
    quiet = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(bench.room / "dvc-site"), "DO_NOT_TRACK": "1"}
    bench.run([dvc, "init", "--no-scm", "--quiet"], **quiet)
    bench.run([dvc, "config", "core.check_update", "false"], **quiet)
    cache = bench.cache("again")
    mine, other = in_pairs(
        lambda _: bench.dbom("fingerprint", str(folder), XDG_CACHE_HOME=cache),
        lambda _: bench.run([dvc, "add", "--quiet", str(folder)], **quiet),
        max(5, bench.runs),
    )
    yield _against(f"{what}, unchanged, again: wall / dvc add", mine, other, "wall", 0.15)
    shutil.rmtree(bench.room / ".dvc")


def a_million_files(bench: Bench) -> Iterator[Row]:
    """Read files that are all but empty: memory, and time that grows with their number alone."""
    large = bench.scaled(1_000_000)
    small = large // 10
    trees = {count: bench.room / f"tree-{count}" for count in (small, large)}
    for count, folder in trees.items():
        _make_tree(folder, count, lambda rng: rng.randrange(3), flat=1000)

    def times(count: int) -> Callable[[int], Usage]:
        return lambda turn: bench.dbom(
            "fingerprint", str(trees[count]), XDG_CACHE_HOME=bench.cache(f"empty-{count}-{turn}")
        )

    many, few = in_pairs(times(large), times(small), 1 if bench.quick else 2)
    peak = max(usage.memory for usage in many) / _MIB
    yield Row(f"{large:,} empty-ish files: memory", f"{peak:.0f} MiB", "", peak, 600, "MiB")
    yield _against(f"  the same: wall / {small:,} files", many, few, "wall", 11)
    for folder in trees.values():
        shutil.rmtree(folder)


def remote_objects(bench: Bench) -> Iterator[Row]:
    """Read objects of an S3 server: wall against a loop of one thread over s3fs."""
    program = bench.peer("versitygw")
    bucket = bench.room / "s3" / "bucket" / "data"
    bucket.mkdir(parents=True)
    for number in range(bench.scaled(64)):
        (bucket / f"{number:03}.bin").write_bytes(_content(number, 16 * _MIB))
    with versitygw(program, bench.room / "s3") as endpoint:
        store = {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}
        mine, other = in_pairs(
            lambda _: bench.run([sys.executable, "-P", "-c", _BY_URL, "s3://bucket/data"], **store),
            lambda _: bench.run([sys.executable, "-P", "-c", _S3FS_LOOP, "bucket/data"], **store),
            bench.runs,
        )
    yield _against(f"{bench.scaled(64)} objects of 16 MiB over S3: wall / s3fs loop", mine, other, "wall", 0.6)
    yield _against("  the same: CPU (the server's apart; no bound)", mine, other, "cpu", float("inf"))
    shutil.rmtree(bench.room / "s3")


def _content(seed: int, size: int) -> bytes:
    """Return made-up bytes, always the same. No file of them begins as JSON or safetensors do: there are no braces."""
    return random.Random(seed).randbytes(size).replace(b"{", b"[")  # noqa: S311  made-up data


def _big_file(bench: Bench, size: int) -> Path:
    path = bench.room / "big"
    block = _content(size, _MIB)
    with path.open("wb") as file:
        for _ in range(size // _MIB):
            file.write(block)
    return path


def _make_tree(folder: Path, count: int, size: Callable[[random.Random], int], *, flat: int = 200) -> None:
    """Make `count` files in folders of `flat`, older than any rule about fresh files asks."""
    rng = random.Random(count)  # noqa: S311  made-up data
    content = _content(count, 200_000)
    for number in range(count):
        place = folder / f"{number // flat:05}"
        if number % flat == 0:
            place.mkdir(parents=True)
        start, wanted = rng.randrange(100_000), size(rng)
        path = place / f"{number:07}.bin"
        path.write_bytes(content[start : start + wanted])
        os.utime(path, (1_700_000_000, 1_700_000_000))


def _facts(bench: Bench) -> Iterator[str]:
    information = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(": ")[2] for line in information.splitlines() if line.startswith("model name")), "?")
    sha = "SHA-NI" if " sha_ni" in information else "no SHA-NI"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    yield f"{len(os.sched_getaffinity(0))} cores ({model}, {sha}), {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}"
    yield f"Linux {platform.release()}, Python {platform.python_version()}, dbom {importlib.metadata.version('dbom')}"
    for name, words in (("openssl", ["version"]), ("dvc", ["--version"]), ("model_signing", ["--version"])):
        try:
            bench.run([bench.peer(name), *words])
        except PeerMissingError:
            continue
        yield f"{name}: {(bench.room / 'said').read_text().splitlines()[-1]}"


_ROWS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "file": big_file_in_process,
    "command": big_file_by_command,
    "small": small_files,
    "million": a_million_files,
    "remote": remote_objects,
}


def _measured(bench: Bench, name: str) -> tuple[bool, bool]:
    """Print the rows of one measurement; return whether one is over its bound and whether a peer is missing."""
    over = False
    try:
        for row in _ROWS[name](bench):
            over = over or row.is_over
            bound = "" if row.bound == float("inf") else f"{row.bound:.2f}"
            mark = "OVER" if row.is_over else ""
            _print(f"{row.what:<72} {row.ours:>9} {row.theirs:>9} {row.figure:>8.2f} {bound:>7} {mark}")
    except PeerMissingError as missing:
        _print(f"{name:<72} not measured: {missing}")
        return over, True
    return over, False


def _print(line: str) -> None:
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure, print the table, and return whether every bound holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--runs", type=int, default=3, help="how often each pair is run")
    parser.add_argument("--only", choices=_ROWS, action="append", help="measure this alone")
    parser.add_argument("--folder", type=Path, help="where to make the data (some 15 GB); default: TMPDIR")
    given = parser.parse_args()
    peers = os.environ.get("DBOM_TEST_PEERS", str(Path("~/.cache/dbom/test-peers").expanduser()))
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="dbom-bench-") as folder:
        room = Path(folder)
        home = {"DBOM_HOME": str(room / "home"), "DBOM_CONFIG_HOME": str(room / "config"), "CI": "", "HOME": folder}
        bench = Bench(room, Path(peers), given.quick, given.runs, home)
        for fact in _facts(bench):
            _print(fact)
        _print(f"\n{'what':<72} {'ours':>9} {'theirs':>9} {'ratio':>8} {'bound':>7}")
        results = [_measured(bench, name) for name in given.only or _ROWS]
    over = any(broken for broken, _ in results)
    missing = any(absent for _, absent in results)
    return 1 if over or (missing and os.environ.get("DBOM_REQUIRE_PEERS") == "1") else 0


if __name__ == "__main__":
    sys.exit(main())
