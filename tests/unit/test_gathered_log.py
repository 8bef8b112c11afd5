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


def test_anything_else_is_written_at_once_and_in_its_order() -> None:
    written: list[str] = []
    log = GatheredLog(written.append)
    log({"event": "decision", "number": 1})
    log({"event": "reload"})
    assert [json.loads(line)["event"] for line in "".join(written).splitlines()] == ["decision", "reload"]
    log.close()


def test_much_is_written_at_once() -> None:
    written: list[str] = []
    log = GatheredLog(written.append)
    log({"event": "decision", "name": "x" * 100_000})
    assert len("".join(written)) > 100_000
    log.close()


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
