"""Who signs: what is named wins, nothing that fails falls back, and local is never assumed in CI or a pod."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from attest.local import open_local
from attest.signers.devices import KeyUri
from attest.signers.keyfiles import write_key_pair
from attest.signers.keys import generate_key, key_identity
from attest.signers.signing import Choice, SignerKind, choose_signer, open_signer
from dbom.errors import PathError, UsageError

if TYPE_CHECKING:
    from attest.signers.signing import Signer


_FILE = Path("a-file")


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
    assert SignerKind.KEYLESS is choose_signer(offered, Choice(public=True, trust_config=tmp_path))


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


@pytest.mark.parametrize(
    ("choice", "said", "rule"),
    [
        (Choice(signing_key=_FILE, public=True), "got key, --public", "DBOM-349"),
        (Choice(signing_key=_FILE, identity_token="t"), "got key, --identity-token", "DBOM-349"),
        (Choice(signing_key=_FILE, browser=True), "got key, --browser", "DBOM-349"),
        (Choice(signing_key=_FILE, trust_config=_FILE, local=True), "got --trust-config, --local", "DBOM-349"),
        (Choice(signing_key=_FILE, timestamp_url="http://t", local=True), "got --local, --timestamp-url", "DBOM-349"),
        (Choice(signing_key=_FILE, certificate_chain=_FILE), "who says when", "DBOM-364"),
        (Choice(certificate_chain=_FILE), "go with --signing-key", "DBOM-364"),
        (Choice(timestamp_url="http://t"), "go with --signing-key", "DBOM-364"),
        (Choice(trust_config=_FILE, local=True), "got keyless, local", "DBOM-349"),
        (Choice(identity_token="t", browser=True), "got --identity-token, --browser", "DBOM-349"),
        (Choice(identity_token="t", identity_token_file=_FILE), "--identity-token-file", "DBOM-349"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(choice: Choice, said: str, rule: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        choose_signer({}, choice)
    assert rule == caught.value.rule.id


def test_a_mounted_token_alone_never_reaches_the_public_sigstore() -> None:
    for environment, choice in (({"DBOM_IDENTITY_TOKEN_FILE": "/t"}, Choice()), ({}, Choice(browser=True))):
        with pytest.raises(UsageError, match="which Sigstore"):
            choose_signer(environment, choice)


@pytest.mark.parametrize("kind", ["caUrls", "rekorTlogUrls"])
@pytest.mark.parametrize(
    "url", ["https://rekor.sigstore.dev", "https://LOG2025-1.rekor.sigstore.dev./x", "http://a@fulcio.sigstage.dev:80"]
)
@pytest.mark.parametrize("who", ["key", "token"])
def test_a_trust_config_that_names_the_public_sigstore_needs_public_too(
    tmp_path: Path, kind: str, url: str, who: str
) -> None:
    """By a flag, by the settings or by a variable: all of them end here. Nothing has been sent by then."""
    config = _config(tmp_path)
    config["signingConfig"][kind].append(
        {"url": url, "majorApiVersion": 1, "validFor": {"end": "2001-01-01T00:00:00Z"}}
    )
    (tmp_path / "config.json").write_text(json.dumps(config))
    private, _ = write_key_pair(str(tmp_path / "k"), generate_key(), password=None)
    config_file = tmp_path / "config.json"
    by_key = Choice(trust_config=config_file, signing_key=private)
    with pytest.raises(UsageError, match="names the public Sigstore") as caught:
        _open({}, by_key if who == "key" else Choice(trust_config=config_file, identity_token="t"))
    assert "DBOM-361" == caught.value.rule.id


def test_public_beside_a_private_sigstore_is_a_contradiction(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(_config(tmp_path)))
    with pytest.raises(UsageError, match="a private one") as caught:
        _open({}, Choice(trust_config=tmp_path / "config.json", public=True, identity_token="t"))
    assert "DBOM-349" == caught.value.rule.id


def test_a_key_s_log_and_time_stamps_need_the_network(tmp_path: Path) -> None:
    private, _ = write_key_pair(str(tmp_path / "k"), generate_key(), password=None)
    for choice in (
        Choice(signing_key=private, trust_config=tmp_path / "config.json"),
        Choice(signing_key=private, timestamp_url="http://127.0.0.1"),
        Choice(signing_key=KeyUri.parse("awskms:alias/k")),
    ):
        with pytest.raises(UsageError, match="--offline forbids") as caught:
            _open({}, choice, offline=True)
        assert "DBOM-354" == caught.value.rule.id


def _config(home: Path) -> dict[str, Any]:
    service = {
        "url": "http://127.0.0.1:9",
        "validFor": {"start": "2020-01-01T00:00:00Z"},
        "majorApiVersion": 1,
        "operator": "us",
    }
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(open_local(home).trusted_root()),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service],
            "rekorTlogUrls": [service],
        },
    }


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
    (tmp_path / "config.json").write_text(json.dumps(_config(tmp_path)))
    with pytest.raises(UsageError, match="no identity token") as caught:
        _open({}, Choice(trust_config=tmp_path / "config.json"))
    assert "DBOM-351" == caught.value.rule.id
