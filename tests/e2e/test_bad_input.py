"""Bad input as a table: each gives one clear line and its exit code, as text and as JSON, and writes nothing half."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Case:
    """A command on bad input: its words, its exit code, and what has to be said."""

    words: str
    code: int
    said: str
    rule: str


CASES = [
    Case("fingerprint none", 2, "none: there is nothing here", "DBOM-101"),
    Case("generate none", 2, "none: there is nothing here", "DBOM-101"),
    Case("sign none --local", 2, "none: there is nothing here", "DBOM-101"),
    Case("verify none", 2, "none: there is nothing here", "DBOM-101"),
    Case("fingerprint data/", 0, "tree:sha256:", ""),
    Case("fingerprint pipe", 2, "pipe: is a pipe, a socket or a device", "DBOM-105"),
    Case("fingerprint hollow", 2, "hollow: holds no files", "DBOM-107"),
    Case("fingerprint esc\x1b[2J", 2, "esc\\x1b[2J: there is nothing here", "DBOM-101"),
    Case("fingerprint not\udcffutf8", 2, "not\\udcffutf8: the name is not UTF-8", "DBOM-103"),
    Case("generate data -o none/bom.json", 2, "none/bom.json: can't be written: No such file or directory", "DBOM-907"),
    Case("generate data -o /dev/full", 2, "/dev/full: can't be written: No space left on device", "DBOM-907"),
    Case("fingerprint data -o data/result", 2, "data/result: lies inside data and would change it", "DBOM-113"),
    Case("fingerprint data --manifest none/m", 2, "none/m: can't be written", "DBOM-907"),
    Case("verify data --bundle none.json", 2, "none.json: there is no such bundle", "DBOM-101"),
    Case("verify data --bundle broken.json", 1, "not JSON", "DBOM-304"),
    Case("verify data --bundle empty.json", 1, "mediaType is missing or not a text", "DBOM-304"),
    Case("verify other --bundle good.json", 1, "the bytes aren't those that were signed", "DBOM-315"),
    Case("attest show broken.json", 1, "broken.json: not JSON", "DBOM-304"),
    Case("verify keyed --key other.pub", 1, "no BOM, provenance or OMS statement by an expected signer", "DBOM-317"),
    Case("verify data --key none.pub", 2, "none.pub", "DBOM-"),
    Case("verify data --key text.yaml", 2, "text.yaml", "DBOM-"),
    Case("verify data --identity ID --issuer ISSUER --trusted-root expired.json", 3, "undecided", "DBOM-309"),
    Case(
        "verify data --identity ID --issuer ISSUER --trusted-root broken.json", 2, "broken.json: not JSON", "DBOM-201"
    ),
    Case("verify data --identity ID", 2, "an identity without its issuer", "DBOM-302"),
    Case("verify other", 3, "", "DBOM-"),
    Case("policy check broken.yaml", 2, "broken.yaml: not YAML: did not find expected ',' or ']', line 2", "DBOM-202"),
    Case("policy check none.yaml", 2, "none.yaml: there is no such policy", "DBOM-101"),
    Case("admission review badpod.yaml --policy none.yaml", 2, "none.yaml: there is no such policy", "DBOM-101"),
    Case("verify data --policy broken.yaml", 2, "broken.yaml: not YAML", "DBOM-202"),
    Case("admission review broken.yaml --policy policy.yaml", 2, "broken.yaml: not YAML", "DBOM-202"),
    Case("admission review text.yaml --policy policy.yaml", 2, "text.yaml: not a Kubernetes object", "DBOM-510"),
    Case("admission review void.yaml --policy policy.yaml", 2, "void.yaml: no object in it", "DBOM-510"),
    Case("admission review badpod.yaml --policy policy.yaml", 2, "a pod has at least one container", "DBOM-510"),
    Case("config show --config none.toml", 2, "none.toml", "DBOM-"),
    Case("config show --config broken.toml", 2, "broken.toml: not TOML", "DBOM-904"),
    Case("explain DBOM-000", 2, "there is no such rule: got DBOM-000", "DBOM-906"),
    Case("lineage ancestors none --store .", 2, "none: there is nothing here", "DBOM-101"),
    Case("audit report --store none", 3, "none", "DBOM-"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make the folder that each test gets a copy of: data, what was signed about it, and everything that is bad."""
    place = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "KUBERNETES_SERVICE_HOST"):
            patch.delenv(name, raising=False)
        patch.setenv("DBOM_HOME", str(place / "home"))
        patch.chdir(place)
        for name in ("data", "other", "keyed"):
            (place / name).mkdir()
            (place / name / "a.csv").write_text(f"a\n{name}\n")
        for words in (
            "sign data --local",
            "keys generate --no-password --out mine",
            "keys generate --no-password --out other",
            "sign keyed --signing-key mine.key",
            "trust export -o root.json",
            "policy init --local -o policy.yaml",
        ):
            assert run(words.split()) == 0, words
        _spoil(place)
        yield place


def _spoil(place: Path) -> None:
    (bundle,) = (place / "data.dbom").glob("*.sigstore.json")
    (place / "good.json").write_bytes(bundle.read_bytes())
    (place / "broken.json").write_bytes(bundle.read_bytes()[:500])
    (place / "empty.json").write_text("{}")
    root = json.loads((place / "root.json").read_text())
    for authority in (*root["certificateAuthorities"], *root["timestampAuthorities"]):
        authority["validFor"]["end"] = authority["validFor"]["start"]
    (place / "expired.json").write_text(json.dumps(root))
    (place / "broken.yaml").write_text("a: [1\n")
    (place / "broken.toml").write_text("a = [1\n")
    (place / "text.yaml").write_text("hello\n")
    (place / "void.yaml").write_text("")
    (place / "badpod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n")
    (place / "hollow").mkdir()


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "place"
    shutil.copytree(made, place)
    os.mkfifo(place / "pipe")
    Path(place, "not\udcffutf8").write_text("x")
    monkeypatch.chdir(place)
    monkeypatch.setenv("DBOM_HOME", str(place / "home"))
    return place


def _words(case: Case, place: Path) -> list[str]:
    (authority,) = json.loads((place / "root.json").read_text())["certificateAuthorities"]
    named = {"ID": "somebody@somewhere", "ISSUER": authority["uri"]}
    if "expired" in case.words:
        from attest.local import open_local

        named["ID"] = open_local().identity.subject
    return [named.get(word, word) for word in case.words.split(" ")]


def _state(place: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in place.rglob("*")}


def _ids(case: Case) -> str:
    return case.words.encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_bad_input_is_told_in_a_clear_line(case: Case, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _state(place)
    assert run(_words(case, place)) == case.code
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert case.said in said
    assert case.rule in said
    assert "Traceback" not in said
    assert "DBOM-999" not in said
    assert "\x1b" not in said
    assert case.code == 0 or _state(place) == before


@pytest.mark.parametrize("case", [case for case in CASES if " -o " not in case.words], ids=_ids)
def test_bad_input_is_json_where_json_is_asked_for(case: Case, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*_words(case, place), "-f", "json"]) == case.code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"].startswith("dbom.dev/")
    said = json.dumps(document, ensure_ascii=False).replace("\\\\", "\\")
    assert case.said in said
    assert case.rule in said


@pytest.mark.parametrize("words", ["fingerprint", "generate", "sign --local", "verify"])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_directory_that_changes_under_the_read_is_no_digest(
    words: str,
    as_json: bool,  # noqa: FBT001  a test's table
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with (place / "data" / "large").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    before = sorted(_state(place))
    with _restless(place / "data" / "large"):
        command, *flags = words.split()
        assert run([command, "data", *flags, *(["-f", "json"] if as_json else [])]) == 2
    captured = capsys.readouterr()
    said = captured.out if as_json else captured.err
    assert "data/large: was written to or replaced while it was read" in said
    assert "DBOM-106" in said
    assert before == sorted(_state(place))


@contextmanager
def _restless(file: Path) -> Iterator[None]:
    """Touch the file again and again while the block runs."""
    is_over = threading.Event()

    def touch() -> None:
        while not is_over.wait(0.001):
            file.touch()

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextmanager
def _as_somebody_else() -> Iterator[None]:
    """Give up root's rights, which would read everything, while the block runs."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(_NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def open_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the same folder where other users may look into it."""
    room = Path(tempfile.mkdtemp())
    room.chmod(0o755)
    shutil.rmtree(place / "home")
    (place / "pipe").unlink()
    shutil.copytree(place, room / "place")
    for path in (room / "place", *(room / "place").rglob("*")):
        path.chmod(0o755)
    monkeypatch.chdir(room / "place")
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(room / "config"))
    (room / "config").mkdir()
    yield room / "place"
    shutil.rmtree(room)


@pytest.mark.parametrize(
    ("words", "unreadable"),
    [
        ("fingerprint data", "data/a.csv"),
        ("fingerprint data/a.csv", "data/a.csv"),
        ("fingerprint data", "data"),
        ("generate data", "data/a.csv"),
        ("verify keyed --key mine.pub", "keyed/a.csv"),
        ("verify keyed --key mine.pub", "mine.pub"),
        ("policy check policy.yaml", "policy.yaml"),
        ("attest show good.json", "good.json"),
        ("config show", "../config/config.toml"),
        ("config show", "../config"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_this_user_may_not_read_is_named(
    words: str,
    unreadable: str,
    as_json: bool,  # noqa: FBT001  a test's table
    open_place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (open_place / "../config/config.toml").write_text("jobs = 1\n")
    asked = [*words.split(), *(["-f", "json"] if as_json else [])]
    assert run(asked) == 0  # and everything that it imports is loaded
    capsys.readouterr()
    (open_place / unreadable).chmod(0)
    try:
        with _as_somebody_else():
            code = run(asked)
    finally:
        (open_place / unreadable).chmod(0o755)
    captured = capsys.readouterr()
    said = captured.out if as_json and not words.startswith("generate") else captured.out + captured.err
    assert code == 2
    assert Path(unreadable).name in said
    assert "Permission denied" in said
    assert "DBOM-" in said
    assert "Traceback" not in said


def test_where_this_user_may_not_write_nothing_is_written(open_place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fingerprint", "data"]) == 0
    with _as_somebody_else():
        if os.access(open_place, os.W_OK, effective_ids=True):
            open_place.chmod(0o555)
        before = _state(open_place)
        for words in ("fingerprint data -o x", "fingerprint data --manifest x", "generate data -o x"):
            assert run(words.split()) == 2
            assert "x: can't be written: Permission denied" in capsys.readouterr().err
    assert before == _state(open_place)
    open_place.chmod(0o755)


def test_a_folder_that_was_removed_under_our_feet_stops_only_what_needs_it(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "gone").mkdir()
    monkeypatch.chdir(place / "gone")
    (place / "gone").rmdir()
    assert run(["verify", str(place / "data")]) == 0
    assert run(["fingerprint", str(place / "data")]) == 0
    capsys.readouterr()
    assert run(["fingerprint", "data"]) == 2
    assert capsys.readouterr().err.startswith("error: data: there is nothing here\n")
    assert run(["doctor"]) == 0
    assert "project: none" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["run --out OUT -- touch MARK", "sign OTHER", "run --out out -- touch MARK", "demo"])
def test_what_needs_the_folder_that_was_removed_says_so_before_it_does_anything(
    words: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was a crash with exit code 3, and `dbom sign` had written its evidence by then."""
    (place / "gone").mkdir()
    monkeypatch.chdir(place / "gone")
    (place / "gone").rmdir()
    before = _state(place)
    paths = {"OUT": "out", "MARK": "mark", "OTHER": "other"}
    assert run([str(place / paths[word]) if word in paths else word for word in words.split()]) == 2
    assert capsys.readouterr().err == (
        "error: the current folder has been removed\n  hint: go to a folder that is there (DBOM-101)\n"
    )
    assert before == _state(place)


def test_one_bad_path_among_several_spoils_only_itself(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.is_dir()
    assert run(["fingerprint", "data", "none", "other"]) == 2
    captured = capsys.readouterr()
    assert [line.split()[-1] for line in captured.out.splitlines()] == ["data", "other"]
    assert "error: none: there is nothing here" in captured.err
    assert captured.err.endswith("2 fingerprinted, 1 failed\n")
