"""A whole private Sigstore of unmodified upstream servers, in a network namespace of its own.

Fulcio, a certificate-transparency log on Trillian and PostgreSQL, Rekor v2 and a time-stamp authority, with an OIDC
issuer of ours; a Kubernetes API server can join as a second issuer (`cluster.py`). `make peers` builds the servers.

The fixture `private_sigstore` (tests/conftest.py) gives one `PrivateSigstore` a session:

- `.client_trust_config`, `.trusted_root`, `.signing_config`: paths of the trust files; `.urls`: service to URL;
- `.token(email="someone@example.com")`: an OIDC token of `.issuer`; any other claim by keyword;
- `.swapped(service)`: a client trust config in which "fulcio", "ctlog", "rekor" or "tsa" has somebody else's key.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from netns import Namespace, namespace
from programs import program
from sigstore_keys import PASSWORD, Keys, make_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AUDIENCE",
    "CLUSTER_ISSUER",
    "CLUSTER_PORT",
    "ISSUER",
    "PROGRAMS",
    "SERVED_PORT",
    "PrivateSigstore",
    "private_sigstore",
]

AUDIENCE = "sigstore"
"""The audience that Fulcio wants of a token."""

_ISSUER_PORT, _TSA, _REKOR, _REKOR_GRPC, _REKOR_METRICS = 28888, 23004, 23003, 23005, 23006
_POSTGRES, _LOG_SERVER, _LOG_SERVER_HTTP, _LOG_SIGNER, _LOG_SIGNER_HTTP = 25432, 28090, 28091, 28092, 28093
_CT, _FULCIO, _FULCIO_GRPC, _FULCIO_METRICS = 26962, 25555, 25554, 25556
CLUSTER_PORT = 26443
"""The port inside the namespace at which a Kubernetes API server that joins has to serve."""
SERVED_PORT = 26555
"""The port inside the namespace at which a Sigstore of ours serves that joins."""

ISSUER = f"http://127.0.0.1:{_ISSUER_PORT}"
CLUSTER_ISSUER = f"https://127.0.0.1:{CLUSTER_PORT}"
"""The issuer of such an API server's service-account tokens."""

_STORAGE = (
    "--storage_system=postgresql",
    "--quota_system=noop",
    f"--postgresql_uri=postgresql://ct@127.0.0.1:{_POSTGRES}/ct?sslmode=disable",
)
PROGRAMS = (
    "timestamp-server",
    "rekor-server-posix",
    "trillian_log_server",
    "trillian_log_signer",
    "trillian_createtree",
    "ct_server",
    "fulcio",
    "cosign",
    "postgres",
    "unshare",
    "setpriv",
    "ip",
)
"""What has to be there for the stack to start."""


@dataclass(frozen=True, slots=True)
class PrivateSigstore:
    """A running private Sigstore; see the module."""

    network: Namespace = field(repr=False)
    keys: Keys = field(repr=False)
    folder: Path
    urls: dict[str, str]
    issuer: str = ISSUER
    _signing: rsa.RSAPrivateKey = field(repr=False, kw_only=True)

    @property
    def trusted_root(self) -> Path:
        """Return the path of the trusted root."""
        return self.folder / "trusted_root.json"

    @property
    def signing_config(self) -> Path:
        """Return the path of the signing config: where the services are, from outside the namespace."""
        return self.folder / "signing_config.json"

    @property
    def client_trust_config(self) -> Path:
        """Return the path of the client trust config, which holds both."""
        return self.folder / "client_trust_config.json"

    def token(self, *, email: str = "someone@example.com", audience: str = AUDIENCE, **claims: object) -> str:
        """Return a fresh OIDC token, valid for five minutes, in which the issuer vouches for an e-mail address."""
        now = int(time.time())
        said = {
            "iss": self.issuer,
            "aud": audience,
            "sub": email,
            "email": email,
            "email_verified": True,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            **claims,
        }
        return jwt.encode(said, self._signing, algorithm="RS256", headers={"kid": "one"})

    def swapped(self, service: str, *, keep_id: bool = False) -> bytes:
        """Return the client trust config in which a service's key is the one of another, equal Sigstore.

        `service` is "fulcio", "ctlog", "rekor" or "tsa". All else, hosts and windows of validity too, stays; a log's
        id only where `keep_id` says so.
        """
        config, place = json.loads(self.client_trust_config.read_text()), _PLACES[service]
        other = self.folder / "other"
        if not other.exists():
            other_keys = make_keys(other / "keys")
            _write_trust_files(program("cosign"), other, other_keys, self.urls)
        found = json.loads((other / "trusted_root.json").read_text())[place]
        if keep_id:
            found[0]["logId"] = config["trustedRoot"][place][0]["logId"]
        config["trustedRoot"][place] = found
        return json.dumps(config).encode()


_PLACES = {
    "fulcio": "certificateAuthorities",
    "ctlog": "ctlogs",
    "rekor": "tlogs",
    "tsa": "timestampAuthorities",
}


@contextlib.contextmanager
def private_sigstore(folder: Path) -> Iterator[PrivateSigstore]:
    """Run a private Sigstore, with its files and logs in `folder`, until the `with` ends."""
    keys = make_keys(folder / "keys")
    ports = [_ISSUER_PORT, _TSA, _REKOR, _LOG_SERVER_HTTP, _LOG_SIGNER_HTTP, _CT, _FULCIO, CLUSTER_PORT, SERVED_PORT]
    with namespace(folder / "logs", ports) as network, _postgres(network):
        _start_issuer(network, folder / "issuer", signing := rsa.generate_private_key(65537, 2048))
        _start_stamps(network, keys)
        _start_rekor(network, keys, folder / "rekor")
        _start_certificate_log(network, keys, folder)
        _start_fulcio(network, keys, folder)
        urls = {
            "fulcio": f"http://127.0.0.1:{network.outside(_FULCIO)}",
            "rekor": f"http://127.0.0.1:{network.outside(_REKOR)}",
            "tsa": f"http://127.0.0.1:{network.outside(_TSA)}/api/v1/timestamp",
            "ctlog": f"http://127.0.0.1:{network.outside(_CT)}/LOG",
            "oidc": f"http://127.0.0.1:{network.outside(_ISSUER_PORT)}",
        }
        _write_trust_files(program("cosign"), folder, keys, urls)
        yield PrivateSigstore(network, keys, folder, urls, _signing=signing)


def _start_issuer(network: Namespace, folder: Path, key: rsa.RSAPrivateKey) -> None:
    """Serve the two documents of which an OIDC issuer consists for who only checks its tokens."""
    (folder / ".well-known").mkdir(parents=True)
    numbers = key.public_key().public_numbers()
    encoded = {"n": _base64url(numbers.n), "e": _base64url(numbers.e)}
    discovery = {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/keys",
        "authorization_endpoint": f"{ISSUER}/auth",
        "token_endpoint": f"{ISSUER}/token",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    keys = {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", **encoded}]}
    (folder / ".well-known" / "openid-configuration").write_text(json.dumps(discovery))
    (folder / "keys").write_text(json.dumps(keys))
    serve = [sys.executable, "-m", "http.server", str(_ISSUER_PORT), "--bind", "127.0.0.1"]
    network.start("issuer", [*serve, "--directory", str(folder)])
    network.ready("issuer", network.answers(_ISSUER_PORT, "/keys"))


def _base64url(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def _start_stamps(network: Namespace, keys: Keys) -> None:
    files = ["--file-signer-key-path", keys["tsa.key"], "--certificate-chain-path", keys["tsa-chain.pem"]]
    where = ["--host", "127.0.0.1", "--port", str(_TSA)]
    words = ["serve", *where, "--timestamp-signer", "file", *files, "--disable-ntp-monitoring"]
    network.start("tsa", [program("timestamp-server"), *words])
    network.ready("tsa", network.answers(_TSA, "/ping"))


def _start_rekor(network: Namespace, keys: Keys, folder: Path) -> None:
    """Start the transparency log. It is called `localhost`: cosign takes the origin to be a host without its port."""
    ports = ["--http-port", str(_REKOR), "--grpc-port", str(_REKOR_GRPC), "--http-metrics-port", str(_REKOR_METRICS)]
    soon = ["--checkpoint-interval", "200ms", "--batch-max-age", "50ms"]
    kept = ["--storage-dir", str(folder), "--signer-filepath", keys["rekor.key"]]
    network.start("rekor", [program("rekor-server-posix"), "serve", "--hostname", "localhost", *ports, *kept, *soon])
    network.ready("rekor", network.answers(_REKOR, "/healthz"))


@contextlib.contextmanager
def _postgres(network: Namespace) -> Iterator[None]:
    """Run PostgreSQL, which won't run as root, over a folder of its own that `nobody` may reach."""
    user = "nobody" if os.geteuid() == 0 else None
    data = Path(tempfile.mkdtemp(prefix="dbom-postgres-"))
    if user:
        shutil.chown(data, user)
    try:
        as_nobody = [program("initdb"), "-D", f"{data}/d", "-A", "trust", "-U", "ct"]
        network.run([*as_nobody, "--no-sync", "--no-locale", "-E", "UTF8"], user=user)
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        words = [program("postgres"), "-D", f"{data}/d", "-p", str(_POSTGRES)]
        network.start("postgres", [*words, *(word for one in settings for word in ("-c", one))], user=user)
        client = ["-h", "127.0.0.1", "-p", str(_POSTGRES), "-U", "ct"]
        network.ready("postgres", network.succeeds([program("pg_isready"), "-q", *client]))
        network.run([program("createdb"), *client, "ct"])
        schema = Path(program("trillian_log_server")).with_name("trillian.sql").read_bytes()
        network.run([program("psql"), "-q", "-v", "ON_ERROR_STOP=1", *client, "ct"], stdin=schema)
        yield
    finally:
        if (data / "d" / "postmaster.pid").exists():
            network.stop("postgres", signal.SIGINT)
        shutil.rmtree(data)


def _start_certificate_log(network: Namespace, keys: Keys, folder: Path) -> None:
    at = [f"--rpc_endpoint=127.0.0.1:{_LOG_SERVER}", f"--http_endpoint=127.0.0.1:{_LOG_SERVER_HTTP}"]
    network.start("trillian-server", [program("trillian_log_server"), *_STORAGE, *at])
    at = [f"--rpc_endpoint=127.0.0.1:{_LOG_SIGNER}", f"--http_endpoint=127.0.0.1:{_LOG_SIGNER_HTTP}"]
    soon = ["--force_master", "--sequencer_interval=200ms"]
    network.start("trillian-signer", [program("trillian_log_signer"), *_STORAGE, *at, *soon])
    network.ready("trillian-server", network.answers(_LOG_SERVER_HTTP, "/healthz"))
    network.ready("trillian-signer", network.answers(_LOG_SIGNER_HTTP, "/healthz"))
    tree = network.run([program("trillian_createtree"), f"--admin_server=127.0.0.1:{_LOG_SERVER}"]).decode().strip()
    key = "".join(f"\\x{byte:02x}" for byte in Path(keys["ct.der"]).read_bytes())
    (folder / "ct.cfg").write_text(
        f'config {{ log_id: {tree} prefix: "LOG" roots_pem_file: "{keys["fulcio.pem"]}"'
        f' private_key: {{ [type.googleapis.com/keyspb.PrivateKey] {{ der: "{key}" }} }}'
        ' ext_key_usages: "CodeSigning" max_merge_delay_sec: 86400 }'
    )
    at = [f"--log_rpc_server=127.0.0.1:{_LOG_SERVER}", f"--http_endpoint=127.0.0.1:{_CT}"]
    network.start("ctlog", [program("ct_server"), f"--log_config={folder / 'ct.cfg'}", *at])
    network.ready("ctlog", network.answers(_CT, "/LOG/ct/v1/get-sth"))


def _start_fulcio(network: Namespace, keys: Keys, folder: Path) -> None:
    """Start the certificate authority; of the API server it learns when the first token of it comes."""
    cluster = {"Type": "kubernetes", "CACert": Path(keys["web-ca.pem"]).read_text()}
    issuers: dict[str, dict[str, str]] = {ISSUER: {"Type": "email"}, CLUSTER_ISSUER: cluster}
    said = {url: {"IssuerURL": url, "ClientID": AUDIENCE, **rest} for url, rest in issuers.items()}
    (folder / "fulcio.json").write_text(json.dumps({"OIDCIssuers": said}))
    at = ["--host", "127.0.0.1", "--port", str(_FULCIO), "--grpc-host", "127.0.0.1", "--grpc-port", str(_FULCIO_GRPC)]
    at += ["--metrics-port", str(_FULCIO_METRICS), "--legacy-unix-domain-socket", "@dbom-test-fulcio"]
    ca = ["--ca", "fileca", "--fileca-cert", keys["fulcio.pem"], "--fileca-key", keys["fulcio.key"]]
    ca += ["--fileca-key-passwd", PASSWORD, "--fileca-watch=false"]
    log = ["--ct-log-url", f"http://127.0.0.1:{_CT}/LOG", "--ct-log-public-key-path", keys["ct.pub"]]
    words = ["serve", *at, *ca, *log, "--config-path", str(folder / "fulcio.json")]
    network.start("fulcio", [program("fulcio"), *words])
    network.ready("fulcio", network.answers(_FULCIO, "/healthz"))


def _write_trust_files(cosign: str, folder: Path, keys: Keys, urls: dict[str, str]) -> None:
    """Have cosign write the trusted root and the signing config, and join them to the client trust config."""
    start = f"start-time={keys.start}"
    root = [
        f"--fulcio=url={urls['fulcio']},certificate-chain={keys['fulcio.pem']},{start}",
        f"--rekor=url=https://localhost,public-key={keys['rekor.pub']},{start},origin=localhost",
        f"--ctfe=url={urls['ctlog']},public-key={keys['ct.pub']},{start}",
        f"--tsa=url={urls['tsa']},certificate-chain={keys['tsa-chain.pem']},{start}",
    ]
    _cosign(cosign, "trusted-root", root, folder / "trusted_root.json")
    about = f"{start},operator=dbom-tests"
    config = [
        f"--fulcio=url={urls['fulcio']},api-version=1,{about}",
        f"--rekor=url={urls['rekor']},api-version=2,{about}",
        "--rekor-config=ANY",
        f"--oidc-provider=url={urls['oidc']},api-version=1,{about}",
        f"--tsa=url={urls['tsa']},api-version=1,{about}",
        "--tsa-config=ANY",
    ]
    _cosign(cosign, "signing-config", config, folder / "signing_config.json")
    joined = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads((folder / "trusted_root.json").read_text()),
        "signingConfig": json.loads((folder / "signing_config.json").read_text()),
    }
    (folder / "client_trust_config.json").write_text(json.dumps(joined))


def _cosign(cosign: str, what: str, services: list[str], target: Path) -> None:
    command = [cosign, what, "create", *services, f"--out={target}"]
    subprocess.run(command, check=True, capture_output=True, env={"HOME": str(target.parent)})
