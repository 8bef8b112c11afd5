"""Who signs: what is named wins, nothing that fails falls back, and local is never assumed in CI or a pod."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attest.keyfiles import write_key_pair
from attest.keys import generate_key, key_identity
from attest.local import open_local
from attest.signing import Choice, SignerKind, choose_signer, open_signer
from dbom.errors import PathError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from attest.signing import Signer


def _now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


def _open(environment: dict[str, str], choice: Choice, *, offline: bool = False) -> Signer:
    return open_signer(environment, choice, now=_now, ask_password=lambda: None, offline=offline)


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({}, SignerKind.LOCAL),
        ({"CI": "false"}, SignerKind.LOCAL),
        ({"CI": ""}, SignerKind.LOCAL),
    ],
)
def test_where_nobody_is_named_the_surroundings_decide(environment: dict[str, str], kind: SignerKind) -> None:
    assert kind is choose_signer(environment, Choice())


@pytest.mark.parametrize(
    "offered",
    [{"SIGSTORE_ID_TOKEN": "t"}, {"CI": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}],
)
def test_a_token_alone_never_reaches_the_public_sigstore(tmp_path: Path, offered: dict[str, str]) -> None:
    """Its log is public and for ever: it wants --public, whether the token was given or is offered."""
    for environment, choice in ((offered, Choice()), ({}, Choice(identity_token="t"))):
        with pytest.raises(UsageError, match="which Sigstore") as caught:
            choose_signer(environment, choice)
        assert ("DBOM-355", True) == (caught.value.rule.id, "--public" in caught.value.hint)
    assert SignerKind.KEYLESS is choose_signer(offered, Choice(public=True))
    assert SignerKind.KEYLESS is choose_signer(offered, Choice(trust_config=tmp_path))
    with pytest.raises(UsageError, match="a private one"):
        choose_signer(offered, Choice(public=True, trust_config=tmp_path))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CI": "true"}, "CI is set"),
        ({"CI": "1"}, "CI is set"),
        ({"GITHUB_ACTIONS": "true"}, "GITHUB_ACTIONS"),
        ({"JENKINS_URL": "https://ci.example"}, "JENKINS_URL"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "a pod"),
    ],
)
def test_local_is_never_assumed_in_ci_or_a_pod(environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        choose_signer(environment, Choice())
    assert ("DBOM-348", True) == (caught.value.rule.id, "--local" in caught.value.hint)
    assert SignerKind.LOCAL is choose_signer(environment, Choice(local=True))


def test_what_is_named_goes_before_what_the_surroundings_offer(tmp_path: Path) -> None:
    offered = {"SIGSTORE_ID_TOKEN": "t", "CI": "true"}
    assert SignerKind.KEY is choose_signer(offered, Choice(signing_key=tmp_path))
    assert SignerKind.LOCAL is choose_signer(offered, Choice(local=True))
    assert SignerKind.KEYLESS is choose_signer({}, Choice(trust_config=tmp_path, identity_token="t"))


def test_two_that_are_named_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="got key, local") as caught:
        choose_signer({}, Choice(signing_key=tmp_path, local=True))
    assert "DBOM-349" == caught.value.rule.id


def test_a_token_does_not_show_in_the_choice_s_text() -> None:
    assert "secret" not in repr(Choice(identity_token="secret"))


def test_a_key_is_opened_by_its_file(tmp_path: Path) -> None:
    key = generate_key()
    private, _ = write_key_pair(str(tmp_path / "k"), key, password=None)
    assert key_identity(key) == _open({"CI": "1"}, Choice(signing_key=private)).identity


def test_local_is_opened_under_the_home_of_the_environment_given(tmp_path: Path) -> None:
    signer = _open({"DBOM_HOME": str(tmp_path)}, Choice(local=True))
    assert open_local(tmp_path).identity == signer.identity


@pytest.mark.parametrize("environment", [{}, {"SIGSTORE_ID_TOKEN": "t"}])
def test_keyless_signing_while_offline_is_an_error_and_not_somebody_else(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    choice = Choice(public=True) if environment else Choice(trust_config=tmp_path / "config.json")
    with pytest.raises(UsageError, match="offline") as caught:
        _open({**environment, "DBOM_HOME": str(tmp_path)}, choice, offline=True)
    assert ("DBOM-354", []) == (caught.value.rule.id, list(tmp_path.iterdir()))


def test_a_trust_config_that_is_missing_or_no_file_is_said(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.json", "no such trust config"), (tmp_path, "can't be read")):
        with pytest.raises(PathError, match=said):
            _open({}, Choice(trust_config=path, identity_token="t"))


def test_without_a_token_there_is_nobody_to_sign_as(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "SIGSTORE_ID_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="no identity token") as caught:
        _open({}, Choice(trust_config=tmp_path / "config.json"))
    assert "DBOM-351" == caught.value.rule.id
