"""`dbom verify`, as it is run: what it prints, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ed25519
from evidence import changed, key_signed, local_sigstore, public_pem, signed_artifact, statement_of

from admission.starting_policy import Expected, render_policy
from attest.identity import Identity
from attest.stores.sidecar import Sidecar
from attest.trust import TrustRoot
from dbom.cli.app import run
from dbom.rules.artifacts import PATH_MISSING
from dbom.rules.attestations import BYTES_CHANGED, NO_EVIDENCE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from attest.local import LocalSigstore


@pytest.fixture
def local() -> LocalSigstore:
    return local_sigstore(Path(os.environ["DBOM_HOME"]))


@pytest.fixture
def tree(tmp_path: Path, local: LocalSigstore, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "flowers"
    root.mkdir()
    (root / "iris.csv").write_bytes(b"setosa,1\n")
    signed_artifact(root, local)
    return root


def json_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run(["verify", *arguments, "-f", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_this_machines_own_identity_is_the_default(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "flowers"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("verified   flowers  tree:sha256:")
    assert "self-asserted" in out
    assert "only as good as the machine" in out
    assert tree.is_dir()


def test_the_json_says_who_what_and_when(tree: Path, local: LocalSigstore, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = json_of(capsys, "flowers", "--local")
    result = document["results"][0]
    assert (code, document["schema"], result["verdict"]) == (0, "dbom.dev/verify/v1", "verified")
    assert (result["digest"], result["bytesChecked"]) == (str(fingerprint_path(tree).digest), True)
    statement = result["statements"][0]
    assert statement["signer"] == {"identity": local.identity.subject, "issuer": local.identity.issuer}
    assert statement["time"]["basis"] == "self-asserted"
    assert statement["logIndex"] == 0
    assert document["summary"] == {"verified": 1, "refused": 0, "undecided": 0, "notChecked": 0}


def test_it_runs_as_a_program_from_elsewhere(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "attest.py").write_text("raise SystemExit('a stranger')")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dbom", "verify", str(tree)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("verified")


def test_a_flipped_byte_is_a_no_that_names_the_file(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    assert run(["verify", "flowers"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("refused    flowers")
    assert "changed  iris.csv" in out
    code, document = json_of(capsys, "flowers")
    assert (code, document["results"][0]["difference"]["changed"]) == (1, ["iris.csv"])
    assert document["results"][0]["notCounted"][0]["rule"] == "DBOM-313"


def test_somebody_else_verifies_with_the_identity_and_the_exported_root(
    tree: Path, local: LocalSigstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root.json"
    root.write_bytes(local.trusted_root())
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "another home"))
    who = ["--certificate-identity", local.identity.subject, "--certificate-oidc-issuer", local.identity.issuer]
    assert run(["verify", str(tree), *who, "--trusted-root", str(root)]) == 0
    pattern = ["--identity-regexp", ".*@.*", "--issuer", local.identity.issuer]
    assert run(["verify", str(tree), *pattern, "--trusted-root", str(root)]) == 0
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"trustedRoot": json.loads(root.read_text())}))
    assert run(["verify", str(tree), *who, "--trust-config", str(config)]) == 0
    assert (
        run(["verify", str(tree), "--identity", "eve@example.org", "--issuer", "x", "--trusted-root", str(root)]) == 1
    )
    assert run(["verify", str(tree), *who]) == 3  # no root at hand
    assert not (tmp_path / "another home").exists()


def test_an_expired_root_is_three(
    tree: Path, local: LocalSigstore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    root = tmp_path / "root.json"
    root.write_bytes(
        changed(local.trusted_root(), lambda d: d["certificateAuthorities"][0]["validFor"].update(end=ended))
    )
    who = ["--identity", local.identity.subject, "--issuer", local.identity.issuer]
    assert run(["verify", str(tree), *who, "--trusted-root", str(root)]) == 3
    assert "DBOM-309" in capsys.readouterr().out


def test_a_key_is_expected_by_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, path = ed25519.Ed25519PrivateKey.generate(), tmp_path / "f"
    path.write_bytes(b"x")
    (tmp_path / "key.pub").write_bytes(public_pem(key))
    (tmp_path / "b.sigstore.json").write_bytes(key_signed(statement_of(fingerprint_path(path)).payload, key))
    arguments = [str(path), "--key", str(tmp_path / "key.pub"), "--bundle", str(tmp_path / "b.sigstore.json")]
    assert run(["verify", *arguments]) == 0
    out = capsys.readouterr().out
    assert "no time, no log" in out
    code, document = json_of(capsys, *arguments)
    assert (code, document["results"][0]["statements"][0]["time"]["basis"]) == (0, "none")
    assert document["results"][0]["statements"][0]["signer"]["key"].startswith("key sha256:")


def test_a_store_is_read(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    Sidecar.of(tree).folder.rename(moved / "flowers.dbom")
    assert run(["verify", str(tree)]) == 3
    assert run(["verify", str(tree), "--store", str(moved)]) == 0
    monkeypatch.setenv("DBOM_STORE", str(moved))
    assert run(["verify", str(tree)]) == 0


def test_a_no_comes_with_what_to_do_about_it_once_for_each_rule(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    (tmp_path / "unsigned").write_bytes(b"x")
    words = [str(tree), str(tree), str(tmp_path / "unsigned"), str(tmp_path / "none")]
    assert run(["verify", *words]) == 1
    lines = capsys.readouterr().out.splitlines()
    hints = [line for line in lines if "hint: " in line]
    rules = (BYTES_CHANGED, NO_EVIDENCE, PATH_MISSING)
    assert [f"  hint: {rule.hint} ({rule.id})" for rule in rules] == hints
    assert lines[-1] == "2 refused, 1 undecided, 1 not checked"
    assert run(["verify", str(tree), "-f", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["results"][0]["findings"]
    assert finding["hint"] == BYTES_CHANGED.hint


def test_several_give_several_results_a_summary_and_the_worst_code(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unsigned").write_bytes(b"x")
    assert run(["verify", "flowers", "unsigned"]) == 3
    assert capsys.readouterr().out.endswith("1 verified, 1 undecided\n")
    assert run(["verify", "flowers", "unsigned", "missing"]) == 2
    assert "not checked" in capsys.readouterr().out
    (tree / "iris.csv").write_bytes(b"setosa,0\n")
    code, document = json_of(capsys, "flowers", "unsigned", "missing")
    assert (code, [result["exitCode"] for result in document["results"]]) == (1, [1, 3, 2])
    assert document["results"][2]["rule"] == "DBOM-101"


def test_a_policy_says_whom_to_expect(
    tree: Path,
    local: LocalSigstore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = TrustRoot.parse(local.trusted_root(), where="root")
    stranger = Expected(Identity("eve@example.org", local.identity.issuer), root)
    policies = {"ours": Expected(local.identity, root), "hers": stranger}
    for name, expected in policies.items():
        text = render_policy(expected, name=name, mode="enforce", location="oci://registry.example.org/**")
        (tmp_path / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "another home"))
    assert run(["verify", str(tree), "--policy", str(tmp_path / "ours.yaml")]) == 0
    assert "licences and ancestors are not" in capsys.readouterr().err
    assert run(["verify", str(tree), "--policy", str(tmp_path / "hers.yaml")]) == 1
    assert run(["verify", str(tree), "--policy", str(tmp_path / "ours.yaml"), "--local"]) == 2
    assert run(["verify", str(tree), "--policy", str(tmp_path / "missing.yaml")]) == 2
    digest = str(fingerprint_path(tree).digest)
    bundle = str(next(Sidecar.of(tree).folder.glob("*.sigstore.json")))
    by_digest = ["verify", "--digest", digest, "--bundle", bundle, "--policy", str(tmp_path / "ours.yaml")]
    assert run(by_digest) == 0
    monkeypatch.setenv("DBOM_POLICY", str(tmp_path / "hers.yaml"))
    assert run(["verify", str(tree)]) == 1


def test_a_policy_that_requires_no_attestation_expects_nobody(tree: Path, local: LocalSigstore, tmp_path: Path) -> None:
    expected = Expected(local.identity, TrustRoot.parse(local.trusted_root(), where="root"))
    document = yaml.safe_load(render_policy(expected, name="p", mode="enforce", location="oci://x/**"))
    document["spec"].pop("attestations")
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(document))
    assert run(["verify", str(tree), "--policy", str(tmp_path / "p.yaml")]) == 2


def test_a_digest_without_bytes_says_so(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = str(fingerprint_path(tree).digest)
    bundle = str(next(Sidecar.of(tree).folder.glob("*.sigstore.json")))
    assert run(["verify", "--digest", digest, "--bundle", bundle]) == 0
    assert "bytes not checked" in capsys.readouterr().out
    code, document = json_of(capsys, "--digest", digest, "--bundle", bundle)
    assert (code, document["results"][0]["bytesChecked"]) == (0, False)
    assert run(["verify", "--digest", digest.removeprefix("tree:"), "--bundle", bundle]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify"], "nothing to verify"),
        (["verify", ""], "an empty path"),
        (["verify", "flowers", "--identity", "a"], "identity without its issuer"),
        (["verify", "flowers", "--issuer", "a"], "issuer without an identity"),
        (["verify", "flowers", "--identity", "a", "--identity-regexp", "b", "--issuer", "c"], "expression for it"),
        (["verify", "flowers", "--identity-regexp", "(", "--issuer", "c"], "not an RE2 expression"),
        (["verify", "flowers", "--key", "missing.pub"], "no such public key"),
        (["verify", "flowers", "--key", "flowers"], "can't be read"),
        (["verify", "flowers", "--key", "flowers/iris.csv"], "no public key"),
        (["verify", "flowers", "--trusted-root", "flowers/iris.csv"], "whom to expect"),
        (
            ["verify", "flowers", "--identity", "a", "--issuer", "b", "--trusted-root", "x", "--trust-config", "y"],
            "never merged",
        ),
        (["verify", "flowers", "--identity", "a", "--issuer", "b", "--trusted-root", "flowers/iris.csv"], "not JSON"),
        (["verify", "flowers", "--bundle", "missing"], "no such bundle"),
        (["verify", "flowers", "--bundle", "flowers"], "can't be read"),
        (["verify", "missing"], "nothing here"),
        (["verify", "--digest", "sha256:ABC"], "not a digest"),
        (["verify", "--digest", "sha256:" + "A" * 64], "not a digest"),
    ],
)
def test_what_can_not_be_used_is_one_clear_line_and_two(
    tree: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert "Traceback" not in error
    assert tree.is_dir()


@pytest.mark.parametrize("flag", ["--bundle", "--key", "--policy", "--trusted-root", "--trust-config"])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(
    tree: Path, tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    who = ["--identity", "a", "--issuer", "b"] if flag.startswith("--trust") else []
    assert run(["verify", str(tree), flag, str(tmp_path / "pipe"), *who]) == 2
    assert "not a regular file" in capsys.readouterr().err


def test_a_policy_names_its_own_trust_roots(tree: Path, local: LocalSigstore, tmp_path: Path) -> None:
    """One given beside it would be ignored in silence."""
    (tmp_path / "root.json").write_bytes(local.trusted_root())
    expected = Expected(local.identity, TrustRoot.parse(local.trusted_root(), where="root"))
    policy = tmp_path / "p.yaml"
    policy.write_text(render_policy(expected, name="p", mode="enforce", location="oci://x/**"))
    assert run(["verify", str(tree), "--policy", str(policy)]) == 0
    assert run(["verify", str(tree), "--policy", str(policy), "--trusted-root", str(tmp_path / "root.json")]) == 2


def test_what_nothing_vouches_for_stands_in_the_verdict_s_line(
    tmp_path: Path, local: LocalSigstore, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "model"
    root.mkdir()
    (root / "config.json").write_bytes(b"{}")
    (root / "w.safetensors").write_bytes(b"evil")
    statement = statement_of(fingerprint_path(root, ignores=("*.safetensors",)))
    Sidecar.of(root).add_bundle(local.signer(now=lambda: datetime.now(UTC)).sign(statement), statement)
    assert run(["verify", str(root)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("(not covered: 1 path)")
    assert out[1].startswith("  warning: ")
    assert json_of(capsys, str(root))[1]["results"][0]["notCovered"] == ["w.safetensors"]


def test_a_store_full_of_rubbish_does_not_fill_the_terminal(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for number in range(50):
        (store / f"{number}\n\x1b[2J.sigstore.json").write_text(f"[{number}]")
    assert run(["verify", str(tree), "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 30
    assert "… and 30 more findings" in out
    assert "\x1b" not in out
    assert len(json_of(capsys, str(tree), "--store", str(store))[1]["results"][0]["findings"]) == 50


def test_nobody_to_expect_is_two_and_makes_no_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f").write_bytes(b"x")
    assert run(["verify", str(tmp_path / "f")]) == 2
    assert "nothing says whom to expect" in capsys.readouterr().err
    assert run(["verify", str(tmp_path / "f"), "--local"]) == 2
    assert not Path(os.environ["DBOM_HOME"]).exists()


def test_an_identity_in_a_file_of_the_artifact_has_no_effect(
    tree: Path, local: LocalSigstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither inside it, nor where one stands in it: there it is an error, never a yes."""
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "another home"))
    signer = f'identity = "{local.identity.subject}"\nissuer = "{local.identity.issuer}"\n'
    (tree / "dbom.toml").write_text(signer)
    Sidecar.of(tree).folder.rename(tmp_path / "old")
    signed_artifact(tree, local)
    assert run(["verify", str(tree)]) == 2
    monkeypatch.chdir(tree)
    assert run(["verify", "."]) == 2


def test_hostile_names_can_not_reach_the_terminal(
    tree: Path, local: LocalSigstore, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "\x1b[2J\u202egnp").write_bytes(b"x")
    assert run(["verify", "flowers"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    code, document = json_of(capsys, "flowers")
    assert (code, document["results"][0]["difference"]["added"]) == (1, ["\\x1b[2J\\u202egnp"])
    assert local.identity.subject


def test_without_the_manifest_the_files_that_the_signed_bom_lists_tell_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("one.csv", "two.csv"):
        (tmp_path / "data" / name).write_text("a,b\n1,2\n", encoding="utf-8")
    assert run(["sign", "data", "--local"]) == 0
    (tmp_path / "data.dbom" / "manifest.sha256").unlink()
    (tmp_path / "data" / "two.csv").write_text("a,b\n1,3\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["verify", "data"]) == 1
    out = capsys.readouterr().out
    assert "changed  two.csv" in out
    assert "one.csv" not in out
