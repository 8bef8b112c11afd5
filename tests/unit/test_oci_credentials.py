"""Credentials come from where docker and podman keep them, and a login that can't be used is an error."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from dbom.errors import StoreError
from dbom.storage.oci.credentials import Credentials, find_credentials

if TYPE_CHECKING:
    from pathlib import Path

_HOST = "registry.example.org"


def _auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _docker(folder: Path, document: dict[str, Any] | str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return {"HOME": str(folder), "DOCKER_CONFIG": str(folder), "PATH": f"{folder}:/usr/bin:/bin"}


def _helper(folder: Path, name: str, script: str) -> None:
    file = folder / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_nobody_has_logged_in(tmp_path: Path) -> None:
    assert find_credentials(_HOST, "a", {"HOME": str(tmp_path)}) is None
    assert find_credentials(_HOST, "a", _docker(tmp_path / "d", {})) is None


@pytest.mark.parametrize("key", [_HOST, f"https://{_HOST}", f"https://{_HOST}/v1/", f"{_HOST}/a"])
def test_an_entry_of_auths_is_found_by_any_of_the_host_s_spellings(tmp_path: Path, key: str) -> None:
    environment = _docker(tmp_path, {"auths": {key: {"auth": _auth("me:a:b")}}})
    assert Credentials("me", "a:b") == find_credentials(_HOST, "a/b", environment)


def test_docker_hub_has_a_name_of_its_own(tmp_path: Path) -> None:
    environment = _docker(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": _auth("me:x")}}})
    assert Credentials("me", "x") == find_credentials("docker.io", "library/a", environment)


def test_the_longest_path_that_fits_counts(tmp_path: Path) -> None:
    auths = {_HOST: {"auth": _auth("all:1")}, f"{_HOST}/team": {"auth": _auth("team:2")}}
    environment = _docker(tmp_path, {"auths": auths})
    assert Credentials("team", "2") == find_credentials(_HOST, "team/model", environment)
    assert Credentials("all", "1") == find_credentials(_HOST, "teams/model", environment)


def test_other_kinds_of_entries(tmp_path: Path) -> None:
    plain = _docker(tmp_path / "1", {"auths": {_HOST: {"username": "me", "password": "x"}}})
    assert Credentials("me", "x") == find_credentials(_HOST, "a", plain)
    token = _docker(tmp_path / "2", {"auths": {_HOST: {"identitytoken": "t"}}})
    assert Credentials(identity_token="t") == find_credentials(_HOST, "a", token)


def test_podman_s_file_counts_and_the_named_file_comes_first(tmp_path: Path) -> None:
    containers = tmp_path / "config" / "containers"
    containers.mkdir(parents=True)
    (containers / "auth.json").write_text(json.dumps({"auths": {_HOST: {"auth": _auth("podman:1")}}}))
    environment = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert Credentials("podman", "1") == find_credentials(_HOST, "a", environment)
    named = tmp_path / "named.json"
    named.write_text(json.dumps({"auths": {_HOST: {"auth": _auth("named:2")}}}))
    assert Credentials("named", "2") == find_credentials(_HOST, "a", {**environment, "REGISTRY_AUTH_FILE": str(named)})
    runtime = tmp_path / "run" / "containers"
    runtime.mkdir(parents=True)
    (runtime / "auth.json").write_text(json.dumps({"auths": {_HOST: {"auth": _auth("run:3")}}}))
    assert Credentials("run", "3") == find_credentials(
        _HOST, "a", {**environment, "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    )


def test_a_helper_is_asked_by_docker_s_protocol(tmp_path: Path) -> None:
    environment = _docker(tmp_path, {"credHelpers": {_HOST: "made"}, "auths": {_HOST: {"auth": _auth("no:no")}}})
    _helper(tmp_path, "made", 'read host; echo "{\\"Username\\": \\"$1\\", \\"Secret\\": \\"$host\\"}"')
    assert Credentials("get", _HOST) == find_credentials(_HOST, "a", environment)


def test_a_helper_may_give_a_token_or_nothing(tmp_path: Path) -> None:
    environment = _docker(tmp_path, {"credsStore": "made"})
    _helper(tmp_path, "made", """echo '{"Username": "<token>", "Secret": "t"}'""")
    assert Credentials(identity_token="t") == find_credentials(_HOST, "a", environment)
    _helper(tmp_path, "made", "echo 'credentials not found in native keychain'; exit 1")
    assert find_credentials(_HOST, "a", environment) is None
    _helper(tmp_path, "made", """echo '{"Username": "", "Secret": ""}'""")
    assert find_credentials(_HOST, "a", environment) is None


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", "echo '[]'", "head -c 100000 /dev/zero | tr '\\0' '['"])
def test_a_helper_that_fails_is_an_error_and_its_words_are_not_repeated(tmp_path: Path, script: str) -> None:
    environment = _docker(tmp_path, {"credsStore": "made"})
    _helper(tmp_path, "made", f"echo SECRET >&2; {script}")
    with pytest.raises(StoreError) as caught:
        find_credentials(_HOST, "a", environment)
    assert caught.value.rule.id == "DBOM-380"
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("name", ["../evil", "a/b", "-x", ""])
def test_a_helper_s_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        find_credentials(_HOST, "a", _docker(tmp_path, {"credHelpers": {_HOST: name}}))


def test_a_helper_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="docker-credential-nowhere"):
        find_credentials(_HOST, "a", _docker(tmp_path, {"credsStore": "nowhere"}))


@pytest.mark.parametrize("document", ["nonsense", "[]", '{"auths": 1, "auths": 2}'])
def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path, document: str) -> None:
    with pytest.raises(StoreError):
        find_credentials(_HOST, "a", _docker(tmp_path, document))


@pytest.mark.parametrize("auth", ["not base64!", _auth("no colon"), base64.b64encode(b"\xff:x").decode()])
def test_an_entry_that_is_no_name_and_password_is_an_error(tmp_path: Path, auth: str) -> None:
    with pytest.raises(StoreError):
        find_credentials(_HOST, "a", _docker(tmp_path, {"auths": {_HOST: {"auth": auth}}}))


def test_a_file_that_may_not_be_opened_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir(parents=True)
    with pytest.raises(StoreError, match="can't be read"):
        find_credentials(_HOST, "a", {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)})


def test_credentials_are_never_shown() -> None:
    shown = repr(Credentials("me", "secret", "token"))
    assert not any(word in shown for word in ("me", "secret", "token=", "'token'"))
