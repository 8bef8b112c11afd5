"""Settings: the order of places, every fault at once, and nothing of trust from a project's file."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from dbom.errors import DocumentError, PathError
from dbom.settings import KEYS, Level, Settings, find_project_file, load_settings, user_settings_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dbom.settings import Value


def _load(
    folder: Path,
    *,
    flags: Mapping[str, Value | None] | None = None,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
    user_file: Path | None = None,
) -> Settings:
    return load_settings(
        flags=flags or {}, environment=environment or {}, config=config, folder=folder, user_file=user_file
    )


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_each_key_is_a_field_of_settings() -> None:
    assert {key.attribute for key in KEYS} | {"origins"} == {item.name for item in fields(Settings)}


def test_nothing_given_gives_the_defaults(tmp_path: Path) -> None:
    settings = _load(tmp_path)
    assert settings == Settings()
    assert str(settings.origin("jobs")) == "default"


def test_the_strongest_place_wins_and_is_named(tmp_path: Path) -> None:
    user = _written(tmp_path / "home" / "config.toml", "jobs = 5\nsupplier = 'user'\n")
    config = _written(tmp_path / "given.toml", "jobs = 3\n")
    project = _written(tmp_path / "project" / "dbom.toml", "jobs = 4\nlicense = 'MIT'\n")
    inner = tmp_path / "project" / "deep" / "er"
    inner.mkdir(parents=True)
    seen = []
    environment = {"DBOM_JOBS": "2"}
    seen.append(_load(inner, flags={"jobs": 1}, environment=environment, config=config, user_file=user))
    seen.append(_load(inner, flags={"jobs": None}, environment=environment, config=config, user_file=user))
    seen.append(_load(inner, config=config, user_file=user))
    seen.append(_load(inner, user_file=user))
    seen.append(_load(tmp_path, user_file=user))
    assert [(item.jobs, str(item.origin("jobs"))) for item in seen] == [
        (1, "flag (--jobs)"),
        (2, "environment (DBOM_JOBS)"),
        (3, f"config ({config})"),
        (4, f"project ({project})"),
        (5, f"user ({user})"),
    ]
    assert (seen[0].license, seen[0].supplier) == ("MIT", "user")


def test_settings_in_pyproject_are_read(tmp_path: Path) -> None:
    file = _written(tmp_path / "pyproject.toml", "[project]\nname = 'dbom-user'\n[tool.dbom]\nsupplier = 'ACME'\n")
    assert _load(tmp_path).supplier == "ACME"
    assert find_project_file(tmp_path) == file


def test_a_pyproject_without_our_table_is_passed_over(tmp_path: Path) -> None:
    outer = _written(tmp_path / "dbom.toml", "jobs = 1\n")
    _written(tmp_path / "inner" / "pyproject.toml", "[project]\nname = 'dbom-user'\n")
    assert find_project_file(tmp_path / "inner") == outer


@pytest.mark.parametrize("key", [key for key in KEYS if not key.in_project], ids=lambda key: key.name)
def test_a_projects_file_never_says_whom_to_trust(tmp_path: Path, key: object) -> None:
    name = getattr(key, "name", "")
    file = _written(tmp_path / "dbom.toml", f"{name} = 'x'\n")
    with pytest.raises(DocumentError) as caught:
        _load(tmp_path)
    assert caught.value.rule.id == "DBOM-905"
    assert str(caught.value) == f"{file}: the setting '{name}' can't stand in a project's file"


def test_a_projects_identity_is_refused_even_where_a_flag_is_stronger(tmp_path: Path) -> None:
    _written(tmp_path / "dbom.toml", "identity = 'eve'\nissuer = 'https://evil'\n")
    with pytest.raises(DocumentError) as caught:
        _load(tmp_path, flags={"identity": "alice", "issuer": "https://good"})
    assert len(caught.value.faults) == 2


def test_the_users_file_may_say_whom_to_trust(tmp_path: Path) -> None:
    user = _written(tmp_path / "config.toml", "identity = 'alice'\nissuer = 'https://good'\nstore = 'a'\n")
    settings = _load(tmp_path, user_file=user)
    assert (settings.identity, settings.issuer, settings.store) == ("alice", "https://good", ("a",))


def test_an_identity_of_one_place_never_meets_an_issuer_of_another(tmp_path: Path) -> None:
    user = _written(tmp_path / "config.toml", "identity = 'alice'\nissuer = 'https://good'\n")
    settings = _load(tmp_path, flags={"key": "them.pub"}, user_file=user)
    assert (settings.key, settings.identity, settings.issuer) == ("them.pub", None, None)
    settings = _load(tmp_path, flags={"identity": "bob"}, user_file=user)
    assert (settings.identity, settings.issuer) == ("bob", None)


def test_every_fault_of_every_place_is_told_at_once(tmp_path: Path) -> None:
    user = _written(tmp_path / "config.toml", "jbos = 1\nignore = [1]\njobs = true\nsupplier = ''\n")
    with pytest.raises(DocumentError) as caught:
        _load(tmp_path, environment={"DBOM_JOBS": "many", "DBOM_IDENTTY": "x"}, user_file=user)
    assert caught.value.rule.id == "DBOM-904"
    assert str(caught.value) == "6 faults in the settings"
    assert list(caught.value.faults) == [
        "the variable DBOM_IDENTTY is no setting; did you mean 'DBOM_IDENTITY'?",
        "DBOM_JOBS: got many, expected a whole number, 0 or more",
        f"{user}: unknown setting 'jbos'; did you mean 'jobs'?",
        f"{user}: ignore: got [1], expected a list of texts",
        f"{user}: jobs: got True, expected a whole number, 0 or more",
        f"{user}: supplier: got '', expected a text",
    ]


def test_variables_that_are_no_settings_of_ours_are_left_alone(tmp_path: Path) -> None:
    """Kubernetes adds variables for a service called dbom; they must not stop a pod."""
    environment = {
        "DBOM_HOME": "/x",
        "DBOM_CONFIG_HOME": "/x",
        "DBOM_TEST_PEERS": "/x",
        "DBOM_KEY_PASSWORD": "x",
        "DBOM_PORT": "tcp://10.0.0.1:443",
        "DBOM_PORT_443_TCP_ADDR": "10.0.0.1",
        "DBOM_SERVICE_HOST": "10.0.0.1",
        "DBOM_SERVICE_PORT_HTTPS": "443",
        "DBOM_WEBHOOK_SERVICE_HOST": "10.0.0.1",
        "DBOM_STORE": "",
        "OTHER": "x",
    }
    assert _load(tmp_path, environment=environment) == Settings()


def test_several_values_of_a_variable_are_separated_by_commas(tmp_path: Path) -> None:
    assert _load(tmp_path, environment={"DBOM_STORE": "a,s3://b"}).store == ("a", "s3://b")


def test_a_given_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="there is no such settings file"):
        _load(tmp_path, config=tmp_path / "none.toml")


def test_a_given_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="can't be read"):
        _load(tmp_path, config=tmp_path)


@pytest.mark.parametrize("text", ["jobs = ", "x" * 1_100_000], ids=["cut off", "too large"])
def test_a_file_that_is_no_settings_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(DocumentError):
        _load(tmp_path, config=_written(tmp_path / "c.toml", text))


def test_a_given_pyproject_without_our_table_is_an_error(tmp_path: Path) -> None:
    """Who names the file expects something of it."""
    with pytest.raises(DocumentError, match=r"\[tool.dbom\] is not there"):
        _load(tmp_path, config=_written(tmp_path / "pyproject.toml", "tool = 1\n"))


def test_the_users_file_stands_where_the_platform_or_the_variable_says(tmp_path: Path) -> None:
    assert user_settings_file({"DBOM_CONFIG_HOME": str(tmp_path)}) == tmp_path / "config.toml"
    assert user_settings_file({}).parts[-2:] == ("dbom", "config.toml")


def test_levels_are_in_the_order_that_the_documentation_states() -> None:
    assert list(Level) == ["flag", "environment", "config", "project", "user", "default"]
