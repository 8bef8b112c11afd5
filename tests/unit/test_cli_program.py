"""The program around the commands: what it imports, what it completes, and how it ends."""

from __future__ import annotations

import itertools
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import dbom
from dbom.cli import main
from dbom.cli.app import COMMANDS, leaves, run

HOME = Path(dbom.__file__).resolve().parent.parent
HEAVY = ("sigstore", "pyarrow", "networkx", "cyclonedx", "cryptography", "fsspec", "jsonschema_rs", "yaml", "re2")


def _python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(HOME), **variables}
    return subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True)  # noqa: PLW1510  the exit code is looked at


def _imported(code: str) -> list[str]:
    done = _python(f"import sys\n{code}\nprint('loaded', *(m for m in {HEAVY!r} if m in sys.modules))")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_help_loads_nothing_heavy() -> None:
    assert _imported("from dbom.cli.app import run\nassert run(['--help']) == 0") == []


def test_help_of_a_group_loads_nothing_heavy() -> None:
    assert _imported("from dbom.cli.app import run\nassert run(['lineage', '--help']) == 0") == []


def test_version_does_not_even_load_typer() -> None:
    code = "from dbom.cli import main\nsys.argv = ['dbom', '--version']\nmain()\nassert 'typer' not in sys.modules"
    assert _imported(code) == []


def test_importing_dbom_is_light() -> None:
    assert _imported("import dbom\nassert not [m for m in sys.modules if m.startswith('dbom.')]") == []


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dbom li", ["lineage"]),
        ("dbom lineage a", ["ancestors"]),
        ("dbom explain --form", ["--format"]),
        ("dbom config s", ["show"]),
        ("dbom xyzzy", []),
    ],
)
def test_the_shell_completes_words(line: str, offered: list[str]) -> None:
    done = _python(
        "import sys\nfrom dbom.cli.app import run\nsys.exit(run([]))",
        _DBOM_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split()) - 1),
    )
    assert done.stdout.split() == offered


def test_bash_gets_its_completion_script(tmp_path: Path) -> None:
    """The shell is the one that started the program, so there is one here."""
    done = _shell("dbom --show-completion; exit $?", tmp_path)
    assert "complete -o default -F _dbom_completion dbom" in done.stdout


def test_no_words_at_all_show_the_help_and_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "fingerprint" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["fly"], ["explain", "--fly"], ["lineage", "fly"], ["config"]])
def test_a_wrong_word_is_a_usage_error_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    if words != ["config"]:
        assert captured.err.startswith("error: No such ")


def test_with_json_an_error_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "DBOM-000", "-f", "json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "dbom.dev/error/v1"
    assert (document["rule"], document["exitCode"]) == ("DBOM-906", 2)
    assert document["error"] == "there is no such rule: got DBOM-000"


def test_every_command_of_the_table_has_its_line_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words, leaf in leaves():
        assert run([*words, "--help"]) == 0, words
        assert leaf.line.split()[0] in capsys.readouterr().out


def test_every_command_says_first_what_the_table_says() -> None:
    from importlib import import_module

    for words, leaf in leaves():
        module, _, function = leaf.target.partition(":")
        docstring = getattr(import_module(f"dbom.cli.{module}"), function).__doc__ or ""
        assert docstring.splitlines()[0] == leaf.line, words


def test_the_table_is_in_the_order_of_a_newcomers_day() -> None:
    assert list(COMMANDS)[:4] == ["fingerprint", "generate", "sign", "verify"]


def test_the_script_prints_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dbom", "--version"])
    main()
    assert capsys.readouterr().out == f"dbom {dbom.__version__}\n"


def test_the_script_leaves_with_the_commands_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dbom", "explain", "DBOM-000"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "DBOM-906" in capsys.readouterr().err


def test_the_script_refuses_strangers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "lineage").mkdir()
    (tmp_path / "lineage" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "DBOM-903" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_crash() -> None:
    """`dbom explain | head -1` must not print a traceback."""
    done = subprocess.run(  # noqa: S602  a pipe is what is tested
        f"{sys.executable} -P -m dbom explain | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        env={**os.environ, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["fingerprint", "none", "--debug"], ["fingerprint", "none", "--debug", "-f", "json"]]
)
def test_debug_adds_a_traceback_and_keeps_the_code(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback that ends the program by itself would end it with 1: checked and false."""
    assert run(words) == 2
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert "DBOM-101" in captured.err + captured.out


def test_debug_behind_two_dashes_is_the_childs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--in", "none", "--out", "x", "--local", "--", "true", "--debug"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_paragraphs_of_a_help_text_wrap_at_the_terminals_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The docstrings are wrapped at 120 columns; on 80 that left a stump behind every line."""
    monkeypatch.setenv("COLUMNS", "80")
    for words, _ in leaves():
        assert run([*words, "--help"]) == 0
        page = capsys.readouterr().out.splitlines()
        ends = [number for number, line in enumerate(page) if line.startswith("╭")]
        lines = [line.strip() for line in page[: ends[0]]]
        for line, following in itertools.pairwise(lines):
            if line and following:
                assert len(f"{line} {following.split()[0]}") > 78, (words, line)
        assert any(line.startswith("Example: dbom ") for line in lines) or words == ("version",), words


def _shell(script: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S602, PLW1510  the shell's own redirections and the exit code are what is tested
        script.replace("dbom ", f"{sys.executable} -P -m dbom "),
        shell=True,
        executable="/bin/bash",
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("redirected", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("words", ["--version", "--help", "version", "version -f json", "lineage --help"])
def test_a_result_that_cannot_be_written_is_one_clear_error(words: str, redirected: str, tmp_path: Path) -> None:
    done = _shell(f"dbom {words} {redirected}", tmp_path)
    assert done.returncode == 2
    assert "can't be written: " in done.stderr
    assert "DBOM-907" in done.stderr
    assert done.stderr.count("error") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["--version", "--help", "explain", "version -f json"])
def test_a_reader_that_goes_away_is_no_verdict(words: str, tmp_path: Path) -> None:
    done = _shell(f"dbom {words} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stderr) in ((2, ""), (0, ""))


def test_a_closed_stderr_loses_the_talk_and_not_the_code(tmp_path: Path) -> None:
    assert _shell("dbom fingerprint none 2>&-", tmp_path).returncode == 2
    assert _shell("dbom fingerprint none -f json 0<&- 2>&-", tmp_path).stdout.startswith(
        '{\n  "schema": "dbom.dev/error'
    )


def test_an_encoding_that_holds_little_breaks_nothing(tmp_path: Path) -> None:
    done = _shell("PYTHONIOENCODING=ascii dbom fingerprint né -f json", tmp_path)
    assert (done.returncode, json.loads(done.stdout)["error"]) == (2, "né: there is nothing here")
    assert _shell("PYTHONIOENCODING=ascii dbom lineage why --help", tmp_path).returncode == 0


def test_an_interruption_is_one_line_and_130(tmp_path: Path) -> None:
    script = (
        "import signal, sys, os\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import dbom.tree\n"
        "def read(*_, **__): os.kill(os.getpid(), signal.SIGINT); signal.sigwait([signal.SIGTERM])\n"
        "dbom.tree.fingerprint_path = read\n"
        "from dbom.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    for words, out in (([], False), (["-f", "json"], True)):
        done = subprocess.run(  # noqa: PLW1510  the exit code is looked at
            [sys.executable, "-P", "-c", script, "fingerprint", ".", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(HOME)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 130
        assert done.stderr == ("" if out else "error: interrupted\n")
        assert not out or json.loads(done.stdout)["exitCode"] == 130


def test_a_child_that_ends_with_130_is_no_interruption_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["run", "--out", "x", "--local", "--", "sh", "-c", "exit 130"]) == 130
    assert "interrupted" not in capsys.readouterr().err


def test_the_module_runs_as_the_script_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dbom", "version", "-f", "json"])
    runpy.run_module("dbom", run_name="__main__")
    assert json.loads(capsys.readouterr().out) == {"schema": "dbom.dev/version/v1", "version": dbom.__version__}


def test_the_version_is_a_line_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["version", "-o", str(tmp_path / "v")]) == 0
    assert (tmp_path / "v").read_text() == f"dbom {dbom.__version__}\n"
    assert run(["version"]) == 0
    assert capsys.readouterr().out == f"dbom {dbom.__version__}\n"
