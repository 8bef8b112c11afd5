"""The commands that `dbom sign` prints, run as they stand by a stranger: another folder, another home, no network.

The stranger has the artifact, what lies beside it and the files that are to be handed over, and nothing else.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from sigstore_keys import certificate_pem, issued, private_pem, self_signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sigstore_stack import PrivateSigstore

_SIGNER = "trainer@example.com"
_CONFIG = "c.json"


@dataclass(frozen=True, slots=True)
class _Shell:
    """A folder to run lines in, with a home for keys and settings of its own."""

    folder: Path
    programs: Path
    home: Path

    def run(self, line: str, *, alone: bool = False, token: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line as it stands, `alone` where there is no network at all."""
        states = {f"DBOM_{name}": str(self.home / name) for name in ("HOME", "CONFIG_HOME", "CACHE_HOME")}
        environment = {
            "PATH": os.pathsep.join((str(self.programs), "/usr/bin", "/bin")),
            "HOME": str(self.home),
            **states,
            **({"SIGSTORE_ID_TOKEN": token} if token else {}),
        }
        command = [*(["unshare", "-rn"] if alone else []), "bash", "-c", line]
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def programs(peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the programs that the lines name."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("cosign", "model_signing"):
        (folder / name).symlink_to(peer(name))
    (folder / "dbom").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m dbom "$@"\n')
    (folder / "dbom").chmod(0o755)
    return folder


@pytest.fixture
def here(programs: Path, tmp_path: Path) -> _Shell:
    """Return where it is signed: a model, with git's files in it, whose name a shell must be told with care."""
    model = tmp_path / "here" / "my model"
    model.mkdir(parents=True)
    (model / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    (model / ".gitattributes").write_text("*.bin filter=lfs\n")
    return _Shell(model.parent, programs, tmp_path / "home")


@pytest.fixture
def stack(private_sigstore: PrivateSigstore, here: _Shell) -> PrivateSigstore:
    shutil.copy(private_sigstore.client_trust_config, here.folder / _CONFIG)
    return private_sigstore


def _signed(here: _Shell, words: str, *, token: str = "") -> dict[str, Any]:
    """Sign, write the files that are to be handed over, and return the result."""
    done = here.run(f"dbom sign 'my model' --as model -f json {words}", token=token)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    if result["trust"]["export"]:
        written = here.run(result["trust"]["export"])
        assert written.returncode == 0, written.stderr
    return result


def _lines(result: dict[str, Any]) -> dict[str, str]:
    """Return each printed line by who is to run it."""
    (artifact,) = result["results"]
    lines = {"dbom": artifact["verify"]}
    for statement in artifact["statements"]:
        lines |= {name: statement[name] for name in ("cosign", "modelSigning") if name in statement}
    return lines


def _all_hold(here: _Shell, result: dict[str, Any], *expected: str) -> None:
    """Let a stranger run each line, and again once the model is another one."""
    elsewhere = _Shell(here.folder.parent / "elsewhere", here.programs, here.home.with_name("other home"))
    shutil.copytree(here.folder / "my model", elsewhere.folder / "my model")
    shutil.copytree(here.folder / "my model.dbom", elsewhere.folder / "my model.dbom")
    for file in result["trust"]["files"]:
        shutil.copy(here.folder / file, elsewhere.folder / file)
    lines = _lines(result)
    assert set(expected) == set(lines)
    for line in lines.values():
        done = elsewhere.run(line, alone=True)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    (elsewhere.folder / "my model" / "config.json").write_text("{}")
    manifest = elsewhere.folder / "my model.dbom" / "manifest.sha256"
    manifest.write_text(manifest.read_text().swapcase())
    for line in lines.values():
        assert elsewhere.run(line, alone=True).returncode == 1, line


def _key(here: _Shell, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None) -> str:
    (here.folder / "k.pem").write_bytes(private_pem(key or ec.generate_private_key(ec.SECP256R1())))
    return "--signing-key k.pem"


def _certified(here: _Shell, curve: ec.EllipticCurve, stack: PrivateSigstore) -> str:
    """Let an authority of one's own certify a key, and lay ready who vouches for times."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(curve)
    ca = self_signed("somebody's own authority", ca_key)
    chain = certificate_pem(issued(ca_key, ca, key.public_key(), _SIGNER)) + certificate_pem(ca)
    (here.folder / "chain.pem").write_bytes(chain)
    shutil.copy(stack.keys["tsa-chain.pem"], here.folder / "time-stamps.pem")
    return f"{_key(here, key)} --certificate-chain chain.pem"


def test_of_the_local_identity(here: _Shell) -> None:
    _all_hold(here, _signed(here, "--local"), "dbom", "cosign")


def test_of_a_token_s_owner_on_a_private_sigstore(here: _Shell, stack: PrivateSigstore) -> None:
    result = _signed(here, f"--trust-config {_CONFIG}", token=stack.token(email=_SIGNER))
    assert ["trusted_root.json", _CONFIG] == result["trust"]["files"]
    _all_hold(here, result, "dbom", "cosign", "modelSigning")


def test_of_a_key_whose_public_half_lies_nowhere(here: _Shell) -> None:
    result = _signed(here, _key(here))
    assert ["signer.pub"] == result["trust"]["files"]
    _all_hold(here, result, "dbom", "cosign", "modelSigning")


def test_of_a_key_beside_which_another_s_public_half_lies(here: _Shell) -> None:
    assert here.run("dbom keys generate --out k --no-password").returncode == 0
    assert ["k.pub"] == _signed(here, "--signing-key k.key")["trust"]["files"]
    result = _signed(here, _key(here))
    assert ["signer.pub"] == result["trust"]["files"]
    _all_hold(here, result, "dbom", "cosign", "modelSigning")


def test_of_a_key_that_only_some_know(here: _Shell) -> None:
    edwards = _signed(here, _key(here, ed25519.Ed25519PrivateKey.generate()))
    assert {"dbom", "cosign"} == set(_lines(edwards))
    _all_hold(here, _signed(here, _key(here, ec.generate_private_key(ec.SECP384R1()))), "dbom", "modelSigning")


def test_of_an_edwards_key(here: _Shell) -> None:
    _all_hold(here, _signed(here, _key(here, ed25519.Ed25519PrivateKey.generate())), "dbom", "cosign")


@pytest.mark.parametrize("recorded", ["--local", f"--trust-config {_CONFIG}"])
def test_of_a_key_whose_signatures_are_logged(here: _Shell, stack: PrivateSigstore, recorded: str) -> None:
    del stack  # its configuration lies there
    result = _signed(here, f"{_key(here)} {recorded}")
    lines = _lines(result)
    assert all("--trusted-root trusted_root.json" in lines[name] for name in ("dbom", "cosign"))
    _all_hold(here, result, "dbom", "cosign", "modelSigning")


def test_of_a_key_whose_signatures_are_dated(here: _Shell, stack: PrivateSigstore) -> None:
    result = _signed(here, f"{_key(here)} --timestamp-url {shlex.quote(stack.urls['tsa'])}")
    _all_hold(here, result, "dbom", "cosign", "modelSigning")


@pytest.mark.parametrize("recorded", ["", f"--trust-config {_CONFIG}"])
def test_of_a_certificate_of_one_s_own_authority(here: _Shell, stack: PrivateSigstore, recorded: str) -> None:
    by = recorded or f"--timestamp-url {shlex.quote(stack.urls['tsa'])}"
    result = _signed(here, f"{_certified(here, ec.SECP256R1(), stack)} {by}")
    assert ["chain.pem", "time-stamps.pem"] == result["trust"]["files"]
    _all_hold(here, result, "dbom", "cosign", "modelSigning")


def test_of_a_certificate_of_a_curve_that_cosign_does_not_know(here: _Shell, stack: PrivateSigstore) -> None:
    certified = _certified(here, ec.SECP384R1(), stack)
    result = _signed(here, f"{certified} --timestamp-url {shlex.quote(stack.urls['tsa'])}")
    _all_hold(here, result, "dbom", "modelSigning")


def test_the_text_shows_the_same_lines(here: _Shell) -> None:
    words = f"dbom sign 'my model' --as model {_key(here)}"
    shown = here.run(words).stdout
    lines = [line.strip() for line in shown.splitlines() if line.startswith(("  dbom verify", "  cosign", "  model_"))]
    named = [line.split()[0] for line in lines]
    assert ["dbom", "cosign", "model_signing"] == named
    export, _, comment = next(line for line in shown.splitlines() if "keys export" in line).partition("    # ")
    assert ("dbom keys export k.pem -o signer.pub", "here; hand them signer.pub") == (export.strip(), comment)
    assert here.run(export).returncode == 0
    assert [0, 0, 0] == [here.run(line, alone=True).returncode for line in lines]
