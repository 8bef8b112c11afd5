"""Trust roots come from TUF repositories: real ones, over HTTP on loopback, and what doesn't hold is refused."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (  # type: ignore[attr-defined]  # the library exports them by use alone
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from attest.local import open_local
from attest.tuf import PUBLIC_REPOSITORY, fetch_trust
from dbom.cli.app import run
from dbom.errors import TrustError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROLES = ("root", "timestamp", "snapshot", "targets")
_SERVICES = b'{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}'


class Repository:
    """A TUF repository of one key a role, on disk and served over HTTP; `publish` makes its next version."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.version = folder, 0
        (folder / "targets").mkdir(parents=True)
        self.keys = {role: CryptoSigner(ed25519.Ed25519PrivateKey.generate()) for role in _ROLES}
        self.root = Root(consistent_snapshot=True)
        for role, key in self.keys.items():
            self.root.add_key(key.public_key, role)
        self._sign(self.root, "root", 1, timedelta(days=365), "1.root.json")

    def publish(self, targets: dict[str, bytes], *, lifetime: timedelta = timedelta(days=1)) -> None:
        """Publish these targets, and nothing else, for so long."""
        self.version += 1
        number, metadata = self.version, Targets()
        for name, data in targets.items():
            target = TargetFile.from_data(name, data)
            metadata.targets[name] = target
            (self.folder / "targets" / f"{target.hashes['sha256']}.{name}").write_bytes(data)
        self._sign(metadata, "targets", number, lifetime, f"{number}.targets.json")
        snapshot = Snapshot(meta={"targets.json": MetaFile(number)})
        self._sign(snapshot, "snapshot", number, lifetime, f"{number}.snapshot.json")
        self._sign(Timestamp(snapshot_meta=MetaFile(number)), "timestamp", number, lifetime, "timestamp.json")

    def rotate_root(self) -> None:
        """Make a second root, with a new key for the time stamps, signed by the first one's."""
        self.root.revoke_key(self.keys["timestamp"].public_key.keyid, "timestamp")
        self.keys["timestamp"] = CryptoSigner(ed25519.Ed25519PrivateKey.generate())
        self.root.add_key(self.keys["timestamp"].public_key, "timestamp")
        self._sign(self.root, "root", 2, timedelta(days=365), "2.root.json")

    def _sign(
        self, signed: Root | Targets | Snapshot | Timestamp, role: str, version: int, lifetime: timedelta, name: str
    ) -> None:
        signed.version, signed.expires = version, datetime.now(UTC).replace(microsecond=0) + lifetime
        metadata = Metadata(signed)  # type: ignore[type-var]  # each role's payload is one that it takes
        metadata.sign(self.keys[role])
        metadata.to_file(str(self.folder / name))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def address(repository: Repository) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=repository.folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def published(repository: Repository, tmp_path: Path) -> bytes:
    root = open_local(tmp_path / "somebody").trusted_root()
    repository.publish({"trusted_root.json": root, "signing_config.v0.2.json": _SERVICES})
    return root


def _first_root(repository: Repository) -> bytes:
    return (repository.folder / "1.root.json").read_bytes()


def test_the_published_root_is_fetched_and_the_next_update_needs_no_root(
    repository: Repository, address: str, published: bytes, tmp_path: Path
) -> None:
    found = fetch_trust(address, home=tmp_path, root=_first_root(repository))
    config = json.loads(found.trust_config())
    assert (published, json.loads(_SERVICES)) == (found.trusted_root, config["signingConfig"])
    assert json.loads(published) == config["trustedRoot"]
    other = open_local(tmp_path / "other").trusted_root()
    repository.rotate_root()
    repository.publish({"trusted_root.json": other})
    again = fetch_trust(address + "/", home=tmp_path)
    assert other == again.trusted_root
    with pytest.raises(TrustError, match="no signing services"):
        again.trust_config()


def test_a_repository_that_was_never_met_needs_a_root(
    repository: Repository, address: str, published: bytes, tmp_path: Path
) -> None:
    assert published
    with pytest.raises(TrustError, match="never met") as caught:
        fetch_trust(address, home=tmp_path)
    assert ("DBOM-369", True) == (caught.value.rule.id, "--root" in caught.value.hint)
    other = _first_root(Repository(tmp_path / "other"))
    with pytest.raises(TrustError, match="doesn't hold"):
        fetch_trust(address, home=tmp_path / "a", root=other)
    with pytest.raises(TrustError, match="doesn't hold"):
        fetch_trust(address, home=tmp_path / "b", root=b"no root")
    assert published == fetch_trust(address, home=tmp_path, root=_first_root(repository)).trusted_root


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_metadata_that_was_changed_is_refused(
    repository: Repository, address: str, published: bytes, tmp_path: Path, name: str
) -> None:
    assert published
    path = repository.folder / name
    document = json.loads(path.read_bytes())
    document["signed"]["expires"] = "2999-01-01T00:00:00Z"
    path.write_text(json.dumps(document))
    with pytest.raises(TrustError, match="doesn't hold"):
        fetch_trust(address, home=tmp_path, root=_first_root(repository))


def test_a_target_that_was_changed_is_refused(
    repository: Repository, address: str, published: bytes, tmp_path: Path
) -> None:
    target = next((repository.folder / "targets").glob("*.trusted_root.json"))
    target.write_bytes(published.replace(b"local.dbom.dev", b"evil.dbom.dev."))
    with pytest.raises(TrustError, match="doesn't hold"):
        fetch_trust(address, home=tmp_path, root=_first_root(repository))


def test_a_kept_target_that_was_changed_is_fetched_again(
    repository: Repository, address: str, published: bytes, tmp_path: Path
) -> None:
    fetch_trust(address, home=tmp_path, root=_first_root(repository))
    (kept,) = tmp_path.glob("tuf/*/targets/trusted_root.json")
    kept.write_bytes(b"{}")
    assert published == fetch_trust(address, home=tmp_path).trusted_root


def test_expired_and_rolled_back_repositories_are_refused(
    repository: Repository, address: str, published: bytes, tmp_path: Path
) -> None:
    first = {path.name: path.read_bytes() for path in repository.folder.iterdir() if path.is_file()}
    repository.publish({"trusted_root.json": published})
    fetch_trust(address, home=tmp_path, root=_first_root(repository))
    for name, data in first.items():
        (repository.folder / name).write_bytes(data)
    with pytest.raises(TrustError, match="doesn't hold"):
        fetch_trust(address, home=tmp_path)
    repository.version = 5
    repository.publish({"trusted_root.json": published}, lifetime=timedelta(days=-1))
    with pytest.raises(TrustError, match="expired"):
        fetch_trust(address, home=tmp_path)


def test_a_repository_without_a_trust_root_is_refused(repository: Repository, address: str, tmp_path: Path) -> None:
    repository.publish({"something.json": b"{}"})
    with pytest.raises(TrustError, match="publishes no trust root"):
        fetch_trust(address, home=tmp_path, root=_first_root(repository))


def test_an_address_that_answers_nothing_is_said(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"DBOM|doesn't hold|can't") as caught:
        fetch_trust("http://127.0.0.1:9", home=tmp_path, root=_first_root(repository))
    assert ("DBOM-369", 3) == (caught.value.rule.id, caught.value.exit_code)


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org", "https://", "https://[", "https://a?b"])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the address"):
        fetch_trust(url, home=tmp_path)


def test_a_home_that_can_not_be_written_is_said(repository: Repository, address: str, tmp_path: Path) -> None:
    (tmp_path / "tuf").touch()
    with pytest.raises(TrustError, match="can't be updated"):
        fetch_trust(address, home=tmp_path, root=_first_root(repository))


def test_the_public_one_starts_from_the_root_that_sigstore_brings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can't be reached from here: the root is found and taken, and then the network is what fails."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(TrustError) as caught:
        fetch_trust(PUBLIC_REPOSITORY, home=tmp_path)
    assert "never met" not in caught.value.what
    (kept,) = tmp_path.glob("tuf/*/metadata/root.json")
    assert "sigstore" in kept.read_text()


def test_the_command_writes_what_verify_and_sign_take(
    repository: Repository, address: str, published: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root.json").write_bytes(_first_root(repository))
    words = ["trust", "update", "--url", address, "--root", "root.json", "--trust-config-out", "config.json"]
    assert 0 == run([*words, "-o", "fetched.json"])
    assert published == (tmp_path / "fetched.json").read_bytes()
    assert 0 == run(["trust", "export", "--trust-config", "config.json", "-o", "same.json"])
    assert json.loads(published) == json.loads((tmp_path / "same.json").read_bytes())


def test_the_command_refuses_while_offline_and_a_root_that_is_none(
    repository: Repository,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root.json").write_bytes(_first_root(repository))
    words = ["trust", "update", "--url", address, "--root", "root.json", "-o", "fetched.json"]
    assert 2 == run([*words, "--offline"])
    assert "DBOM-370" in capsys.readouterr().err
    repository.publish({"trusted_root.json": b'{"mediaType": "something else"}'})
    assert 2 == run(words)
    assert not (tmp_path / "fetched.json").exists()
