"""`import dbom`: four functions, light to import, and results that a notebook can show."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dbom
from dbom.bom import Bom
from dbom.errors import UsageError
from dbom.model import Digest, Relation

HOME = Path(dbom.__file__).resolve().parent.parent
PACKAGES = ("dbom", "attest", "lineage", "admission")
PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "<b>.csv").write_text("a,b\n1,2\n")
    return tmp_path / "data"


def _html(value: object) -> str:
    html = getattr(value, "_repr_html_")()  # noqa: B009  what a notebook does
    assert isinstance(html, str)
    return html


def test_the_four_steps_make_a_chain(data: Path, tmp_path: Path) -> None:
    found = dbom.fingerprint(data)
    bom = dbom.generate(data, as_="dataset", name="numbers", licenses=["CC0-1.0"], supplier="ACME")
    assert isinstance(bom, Bom)
    assert (bom.artifact, bom.name, bom.licenses) == (found.digest, "numbers", ("CC0-1.0",))
    published = dbom.sign(data, bom=bom, stores=[str(tmp_path / "store")])
    verification = dbom.verify(data)
    assert (str(verification.verdict), verification.digest) == ("verified", found.digest)
    assert len(published.files) == 1
    assert list((tmp_path / "store").rglob("*.sigstore.json"))
    (data / "<b>.csv").write_text("a,b\n1,3\n")
    tampered = dbom.verify(data)
    assert str(tampered.verdict) == "refused"
    for value, told in (
        (found, "tree"),
        (bom, "numbers"),
        (published, "signed"),
        (verification, "verified"),
        (tampered, "refused"),
    ):
        html = _html(value)
        assert told in html
        assert "<b>.csv" not in html


def test_inputs_are_by_relation(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("a\n1\n")
    bom = dbom.generate(tmp_path / "out.csv", inputs={"derived-from": [data]})
    assert [(item.relation, item.parent) for item in bom.derivations] == [
        (Relation.DERIVED_FROM, dbom.fingerprint(data).digest)
    ]


def test_verifying_from_a_store_alone_and_by_identity(data: Path, tmp_path: Path) -> None:
    from attest.local import open_local

    store = str(tmp_path / "store")
    dbom.sign(data, stores=[store])
    local = open_local()
    (tmp_path / "root.json").write_bytes(local.trusted_root())
    verification = dbom.verify(
        data,
        identity=local.identity.subject,
        issuer=local.identity.issuer,
        trusted_root=tmp_path / "root.json",
        stores=[store],
    )
    assert str(verification.verdict) == "verified"
    refused = dbom.verify(data, identity="eve", issuer=local.identity.issuer, trusted_root=tmp_path / "root.json")
    assert str(refused.verdict) != "verified"


def test_a_location_is_signed_too(data: Path) -> None:
    pin = "sha256:" + "ab" * 32
    assert len(dbom.sign(data, locations=[f"oci://example.org/x@{pin}"]).files) == 2


@pytest.mark.parametrize("words", [{"as_": "poem"}, {"inputs": {"stolen-from": ["x"]}}])
def test_a_word_that_is_none_is_a_usage_error(data: Path, words: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        dbom.generate(data, **words)  # type: ignore[arg-type]  # a table of a test's values


def test_an_error_of_a_verification_shows_too(data: Path) -> None:
    from attest.verification import Verification
    from dbom.errors import PathError
    from dbom.rules.artifacts import PATH_MISSING

    assert "gone" in _html(Verification.failed(str(data), PathError(PATH_MISSING, "gone")))


def test_in_ci_nobody_signs_by_accident(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(UsageError):
        dbom.sign(data)


def test_what_is_offered_is_what_is_there() -> None:
    assert dir(dbom) == sorted(dbom.__all__)
    with pytest.raises(AttributeError):
        dbom.nothing  # noqa: B018  the test's point


def _modules() -> list[str]:
    found = []
    for package in PACKAGES:
        found.append(package)
        found += [item.name for item in pkgutil.walk_packages([str(HOME / package)], f"{package}.")]
    return [name for name in found if not name.endswith("__main__")]


def test_no_module_overwrites_a_function(tmp_path: Path) -> None:
    """Importing a submodule sets its name on the package, over a function of the same name."""
    (tmp_path / "x.csv").write_text("a\n1\n")
    code = (
        "import importlib, dbom\n"
        f"for name in {_modules()!r}: importlib.import_module(name)\n"
        "print(dbom.__version__, dbom.fingerprint('x.csv').digest, dbom.generate('x.csv').kind_word,\n"
        "      len(dbom.sign('x.csv').files), dbom.verify('x.csv').verdict)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    version, digest, word, count, verdict = done.stdout.split()
    assert (version, word, count, verdict) == (dbom.__version__, "dataset", "1", "verified")
    assert Digest.parse(digest) == dbom.fingerprint(tmp_path / "x.csv").digest


def test_no_public_name_is_a_submodules() -> None:
    clashes = []
    for name in _modules():
        module = importlib.import_module(name)
        if hasattr(module, "__path__"):
            submodules = {item.name for item in pkgutil.iter_modules(module.__path__)}
            clashes += [f"{name}.{word}" for word in submodules & set(getattr(module, "__all__", ()))]
    assert clashes == []


def test_every_module_stands_in_the_import_contract() -> None:
    """Import-linter passes a module that no layer names in silence."""
    contract = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"][0]
    layers = {name.strip(" ()") for layer in contract["layers"] for name in layer.replace(":", "|").split("|")}
    there = {
        name
        for name in [*_modules(), "dbom.__main__"]
        if (name.count(".") == 1 and name.startswith("dbom.")) or name in PACKAGES[1:]
    }
    assert there - layers == set()
    assert layers - there == set()


def test_the_guides_python_runs_as_it_is_shown(tmp_path: Path) -> None:
    page = PYPROJECT.parent / "docs" / "guide" / "python.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    done = subprocess.run(
        [sys.executable, "-P", "-c", "\n".join(blocks)],
        env={**os.environ, "PYTHONPATH": str(HOME)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "('points.csv',)" in done.stdout
