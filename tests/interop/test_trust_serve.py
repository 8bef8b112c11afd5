"""`dbom trust serve`: unmodified clients sign against it, as a person and as a Kubernetes service account.

What each signs there, every one of them verifies, and so does dbom, where there is no network at all.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from netns import await_ready
from peer_clients import (
    READERS,
    Evidence,
    Trust,
    conformance_reads,
    cosign_attests,
    cosign_signs,
    dbom,
    sigstore_js_attests,
    sigstore_js_signs,
    sigstore_python_attests,
    sigstore_python_signs,
)
from programs import program
from served_requests import certificate_request, dsse_proposal

from attest.local.checkpoints import Checkpoint
from attest.local.log import LogReader
from attest.local.merkle import leaf_hash
from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster import Cluster
    from sigstore_stack import PrivateSigstore

    from dbom.canonical import JsonObject

_ATTEST = {"cosign": cosign_attests, "sigstore-python": sigstore_python_attests, "sigstore-js": sigstore_js_attests}
_SIGN = {"cosign": cosign_signs, "sigstore-python": sigstore_python_signs, "sigstore-js": sigstore_js_signs}
_PROGRAMS = {"cosign": "cosign", "sigstore-python": "sigstore", "sigstore-js": "node", "dbom": "unshare"}
_PROVENANCE: JsonObject = {
    "buildDefinition": {"buildType": "https://example.com/training/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://example.com/trainer"}},
}


@dataclass(frozen=True, slots=True)
class _Who:
    token: Callable[[], str]
    identity: str
    issuer: str


@pytest.fixture(scope="module", params=["a person", "a service account"])
def who(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore) -> _Who:
    if request.param == "a person":
        return _Who(private_sigstore.token, "someone@example.com", private_sigstore.issuer)
    cluster: Cluster = request.getfixturevalue("cluster_issuer")
    return _Who(lambda: cluster.service_account_token("ci", "signer"), cluster.identity("ci", "signer"), cluster.issuer)


def _trust(who: _Who, stack: PrivateSigstore) -> Trust:
    return Trust(trusted_root=stack.trusted_root, identity=who.identity, issuer=who.issuer)


def _to_be_signed(folder: Path) -> tuple[Path, Path]:
    artifact, statement = folder / "model.bin", folder / "statement.json"
    artifact.write_bytes(b"weights")
    digest = Digest(Kind.FILE, hashlib.sha256(b"weights").hexdigest())
    statement.write_bytes(Statement.build(Subject.of("model.bin", digest), PREDICATE_PROVENANCE, _PROVENANCE).payload)
    return artifact, statement


@pytest.mark.parametrize("client", _ATTEST)
def test_a_statement_that_a_client_signs_there_everybody_verifies(
    client: str, who: _Who, served_sigstore: PrivateSigstore, peer: Callable[[str], str], tmp_path: Path
) -> None:
    peer(_PROGRAMS[client])
    artifact, statement = _to_be_signed(tmp_path)
    bundle = tmp_path / "bundle.sigstore.json"
    _ATTEST[client](artifact, statement, who.token(), served_sigstore, bundle)
    evidence = Evidence(artifact, bundle, PREDICATE_PROVENANCE, _trust(who, served_sigstore))
    other = tmp_path / "other.bin"
    other.write_bytes(b"other weights")
    for reader, reads in READERS.items():
        said = reads(evidence)
        assert said.accepted, f"{reader}: {said.words}"
        assert not reads(replace(evidence, artifact=other)).accepted
        somebody = replace(evidence.trust, identity="somebody-else@example.com")
        assert not reads(replace(evidence, trust=somebody)).accepted


@pytest.mark.parametrize("client", _SIGN)
def test_a_file_that_a_client_signs_there_we_verify(
    client: str, who: _Who, served_sigstore: PrivateSigstore, peer: Callable[[str], str], tmp_path: Path
) -> None:
    peer(_PROGRAMS[client])
    artifact, _ = _to_be_signed(tmp_path)
    bundle = tmp_path / "bundle.sigstore.json"
    _SIGN[client](artifact, who.token(), served_sigstore, bundle)
    evidence = Evidence(artifact, bundle, "", _trust(who, served_sigstore))
    said = conformance_reads(evidence)
    assert said.accepted, said.words
    artifact.write_bytes(b"other weights")
    assert not conformance_reads(evidence).accepted


def test_what_we_sign_there_everybody_verifies(who: _Who, served_sigstore: PrivateSigstore, tmp_path: Path) -> None:
    artifact, _ = _to_be_signed(tmp_path)
    config = f"--trust-config={served_sigstore.client_trust_config}"
    said = dbom("sign", str(artifact), config, folder=tmp_path, environment={"SIGSTORE_ID_TOKEN": who.token()})
    assert said.accepted, said.words
    (written,) = (tmp_path / "model.bin.dbom").glob("bom-*.sigstore.json")
    (tmp_path / "alone").mkdir()
    bundle = written.rename(tmp_path / "alone" / "bundle.sigstore.json")
    evidence = Evidence(
        artifact.rename(tmp_path / "alone" / "model.bin"), bundle, PREDICATE_BOM, _trust(who, served_sigstore)
    )
    for reader, reads in READERS.items():
        found = reads(evidence)
        assert found.accepted, f"{reader}: {found.words}"


def test_the_other_sigstores_root_does_not_vouch_for_it(
    who: _Who, served_sigstore: PrivateSigstore, private_sigstore: PrivateSigstore, tmp_path: Path
) -> None:
    artifact, statement = _to_be_signed(tmp_path)
    bundle = tmp_path / "bundle.sigstore.json"
    sigstore_python_attests(artifact, statement, who.token(), served_sigstore, bundle)
    foreign = Evidence(artifact, bundle, PREDICATE_PROVENANCE, _trust(who, private_sigstore))
    assert not any(reads(foreign).accepted for reads in READERS.values())


def _refused(stack: PrivateSigstore, token: str) -> str:
    body = certificate_request(ec.generate_private_key(ec.SECP256R1()), "someone@example.com")
    status, said, _ = _asked(f"{stack.urls['fulcio']}/api/v2/signingCert", body, token=token)
    assert 401 == status
    return str(said["reason"])


def _asked(url: str, body: bytes | None = None, *, token: str = "") -> tuple[int, dict[str, Any], Any]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, body, headers)  # noqa: S310  it is http on loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  the same
            return answer.status, json.loads(answer.read()), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def test_real_tokens_that_will_not_do_are_refused(served_sigstore: PrivateSigstore, cluster_issuer: Cluster) -> None:
    token = served_sigstore.token
    assert "token-expired" == _refused(served_sigstore, token(exp=1))
    assert "audience" == _refused(served_sigstore, token(audience="vault"))
    assert "email-unverified" == _refused(served_sigstore, token(email_verified=False))
    assert "issuer-unknown" == _refused(served_sigstore, token(iss="http://127.0.0.1:28888.evil.example"))
    assert "token-signature" == _refused(served_sigstore, token()[:-8] + "AAAAAAAA")
    other = cluster_issuer.service_account_token("ci", "signer", audience="vault")
    assert "audience" == _refused(served_sigstore, other)


def test_no_token_stands_in_the_log_lines(served_sigstore: PrivateSigstore) -> None:
    token = served_sigstore.token(audience="vault")
    _refused(served_sigstore, token)
    lines = (served_sigstore.network.logs / "served.log").read_text()
    assert token.rpartition(".")[2] not in lines
    assert '"reason": "audience"' in lines


# The command itself, outside any namespace


def _served(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start it on a free port, for an issuer that nobody asks for; return it and its address."""
    log = folder / "log"
    command = [sys.executable, "-P", "-m", "dbom", "trust", "serve", f"--home={folder / 'home'}"]
    command += ["--issuer=https://issuer.invalid=email", "--listen=127.0.0.1:0"]
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    await_ready("served", lambda: b"listening" in log.read_bytes(), ended=lambda: process.poll() is not None)
    return process, json.loads(log.read_text().splitlines()[-1])["url"]


def test_a_kill_in_the_middle_loses_no_acknowledged_entry(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    acknowledged: dict[str, str] = {}
    for rounds in range(3):
        process, url = _served(tmp_path)
        try:
            for number in range(20):
                if number == 12:
                    # While the next one is being written, or just before or after.
                    threading_kill(process, after=0.002 * rounds)
                try:
                    status, said, _ = _asked(f"{url}/api/v1/log/entries", dsse_proposal(key, payload=b"%d" % number))
                except (OSError, json.JSONDecodeError):
                    break
                assert 201 == status
                ((uuid, entry),) = said.items()
                acknowledged[uuid] = entry["body"]
        finally:
            process.kill()
            process.wait()
    assert len(acknowledged) >= 36
    process, url = _served(tmp_path)
    try:
        for uuid, body in acknowledged.items():
            status, said, _ = _asked(f"{url}/api/v1/log/entries/{uuid}")
            assert (200, body) == (status, said[uuid]["body"])
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(30)
    finally:
        process.kill()
        process.wait()
    reader = LogReader(tmp_path / "home" / "served-sigstore" / "log")
    head = reader.head()
    assert isinstance(head, Checkpoint)
    leaves = {leaf_hash(entry).hex() for entry in reader.entries()}
    assert {uuid[16:] for uuid in acknowledged} <= leaves
    assert (0, f"{head.size} signatures, holds") == _checked(tmp_path)
    with (tmp_path / "home" / "served-sigstore" / "log" / "entries").open("r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    assert (1, f"{head.size} signatures, DOES NOT HOLD") == _checked(tmp_path)


def _checked(folder: Path) -> tuple[int, str]:
    """Return what `dbom trust log verify` says of the signatures' log, and its exit code."""
    command = [sys.executable, "-P", "-m", "dbom", "trust", "log", "verify", "--home", str(folder / "home")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    (line,) = [line for line in done.stdout.splitlines() if " signatures, " in line]
    return done.returncode, line.partition(": ")[2]


def threading_kill(process: subprocess.Popen[bytes], *, after: float) -> None:
    """Kill a program soon, from beside."""
    import threading

    threading.Timer(after, process.kill).start()


def test_openssl_asks_for_the_time_and_verifies_it(tmp_path: Path, peer: Callable[[str], str]) -> None:
    peer("openssl")
    (tmp_path / "data").write_bytes(b"data")
    process, url = _served(tmp_path)
    try:
        words = ["-query", "-data", "data", "-sha384", "-cert", "-out", "query"]
        _openssl(tmp_path, *words)
        kind = {"Content-Type": "application/timestamp-query"}
        asked = urllib.request.Request(f"{url}/api/v1/timestamp", (tmp_path / "query").read_bytes(), kind)  # noqa: S310  http on loopback
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310  the same
            (tmp_path / "reply").write_bytes(answer.read())
        with urllib.request.urlopen(f"{url}/api/v1/timestamp/certchain", timeout=30) as answer:  # noqa: S310  the same
            (tmp_path / "chain.pem").write_bytes(answer.read())
        said = _openssl(tmp_path, "-verify", "-in", "reply", "-queryfile", "query", "-CAfile", "chain.pem")
        assert "Verification: OK" in said
    finally:
        process.kill()
        process.wait()


def _openssl(folder: Path, *words: str) -> str:
    done = subprocess.run([program("openssl"), "ts", *words], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
