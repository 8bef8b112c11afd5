"""What every test has: a user state of its own, and the peers where they are there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_IDENTITY_VARIABLES = ("CI", "KUBERNETES_SERVICE_HOST", "SIGSTORE_ID_TOKEN", "SOURCE_DATE_EPOCH")


@pytest.fixture(autouse=True)
def own_user_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a home for keys and settings that nobody else uses, and no identity from around it."""
    state = tmp_path_factory.mktemp("state")
    for name in [name for name in os.environ if name.startswith(("DBOM_", "GITHUB_", "ACTIONS_"))]:
        if name not in ("DBOM_TEST_PEERS", "DBOM_REQUIRE_PEERS", "DBOM_GOLDEN_UPDATE"):
            monkeypatch.delenv(name)
    for name in _IDENTITY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBOM_HOME", str(state / "data"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(state / "config"))
    monkeypatch.setenv("DBOM_CACHE_HOME", str(state / "cache"))


@pytest.fixture(scope="session")
def peer() -> Callable[[str], str]:
    """Return a function from a peer's name to its path; the test is skipped, saying what to do, where it is missing."""

    def find(name: str) -> str:
        folder = Path(os.environ.get("DBOM_TEST_PEERS") or Path("~/.cache/dbom/test-peers").expanduser())
        places = (folder, folder / "python" / "bin", folder / "node_modules" / ".bin")
        found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, places)))
        if found is None:
            pytest.skip(f"{name} is not there: run `make peers`")
        return found

    return find


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that was told to skip nothing (`DBOM_REQUIRE_PEERS=1`) and skipped something."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if os.environ.get("DBOM_REQUIRE_PEERS") == "1" and skipped and exitstatus == 0:
        reporter.write_line(f"{len(skipped)} skipped where nothing may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
