"""Keyless signing with remote services: the real path, up to a service that can't be reached or a token that is bad."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jwt
import pytest

from attest.local import open_local
from attest.signers.ambient import ambient_token
from attest.signers.remote import RemoteSigner
from attest.signers.tokens import GivenToken
from attest.statement import Statement, Subject
from dbom.errors import DocumentError, SigningError, UsageError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

_STATEMENT = Statement.build(Subject.of("data", Digest(Kind.FILE, "ab" * 32)), PREDICATE_BOM, {})


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def refusing() -> str:
    """Return a URL on loopback at which nobody listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _token(**changed: object) -> str:
    now = int(time.time())
    claims = {
        "aud": "sigstore",
        "iss": "https://issuer.example",
        "sub": "ann@example.org",
        "iat": now,
        "exp": now + 86_400,
    }
    return jwt.encode({**claims, **changed}, "k" * 32, algorithm="HS256")


def _config(url: str, home: Path) -> dict[str, object]:
    service = {"url": url, "validFor": {"start": "2020-01-01T00:00:00Z"}, "operator": "us"}
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(open_local(home).trusted_root()),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [{**service, "majorApiVersion": 1}],
            "oidcUrls": [{**service, "majorApiVersion": 1}],
            "rekorTlogUrls": [{**service, "majorApiVersion": 2}],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [{**service, "majorApiVersion": 1}],
            "tsaConfig": {"selector": "ANY"},
        },
    }


def _signer(config: object, token: str) -> RemoteSigner:
    return RemoteSigner.of(json.dumps(config).encode(), GivenToken(token, "here"), where="config.json", now=_now)


def test_a_service_that_refuses_the_connection_is_could_not_tell(refusing: str, tmp_path: Path) -> None:
    signer = _signer(_config(refusing, tmp_path), _token())
    assert "ann@example.org (issuer https://issuer.example)" == signer.describe()
    with pytest.raises(SigningError, match="remote signing failed") as caught:
        signer.sign(_STATEMENT)
    assert ("DBOM-350", 3) == (caught.value.rule.id, caught.value.exit_code)
    assert signer.identity is None


@pytest.mark.parametrize(
    ("token", "rule"),
    [
        ("", "DBOM-351"),
        ("not.a.token", "DBOM-351"),
        (jwt.encode({"aud": "sigstore"}, "k" * 32), "DBOM-351"),
        (_token(aud="elsewhere"), "DBOM-357"),
        (_token(exp=1), "DBOM-356"),
        (_token(iat="soon"), "DBOM-351"),
    ],
)
def test_a_bad_token_is_a_usage_error_that_does_not_show_it(
    refusing: str, tmp_path: Path, token: str, rule: str
) -> None:
    with pytest.raises(UsageError, match="token") as caught:
        _signer(_config(refusing, tmp_path), token).sign(_STATEMENT)
    assert rule == caught.value.rule.id
    assert not token or token not in str(caught.value)


def test_a_newline_behind_the_token_is_no_part_of_it(refusing: str, tmp_path: Path) -> None:
    assert "ann@example.org" in _signer(_config(refusing, tmp_path), _token() + "\n").describe()


@pytest.mark.parametrize("part", ["trustedRoot", "signingConfig"])
def test_a_malformed_trust_config_is_refused_with_its_place(refusing: str, tmp_path: Path, part: str) -> None:
    config = _config(refusing, tmp_path)
    del config[part]
    with pytest.raises(DocumentError) as caught:
        _signer(config, _token())
    assert ("config.json", 2) == (caught.value.where, caught.value.exit_code)


def test_a_signing_config_without_a_log_is_refused(refusing: str, tmp_path: Path) -> None:
    config = _config(refusing, tmp_path)
    services = config["signingConfig"]
    assert isinstance(services, dict)
    services["rekorTlogUrls"] = []
    with pytest.raises(DocumentError, match="no log that is in force") as caught:
        _signer(config, _token())
    assert "DBOM-352" == caught.value.rule.id


def test_surroundings_that_should_give_an_identity_and_don_t_are_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", raising=False)
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SigningError, match="could not be had"):
        ambient_token({})


def test_a_mistake_of_ours_is_not_taken_for_a_service_s(
    refusing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("sigstore.sign.SigningContext.from_trust_config", broken)
    with pytest.raises(KeyError):
        _signer(_config(refusing, tmp_path), _token()).sign(_STATEMENT)


def test_a_configuration_that_asks_for_several_logs_is_refused_before_anything_is_signed(
    refusing: str, tmp_path: Path
) -> None:
    """sigstore-python makes one entry, whatever the configuration asks for."""
    config = _config(refusing, tmp_path)
    services = config["signingConfig"]
    assert isinstance(services, dict)
    services["rekorTlogUrls"].append({**services["rekorTlogUrls"][0], "operator": "them"})
    services["rekorTlogConfig"] = {"selector": "ALL"}
    with pytest.raises(DocumentError, match="several logs"):
        _signer(config, _token())


def test_services_that_never_answer_are_waited_for_until_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = json.dumps(_config(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)).encode()
        tokens = GivenToken(_token(), "here")
        signer = RemoteSigner.of(config, tokens, where="config.json", now=_now, deadline=0.3)
        with pytest.raises(SigningError, match="no answer within") as caught:
            signer.sign(_STATEMENT)
    assert "DBOM-350" == caught.value.rule.id
