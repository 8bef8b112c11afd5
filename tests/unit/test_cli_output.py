"""Results go to stdout or, whole or not at all, to a file; talk goes to stderr and can be silenced."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest
import typer

from dbom.cli.output import demand_outside, json_result, say, write_file, write_result
from dbom.cli.session import current_session, current_settings, with_session_flags
from dbom.errors import PathError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_result_ends_in_one_newline(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_result("one")
    write_result(b"two\n", None)
    write_result("three", Path("-"))
    assert capsysbinary.readouterr().out == b"one\ntwo\nthree\n"


def test_json_carries_its_schema(tmp_path: Path) -> None:
    json_result("x", {"a": "ü"}, tmp_path / "x.json")
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "schema": "dbom.dev/x/v1",\n  "a": "ü"\n}\n'


def test_a_file_is_replaced_with_the_rights_of_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    umask = os.umask(0o027)
    try:
        write_file(tmp_path / "old", b"new")
    finally:
        os.umask(umask)
    assert (tmp_path / "old").read_bytes() == b"new"
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(PathError, match="can't be written"):
        write_file(tmp_path / "folder", b"x")
    with pytest.raises(PathError, match="can't be written"):
        write_file(tmp_path / "none" / "x", b"x")
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]


def _command() -> Callable[..., None]:
    def command(name: Annotated[str, typer.Argument()] = "x") -> None:
        say(f"always {name}")
        say("verbose", verbose=True)

    return with_session_flags(command)


def _flags(**given: object) -> dict[str, object]:
    return {"quiet": False, "verbose": False, "debug": False, "offline": False, "config": None, **given}


@pytest.mark.parametrize(
    ("flags", "said"), [({}, "always x\n"), ({"verbose": True}, "always x\nverbose\n"), ({"quiet": True}, "")]
)
def test_talk_is_as_loud_as_the_flags_say(
    flags: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _command()(name="x", **_flags(**flags))
    assert capsys.readouterr().err == said
    assert current_session().quiet is False


def test_settings_follow_flag_and_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DBOM_TRUSTED_ROOT", "env.json")
    assert current_settings(trusted_root=None).trusted_root == "env.json"
    assert current_settings(trusted_root="flag.json").trusted_root == "flag.json"


@pytest.mark.parametrize("place", ["/dev/full", "missing/x", "folder"])
def test_a_place_that_takes_nothing_is_named_with_a_hint(place: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PathError, match="can't be written") as caught:
        write_file(tmp_path / place, b"x")
    assert caught.value.rule.id == "DBOM-907"
    assert [tmp_path / "folder"] == list(tmp_path.rglob("*"))


def test_a_device_or_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    """As root, `-o /dev/null` would otherwise put a file in the device's place, for everybody."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    write_file(fifo, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert fifo.is_fifo()


def test_a_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_link_into_the_artifact_is_no_way_around(tmp_path: Path) -> None:
    (tmp_path / "artifact").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "artifact" / "result")
    with pytest.raises(UsageError, match="lies inside") as caught:
        demand_outside(tmp_path / "link", [str(tmp_path / "artifact")])
    assert caught.value.rule.id == "DBOM-113"
    demand_outside(tmp_path / "result", [str(tmp_path / "artifact")])
    demand_outside(None, [str(tmp_path)])
    demand_outside(Path("-"), ["."])


def test_an_interruption_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "chmod", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "x", b"x")
    assert [] == list(tmp_path.iterdir())


def test_a_name_that_is_not_utf_8_is_escaped_in_json(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    json_result("x", {"path": "\udcff"})
    assert json.loads(capsysbinary.readouterr().out)["path"] == "\udcff"
