"""The journal is one chain: what is changed, left out or moved is seen, and a crash leaves it readable."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from admission.journal import Entry, Journal, Rotation, check_journal
from admission.journal.contents import LARGEST_CONTENT, Content
from dbom.errors import EvidenceError, PathError

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.journal import Head

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def written(path: Path, decisions: int = 2, *, closed: bool = True) -> bytes:
    journal = Journal.open(path, at=NOW, facts={"version": "1"})
    for number in range(decisions):
        journal.record("decision", at=NOW, facts={"n": number}, durable=bool(number))
    data = path.read_bytes()
    journal.close(at=NOW)
    if not closed:
        # What a gate leaves that ends without notice.
        path.write_bytes(data)
    return path.read_bytes()


def test_a_journal_holds_together_from_start_to_end(tmp_path: Path) -> None:
    data = written(tmp_path / "j")
    summary = check_journal(data, where="j")
    assert (summary.records, summary.decisions, summary.is_open, summary.unclean_stops) == (4, 2, False, ())
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0


def test_it_is_continued_where_it_ended(tmp_path: Path) -> None:
    written(tmp_path / "j")
    summary = check_journal(written(tmp_path / "j"), where="j")
    assert (summary.records, summary.decisions) == (8, 4)


def test_a_stop_without_an_end_record_is_named(tmp_path: Path) -> None:
    written(tmp_path / "j", closed=False)
    summary = check_journal(written(tmp_path / "j"), where="j")
    assert summary.unclean_stops == (3,)


def test_a_torn_last_line_is_closed_and_named(tmp_path: Path) -> None:
    data = written(tmp_path / "j", closed=False)
    (tmp_path / "j").write_bytes(data + b'{"half')
    summary = check_journal(written(tmp_path / "j"), where="j")
    assert (summary.decisions, summary.is_open) == (4, False)


def test_what_is_left_of_a_first_line_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(b'{"half')
    assert check_journal(written(tmp_path / "j"), where="j").decisions == 2
    assert (tmp_path / "j.torn").read_bytes() == b'{"half'


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


@pytest.mark.parametrize(
    "tampered",
    [
        lambda data: data.replace(b'"n":0', b'"n":5'),
        lambda data: b"".join([_lines(data)[0], *_lines(data)[2:]]),
        lambda data: b"".join([_lines(data)[0], _lines(data)[2], _lines(data)[1], _lines(data)[3]]),
        lambda data: data + _lines(data)[1],
        lambda data: b"".join(_lines(data)[1:]),
        lambda data: data[:-5],
        lambda data: data.replace(b'"n":0', b'"n": 0'),
        lambda data: b"x\n" + data,
        lambda data: data + b"x\n",
        lambda data: data.replace(b'"decision"', b'"other"'),
        lambda data: data.replace(b'"torn":false', b'"torn":true'),
        lambda data: data.replace(b"02T00:00:00Z", b"02T00:00:00+"),
        lambda data: data.replace(b"journal/v2", b"journal/v1"),
        lambda data: data.replace(b'"number":1', b'"number":1.0'),
        lambda data: b"".join([_lines(data)[0], _lines(data)[3], *_lines(data)[1:3]]),
    ],
)
def test_whatever_is_tampered_with_is_seen(tampered: Callable[[bytes], bytes], tmp_path: Path) -> None:
    changed = tampered(written(tmp_path / "j"))
    with pytest.raises(EvidenceError) as caught:
        check_journal(changed, where="j")
    assert caught.value.rule.id in ("DBOM-560", "DBOM-600")


def test_a_broken_journal_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(written(tmp_path / "j").replace(b'"n":0', b'"n":5'))
    with pytest.raises(EvidenceError):
        Journal.open(tmp_path / "j", at=NOW, facts={})


def test_a_place_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathError) as caught:
        Journal.open(tmp_path / "gone" / "j", at=NOW, facts={})
    assert caught.value.rule.id == "DBOM-561"
    (tmp_path / "folder").mkdir()
    with pytest.raises(PathError):
        Journal.open(tmp_path / "folder", at=NOW, facts={})


def test_what_a_full_disk_left_of_a_record_is_taken_back(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    before = (tmp_path / "j").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 20, limits[1]))
    try:
        with pytest.raises(PathError, match="can't be written"):
            journal.record("decision", at=NOW, facts={}, durable=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "j").stat().st_size == before
    assert journal.last_error is not None
    journal.record("decision", at=NOW, facts={}, durable=True)
    journal.close(at=NOW)
    assert check_journal((tmp_path / "j").read_bytes(), where="j").decisions == 1


def test_after_a_flush_that_failed_nothing_more_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})

    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", failing)
        with pytest.raises(PathError, match="Input/output error"):
            journal.record("decision", at=NOW, facts={}, durable=True)
    with pytest.raises(PathError, match="the disk failed"):
        journal.record("decision", at=NOW, facts={}, durable=True)
    with pytest.raises(PathError):
        journal.close(at=NOW)
    assert check_journal((tmp_path / "j").read_bytes(), where="j").decisions == 0


def test_a_second_gate_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    first = Journal.open(tmp_path / "j", at=NOW, facts={})
    with pytest.raises(PathError, match="another gate writes to it") as caught:
        Journal.open(tmp_path / "j", at=NOW, facts={})
    assert caught.value.rule.id == "DBOM-564"
    first.close(at=NOW)
    Journal.open(tmp_path / "j", at=NOW, facts={}).close(at=NOW)


def test_what_somebody_else_writes_or_removes_is_noticed(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    before = (tmp_path / "j").read_bytes()
    with (tmp_path / "j").open("ab") as file:
        file.write(b"x\n")
    with pytest.raises(PathError, match="somebody else writes to it"):
        journal.record("decision", at=NOW, facts={}, durable=False)
    os.truncate(tmp_path / "j", len(before))
    (tmp_path / "j").unlink()
    with pytest.raises(PathError, match="somebody removed it"):
        journal.record("decision", at=NOW, facts={}, durable=False)
    with pytest.raises(PathError):
        journal.close(at=NOW)


def test_a_closed_journal_records_nothing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    journal.close(at=NOW)
    with pytest.raises(PathError, match="can't be written"):
        journal.record("decision", at=NOW, facts={}, durable=True)


def test_threads_and_tasks_record_into_one_chain(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    entry = Entry.of("decision", NOW, {"n": 1})

    async def many() -> list[Head]:
        return await asyncio.gather(*(journal.appended(entry) for _ in range(50)))

    with ThreadPoolExecutor(16) as pool:
        heads = list(pool.map(lambda _: journal.append(entry), range(200)))
    heads += asyncio.run(many())
    journal.close(at=NOW)
    assert len({head.digest for head in heads}) == len({head.number for head in heads}) == 250
    assert check_journal((tmp_path / "j").read_bytes(), where="j").decisions == 250


def test_many_records_share_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    flushed, may_go = [0], threading.Event()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        flushed[0] += 1
        may_go.wait()
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    futures = [journal.submit(Entry.of("decision", NOW, {})) for _ in range(100)]
    assert not futures[0].done()
    may_go.set()
    assert [future.result().number for future in futures] == list(range(1, 101))
    journal.close(at=NOW)
    assert flushed[0] < 20


def test_a_content_is_written_once_a_file(tmp_path: Path) -> None:
    path, part = tmp_path / "j", Content.of(b'{"spec":{}}')
    huge = Content.of(b"x" * (LARGEST_CONTENT + 1))
    journal = Journal.open(path, at=NOW, facts={})
    for _ in range(3):
        journal.append(Entry.of("decision", NOW, {}, contents=[part, huge]))
    journal.close(at=NOW)
    assert path.read_bytes().count(b'"kind":"content"') == 1
    journal = Journal.open(path, at=NOW, facts={})
    journal.append(Entry.of("decision", NOW, {}, contents=[part]))
    journal.close(at=NOW)
    assert path.read_bytes().count(b'"kind":"content"') == 1
    check_journal(path.read_bytes(), where="j")


@pytest.mark.parametrize(
    "facts", [{}, {"digest": "0" * 64, "size": 2, "zlib": "eJwDAAAAAAE="}, {"size": 1, "zlib": "-"}]
)
def test_a_content_that_is_not_what_it_says_is_seen(tmp_path: Path, facts: dict[str, str | int]) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    journal.record("content", at=NOW, facts=dict(facts), durable=False)
    journal.close(at=NOW)
    with pytest.raises(EvidenceError, match="isn't what its digest says"):
        check_journal((tmp_path / "j").read_bytes(), where="j")


def test_what_leaves_no_record_is_counted_now_and_then(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={})
    before = (tmp_path / "j").read_bytes()
    journal.count("dryRuns")
    assert (tmp_path / "j").read_bytes() == before
    for seconds in (0, 30, 61):
        journal.count("dryRuns")
        journal.record("decision", at=NOW + timedelta(seconds=seconds), facts={}, durable=False)
    journal.count("late")
    journal.close(at=NOW)
    records = [json.loads(line) for line in (tmp_path / "j").read_bytes().splitlines()]
    counts = [record["facts"] for record in records if record["kind"] == "counts"]
    assert counts == [{"dryRuns": 2}, {"dryRuns": 2}, {"late": 1}]
    check_journal((tmp_path / "j").read_bytes(), where="j")


def rotated(folder: Path, decisions: int = 6) -> Path:
    path, part = folder / "j", Content.of(b"{}")
    journal = Journal.open(path, at=NOW, facts={}, rotation=Rotation(most_bytes=700), replica="a")
    for number in range(decisions):
        journal.append(Entry.of("decision", NOW, {"n": number}, contents=[part]))
    journal.close(at=NOW)
    return path


def test_a_full_file_is_followed_by_one_that_names_its_head(tmp_path: Path) -> None:
    path = rotated(tmp_path)
    files = [*sorted(tmp_path.glob("j.0*")), path]
    assert len(files) > 2
    heads = []
    for file in files:
        lines = file.read_bytes().splitlines()
        records = [json.loads(line) for line in lines]
        check_journal(file.read_bytes(), where=file.name)
        heads.append((records[0]["previous"], check_journal(file.read_bytes(), where="").head))
        kinds = [record["kind"] for record in records]
        assert kinds.count("content") == ("decision" in kinds)
        if file != files[0]:
            chain = records[0]["facts"]["chain"]
            assert chain == json.loads(files[1].read_bytes().splitlines()[0])["facts"]["chain"]
    assert [after[0] for after in heads[1:]] == [before[1] for before in heads[:-1]]


def test_age_rotates_too(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={}, rotation=Rotation(longest=timedelta(hours=1)))
    journal.record("decision", at=NOW + timedelta(minutes=59), facts={}, durable=True)
    assert not (tmp_path / "j.000000").exists()
    journal.record("decision", at=NOW + timedelta(minutes=60), facts={}, durable=True)
    assert (tmp_path / "j.000000").exists()
    journal.close(at=NOW)


@pytest.mark.parametrize("state", ["before the rename", "after the rename", "a half new file", "an empty new file"])
def test_a_crash_while_files_change_is_gone_on_from(tmp_path: Path, state: str) -> None:
    path = rotated(tmp_path)
    last = max(tmp_path.glob("j.0*"))
    path.unlink()
    if state == "before the rename":
        last.rename(path)
    elif state == "a half new file":
        (tmp_path / "j.new").write_bytes(b"half")
    elif state == "an empty new file":
        path.touch()
    journal = Journal.open(path, at=NOW, facts={}, rotation=Rotation(most_bytes=700))
    journal.record("decision", at=NOW, facts={}, durable=True)
    journal.close(at=NOW)
    first = json.loads(path.read_bytes().splitlines()[0])
    assert (first["kind"], first["previous"]) == ("continued", check_journal(last.read_bytes(), where="").head)
    check_journal(path.read_bytes(), where="j")


def test_a_journal_whose_newest_file_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    path = rotated(tmp_path)
    shutil.copy(path, tmp_path / "j.000099")
    path.unlink()
    with pytest.raises(EvidenceError, match="and is gone"):
        Journal.open(path, at=NOW, facts={})


def test_a_file_that_is_in_the_way_of_a_rotation_ends_the_yes(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "j", at=NOW, facts={}, rotation=Rotation(most_bytes=10))
    (tmp_path / "j.000000").write_bytes(b"in the way")
    with pytest.raises(PathError, match="there is a file"):
        journal.record("decision", at=NOW, facts={}, durable=True)
    with pytest.raises(PathError, match="can't be begun"):
        journal.record("decision", at=NOW, facts={}, durable=True)
    with pytest.raises(PathError):
        journal.close(at=NOW)
    assert (tmp_path / "j.000000").read_bytes() == b"in the way"


def test_the_vector_of_the_specification(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/formats/journal.md").read_text("utf-8")
    vector = text.partition("```json\n")[2].partition("```")[0].encode()
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    journal = Journal.open(tmp_path / "j", at=at, facts={"version": "1"}, replica="gate-0")
    journal.record("decision", at=at, facts={"n": 1}, durable=True)
    journal.count("dryRuns")
    journal.close(at=at)
    assert (tmp_path / "j").read_bytes() == vector
    assert f"The chain is `{journal.chain}`" in text
    assert f"`{check_journal(vector, where='vector').head}`." in text
