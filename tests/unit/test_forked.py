"""Files that forked processes read have the digests that threads give them, and no child outlives its parent.

Each law is tried in a program of its own: this process may have threads, and then isn't forked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = str(Path(__file__).parents[2])
PROGRAM = """
import atexit, concurrent.futures.thread, json, os, signal, sys, threading
from functools import partial
from dbom.errors import DbomError
from dbom.formats.glances import Glances
from dbom.hashing import FileState
from dbom.ignores import Ignores
from dbom.listing import list_tree
from dbom.reading import digest_files
from dbom.tree import fingerprint_path

FORKS, PARENT, ROOT = [], os.getpid(), sys.argv[1]
os.register_at_fork(before=lambda: FORKS.append(1))
items = list_tree(ROOT, Ignores.of(()))
forked = partial(digest_files, items, jobs=2, forked=True)

class Acting(Glances):
    act = staticmethod(lambda path: None)
    def see(self, path, head, size):
        self.act(path)
        super().see(path, head, size)

class Bar:
    expected = read = 0
    def expect(self, size):
        self.expected += size
    def advance(self, size):
        self.read += size

def write(path):
    with open(ROOT + path, "r+b") as file:
        file.write(b"x")
    return True

def tell(**said):
    print(json.dumps({"forks": len(FORKS), **said}))

def tell_error(function, **known):
    try:
        function()
    except DbomError as error:
        tell(kind=type(error).__name__, rule=error.rule.id, said=str(error), hint=error.hint, **known)
    else:
        tell(kind="none", **known)
"""
BIG = 64 * 1024**3  # bytes that aren't on the disk and take many seconds to read


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder of enough files to be worth a fork: empty ones, small ones, some of several chunks."""
    root = tmp_path / "tree"
    for number in range(1_100):
        folder = root / f"{number // 100:02}"
        folder.mkdir(parents=True, exist_ok=True)
        size = 1_500_000 if number % 300 == 7 else 300_000 if number % 100 == 9 else number % 50
        (folder / f"{number:04}").write_bytes(
            (b"%d, text\n" % number * size)[:size] if number % 2 else os.urandom(size)
        )
    return root


def command(program: str, tree: Path) -> list[str]:
    return [sys.executable, "-P", "-W", "error", "-c", PROGRAM + program, str(tree)]


def said(program: str, tree: Path) -> Any:  # noqa: ANN401  whatever the program says
    environment = {**os.environ, "PYTHONPATH": REPOSITORY}
    done = subprocess.run(
        command(program, tree), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


@pytest.mark.parametrize("blake3", [False, True])
def test_children_read_what_threads_read(tree: Path, blake3: bool) -> None:  # noqa: FBT001  parametrized
    if blake3:
        pytest.importorskip("blake3", reason="pip install 'dbom[blake3]'")
    found = said(
        f"threads, children, bar = Glances(), Glances(), Bar()\n"
        f"expected = digest_files(items, jobs=1, blake3={blake3}, onlooker=threads)\n"
        f"before = len(FORKS)\n"
        f"read = forked(blake3={blake3}, onlooker=children, progress=bar)\n"
        f"total = sum(entry.size for entry in read)\n"
        f"tell(before=before, same=read == expected and threads.formats == children.formats,\n"
        f"     seen=len(children.formats) > 1000, told=(bar.expected, bar.read) == (total, total))",
        tree,
    )
    assert found == {"forks": 2, "before": 0, "same": True, "seen": True, "told": True}


def test_a_fingerprint_is_the_same_and_its_states_are_looked_at_in_a_third_child(tree: Path) -> None:
    (tree / "link").symlink_to("00/0003")
    (tree / "folder").symlink_to("05")
    found = said(
        "expected = fingerprint_path(ROOT, jobs=1)\nbefore = len(FORKS)\n"
        "tell(before=before, same=fingerprint_path(ROOT, jobs=2, forked=True) == expected)",
        tree,
    )
    assert found == {"forks": 3, "before": 0, "same": True}


@pytest.mark.parametrize(
    "what",
    [
        "threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
        "forked = partial(forked, jobs=1)",
        "forked = partial(digest_files, items, jobs=2)",
        "items = list(items)[:999]; forked = partial(digest_files, items, jobs=2, forked=True)",
    ],
)
def test_nothing_is_forked_where_that_is_not_safe_asked_for_or_worth_it(tree: Path, what: str) -> None:
    assert {"forks": 0, "same": True} == said(f"{what}\ntell(same=forked() == digest_files(items, jobs=1))", tree)


def test_a_thread_that_is_not_the_main_one_forks_nothing(tree: Path) -> None:
    found = said("t = threading.Thread(target=forked)\nt.start()\nt.join()\ntell()", tree)
    assert found == {"forks": 0}


WRITES = "write('/04/0449')"
FAULTS = {
    "written to while it is read": f"Acting.act = lambda _, path: path.endswith('0449') and {WRITES}",
    "written to after it was listed": WRITES,
    "removed": "os.remove(ROOT + '/04/0449')",
    "a folder instead": "os.remove(ROOT + '/04/0449'); os.mkdir(ROOT + '/04/0449')",
    "a link instead": "os.remove(ROOT + '/04/0449'); os.symlink('0451', ROOT + '/04/0449')",
}


@pytest.mark.parametrize("change", FAULTS.values(), ids=FAULTS)
def test_a_file_that_is_not_as_it_was_is_the_same_error_as_from_threads(tree: Path, change: str) -> None:
    victim, found = tree / "04" / "0449", []
    before = victim.read_bytes()
    for how in (False, True):
        found.append(
            said(f"{change}\ntell_error(partial(digest_files, items, jobs=2, onlooker=Acting(), forked={how}))", tree)
        )
        if victim.is_dir():
            victim.rmdir()
        victim.unlink(missing_ok=True)
        victim.write_bytes(before)
    assert [0, 2] == [each.pop("forks") for each in found]
    assert found[0] == found[1]
    assert ("ChangedError", True) == (found[0]["kind"], str(victim) in found[0]["said"])


AFTERWARDS = {
    "written to": "write('/10/1000')",
    "written to with its time put back": "s = os.stat(ROOT + '/10/1000'); write('/10/1000');"
    " os.utime(ROOT + '/10/1000', ns=(s.st_atime_ns, s.st_mtime_ns))",
    "removed": "os.remove(ROOT + '/10/1000')",
    "a new one": "open(ROOT + '/00/new', 'xb').close()",
    "a folder instead of one": "os.remove(ROOT + '/10/1000'); os.mkdir(ROOT + '/10/1000')",
    "another of the same bytes": "import shutil; shutil.copy2(ROOT + '/10/1000', ROOT + '/c');"
    " os.replace(ROOT + '/c', ROOT + '/10/1000')",
    "a link to it": "os.rename(ROOT + '/10/1000', ROOT + '/../1000'); os.symlink('../../1000', ROOT + '/10/1000')",
    "a link to its folder": "os.rename(ROOT + '/10', ROOT + '/../10'); os.symlink('../10', ROOT + '/10')",
    "a link that leads elsewhere": "os.remove(ROOT + '/link'); os.symlink('00/0005', ROOT + '/link')",
}


@pytest.mark.parametrize("change", AFTERWARDS.values(), ids=AFTERWARDS)
def test_what_changes_after_it_was_read_is_an_error_of_the_whole_tree(tree: Path, change: str) -> None:
    (tree / "link").symlink_to("00/0003")
    found = said(
        "def read(items):\n"
        "    entries = digest_files(items, jobs=2, forked=True)\n"
        f"    {change}\n"
        "    return entries\n"
        "tell_error(lambda: fingerprint_path(ROOT, jobs=2, read=read, forked=True))",
        tree,
    )
    assert 3 == found["forks"]
    assert found["kind"] in ("ChangedError", "NameRefusedError")


def test_a_file_that_must_not_be_read_is_the_same_error_as_from_threads(tree: Path) -> None:
    (tree / "04" / "0449").chmod(0)
    for folder in (tree, *tree.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to(tree.parents[3]):
            folder.chmod(folder.stat().st_mode | 0o055)
    drop = "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
    found = [said(drop + f"tell_error(partial(digest_files, items, jobs=2, forked={how}))", tree) for how in (0, 1)]
    assert [0, 2] == [each.pop("forks") for each in found]
    assert found[0] == found[1]
    assert ("PathError", True) == (found[0]["kind"], "0449: can't be read: Permission denied" in found[0]["said"])


@pytest.mark.parametrize("path", ["04/0449", "00/0007"], ids=["among small ones", "a big one"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_child_had_is_read_again(tree: Path, path: str, number: int) -> None:
    found = said(
        f"def act(_, path):\n"
        f"    if path == {path!r} and os.getpid() != PARENT: os.kill(os.getpid(), {number:d})\n"
        f"Acting.act = act\nseen = Acting()\n"
        f"read, expected = forked(onlooker=seen), Glances()\n"
        f"tell(same=read == digest_files(items, jobs=1, onlooker=expected), seen=seen.formats == expected.formats)",
        tree,
    )
    assert found == {"forks": 2, "same": True, "seen": True}


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), 9)", "os._exit(0)", "raise MemoryError", "raise KeyboardInterrupt"]
)
def test_where_no_child_is_left_all_is_read_here(tree: Path, end: str) -> None:
    found = said(
        f"def act(_, path):\n    if os.getpid() != PARENT: {end}\n"
        "Acting.act = act\n"
        "tell(same=forked(onlooker=Acting()) == digest_files(items, jobs=1))",
        tree,
    )
    assert found == {"forks": 2, "same": True}


def test_states_that_a_killed_child_should_have_looked_at_are_looked_at_here(tree: Path) -> None:
    found = said(
        "from dbom.forked import beside\n"
        "done = []\n"
        "def task():\n    if os.getpid() != PARENT: os.kill(os.getpid(), 9)\n    done.append(1)\n"
        "with beside(task) as wait: wait()\n"
        "tell(done=done)",
        tree,
    )
    assert found == {"forks": 1, "done": [1]}


@pytest.mark.parametrize(
    "limit", ["(resource.RLIMIT_NPROC, (0, 0))", "(resource.RLIMIT_NOFILE, (3 + 5, 3 + 5))"], ids=["processes", "files"]
)
def test_where_the_system_refuses_processes_threads_or_this_one_read(tree: Path, limit: str) -> None:
    for folder in (tree, *tree.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to(tree.parents[3]):
            folder.chmod(folder.stat().st_mode | 0o055)
    found = said(
        "import resource\n"
        "expected = digest_files(items, jobs=1)\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"resource.setrlimit(*{limit})\n"
        "try:\n    found = digest_files(items, jobs=2, forked=True) == expected\n"
        "except RuntimeError as error:\n    found = str(error)  # no thread either\n"
        "tell(same=found)",
        tree,
    )
    assert found["same"] in (True, "can't start new thread")


def test_what_was_buffered_or_registered_before_is_written_and_run_once(tree: Path) -> None:
    found = said(
        "print('[', end='')\n"  # into a pipe, so it stays in the buffer
        "atexit.register(lambda: print(']'))\n"
        "forked()\nfingerprint_path(ROOT, jobs=2, forked=True)\ntell()",
        tree,
    )
    assert found == [{"forks": 5}]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_its_parent(tree: Path, number: signal.Signals) -> None:
    with (tree / "big").open("wb") as file:
        file.truncate(BIG)
    program = (
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "Bar.advance = lambda self, size: os.write(1, b'.')\n"
        "forked(progress=Bar())"
    )
    environment = {**os.environ, "PYTHONPATH": REPOSITORY}
    with subprocess.Popen(
        command(program, tree), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        process.stdout.read(12)  # of what the big file's child tells, at least one
        process.send_signal(number)
        # A child has this end too, so the pipe ends when the last of them does.
        process.communicate(timeout=20)
    assert process.returncode == -number


def test_an_interrupted_command_says_so_leaves_no_child_and_ends_with_130(tree: Path, tmp_path: Path) -> None:
    with (tree / "big").open("wb") as file:
        file.truncate(BIG)
    environment = {**os.environ, "PYTHONPATH": REPOSITORY, "DBOM_CACHE_HOME": str(tmp_path / "cache")}
    # Whoever runs the tests in the background may have them ignore it, and a program inherits that.
    words = [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-P",
        "-m",
        "dbom",
        "fingerprint",
        str(tree),
        "--jobs",
        "2",
        "--no-cache",
    ]
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until = time.monotonic() + 60
        while len(children.read_text().split()) < 2 and time.monotonic() < until:
            os.sched_yield()
        settled = time.monotonic() + 0.1  # Python ignores what is raised by its own hooks right after a fork
        while time.monotonic() < settled:
            os.sched_yield()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        out, err = process.communicate(timeout=20)
    assert (130, "", "error: interrupted\n") == (process.returncode, out, err)
