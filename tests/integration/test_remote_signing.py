"""Signing with remote services over real HTTP: keyless by sigstore-python's client, by a key with ours.

Each way in which a service can be wrong ends with its own rule, and with nothing written.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from loopback_services import SUBJECT, Services, serve

from attest.authority import Authority
from attest.bundle import Bundle
from attest.demands import Demands
from attest.local import open_local
from attest.signers.key_signing import RecordedKeySigner
from attest.signers.keyfiles import write_key_pair
from attest.signers.keys import KEY_KINDS, generate_key, public_pem
from attest.signers.recording import RemoteRecorder
from attest.signers.remote import RemoteSigner, oidc_url
from attest.signers.services import Services as Named
from attest.signers.tokens import GivenToken
from attest.signers.transport import Transport
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.cli.app import run
from dbom.errors import DocumentError, SigningError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STATEMENT = Statement.build(Subject.of("data", Digest(Kind.FILE, "ab" * 32)), PREDICATE_BOM, {})


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Run the services, and stand in a folder with a trust configuration for them, a token and something to sign."""
    with serve(open_local(tmp_path / "remote")) as found:
        (tmp_path / "config.json").write_text(json.dumps(found.config()))
        (tmp_path / "data.csv").write_text("a,b\n1,2\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "settings"))
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", found.token())
        monkeypatch.setenv("CI", "true")
        yield found


def test_the_token_s_identity_signs_and_the_commands_name_what_the_authority_certified(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["sign", "data.csv", "--trust-config", "config.json", "-f", "json"])
    result = json.loads(capsys.readouterr().out)
    issuer = services.sigstore.identity.issuer
    assert (SUBJECT, issuer) == (result["signer"]["identity"], result["signer"]["issuer"])
    assert f"--identity {SUBJECT} --issuer {issuer}" in result["results"][0]["verify"]
    assert "dbom trust export --trust-config config.json -o trusted_root.json" == result["trust"]["export"]
    raw = (tmp_path / result["results"][0]["statements"][0]["bundle"]).read_bytes()
    bundle = Bundle.parse(raw, where="bundle")
    assert (1, 1) == (len(bundle.time_stamps), len(bundle.log_entries))
    digest = hashlib.sha256((tmp_path / "data.csv").read_bytes()).hexdigest()
    assert digest == json.loads(bundle.payload)["subject"][0]["digest"]["sha256"]
    assert not (tmp_path / "home").exists()


_WRONG_KEYLESS = [
    *[(name, status, "DBOM-350") for name in ("ca", "log") for status in ("400", "401", "500", "503", "garbage")],
    ("ca", "other", "DBOM-358"),
    ("ca", "somebody", "DBOM-358"),
    ("ca", "issuer", "DBOM-358"),
    ("log", "other", "DBOM-359"),
    ("log", "stranger", "DBOM-359"),
    *[("tsa", how, "DBOM-360") for how in ("400", "500", "garbage", "other")],
]


@pytest.mark.parametrize("wrong", _WRONG_KEYLESS)
def test_a_service_that_is_wrong_leaves_nothing_signed_and_nobody_else_steps_in(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str, str]
) -> None:
    name, how, rule = wrong
    services.wrong = (name, how)
    assert 3 == run(["sign", "data.csv", "--trust-config", "config.json", "-f", "json"])
    assert rule == json.loads(capsys.readouterr().out)["rule"]
    assert (False, False) == ((tmp_path / "data.csv.dbom").exists(), (tmp_path / "home").exists())


@pytest.mark.parametrize("name", ["ca", "log", "tsa"])
@pytest.mark.parametrize("how", ["silent", "drip"])
def test_a_slow_service_is_waited_for_until_the_deadline_and_no_longer(services: Services, name: str, how: str) -> None:
    config = json.dumps(services.config()).encode()
    signer = RemoteSigner.of(config, GivenToken(services.token(), "here"), where="c", now=_now, deadline=0.6)
    services.wrong = (name, how)
    with pytest.raises(SigningError, match="no answer within") as caught:
        signer.sign(_STATEMENT)
    assert "DBOM-350" == caught.value.rule.id


def test_a_token_that_a_service_repeats_stands_in_no_message(
    services: Services, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    services.wrong = ("ca", "echo")
    token = os.environ["SIGSTORE_ID_TOKEN"]
    for words in (["--debug"], ["-v"], ["-f", "json"]):
        assert 3 == run(["sign", "data.csv", "--trust-config", "config.json", *words])
        said = "".join(capsys.readouterr())
        assert (False, True) == (any(part in said for part in token.split(".")), "[hidden]" in said)
    assert token not in caplog.text


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_key_s_signature_is_logged_and_dated_by_a_rekor_1(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    key = generate_key(kind)
    write_key_pair("k", key, password=None)
    assert 0 == run(["sign", "data.csv", "--signing-key", "k.key", "--trust-config", "config.json", "-f", "json"])
    result = json.loads(capsys.readouterr().out)
    assert ["tsa", "log"] == services.asked  # nothing is logged that couldn't be finished
    raw = (tmp_path / result["results"][0]["statements"][0]["bundle"]).read_bytes()
    root = TrustRoot.parse(services.root, where="root")
    authority = Authority("us", root=root, key_pem=public_pem(key), demands=Demands(log=True, sct=False, time=True))
    assert isinstance(verify_bundle(raw, [authority], where="bundle", now=_now()), VerifiedStatement)
    assert 0 == run(["verify", "data.csv", "--key", "k.pub"])
    assert not (tmp_path / "home").exists()


_WRONG_KEY = [
    *[(name, how, "DBOM-350") for name in ("log", "tsa") for how in ("400", "500", "elsewhere")],
    ("log", "garbage", "DBOM-359"),
    ("log", "other", "DBOM-359"),
    ("log", "stranger", "DBOM-359"),
    ("log", "409", "DBOM-359"),
    ("tsa", "garbage", "DBOM-360"),
    ("tsa", "other", "DBOM-360"),
    ("tsa", "old", "DBOM-360"),
]


@pytest.mark.parametrize("wrong", _WRONG_KEY)
def test_a_service_that_is_wrong_of_a_key_s_signature_leaves_nothing_written(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str, str]
) -> None:
    name, how, rule = wrong
    write_key_pair("k", generate_key(), password=None)
    words = ["sign", "data.csv", "--signing-key", "k.key", "--trust-config", "config.json", "-f", "json"]
    if how == "old":
        _key_signer(services).sign(_STATEMENT)
    services.wrong = (name, how)
    assert 3 == run(words)
    assert rule == json.loads(capsys.readouterr().out)["rule"]
    assert (False, []) == ((tmp_path / "data.csv.dbom").exists(), services.asked_elsewhere)
    logged = services.asked.count("log") - (how == "old")
    assert (name == "log") == (logged == 1)  # nothing is logged that couldn't be finished


def _key_signer(services: Services, deadline: float = 30) -> RecordedKeySigner:
    named = Named.of_trust_config(json.dumps(services.config()).encode(), where="config", now=_now())
    return RecordedKeySigner(generate_key(), RemoteRecorder(named, _now, Transport(deadline)), None, _now)


@pytest.mark.parametrize("name", ["log", "tsa"])
@pytest.mark.parametrize("how", ["silent", "drip"])
def test_a_key_s_slow_service_is_waited_for_until_the_deadline(services: Services, name: str, how: str) -> None:
    services.wrong = (name, how)
    with pytest.raises(SigningError) as caught:
        _key_signer(services, 0.5).sign(_STATEMENT)
    assert "DBOM-350" == caught.value.rule.id


def test_a_time_stamp_alone_needs_no_trust_config(services: Services, tmp_path: Path) -> None:
    write_key_pair("k", generate_key(), password=None)
    assert 0 == run(["sign", "data.csv", "--signing-key", "k.key", "--timestamp-url", f"{services.url}/tsa"])
    (bundle,) = (tmp_path / "data.csv.dbom").glob("*.sigstore.json")
    found = Bundle.parse(bundle.read_bytes(), where="bundle")
    assert ((), 1) == (found.log_entries, len(found.time_stamps))
    services.wrong = ("tsa", "other")
    (tmp_path / "more.csv").write_text("a\n1\n")
    assert 3 == run(["sign", "more.csv", "--signing-key", "k.key", "--timestamp-url", f"{services.url}/tsa"])
    assert not (tmp_path / "more.csv.dbom").exists()


def test_a_clock_that_is_far_from_the_authority_s_is_said(services: Services) -> None:
    signer = replace(_key_signer(services), recorder=RemoteRecorder.of_authority(f"{services.url}/tsa", _long_ago))
    with pytest.raises(SigningError, match="it says that it is") as caught:
        signer.sign(_STATEMENT)
    assert "DBOM-360" == caught.value.rule.id


def _long_ago() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def test_an_entry_that_is_there_already_is_read_where_the_log_says(services: Services) -> None:
    """The same Ed25519 signature twice is one entry: Rekor 1 answers 409 with the place."""
    services.wrong = ("log", "again")
    raw = _key_signer(services).sign(_STATEMENT)
    assert 1 == len(Bundle.parse(raw, where="bundle").log_entries)
    services.kept = b""
    services.wrong = ("log", "409")
    with pytest.raises(SigningError, match="and not where"):
        _key_signer(services).sign(_STATEMENT)


def _entry(**changed: object) -> str:
    """Return an answer in Rekor 1's shape, in which something is amiss."""
    proof = {"logIndex": 0, "rootHash": "ab", "treeSize": 1, "hashes": [], "checkpoint": "c"}
    verification = {"signedEntryTimestamp": "AAAA", "inclusionProof": proof}
    body = "eyJraW5kIjoiZHNzZSIsImFwaVZlcnNpb24iOiIwLjAuMSJ9"
    entry = {"body": body, "logID": "ab", "logIndex": 0, "integratedTime": 1, "verification": verification}
    for name, value in changed.items():
        (proof if name in proof else entry)[name] = value
    return json.dumps({"ab" * 32: entry})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"a":{},"b":{}}', "isn't one entry"),
        (_entry(verification=3), "verification is missing"),
        (_entry(body=""), "body is missing"),
        (_entry(body="!"), "won't do"),
        (_entry(body="W10="), "not a JSON object"),
        (_entry(hashes="x"), "hashes is not a list"),
        (_entry(hashes=[3]), "hashes holds something"),
        (_entry(logIndex=True), "logIndex is not a number"),
        (_entry(treeSize="-1"), "treeSize is not a number"),
        (_entry(rootHash="xy"), "won't do"),
        (_entry(), "log entry"),
    ],
)
def test_an_answer_of_a_log_that_can_not_be_read_is_refused_as_that(services: Services, answer: str, said: str) -> None:
    services.wrong = ("log", answer)
    with pytest.raises(SigningError, match=said) as caught:
        _key_signer(services).sign(_STATEMENT)
    assert "DBOM-359" == caught.value.rule.id


def test_a_rekor_2_answer_that_can_not_be_read_is_refused_as_that(services: Services) -> None:
    config = services.config()
    config["signingConfig"]["rekorTlogUrls"][0]["majorApiVersion"] = 2
    named = Named.of_trust_config(json.dumps(config).encode(), where="config", now=_now())
    signer = RecordedKeySigner(generate_key(), RemoteRecorder(named, _now), None, _now)
    with pytest.raises(SigningError) as caught:
        signer.sign(_STATEMENT)
    assert "DBOM-359" == caught.value.rule.id


def test_without_the_bytes_of_a_root_sigstore_python_checks_the_bundle(services: Services, tmp_path: Path) -> None:
    """As with --public: only sigstore-python holds that root."""
    config = services.config()
    signer = RemoteSigner.of(json.dumps(config).encode(), GivenToken(services.token(), "here"), where="c", now=_now)
    assert replace(signer, _services=None).sign(_STATEMENT)
    config["trustedRoot"]["tlogs"] = json.loads(open_local(tmp_path / "other").trusted_root())["tlogs"]
    signer = RemoteSigner.of(json.dumps(config).encode(), GivenToken(services.token(), "here"), where="c", now=_now)
    with pytest.raises(SigningError, match="doesn't verify") as caught:
        replace(signer, _services=None).sign(_STATEMENT)
    assert "DBOM-344" == caught.value.rule.id


def test_the_address_to_sign_in_at_is_the_configuration_s(services: Services) -> None:
    config = services.config()
    assert services.url == oidc_url(json.dumps(config).encode(), where="c")
    del config["signingConfig"]["oidcUrls"]
    with pytest.raises(DocumentError, match="no OIDC issuer"):
        oidc_url(json.dumps(config).encode(), where="c")


def test_a_browser_is_opened_only_where_there_is_a_terminal(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == run(["sign", "data.csv", "--trust-config", "config.json", "--browser", "-f", "json"])
    document = json.loads(capsys.readouterr().out)
    assert ("DBOM-351", True) == (document["rule"], "terminal" in document["error"])
    assert [] == services.asked


def test_the_public_sigstore_out_of_reach_is_could_not_tell_and_nobody_else_steps_in(tmp_path: Path) -> None:
    """With --public the public Sigstore's trust configuration is fetched; here, where there is no interface at all."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOME": str(tmp_path / "user"),
        "DBOM_HOME": str(tmp_path / "home"),
        "SIGSTORE_ID_TOKEN": "a.b.c",
    }
    result = subprocess.run(
        ["unshare", "-rn", sys.executable, "-P", "-m", "dbom", "sign", "data.csv", "--public", "-f", "json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert (3, "DBOM-350") == (result.returncode, json.loads(result.stdout)["rule"])
    assert (False, False) == ((tmp_path / "data.csv.dbom").exists(), (tmp_path / "home").exists())
