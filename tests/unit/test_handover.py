"""The commands that are handed over: exact, safe to paste, safe to show."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from own_authority import OwnAuthority

from attest.handover import HandedOver, Handover, Trust, handovers, shell_line, verify_command
from attest.identity import Identity, KeyIdentity
from attest.local import open_local
from attest.publishing import sign_artifact
from attest.signers.keys import generate_key, load_key, private_pem, public_pem
from attest.signers.signing import Choice, KeySigner, open_signer
from attest.stores.store import open_store

if TYPE_CHECKING:
    from attest.signers.signing import Signer
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
    choice = Choice(signing_key=Path("k.key"))
    return handovers([sign_artifact(path, signer, stores=stores)], signer, choice, here=here)


def _opened(home: Path, *, certified: bool = False) -> tuple[Signer, Choice]:
    """Return a signer by a key, and how it was chosen; the local Sigstore records what it signs."""
    key = home / "-k.key"
    key.write_bytes(private_pem(generate_key(), password=None))
    choice = Choice(signing_key=key.relative_to(home), local=True)
    environment = {"DBOM_HOME": str(home / "home")}
    if certified:
        public = load_key(key.read_bytes(), where="k", password=None).public_key()
        (home / "chain.pem").write_bytes(OwnAuthority().chain(public))
        choice = replace(choice, certificate_chain=home / "chain.pem")
    opened = replace(choice, signing_key=key)
    return open_signer(environment, opened, now=lambda: datetime.now(UTC), ask_password=lambda: None), choice


def test_a_key_whose_signatures_are_logged_is_expected_with_its_log(table: Path, tmp_path: Path) -> None:
    signer, choice = _opened(tmp_path)
    shown = handovers([sign_artifact(table, signer)], signer, choice, here=tmp_path)
    export = "dbom keys export ./-k.key -o signer.pub && dbom trust export -o trusted_root.json"
    assert (export, ("signer.pub", "trusted_root.json")) == (shown.trust.export, shown.files)
    logged = ["--key", "signer.pub", "--trusted-root", "trusted_root.json"]
    assert logged == shlex.split(shown.artifacts[0].verify)[-4:] == shlex.split(shown.artifacts[0].others[0])[4:8]


def test_a_certificate_of_one_s_own_authority_is_expected_with_who_tells_the_time(table: Path, tmp_path: Path) -> None:
    signer, choice = _opened(tmp_path, certified=True)
    shown = handovers([sign_artifact(table, signer, oms=True)], signer, choice, here=tmp_path)
    chain = str(tmp_path / "chain.pem")
    assert (chain, "time-stamps.pem") == shown.files
    dbom, (cosign, model_signing) = shown.artifacts[0].verify, shown.artifacts[0].others
    assert ["--certificate-chain", chain, "--timestamp-certificate-chain", "time-stamps.pem"] == shlex.split(dbom)[-4:]
    assert cosign.startswith("cosign trusted-root create ")
    assert "--use-signed-timestamps" in cosign
    assert ["--certificate_chain", chain] == shlex.split(model_signing)[-2:]


@pytest.mark.parametrize(
    ("kind", "programs"),
    [
        ("ecdsa-p256", ["cosign", "model_signing"]),
        ("ecdsa-p384", ["", "model_signing"]),
        ("ecdsa-p521", ["", "model_signing"]),
        ("ed25519", ["cosign", ""]),
    ],
)
def test_a_line_stands_only_for_who_knows_such_a_key(
    table: Path, tmp_path: Path, kind: str, programs: list[str]
) -> None:
    signer = KeySigner(generate_key(kind))
    choice = Choice(signing_key=Path("k.key"))
    shown = handovers([sign_artifact(table, signer, oms=True)], signer, choice, here=tmp_path)
    assert programs == [line.partition(" ")[0] for line in shown.artifacts[0].others]


@pytest.mark.parametrize("written", ["own", "another", "private", "none"])
def test_the_public_half_beside_a_key_is_named_where_it_is_one(table: Path, tmp_path: Path, written: str) -> None:
    key = generate_key()
    beside = {"own": public_pem(key), "another": public_pem(generate_key()), "private": private_pem(key, password=None)}
    if written in beside:
        (tmp_path / "k.pub").write_bytes(beside[written])
    signer, choice = KeySigner(key), Choice(signing_key=Path("k.key"))
    trust = handovers([sign_artifact(table, signer)], signer, choice, here=tmp_path).trust
    expected = ("k.pub", "") if written == "own" else ("signer.pub", "dbom keys export k.key -o signer.pub")
    assert expected == (trust.file, trust.export)


def test_a_path_is_shown_from_here_and_never_as_a_flag(table: Path, tmp_path: Path) -> None:
    shown = _of_key(table, tmp_path).artifacts[0]
    words = shlex.split(shown.others[0])
    assert "./-data.csv" == words[-1] == shlex.split(shown.verify)[2]
    assert ["--key", "signer.pub", "--insecure-ignore-tlog"] == words[4:7]
    elsewhere = _of_key(table, tmp_path / "elsewhere").artifacts[0]
    assert str(table) == shlex.split(elsewhere.others[0])[-1]


def test_the_trust_root_is_never_written_into_the_artifact(tmp_path: Path) -> None:
    inside = tmp_path / "tree" / "deep"
    inside.mkdir(parents=True)
    (inside / "data.csv").write_text("a,b\n1,2\n")
    signer = open_local(tmp_path / "home").signer(now=lambda: datetime.now(UTC))
    published = [sign_artifact(inside, signer), sign_artifact(tmp_path / "tree", signer)]
    trust = handovers(published, signer, Choice(), here=inside).trust
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
    private = handovers(published, signer, Choice(trust_config=Path("c.json")), here=tmp_path).trust
    public = handovers(published, signer, Choice(), here=tmp_path).trust
    assert open_local(tmp_path).identity == private.signer == public.signer
    assert ("trusted_root.json", "") == (private.file, public.file)
    assert "dbom trust export --trust-config c.json -o trusted_root.json" == private.export
