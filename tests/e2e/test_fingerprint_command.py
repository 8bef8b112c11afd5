"""`dbom fingerprint` as a person and a pipeline meet it."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbom.cli.app import run
from dbom.tree import fingerprint_path

REPOSITORY = str(Path(__file__).resolve().parents[2])


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "my data"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "config").write_bytes(b"")
    (root / "a.txt").write_bytes(b"a")
    (root / "B.txt").write_bytes(b"b" * 10)
    (tmp_path / "file").write_bytes(b"file")
    monkeypatch.chdir(tmp_path)
    return root


def shell(line: str, where: Path) -> str:
    result = subprocess.run(["bash", "-c", line], cwd=where, capture_output=True, text=True, check=True)
    return result.stdout


def json_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def test_one_line_with_digest_and_path_and_the_ignored_on_stderr(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["fingerprint", "my data"])
    out, err = capsys.readouterr()
    assert f"{fingerprint_path(tree).digest}  my data\n" == out
    assert "ignored in my data: .git/\n" == err


@pytest.mark.usefixtures("tree")
def test_several_paths_give_several_lines_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "file"])
    out, err = capsys.readouterr()
    assert ["tree", "sha256"] == [line.split(":")[0] for line in out.splitlines()]
    assert err.endswith("2 fingerprinted, 0 failed\n")


@pytest.mark.usefixtures("tree")
def test_one_bad_path_of_several_ends_with_2_and_the_others_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "nowhere", "file"])
    out, err = capsys.readouterr()
    assert out.endswith("  file\n")
    assert "error: nowhere: there is nothing here\n" in err
    assert "(DBOM-101)\n" in err
    assert err.endswith("1 fingerprinted, 1 failed\n")


@pytest.mark.usefixtures("tree")
def test_where_all_fail_nothing_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "nowhere", "nothing"])
    assert "" == capsys.readouterr().out


def test_json_says_kind_digest_count_bytes_and_how_it_is_known(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "file", "-f", "json"])
    document = json_of(capsys)
    assert "dbom.dev/fingerprint/v1" == document["schema"]
    assert {"fingerprinted": 2, "failed": 0} == document["summary"]
    expected = {
        "path": "my data",
        "name": "my data",
        "kind": "tree",
        "digest": str(fingerprint_path(tree).digest),
        "fileCount": 2,
        "bytes": 11,
        "known": "computed",
        "ignores": ["/.cache/huggingface/", "/.git/", ".DS_Store", "*.dbom/"],
        "ignored": [".git/"],
        "findings": [],
    }
    assert expected == document["results"][0]
    assert "file" == document["results"][1]["kind"]


@pytest.mark.usefixtures("tree")
def test_json_with_verbose_has_the_files_and_with_how_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "-f", "json", "-v", "--how"])
    (result,) = json_of(capsys)["results"]
    assert [("B.txt", 10), ("a.txt", 1)] == [(entry["path"], entry["bytes"]) for entry in result["files"]]
    assert result["digest"] == "tree:sha256:" + shell(result["how"], Path("/"))[:64]


@pytest.mark.usefixtures("tree")
def test_json_of_a_failure_beside_a_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "nowhere", "file", "-f", "json"])
    document = json_of(capsys)
    assert {"fingerprinted": 1, "failed": 1} == document["summary"]
    assert "DBOM-101" == document["results"][0]["rule"]
    assert 2 == document["results"][0]["exitCode"]


@pytest.mark.usefixtures("tree")
def test_json_of_a_single_failure_is_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "nowhere", "-f", "json"])
    assert "DBOM-101" == json_of(capsys)["rule"]


def test_findings_are_said_on_stderr_and_in_json(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "b.txt").write_bytes(b"")
    assert 0 == run(["fingerprint", "my data/"])
    assert "warning: my data/B.txt: can't be told from b.txt on some disks (DBOM-109)\n" in capsys.readouterr().err
    assert 0 == run(["fingerprint", "my data", "-f", "json"])
    (finding,) = json_of(capsys)["results"][0]["findings"]
    assert ("DBOM-109", "warning", "B.txt") == (finding["rule"], finding["severity"], finding["where"])


def test_hostile_names_are_shown_escaped(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "\x1b[2J").write_bytes(b"")
    (tree / "x").symlink_to("\x1b]0;title\x07")
    assert 2 == run(["fingerprint", "my data"])
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    (tree / "x").unlink()
    assert 0 == run(["fingerprint", "my data", "--ignore", "*2J"])
    assert "\\x1b[2J" in capsys.readouterr().err


@pytest.mark.usefixtures("tree")
def test_quiet_says_the_result_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "file", "-q"])
    assert "" == capsys.readouterr().err


@pytest.mark.usefixtures("tree")
def test_verbose_says_how_much_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "-v"])
    assert "my data: 2 files, 11 bytes, computed\n" in capsys.readouterr().err


def test_sha256sum_accepts_the_manifest(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "--manifest", "m.sha256"])
    assert "a.txt: OK" in shell("sha256sum --strict -c ../m.sha256", tree)
    digest = shell("sha256sum m.sha256", tree.parent)[:64]
    assert f"tree:sha256:{digest}  my data\n" == capsys.readouterr().out
    (tree / "a.txt").write_bytes(b"A")
    with pytest.raises(subprocess.CalledProcessError):
        shell("sha256sum --strict -c ../m.sha256", tree)


def test_the_manifest_of_a_file_is_checked_beside_it(tree: Path) -> None:
    assert 0 == run(["fingerprint", "file", "--manifest", "m.sha256"])
    assert "file: OK\n" == shell("sha256sum --strict -c m.sha256", tree.parent)


@pytest.mark.parametrize("flag", ["--manifest", "-o"])
@pytest.mark.parametrize("target", ["my data/m", "my data/.git/m", "link/m", "my data/../my data/m", "file"])
def test_nothing_is_written_into_what_is_fingerprinted(
    tree: Path, capsys: pytest.CaptureFixture[str], flag: str, target: str
) -> None:
    (tree.parent / "link").symlink_to("my data")
    path = "file" if target == "file" else "my data"
    assert 2 == run(["fingerprint", path, flag, target])
    out, err = capsys.readouterr()
    assert "" == out
    assert "DBOM-113" in err
    assert b"file" == (tree.parent / "file").read_bytes()
    assert 2 == len([path for path in tree.iterdir() if path.is_file()])


@pytest.mark.usefixtures("tree")
def test_a_manifest_is_of_one_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "my data", "file", "--manifest", "m"])
    assert "--manifest takes one PATH" in capsys.readouterr().err


def test_no_manifest_is_written_where_there_is_no_digest(tree: Path) -> None:
    (tree / "x\ny").write_bytes(b"")
    assert 2 == run(["fingerprint", "my data", "--manifest", "m"])
    assert not (tree.parent / "m").exists()


@pytest.mark.usefixtures("tree")
def test_a_manifest_that_cant_be_written_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "file", "--manifest", "nowhere/m"])
    assert ("", True) == ((caught := capsys.readouterr()).out, "can't be written" in caught.err)


@pytest.mark.parametrize("ignores", [[], ["--ignore", "a*"], ["--no-default-ignores"]])
def test_the_line_of_how_gives_the_digest(tree: Path, capsys: pytest.CaptureFixture[str], ignores: list[str]) -> None:
    assert 0 == run(["fingerprint", "my data", *ignores])
    digest = capsys.readouterr().out.split()[0]
    assert 0 == run(["fingerprint", "my data", "file", "--how", *ignores])
    of_tree, of_file = capsys.readouterr().out.splitlines()
    assert digest == "tree:sha256:" + shell(of_tree, Path("/"))[:64]
    assert fingerprint_path(tree.parent / "file").digest.hex == shell(of_file, Path("/"))[:64]


@pytest.mark.usefixtures("tree")
def test_the_result_goes_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "-o", "result"])
    assert "" == capsys.readouterr().out
    assert (tmp_path / "result").read_text().endswith("  my data\n")


def test_follow_links_says_what_it_followed(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "out").symlink_to("../file")
    assert 2 == run(["fingerprint", "my data"])
    assert "the link leads out of the tree" in capsys.readouterr().err
    assert 0 == run(["fingerprint", "my data", "--follow-links"])
    assert "(DBOM-110)" in capsys.readouterr().err


@pytest.mark.usefixtures("tree")
def test_a_malformed_pattern_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run(["fingerprint", "my data", "--ignore", "a//b"])
    assert "DBOM-114" in capsys.readouterr().err


def test_an_interruption_ends_with_130(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "preadv", interrupted)
    assert 130 == run(["fingerprint", str(tree), str(tree)])


def program(*arguments: bytes | str, where: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "dbom", "fingerprint", *arguments],
        cwd=where,
        env={**os.environ, "PYTHONPATH": REPOSITORY},
        capture_output=True,
        check=False,
    )


def test_paths_that_arent_utf8_are_shown_and_give_no_traceback(tree: Path) -> None:
    odd = tree.parent / os.fsdecode(b"\xff-folder")
    odd.mkdir()
    (odd / "inner").mkdir()
    (odd / "inner" / "x").write_bytes(b"")
    for arguments in ([], ["-f", "json"], ["--how"]):
        result = program(os.fsencode(odd / "inner"), *arguments, where=tree)
        assert (0, b"") == (result.returncode, result.stderr)
        refused = program(os.fsencode(odd), *arguments, where=tree)
        assert 2 == refused.returncode
        assert b"Traceback" not in refused.stderr
        assert b"is not UTF-8" in refused.stderr + refused.stdout


def test_without_a_terminal_there_is_no_bar(tree: Path) -> None:
    result = program("my data", where=tree.parent)
    assert b"ignored in my data: .git/\n" == result.stderr


class Terminal(io.StringIO):
    """An stderr that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_the_bar_counts_the_bytes_of_many_threads(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (tree / f"big{number}").write_bytes(bytes(1_000_000))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert 0 == run(["fingerprint", str(tree), "--jobs", "4"])
    assert "20.0/20.0 MB" in terminal.getvalue()


@pytest.mark.parametrize("quiet", [False, True])
def test_on_a_terminal_there_is_a_bar_on_stderr_unless_quiet(tree: Path, quiet: bool) -> None:  # noqa: FBT001  parametrized
    (tree / "big").write_bytes(bytes(3_000_000))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "dbom", "fingerprint", str(tree), *(["-q"] if quiet else [])]
    environment = {**os.environ, "PYTHONPATH": REPOSITORY, "TERM": "xterm"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, cwd="/") as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:
            pass  # Linux says so when the other end of a terminal is closed
        finally:
            os.close(ours)
        assert process.stdout is not None
        assert process.stdout.read() == f"{fingerprint_path(tree).digest}  {tree}\n".encode()
    assert 0 == process.returncode
    assert (b"" == shown) is quiet
    assert quiet or b"reading " in shown


# The cache


@pytest.fixture
def settled(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a tree whose files have long been there, as the cache's clock has it."""
    import functools
    import time

    from dbom import cache

    real = cache.Cache
    monkeypatch.setattr(cache, "Cache", functools.partial(real, now_ns=lambda: time.time_ns() + 10**11))
    return tree


def known(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    capsys.readouterr()
    assert 0 == run(["fingerprint", "my data", "-f", "json", *flags])
    return str(json_of(capsys)["results"][0]["known"])


@pytest.mark.usefixtures("settled")
def test_the_second_time_comes_from_the_cache_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "computed" == known(capsys)
    assert "computed (cache)" == known(capsys)
    assert "computed" == known(capsys, "--no-cache")
    assert 0 == run(["fingerprint", "my data", "-v"])
    assert "2 files are as they were when they were read before" in capsys.readouterr().err


def test_a_file_edited_with_its_mtime_put_back_is_caught(settled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data"])
    before, status = capsys.readouterr().out, (settled / "a.txt").stat()
    (settled / "a.txt").write_bytes(b"!")
    os.utime(settled / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert 0 == run(["fingerprint", "my data"])
    after = capsys.readouterr().out
    assert before != after
    assert after == f"{fingerprint_path(settled).digest}  my data\n"


def test_a_broken_cache_is_said_on_stderr_and_worked_without(
    settled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "digests.sqlite").write_bytes(b"no database" * 100)
    assert 0 == run(["fingerprint", "my data"])
    out, err = capsys.readouterr()
    assert f"{fingerprint_path(settled).digest}  my data\n" == out
    assert "the cache isn't used: " in err


# Shards, and a second algorithm


@pytest.mark.usefixtures("tree")
def test_shards_say_that_they_are_no_identity(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "--scheme", "shards"])
    out, err = capsys.readouterr()
    assert out.startswith("shards:sha256:")
    assert "holds no file identity; nothing can be signed or verified by it (DBOM-131)" in err
    assert 0 == run(["fingerprint", "my data", "file", "--scheme", "shards", "-f", "json", "-v"])
    of_tree, of_file = json_of(capsys)["results"]
    assert (None, out.split()[0], "sha256-sharded-1000000000") == (
        of_tree["identity"],
        of_tree["root"],
        of_tree["algorithm"],
    )
    assert {"digest", "kind", "known"}.isdisjoint(of_tree)
    assert [".:0:4"] == [shard["name"] for shard in of_file["shards"]]


@pytest.mark.parametrize("flags", [["--how"], ["--manifest", "m"], ["--also", "blake3"]])
@pytest.mark.usefixtures("tree")
def test_shards_dont_go_with_what_is_about_whole_files(capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    assert 2 == run(["fingerprint", "my data", "--scheme", "shards", *flags])
    assert "DBOM-131" in capsys.readouterr().err
    assert not Path("m").exists()


@pytest.mark.usefixtures("tree")
def test_verify_takes_no_shards_for_a_digest(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "file", "--scheme", "shards"])
    assert 2 == run(["verify", "--digest", capsys.readouterr().out.split()[0]])


@pytest.mark.usefixtures("tree")
def test_blake3_stands_beside_each_file_and_changes_no_digest(capsys: pytest.CaptureFixture[str]) -> None:
    blake3 = pytest.importorskip("blake3", reason="pip install 'dbom[blake3]'")
    assert 0 == run(["fingerprint", "file", "--also", "blake3", "-f", "json", "-v"])
    (result,) = json_of(capsys)["results"]
    assert blake3.blake3(b"file").hexdigest() == result["files"][0]["blake3"]
    assert f"sha256:{result['files'][0]['sha256']}" == result["digest"]


@pytest.mark.usefixtures("tree")
def test_without_blake3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "blake3", None)
    assert 2 == run(["fingerprint", "file", "--also", "blake3"])
    assert "dbom[blake3]" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--scheme", "shards"], ["--also", "blake3"]])
@pytest.mark.parametrize("where", [["s3://bucket/x"], ["file", "--engine", "threads"], ["file", "--computed"]])
@pytest.mark.usefixtures("tree")
def test_what_is_for_threads_of_this_process_is_refused_elsewhere(flags: list[str], where: list[str]) -> None:
    assert 2 == run(["fingerprint", *where, *flags])


def test_a_journal_and_an_engine_give_the_same_digest(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["fingerprint", "my data", "--journal", "journal", "--engine", "threads", "--no-cache"])
    assert f"{fingerprint_path(tree).digest}  my data\n" == capsys.readouterr().out
    assert (tree.parent / "journal").exists()
