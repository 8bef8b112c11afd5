"""`dbom doctor`: it tells, and makes nothing."""

from __future__ import annotations

import json
import os
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest.local import open_local
from dbom.cli.app import run
from dbom.cli.wanted import is_as_wanted

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    _requiring(monkeypatch, ["typer>=0.1", 'not-there-at-all>=1; extra == "s3"', 'rich; extra == "nice"'])
    return tmp_path


def _requiring(monkeypatch: pytest.MonkeyPatch, lines: list[str] | None) -> None:
    """Stand in for the metadata of an installation: the tests may run from a checkout, which has none."""

    def requires(_name: str) -> list[str] | None:
        return lines

    monkeypatch.setattr("dbom.cli.examination.requires", requires)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, dict[str, object]]]:
    def run_it() -> tuple[int, dict[str, object]]:
        code = run(["doctor", "-f", "json"])
        return code, json.loads(capsys.readouterr().out)

    return run_it


def test_a_healthy_installation_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"  typer {metadata.version('typer')}\n" in out
    assert "  extra nice: installed\n" in out
    assert "  extra s3: not installed (pip install 'dbom[s3]')\n" in out
    assert out.endswith("Problems\n  none\n")


def test_looking_makes_no_local_sigstore(capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor"])
    assert "not there yet" in capsys.readouterr().out
    assert not Path(os.environ["DBOM_HOME"]).exists()


def test_the_local_sigstore_is_told_with_its_identity(told: Callable[[], tuple[int, dict[str, object]]]) -> None:
    local = open_local()
    code, document = told()
    assert code == 0
    assert document["localSigstore"] == f"{local.folder}: signs as {local.identity}"
    assert document["trustRoots"] == [
        f"{local.folder / 'trusted_root.json'}: vouches for {local.identity.issuer} alone"
    ]


def test_a_broken_local_sigstore_is_a_problem(told: Callable[[], tuple[int, dict[str, object]]]) -> None:
    (open_local().folder / "trusted_root.json").write_text("{")
    code, document = told()
    assert (code, document["localSigstore"]) == (1, "there, but not usable")
    assert document["problems"]


def test_a_missing_package_is_a_problem(
    told: Callable[[], tuple[int, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _requiring(monkeypatch, ["no-such-distribution>=2"])
    code, document = told()
    assert (code, document["problems"]) == (1, ["no-such-distribution>=2 is not installed"])


def test_a_package_that_is_older_than_wanted_is_a_problem(
    told: Callable[[], tuple[int, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typer, rich = metadata.version("typer"), metadata.version("rich")
    _requiring(monkeypatch, ["typer>=999", 'rich[jupyter]>=0.1,<1; extra == "nice"'])
    code, document = told()
    assert (code, document["problems"]) == (1, [f"typer is {typer}, expected >=999"])
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert f"  typer {typer}, expected >=999\n" in out
    assert f"  extra nice: rich is {rich}, expected [jupyter]>=0.1,<1 (pip install 'dbom[nice]')\n" in out


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("4.5", ">=4.5,<5", True),
        ("4.5.0", ">=4.5,<5", True),
        ("4.10", ">=4.5,<5", True),
        ("4.4.9", ">=4.5,<5", False),
        ("5", ">=4.5,<5", False),
        ("5.0rc1", ">=4.5,<5", False),
        ("4.5rc1", ">=4.5,<5", False),
        ("4.6.dev0", ">=4.5,<5", True),
        ("4.5.post1+local", ">=4.5,<5", True),
        ("2026.1.0", ">=2026.1", True),
        ("1.1.20251105", ">=1.1.20251105", True),
        ("1.0", "", True),
        ("1!4.5", ">=4.5", None),
        ("4.5", "~=4.5", None),
        ("4.5", "!=4.5", None),
        ("nonsense", ">=4.5", None),
    ],
)
def test_versions_are_compared_as_the_packaging_specification_says(
    version: str,
    wanted: str,
    answer: bool | None,  # noqa: FBT001  a test's table
) -> None:
    assert answer is is_as_wanted(version, wanted)


def test_every_requirement_of_dbom_is_of_a_form_that_is_compared() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    wanted = [re.sub(r"^[\w.-]+(\[[^]]*\])?", "", line) for line in lines]
    assert [] == [text for text in wanted if is_as_wanted("1", text) is None]


def test_without_metadata_it_cannot_tell(
    told: Callable[[], tuple[int, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("dbom.cli.examination.requires", requires)
    code, document = told()
    assert (code, document["canTell"]) == (3, False)
    assert run(["doctor"]) == 3
    assert "can't tell: dbom isn't installed as a distribution" in capsys.readouterr().out


def test_settings_that_are_wrong_are_problems(told: Callable[[], tuple[int, dict[str, object]]], folder: Path) -> None:
    (folder / "dbom.toml").write_text("identity = 'eve'\nissuer = 'x'\n")
    code, document = told()
    assert code == 1
    assert document["problems"] == [
        f"{folder / 'dbom.toml'}: the setting '{name}' can't stand in a project's file"
        for name in ("identity", "issuer")
    ]


def test_a_project_file_that_is_no_toml_is_a_problem(
    told: Callable[[], tuple[int, dict[str, object]]], folder: Path
) -> None:
    (folder / "pyproject.toml").write_text("dbom = ")
    code, document = told()
    assert code == 1
    files = document["settingsFiles"]
    assert isinstance(files, list)
    assert files[0] == "project: none"


def test_settings_files_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "given.toml").write_text("jobs = 1\n")
    (folder / "dbom.toml").write_text("jobs = 1\n")
    user = Path(os.environ["DBOM_CONFIG_HOME"]) / "config.toml"
    user.parent.mkdir()
    user.write_text("jobs = 1\n")
    assert run(["doctor", "--config", "given.toml"]) == 0
    out = capsys.readouterr().out
    assert f"  given: given.toml\n  project: {folder / 'dbom.toml'}\n  user: {user}\n" in out


def test_a_trust_root_of_the_settings_is_looked_at(
    told: Callable[[], tuple[int, dict[str, object]]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = open_local(folder / "other")
    (folder / "root.json").write_bytes(local.trusted_root())
    monkeypatch.setenv("DBOM_TRUSTED_ROOT", "root.json")
    assert told()[1]["trustRoots"] == [f"root.json: vouches for {local.identity.issuer} alone"]
    (folder / "root.json").write_text("{}")
    assert told()[0] == 1
    (folder / "root.json").unlink()
    code, document = told()
    assert (code, document["problems"]) == (1, ["trusted-root root.json: No such file or directory"])


@pytest.mark.parametrize(
    ("variables", "told_as"),
    [
        ({}, "local: this looks like a person's own machine"),
        ({"DBOM_SIGNING_KEY": "my.key"}, "key: settings name the key my.key"),
        ({"DBOM_TRUST_CONFIG": "c.json"}, "keyless: settings name the private Sigstore of c.json"),
        ({"CI": "true"}, "nobody: "),
        ({"CI": "true", "SIGSTORE_ID_TOKEN": "x"}, "nobody: the surroundings offer an identity token"),
    ],
)
def test_who_would_sign_is_told_with_the_reason(
    variables: dict[str, str],
    told_as: str,
    told: Callable[[], tuple[int, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, document = told()
    assert code == 0
    assert str(document["signer"]).startswith(told_as)


def test_an_extra_of_a_package_that_is_there_for_other_reasons_is_not_yet_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Securesystemslib comes with sigstore; what `dbom[kms]` wants of it doesn't."""

    def requires(name: str) -> list[str]:
        if name == "dbom":
            return ['typer[clouds, keys]>=0.1; extra == "kms"', 'typer[small]>=0.1; extra == "pkcs11"']
        return ['not-there-at-all>=1; extra == "keys"', 'rich; extra == "small"', "rich"]

    monkeypatch.setattr("dbom.cli.examination.requires", requires)
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "  extra kms: not installed (pip install 'dbom[kms]')\n" in out
    assert "  extra pkcs11: installed\n" in out
