"""The commands that are handed over: exact, safe to paste, safe to show."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest.handover import HandedOver, Handover, Trust, handovers, shell_line, verify_command
from attest.identity import Identity, KeyIdentity
from attest.keys import generate_key
from attest.local import open_local
from attest.publishing import sign_artifact
from attest.signing import KeySigner
from attest.store import open_store

if TYPE_CHECKING:
    from attest.statement import Statement

_KEY = Trust(KeyIdentity("ab" * 32), "release.pub")
_WHO = Trust(Identity("ann@example.org", "https://issuer.example"), "trusted_root.json")


class _Unnamed:
    """A signer that is known only by what it signed, as one behind remote services is."""

    identity = None

    def __init__(self, home: Path) -> None:
        self._inner = open_local(home).signer(now=lambda: datetime.now(UTC))

    def describe(self) -> str:
        return self._inner.describe()

    def sign(self, statement: Statement) -> bytes:
        return self._inner.sign(statement)


@pytest.mark.parametrize(
    "word", ["plain", "two words", "quo'te", "new\nline", "\x1b[2J", "back\\slash", "rtl\u202e", "ünï", "$(boom)", ""]
)
def test_a_shell_reads_back_each_word_and_a_terminal_sees_no_control_character(word: str) -> None:
    line = shell_line("printf", "%s", word)
    assert word.encode() == subprocess.run(["bash", "-c", line], check=True, capture_output=True).stdout
    assert all(char.isprintable() for char in line)


def test_an_identity_is_expected_with_its_issuer_and_its_root_and_a_key_by_its_file() -> None:
    expected = (
        "dbom verify m --identity ann@example.org --issuer https://issuer.example --trusted-root trusted_root.json"
    )
    assert expected == verify_command(_WHO, "m")
    assert "dbom verify m --store s3://b/x --key release.pub" == verify_command(_KEY, "m", "s3://b/x")
    public = Trust(_WHO.signer, "")
    assert "--trusted-root" not in verify_command(public, "m")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "-data.csv"
    path.write_text("a,b\n1,2\n")
    return path


def _of_key(path: Path, here: Path, **more: object) -> HandedOver:
    signer = KeySigner(generate_key())
    stores = [open_store(str(here / "store"))] if more else []
    return handovers(
        [sign_artifact(path, signer, stores=stores)], signer, signing_key=Path("k.key"), trust_config=None, here=here
    )


def test_a_path_is_shown_from_here_and_never_as_a_flag(table: Path, tmp_path: Path) -> None:
    shown = _of_key(table, tmp_path).artifacts[0]
    words = shlex.split(shown.others[0])
    assert "./-data.csv" == words[-1] == shlex.split(shown.verify)[2]
    assert ["--key", "k.pub", "--insecure-ignore-tlog"] == words[4:7]
    elsewhere = _of_key(table, tmp_path / "elsewhere").artifacts[0]
    assert str(table) == shlex.split(elsewhere.others[0])[-1]


def test_the_trust_root_is_never_written_into_the_artifact(tmp_path: Path) -> None:
    inside = tmp_path / "tree" / "deep"
    inside.mkdir(parents=True)
    (inside / "data.csv").write_text("a,b\n1,2\n")
    signer = open_local(tmp_path / "home").signer(now=lambda: datetime.now(UTC))
    published = [sign_artifact(inside, signer), sign_artifact(tmp_path / "tree", signer)]
    trust = handovers(published, signer, signing_key=None, trust_config=None, here=inside).trust
    assert str(tmp_path / "trusted_root.json") == trust.file
    assert trust.export.endswith(trust.file)


def test_cosign_is_given_a_tree_s_manifest(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "data.csv").write_text("a,b\n1,2\n")
    shown = _of_key(tmp_path / "tree", tmp_path).artifacts[0]
    assert "tree.dbom/manifest.sha256" == shlex.split(shown.others[0])[-1]


def test_evidence_that_lies_in_a_store_alone_is_looked_for_there(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    shown: Handover = _of_key(table, tmp_path, stores=True).artifacts[0]
    assert (True, ()) == ("--store" in shown.verify, shown.others)


def test_a_signer_that_names_itself_by_its_certificate_alone_is_read_from_the_bundle(
    table: Path, tmp_path: Path
) -> None:
    signer = _Unnamed(tmp_path)
    published = [sign_artifact(table, signer)]
    private = handovers(published, signer, signing_key=None, trust_config=Path("c.json"), here=tmp_path).trust
    public = handovers(published, signer, signing_key=None, trust_config=None, here=tmp_path).trust
    assert open_local(tmp_path).identity == private.signer == public.signer
    assert ("trusted_root.json", "") == (private.file, public.file)
    assert "dbom trust export --trust-config c.json -o trusted_root.json" == private.export
