"""Results go to stdout or, whole or not at all, to a file; talk goes to stderr and can be silenced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import pytest
import typer

from dbom.cli.output import json_result, say, write_file, write_result
from dbom.cli.session import current_session, current_settings, with_session_flags
from dbom.errors import PathError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_result_ends_in_one_newline(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    write_result("one")
    write_result(b"two\n", None)
    write_result("three", tmp_path.__class__("-"))
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
