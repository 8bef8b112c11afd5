"""`dbom trust show`, `rotate` and `log`, run as a person runs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evidence import signed_artifact
from local_logs import old_home

from attest.local import find_local, open_local
from dbom.cli.app import run

if TYPE_CHECKING:
    from attest.local import LocalSigstore


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def _local(home: Path) -> LocalSigstore:
    return open_local(home, now=lambda: datetime.now(UTC))


def _bundle(home: Path, name: str) -> str:
    (home.parent / name).write_bytes(name.encode())
    return str(signed_artifact(home.parent / name, _local(home)))


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    return answer


def test_show_names_authorities_logs_and_time_stampers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local = _local(home)
    assert 0 == run(["trust", "show"])
    said = capsys.readouterr().out
    assert f"vouches for {local.identity.issuer} alone" in said
    for words in (
        "Certificate authorities",
        "Certificate logs",
        "Transparency logs",
        "Time stampers",
        "in force, from",
    ):
        assert words in said
    assert 0 == run(["trust", "rotate", "-q"])
    capsys.readouterr()
    assert 0 == run(["trust", "show", "-f", "json"])
    shown = _json(capsys)
    assert "dbom.dev/trust-show/v1" == shown["schema"]
    for kind in ("certificateAuthorities", "certificateLogs", "transparencyLogs", "timeStampers"):
        items = shown[kind]
        assert isinstance(items, list)
        assert ["ended", "in force"] == [item["state"] for item in items], kind


def test_show_reads_a_root_or_a_trust_config_of_somebody_else(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = _local(home).trusted_root()
    (tmp_path / "root.json").write_bytes(raw)
    media_type = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
    (tmp_path / "config.json").write_text(json.dumps({"mediaType": media_type, "trustedRoot": json.loads(raw)}))
    for name in ("root.json", "config.json"):
        assert 0 == run(["trust", "show", name, "-f", "json"])
        assert _local(home).identity.issuer == _json(capsys)["issuerScope"]
    document = json.loads(raw)
    for item in document["certificateAuthorities"] + document["timestampAuthorities"]:
        item["subject"] = {"organization": "\x1b[31mevil"}
        del item["uri"]
    document["tlogs"][0]["baseUrl"] = ""
    del document["timestampAuthorities"]
    (tmp_path / "root.json").write_text(json.dumps(document))
    assert 0 == run(["trust", "show", "root.json"])
    said = capsys.readouterr().out
    assert ("\x1b" in said, "no address" in said, "Time stampers\n  none" in said) == (False, True, True)


@pytest.mark.parametrize("words", [["show"], ["rotate"], ["log", "verify"], ["log", "entries"]])
def test_where_there_is_no_local_identity_yet_each_says_so_and_makes_none(home: Path, words: list[str]) -> None:
    assert 3 == run(["trust", *words])
    assert (None, False) == (find_local(home), home.exists())


def test_show_refuses_what_is_no_trust_root(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("{}")
    assert [2, 2] == [run(["trust", "show", name]) for name in ("root.json", "gone.json")]


def test_rotate_says_what_is_in_force_and_evidence_of_before_and_after_verifies(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _bundle(home, "before.csv")
    assert 0 == run(["trust", "rotate"])
    said = capsys.readouterr()
    assert ("generation 1" in said.out, "trust export" in said.err) == (True, True)
    _bundle(home, "after.csv")
    assert [0, 0] == [run(["verify", name]) for name in ("before.csv", "after.csv")]
    capsys.readouterr()
    assert 0 == run(["trust", "rotate", "-f", "json"])
    answer = _json(capsys)
    assert (2, "dbom.dev/trust-rotate/v1") == (answer["generation"], answer["schema"])
    assert 0 == run(["trust", "export", "-o", str(tmp_path / "root.json")])


def test_verify_holds_for_whole_logs_older_heads_and_bundles(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = _bundle(home, "a.csv")
    head = str(home / "local-sigstore" / "log" / "checkpoint")
    older = home.parent / "older"
    older.write_bytes((home / "local-sigstore" / "log" / "checkpoint").read_bytes())
    second = _bundle(home, "b.csv")
    words = ["--since", str(older), "--since", head, "--since", first, "--bundle", first, "--bundle", second]
    assert 0 == run(["trust", "log", "verify", *words])
    assert 2 == capsys.readouterr().out.count(", holds")
    assert 0 == run(["trust", "rotate", "-q"])
    third = _bundle(home, "c.csv")
    capsys.readouterr()
    assert 0 == run(["trust", "log", "verify", *words, "--bundle", third, "-f", "json"])
    answer = _json(capsys)
    assert (True, []) == (answer["holds"], answer["faults"])
    logs = answer["logs"]
    assert isinstance(logs, list)
    assert [(2, 0), (2, 0), (1, 1), (1, 1)] == [(log["size"], log["generation"]) for log in logs]


def test_verify_notes_what_was_never_acknowledged(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _bundle(home, "a.csv")
    with (home / "local-sigstore" / "log" / "entries").open("ab") as file:
        file.write(b"half")
    assert 0 == run(["trust", "log", "verify"])
    assert "note: 4 bytes behind the head were never acknowledged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("log/entries", 3, "entry 0 is not what was logged"),
        ("log/tree", 10, "entry 0 is not what was logged"),
        ("log/tree", -5, "isn't the one over the entries"),
        ("log/tree", 80, "cut short"),
        ("log/checkpoint", 0, "is of another log"),
        ("log/checkpoint", -3, "isn't signed by the key"),
        ("ct-log/entries", 90, "entry 0 is not what was logged"),
        ("ct-log/checkpoint", -3, "isn't signed by the key"),
    ],
)
def test_verify_says_no_to_every_change_of_a_log(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, place: int, said: str
) -> None:
    for file in ("a.csv", "b.csv", "c.csv", "d.csv"):
        _bundle(home, file)
    path = home / "local-sigstore" / name
    data = bytearray(path.read_bytes())
    if place == 80:
        place = 40  # the number of the second record, its highest byte: an end far behind the file's
        data[place] = 0x7F
    else:
        data[place] ^= 1
    path.write_bytes(data)
    assert 1 == run(["trust", "log", "verify"])
    answer = capsys.readouterr().out
    assert ("DOES NOT HOLD" in answer, said in answer) == (True, True), answer


def test_verify_says_no_to_a_root_that_is_not_the_one_over_the_entries(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _bundle(home, "a.csv")
    other = _local(home.parent / "other")
    path = home / "local-sigstore" / "log" / "checkpoint"
    lines = path.read_text().split("\n")
    path.write_text(
        "\n".join([*lines[:2], (other.folder / "log" / "checkpoint").read_text().split("\n")[2], *lines[3:]])
    )
    assert 1 == run(["trust", "log", "verify"])
    assert "the head isn't the root over the entries" in capsys.readouterr().out
    path.write_text("nothing")
    assert 1 == run(["trust", "log", "verify"])
    assert "its head is malformed" in capsys.readouterr().out


def test_verify_says_no_where_an_older_copy_was_put_back(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    _bundle(home, "a.csv")
    shutil.copytree(home, tmp_path / "older")
    bundle = _bundle(home, "b.csv")
    shutil.rmtree(home)
    (tmp_path / "older").rename(home)
    assert 0 == run(["trust", "log", "verify"])
    assert 1 == run(["trust", "log", "verify", "--since", bundle])
    assert "the log has lost entries since" in capsys.readouterr().out
    assert 1 == run(["trust", "log", "verify", "--bundle", bundle])
    said = capsys.readouterr().out
    assert ("it has no entry 1" in said, "the certificate of" in said) == (True, True)
    _bundle(home, "c.csv")
    capsys.readouterr()
    assert 1 == run(["trust", "log", "verify", "--since", bundle, "--bundle", bundle])
    said = capsys.readouterr().out
    for words in (
        "isn't a continuation of the older head",
        "entry 1 isn't the bundle's",
        "was never what the bundle's",
    ):
        assert words in said


def test_verify_says_no_to_heads_and_bundles_of_others(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _bundle(home, "a.csv")
    (tmp_path / "elsewhere").mkdir()
    foreign = _bundle(tmp_path / "elsewhere" / "home", "x.csv")
    assert 1 == run(["trust", "log", "verify", "--bundle", foreign, "--since", foreign])
    said = capsys.readouterr().out
    assert ("an entry of another log" in said, "the older head is of another log" in said) == (True, True)
    own = json.loads(next((tmp_path / "a.csv.dbom").glob("*.sigstore.json")).read_bytes())
    own["verificationMaterial"]["tlogEntries"] = []
    (tmp_path / "without.json").write_text(json.dumps(own))
    assert 1 == run(["trust", "log", "verify", "--bundle", "without.json"])
    assert "names no log entry" in capsys.readouterr().out
    assert 1 == run(["trust", "log", "verify", "--since", "without.json"])


@pytest.mark.parametrize(
    "text", ["{}", "nothing", '{"verificationMaterial": {"tlogEntries": [{}]}}', '{"verificationMaterial": 1}']
)
def test_verify_refuses_what_is_no_bundle_and_no_checkpoint(home: Path, tmp_path: Path, text: str) -> None:
    _bundle(home, "a.csv")
    (tmp_path / "given").write_text(text)
    assert 1 == run(["trust", "log", "verify", "--since", "given"])
    assert 1 == run(["trust", "log", "verify", "--bundle", "given"])


def test_verify_refuses_a_bundle_with_somebody_else_s_log_entry(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry is in the log, but it isn't one of this bundle's signature."""
    first, second = (json.loads(Path(_bundle(home, name)).read_bytes()) for name in ("a.csv", "b.csv"))
    first["verificationMaterial"]["tlogEntries"] = second["verificationMaterial"]["tlogEntries"]
    (tmp_path / "mixed.json").write_text(json.dumps(first))
    assert 1 == run(["trust", "log", "verify", "--bundle", "mixed.json"])
    assert "another signature than the bundle's" in capsys.readouterr().err


def test_verify_reads_a_log_of_an_older_dbom_and_changes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old_home(home)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert 0 == run(["trust", "log", "verify"])
    assert 2 == capsys.readouterr().out.count("kept by an older dbom")
    assert 1 == run(["trust", "log", "verify", "--bundle", str(home / "bundles" / "0.sigstore.json")])
    assert 0 == run(["trust", "log", "entries"])
    assert before == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    (home / "local-sigstore" / "log" / "entries").write_bytes(b"")
    assert 1 == run(["trust", "log", "verify"])
    assert "cut short" in capsys.readouterr().out


def test_entries_lists_every_signature_and_every_certificate(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _bundle(home, "a.csv")
    run(["trust", "rotate", "-q"])
    _bundle(home, "b.csv")
    capsys.readouterr()
    assert 0 == run(["trust", "log", "entries"])
    lines = capsys.readouterr().out.splitlines()
    assert ["0/0  dsse 0.0.1", "1/0  dsse 0.0.1"] == [line[:15] for line in lines]
    assert str(_local(home).identity) in lines[0]
    kinds = []
    for more in ([], ["--certificates"]):
        assert 0 == run(["trust", "log", "entries", "-f", "json", "-o", "out.json", *more])
        listed = json.loads((tmp_path / "out.json").read_text())
        assert "dbom.dev/trust-log-entries/v1" == listed["schema"]
        assert [(0, 0), (1, 0)] == [(item["generation"], item["index"]) for item in listed["entries"]]
        kinds.append({item["kind"] for item in listed["entries"]})
    assert [{"dsse 0.0.1"}, {"precertificate"}] == kinds
    assert 2 == run(["trust", "log", "entries", "-o", str(tmp_path / "no" / "out")])
    assert 0 == run(["trust", "log", "entries", "-o", "/dev/null"])


def test_entries_of_a_damaged_log_are_not_half_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _bundle(home, "a.csv")
    _bundle(home, "b.csv")
    path = home / "local-sigstore" / "log" / "entries"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    capsys.readouterr()
    assert 3 == run(["trust", "log", "entries"])
    assert "" == capsys.readouterr().out
