"""The journal: what a killed run had done is taken up again, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_items import MadeItem, reads

from dbom.engine import Journal, Segment, digest_items
from dbom.engine.segments import item_key
from dbom.errors import DbomError, DocumentError, PathError, UsageError
from dbom.hashing import FileState, LocalItem
from dbom.model import COMPUTED, Basis, Entry, Known, tree_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

TESTS = Path(__file__).resolve().parents[1]
SEGMENT = Segment("0" * 64, "a", "b", 2, 3, 4, "1" * 64, Known(Basis.DECLARED, "somebody"))

KILLED_MIDWAY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from made_items import MadeItem
from dbom.engine import Journal, digest_items
journal, log = sys.argv[1:]
items = [MadeItem(f"f{n:02}", str(n), log, "kill" if n == 12 else "") for n in range(20)]
with Journal.open(journal, tree="/t", ignores=["x"]) as held, ThreadPoolExecutor(1) as executor:
    list(digest_items(items, executor, journal=held, in_flight=1, batch_items=2))
"""


def opened(path: Path, *, tree: str = "/t", ignores: tuple[str, ...] = ("x",), now_ns: int | None = None) -> Journal:
    return Journal.open(path, tree=tree, ignores=ignores, now_ns=now_ns)


def run(items: Iterable[MadeItem], journal: Path) -> tuple[Entry, ...]:
    with opened(journal) as held, ThreadPoolExecutor(2) as executor:
        return tuple(digest_items(items, executor, journal=held, batch_items=2))


def test_a_run_that_was_killed_is_resumed_and_only_the_rest_is_read(tmp_path: Path) -> None:
    journal, log = tmp_path / "journal", tmp_path / "log"
    killed = subprocess.run(
        [sys.executable, "-P", "-c", KILLED_MIDWAY, journal, log],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    assert -signal.SIGKILL == killed.returncode
    assert [f"f{number:02}" for number in range(13)] == reads(log)
    items = [MadeItem(f"f{number:02}", str(number), str(log)) for number in range(20)]
    expected = tree_digest(tuple(MadeItem(item.path, item.content).digest() for item in items))
    log.unlink()
    assert expected == tree_digest(run(items, journal))
    assert [f"f{number:02}" for number in range(12, 20)] == sorted(reads(log))


def test_what_was_changed_or_added_is_read_and_the_rest_is_not(tmp_path: Path) -> None:
    journal, log = tmp_path / "journal", str(tmp_path / "log")
    run([MadeItem("b", "1"), MadeItem("c", "2"), MadeItem("d", "3")], journal)
    after = [MadeItem("a", "0", log), MadeItem("b", "1", log), MadeItem("c", "x", log), MadeItem("d", "3", log)]
    assert tree_digest(tuple(MadeItem(i.path, i.content).digest() for i in after)) == tree_digest(run(after, journal))
    assert ["a", "c"] == sorted(reads(log))


def test_how_a_digest_is_known_is_remembered(tmp_path: Path) -> None:
    item = MadeItem("a", known=Known(Basis.STORE_ATTESTED, "s3"))
    assert run([item], tmp_path / "j") == run([item], tmp_path / "j")
    assert Known(Basis.STORE_ATTESTED, "s3") == run([item], tmp_path / "j")[0].known


def test_more_known_files_than_a_batch_holds_are_all_given(tmp_path: Path) -> None:
    items = [MadeItem(f"f{number}") for number in range(9)]
    run(items, tmp_path / "j")
    assert {item.path for item in items} == {entry.path for entry in run(items, tmp_path / "j")}


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_last_record_that_is_half_written_is_dropped(cut: int, tmp_path: Path) -> None:
    journal = tmp_path / "j"
    run([MadeItem("a"), MadeItem("b"), MadeItem("c")], journal)
    journal.write_bytes(journal.read_bytes()[:-cut])
    with opened(journal) as held:
        assert 2 == len(held)
        held.record([MadeItem("c")], [MadeItem("c").digest()])
    with opened(journal) as held:
        assert 3 == len(held)


def test_a_header_that_is_half_written_is_written_again(tmp_path: Path) -> None:
    journal = tmp_path / "j"
    opened(journal).close()
    whole = journal.read_bytes()
    journal.write_bytes(whole[:30])
    opened(journal).close()
    assert whole == journal.read_bytes()


def test_a_record_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "j"
    run([MadeItem(f"f{number}") for number in range(6)], journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], lines[1].replace(b"0", b"1"), *lines[2:]]))
    with pytest.raises(DocumentError, match="damaged"):
        opened(journal)


@pytest.mark.parametrize(("tree", "ignores"), [("/other", ("x",)), ("/t", ()), ("/t", ("x", "y"))])
def test_a_journal_of_another_tree_or_other_ignores_is_refused(
    tree: str, ignores: tuple[str, ...], tmp_path: Path
) -> None:
    opened(tmp_path / "j").close()
    before = (tmp_path / "j").read_bytes()
    with pytest.raises(UsageError, match="not the journal"):
        opened(tmp_path / "j", tree=tree, ignores=ignores)
    assert before == (tmp_path / "j").read_bytes()


def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not the journal"):
        opened(tmp_path / "thesis.txt")
    assert "years of work" == (tmp_path / "thesis.txt").read_text()


def test_two_runs_cannot_have_one_journal(tmp_path: Path) -> None:
    with opened(tmp_path / "j"), pytest.raises(PathError, match="in use"):
        opened(tmp_path / "j")


def test_a_journal_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "j").close()
    (tmp_path / "j").chmod(0o622)
    with pytest.raises(PathError, match="others may write"):
        opened(tmp_path / "j")


def test_a_journal_is_a_regular_file_that_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "j")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "missing/j"):
        with pytest.raises(PathError):
            opened(tmp_path / name)


def test_a_full_disk_ends_the_run(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as held:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, held._descriptor)  # noqa: SLF001  the disk of this journal is full from here on
        os.close(full)
        with pytest.raises(PathError, match="No space left"):
            held.record([MadeItem("a")], [MadeItem("a").digest()])


def test_a_local_file_that_was_just_written_is_not_recorded(tmp_path: Path) -> None:
    """A second write within the clock's resolution could not be told from the first."""
    (tmp_path / "a").write_text("a")
    state = FileState.of((tmp_path / "a").stat())
    item = LocalItem("a", str(tmp_path / "a"), state)
    for later, recorded in ((1, 0), (3, 1)):
        with opened(tmp_path / f"j{later}", now_ns=state.newest_ns + later * 10**9) as held:
            held.record([item], [item.digest()])
        with opened(tmp_path / f"j{later}") as held:
            assert recorded == len(held)


def test_parts_are_remembered_with_their_segments(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as held:
        held.record_part("sub/", [SEGMENT])
    with opened(tmp_path / "j") as held:
        assert (SEGMENT,) == held.segments_of("sub/")
        assert () == held.segments_of("other/")


GOOD_KEY = "0" * 64
SEGMENT_JSON = {"key": GOOD_KEY, "first": "a", "last": "b", "files": 1, "size": 1, "length": 1, "sha256": GOOD_KEY}


@pytest.mark.parametrize(
    "record",
    [
        [],
        {},
        {"files": 1},
        {"files": [1]},
        {"files": [[GOOD_KEY]]},
        {"files": [[GOOD_KEY, "x"]]},
        {"files": [[GOOD_KEY, 1]]},
        {"files": [[GOOD_KEY, GOOD_KEY, "guessed", ""]]},
        {"part": "a"},
        {"part": 1, "segments": []},
        {"part": "a", "segments": [1]},
        {"part": "a", "segments": [SEGMENT_JSON]},
        {"part": "a", "segments": [{**SEGMENT_JSON, "basis": "computed", "by": "", "files": -1}]},
        {"part": "a", "segments": [{**SEGMENT_JSON, "basis": "computed", "by": "", "key": "x"}]},
    ],
)
def test_a_record_of_another_shape_is_refused(record: object, tmp_path: Path) -> None:
    with opened(tmp_path / "j") as held:
        held._append(record)  # type: ignore[arg-type]  # noqa: SLF001  whoever wrote it, it has a good check
    with pytest.raises(DocumentError, match="malformed"):
        opened(tmp_path / "j")


def test_an_entry_that_is_not_the_items_is_not_recorded(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as held:
        held.record([MadeItem("a", "1")], [Entry("a", 2, "0" * 64, COMPUTED)])
    with opened(tmp_path / "j") as held:
        assert 0 == len(held)


def test_keys_differ_where_path_size_or_state_does() -> None:
    keys = {item_key(MadeItem(*each)) for each in (("ab", "c"), ("a", "bc"), ("a", "b"), ("b", "b"))}
    assert 4 == len(keys)


def test_every_refusal_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b"\xff\xfe\n\0\n")
    with pytest.raises(DbomError):
        opened(tmp_path / "j")
