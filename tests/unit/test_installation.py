"""Start-up's look at the packages beside it: read, never run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dbom
from dbom.installation import MARKER, PACKAGES, foreign_packages

if TYPE_CHECKING:
    import pytest

HOME = Path(dbom.__file__).resolve().parent.parent


def _run(paths: list[Path], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    # -S: what this environment has installed (dbom among it, editable or not) doesn't stand behind `paths`.
    return subprocess.run(  # noqa: PLW1510  the exit code is what is tested
        [sys.executable, "-S", "-P", "-m", "dbom", *arguments], env=environment, cwd=cwd, capture_output=True, text=True
    )


def test_our_own_packages_are_not_foreign() -> None:
    assert foreign_packages() == []


def test_each_package_carries_the_marker_line() -> None:
    for package in PACKAGES:
        assert any(line.startswith(MARKER) for line in (HOME / package / "__init__.py").read_text().splitlines())


def test_a_foreign_package_earlier_on_the_path_is_refused_and_never_run(tmp_path: Path) -> None:
    foreign = tmp_path / "site" / "lineage"
    foreign.mkdir(parents=True)
    ran = tmp_path / "ran"
    (foreign / "__init__.py").write_text(f"open({str(ran)!r}, 'w').close()\n{MARKER}\n")
    done = _run([tmp_path / "site", HOME], tmp_path, "--version")
    assert done.returncode == 2
    assert f"error: the package 'lineage' is not dbom's: got {foreign / '__init__.py'}" in done.stderr
    assert "DBOM-903" in done.stderr
    assert done.stdout == ""
    assert not ran.exists()


def _copy(tmp_path: Path) -> Path:
    """Return an installation with the parts that start-up needs."""
    site = tmp_path / "site"
    for package in PACKAGES:
        (site / package).mkdir(parents=True)
        shutil.copy(HOME / package / "__init__.py", site / package)
    for file in ("installation.py", "__main__.py", "cli/__init__.py"):
        (site / "dbom" / file).parent.mkdir(exist_ok=True)
        shutil.copy(HOME / "dbom" / file, site / "dbom" / file)
    return site


def test_an_overwritten_package_is_refused_and_never_run(tmp_path: Path) -> None:
    site = _copy(tmp_path)
    assert _run([site], tmp_path, "--version").stdout == f"dbom {dbom.__version__}\n"
    ran = tmp_path / "ran"
    (site / "attest" / "__init__.py").write_text(f"open({str(ran)!r}, 'w').close()\n")
    done = _run([site], tmp_path, "--version")
    assert (done.returncode, done.stdout, ran.exists()) == (2, "", False)
    assert "has no dbom marker line" in done.stderr


def test_a_missing_package_is_refused(tmp_path: Path) -> None:
    site = _copy(tmp_path)
    shutil.rmtree(site / "admission")
    done = _run([site], tmp_path, "--version")
    assert done.returncode == 2
    assert f"the package 'admission' is missing: expected {site / 'admission'}" in done.stderr


def test_each_kind_of_stranger_gets_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = _copy(tmp_path)
    (site / "attest" / "__init__.py").write_text("")
    shutil.rmtree(site / "lineage")
    (site / "lineage").mkdir()
    shutil.rmtree(site / "admission")
    (site / "admission.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(site)])
    assert foreign_packages(site) == [
        f"the package 'attest' is not dbom's: {site / 'attest' / '__init__.py'} has no dbom marker line",
        f"the package 'lineage' is missing: expected {site / 'lineage'}",
        f"the package 'admission' is not dbom's: got {site / 'admission.py'}, expected {site / 'admission'}",
    ]


def test_a_package_that_cannot_be_read_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = _copy(tmp_path)
    (site / "attest" / "__init__.py").unlink()
    (site / "attest" / "__init__.py").symlink_to("/proc/self/mem")
    monkeypatch.setattr(sys, "path", [str(site)])
    (line,) = foreign_packages(site)
    assert line.startswith("the package 'attest' ")


def test_another_home_than_ours_makes_every_package_foreign(tmp_path: Path) -> None:
    assert len(foreign_packages(tmp_path)) == len(PACKAGES)
