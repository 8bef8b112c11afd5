"""Log lines that are written together: none is lost, none is torn, none waits for long."""

from __future__ import annotations

import json
import threading

from admission.gathered_log import GatheredLog


def test_lines_of_decisions_are_written_together_soon_after() -> None:
    written: list[str] = []
    there = threading.Event()

    def write(lines: str) -> None:
        written.append(lines)
        there.set()

    log = GatheredLog(write)
    for number in range(10):
        log({"event": "decision", "number": number})
    assert there.wait(20)
    log.close()
    assert [json.loads(line)["number"] for line in "".join(written).splitlines()] == list(range(10))
    assert len(written) < 10
    assert all(lines.endswith("\n") for lines in written)


def test_anything_else_is_written_soon_and_in_its_order() -> None:
    written: list[str] = []
    there = threading.Event()

    def write(lines: str) -> None:
        written.append(lines)
        if "reload" in lines:
            there.set()

    log = GatheredLog(write)
    log({"event": "decision", "number": 1})
    log({"event": "reload"})
    assert there.wait(20)
    assert [json.loads(line)["event"] for line in "".join(written).splitlines()] == ["decision", "reload"]
    log.close()


def test_who_logs_does_not_wait_for_who_reads_and_what_was_dropped_is_said() -> None:
    written: list[str] = []
    busy, go = threading.Event(), threading.Event()

    def write(lines: str) -> None:
        busy.set()
        go.wait()
        written.append(lines)

    log = GatheredLog(write)
    log({"event": "reload"})
    assert busy.wait(20)
    for number in range(4100):
        log({"event": "decision", "number": number})
    go.set()
    log.close()
    lines = [json.loads(line) for line in "".join(written).splitlines()]
    assert ["reload", *["decision"] * 4096, "log"] == [line["event"] for line in lines]
    assert list(range(4096)) == [line["number"] for line in lines[1:-1]]
    assert 4 == lines[-1]["dropped"]


def test_where_nobody_ever_reads_it_still_ends() -> None:
    go = threading.Event()

    def write(lines: str) -> None:
        del lines
        go.wait()

    log = GatheredLog(write)
    log({"event": "reload"})
    log.close()
    log({"event": "stopped"})
    go.set()


def test_what_comes_when_it_has_ended_is_written_too() -> None:
    written: list[str] = []
    log = GatheredLog(written.append)
    log({"event": "decision", "number": 1})
    log.close()
    log({"event": "decision", "number": 2})
    assert [json.loads(line)["number"] for line in "".join(written).splitlines()] == [1, 2]


def test_lines_are_ascii_whatever_they_hold() -> None:
    written: list[str] = []
    log = GatheredLog(written.append)
    log({"event": "x", "name": "é\u202e\ud800"})
    log.close()
    assert written[0].isascii()
    assert json.loads(written[0])["name"] == "é\u202e\ud800"
