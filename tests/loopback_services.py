"""Fulcio, Rekor 1 and a time-stamp authority on loopback, that answer rightly or in one of many wrong ways.

Behind them stand the parts of the embedded local Sigstore, whose answers unmodified clients accept; OpenSSL stamps.
`Services.wrong` says what goes wrong, as (service, how): service is "ca", "log" or "tsa".

| how | what happens |
|---|---|
| a number | this HTTP status |
| `silent` | no answer, ever |
| `drip` | a byte now and then |
| a JSON object | this answer |
| `garbage` | an answer that isn't one |
| `again` | (log) the entry is there already, as it is; a GET gives it |
| `elsewhere` | a redirect to another address, which is then asked for (`Services.asked_elsewhere`) |
| `other` | a right answer about something else: another key, another entry, another digest |
| `somebody` | (ca) a certificate for somebody else |
| `issuer` | (ca) a certificate by another issuer |
| `old` | (tsa) the time stamp of an earlier question |
| `echo` | the request's own token, as the reason of a refusal |
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attest.local.checkpoints import LogSigner
from attest.local.entries import dsse_entry, log_entry
from attest.local.services import Services as LocalServices
from attest.trust import TrustRoot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.local import LocalSigstore

__all__ = ["SUBJECT", "Services", "serve"]

SUBJECT = "ann@example.org"
"""Whom the tokens name."""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(slots=True)
class Services:
    """What the services do; see the module."""

    sigstore: LocalSigstore
    wrong: tuple[str, str] = ("", "")
    url: str = ""
    asked: list[str] = field(default_factory=list)
    asked_elsewhere: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    kept: bytes = b""
    _last_stamp: bytes = b""

    @property
    def root(self) -> bytes:
        """Return the trusted root."""
        return self.sigstore.trusted_root()

    def token(self, **changed: object) -> str:
        """Return an OIDC token that holds for a minute."""
        now = int(time.time())
        claims = {"aud": "sigstore", "iss": self.sigstore.identity.issuer, "sub": SUBJECT, "iat": now, "exp": now + 60}
        return jwt.encode({**claims, **changed}, "k" * 32, algorithm="HS256")

    def config(self) -> dict[str, Any]:
        """Return the client trust configuration."""
        service: dict[str, Any] = {"url": self.url, "majorApiVersion": 1, "operator": "us"}
        service["validFor"] = {"start": "2020-01-01T00:00:00Z"}
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.root),
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "oidcUrls": [service],
                "rekorTlogUrls": [service],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [{**service, "url": f"{self.url}/api/v1/timestamp"}],
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def _local(self) -> LocalServices:
        return LocalServices.load(self.sigstore.folder, TrustRoot.parse(self.root, where="root"))

    def certify(self, body: bytes, token: str) -> bytes:
        """Answer as Fulcio."""
        request = x509.load_pem_x509_csr(base64.b64decode(json.loads(body)["certificateSigningRequest"]))
        subject = jwt.decode(token, options={"verify_signature": False})["sub"]
        authority = self._local().authority
        public, now = request.public_key(), _now()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        if self.wrong == ("ca", "other"):
            public = ec.generate_private_key(ec.SECP256R1()).public_key()
        subject = "eve@example.org" if self.wrong == ("ca", "somebody") else subject
        issuer = "https://elsewhere.example" if self.wrong == ("ca", "issuer") else self.sigstore.identity.issuer
        chain = [authority.issue(x509.RFC822Name(subject), issuer, key=public, now=now), *authority.chain]
        pems = [certificate.public_bytes(Encoding.PEM).decode() for certificate in chain]
        return json.dumps({"signedCertificateEmbeddedSct": {"chain": {"certificates": pems}}}).encode()

    def stamp(self, query: bytes) -> bytes:
        """Answer as a time-stamp authority, by OpenSSL."""
        if self.wrong == ("tsa", "old") and self._last_stamp:
            return self._last_stamp
        if self.wrong == ("tsa", "other"):
            at = query.index(b"\x04\x20") + 2
            query = query[:at] + b"x" * 32 + query[at + 32 :]
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / "query").write_bytes(query)
            leaf = x509.load_pem_x509_certificates((self.sigstore.folder / "tsa.pem").read_bytes())[0]
            (place / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
            (place / "serial").write_text(f"{time.time_ns():032X}")
            (place / "ts.cnf").write_text(_TS_CONFIG.format(folder=folder))
            words: list[str | Path] = [
                "-config",
                place / "ts.cnf",
                "-queryfile",
                place / "query",
                "-signer",
                place / "leaf.pem",
            ]
            keys: list[str | Path] = ["-inkey", self.sigstore.folder / "tsa.key", "-out", place / "answer"]
            subprocess.run(["openssl", "ts", "-reply", *words, *keys], check=True, capture_output=True)
            self._last_stamp = (place / "answer").read_bytes()
        return self._last_stamp

    def log(self, body: bytes) -> bytes:
        """Answer as Rekor 1."""
        proposed = json.loads(body)["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        if self.wrong == ("log", "other"):
            signature = b"another"
        canonical = dsse_entry(
            envelope, base64.b64decode(envelope["payload"]), signature, base64.b64decode(proposed["verifiers"][0])
        )
        log = self._local().log
        signer, inclusion = log.signer, log.append(canonical)
        if self.wrong == ("log", "stranger"):
            signer = LogSigner(signer.name, ec.generate_private_key(ec.SECP256R1()))
        entry: Any = log_entry(canonical, inclusion, signer=signer, now=_now())
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
        return json.dumps({"ab" * 32: answer}).encode()


_TS_CONFIG = """[ tsa ]
default_tsa = tsa_config
[ tsa_config ]
serial = {folder}/serial
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""


class _Handler(BaseHTTPRequestHandler):
    services: ClassVar[Services]

    def do_GET(self) -> None:
        if self.path.startswith("/api/v1/log/entries/") and self.services.kept:
            self._give(200, self.services.kept)
            return
        self.services.asked_elsewhere.append(self.path)
        self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/elsewhere"):
            self.services.asked_elsewhere.append(self.path)
        name = {"/api/v2/signingCert": "ca", "/api/v1/log/entries": "log"}.get(self.path, "tsa")
        self.services.asked.append(name)
        service, how = self.services.wrong
        if service == name and self._refused(how, body):
            return
        if name == "ca":
            answer = self.services.certify(body, self.headers["Authorization"].removeprefix("Bearer "))
        else:
            answer = self.services.log(body) if name == "log" else self.services.stamp(body)
        self._give(201, answer)

    def _refused(self, how: str, body: bytes) -> bool:
        """Answer wrongly, and return whether there was an answer at all."""
        if how.isdigit():
            self._give(int(how), b"no")
        elif how.startswith("{"):
            self._give(201, how.encode())
        elif how == "echo":
            self._give(400, b"", reason=self.headers["Authorization"])
        elif how == "again":
            self.services.kept = self.services.log(body)
            self._give(409, b"", location=f"/api/v1/log/entries/{'ab' * 32}")
        elif how == "garbage":
            self._give(201, b"{}")
        elif how == "elsewhere":
            self._give(307, b"", location=f"{self.services.url}/elsewhere")
        elif how == "silent":
            self.services.released.wait()
        elif how == "drip":
            self.send_response(201)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not self.services.released.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()
        else:
            return False
        return True

    def _give(self, status: int, answer: bytes, *, location: str = "", reason: str | None = None) -> None:
        self.send_response(status, reason)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(sigstore: LocalSigstore) -> Iterator[Services]:
    """Run the services of a local Sigstore until the `with` ends."""
    found = Services(sigstore)
    handler = type("_Bound", (_Handler,), {"services": found})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield found
        finally:
            found.released.set()
            server.shutdown()
            thread.join()
