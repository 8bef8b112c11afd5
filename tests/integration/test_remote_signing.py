"""Keyless signing over real HTTP: sigstore-python's client against a certificate authority, a log and time stamps.

The services answer on loopback in the shapes of Fulcio, Rekor 1 and a time-stamp authority; behind them stand the
parts of the embedded local Sigstore, whose answers unmodified clients accept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from attest.bundle import Bundle
from attest.identity import Identity
from attest.local import LocalSigstore, open_local
from attest.local.certificates import (
    certificate_timestamp,
    precertificate_entry,
    signing_certificate,
    with_timestamp,
)
from attest.local.entries import dsse_entry, log_entry
from attest.local.log import MerkleLog
from attest.local.roots import log_origin
from attest.local.timestamps import time_stamp
from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUBJECT = "ann@example.org"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class _Services:
    """What the three services do; `broken` names the one that refuses, `other_log` makes the log's key a stranger's."""

    def __init__(self, sigstore: LocalSigstore) -> None:
        self.sigstore = sigstore
        self.broken = ""
        self.log_key = self._key("log")

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        key = load_pem_private_key((self.sigstore.folder / f"{name}.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def certify(self, body: bytes, token: str) -> bytes:
        request = x509.load_pem_x509_csr(base64.b64decode(json.loads(body)["certificateSigningRequest"]))
        subject = jwt.decode(token, options={"verify_signature": False})["sub"]
        root = x509.load_pem_x509_certificate((self.sigstore.folder / "ca.pem").read_bytes())
        public, now = request.public_key(), _now()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        builder = signing_certificate(Identity(subject, self.sigstore.identity.issuer), public, root, now)
        entry = precertificate_entry(builder.sign(self._key("ca"), hashes.SHA256()), root, now)
        stamped = with_timestamp(builder, certificate_timestamp(entry, self._key("ct"), now))
        chain = [stamped.sign(self._key("ca"), hashes.SHA256()), root]
        pems = [certificate.public_bytes(Encoding.PEM).decode() for certificate in chain]
        return json.dumps({"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}}).encode()

    def stamp(self, body: bytes) -> bytes:
        digest = body[body.index(b"\x04\x20") + 2 :][:32]
        stamper = x509.load_pem_x509_certificates((self.sigstore.folder / "tsa.pem").read_bytes())[0]
        return time_stamp(digest, key=self._key("tsa"), certificate=stamper, serial=secrets.randbits(63), now=_now())

    def log(self, body: bytes) -> bytes:
        proposed = json.loads(body)["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        canonical = dsse_entry(
            envelope,
            base64.b64decode(envelope["payload"]),
            base64.b64decode(envelope["signatures"][0]["sig"]),
            base64.b64decode(proposed["verifiers"][0]),
        )
        inclusion = MerkleLog(self.sigstore.folder / "log").append(canonical)
        origin = log_origin(self.sigstore.identity.issuer)
        entry: Any = log_entry(canonical, inclusion, origin=origin, key=self.log_key, now=_now())
        proof = entry["inclusionProof"]
        answer = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            "logIndex": int(entry["logIndex"]),
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "checkpoint": proof["checkpoint"]["envelope"],
                    "hashes": [base64.b64decode(item).hex() for item in proof["hashes"]],
                    "logIndex": int(proof["logIndex"]),
                    "rootHash": base64.b64decode(proof["rootHash"]).hex(),
                    "treeSize": int(proof["treeSize"]),
                },
            },
        }
        return json.dumps({"uuid": answer}).encode()


class _Handler(BaseHTTPRequestHandler):
    services: ClassVar[_Services]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = {"/api/v2/signingCert": "ca", "/api/v1/log/entries": "log"}.get(self.path, "tsa")
        if self.services.broken == name:
            self.send_error(400)
            return
        if name == "ca":
            answer = self.services.certify(body, self.headers["Authorization"].removeprefix("Bearer "))
        else:
            answer = self.services.log(body) if name == "log" else self.services.stamp(body)
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Services]:
    """Run the services, and stand in a folder with a trust configuration for them, a token and something to sign."""
    found = _Services(open_local(tmp_path / "remote"))
    handler = type("_Bound", (_Handler,), {"services": found})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (tmp_path / "config.json").write_text(json.dumps(_config(url, found.sigstore.trusted_root())))
        (tmp_path / "data.csv").write_text("a,b\n1,2\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "settings"))
        monkeypatch.setenv("SIGSTORE_ID_TOKEN", _token())
        monkeypatch.setenv("CI", "true")
        yield found
        server.shutdown()
        thread.join()


def _token() -> str:
    now = int(time.time())
    claims = {"aud": "sigstore", "iss": "https://issuer.example", "sub": _SUBJECT, "iat": now, "exp": now + 60}
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


def _config(url: str, root: bytes) -> dict[str, object]:
    service = {"url": url, "validFor": {"start": "2020-01-01T00:00:00Z"}, "operator": "us", "majorApiVersion": 1}
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(root),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service],
            "oidcUrls": [service],
            "rekorTlogUrls": [service],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [{**service, "url": f"{url}/api/v1/timestamp"}],
            "tsaConfig": {"selector": "ANY"},
        },
    }


def test_the_token_s_identity_signs_and_the_commands_name_what_the_authority_certified(
    services: _Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["sign", "data.csv", "--trust-config", "config.json", "-f", "json"])
    result = json.loads(capsys.readouterr().out)
    issuer = services.sigstore.identity.issuer
    assert (_SUBJECT, issuer) == (result["signer"]["identity"], result["signer"]["issuer"])
    assert f"--identity {_SUBJECT} --issuer {issuer}" in result["results"][0]["verify"]
    assert "dbom trust export --trust-config config.json -o trusted_root.json" == result["trust"]["export"]
    raw = (tmp_path / result["results"][0]["statements"][0]["bundle"]).read_bytes()
    bundle = Bundle.parse(raw, where="bundle")
    assert (1, 1) == (len(bundle.time_stamps), len(bundle.log_entries))
    digest = hashlib.sha256((tmp_path / "data.csv").read_bytes()).hexdigest()
    assert digest == json.loads(bundle.payload)["subject"][0]["digest"]["sha256"]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["ca", "log", "tsa"])
def test_a_service_that_refuses_leaves_nothing_signed_and_nobody_else_steps_in(
    services: _Services, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    services.broken = name
    assert 3 == run(["sign", "data.csv", "--trust-config", "config.json", "-f", "json"])
    assert "DBOM-350" == json.loads(capsys.readouterr().out)["rule"]
    assert (False, False) == ((tmp_path / "data.csv.dbom").exists(), (tmp_path / "home").exists())


def test_a_log_with_another_key_than_the_trust_root_names_is_not_accepted(
    services: _Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services.log_key = ec.generate_private_key(ec.SECP256R1())
    assert 3 == run(["sign", "data.csv", "--trust-config", "config.json", "-f", "json"])
    assert "DBOM-344" == json.loads(capsys.readouterr().out)["rule"]
    assert not (tmp_path / "data.csv.dbom").exists()


def test_the_public_sigstore_out_of_reach_is_could_not_tell_and_nobody_else_steps_in(tmp_path: Path) -> None:
    """With --public the public Sigstore's trust configuration is fetched; here, where there is no interface at all."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOME": str(tmp_path / "user"),
        "DBOM_HOME": str(tmp_path / "home"),
        "SIGSTORE_ID_TOKEN": _token(),
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
