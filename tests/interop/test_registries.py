"""Registries, ORAS, crane and cosign that others wrote: they find what we push, and we read what they push."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evidence import local_sigstore, signed_artifact

from attest.stores.registry import RegistryStore
from attest.stores.sidecar import Sidecar
from attest.stores.store import open_store
from dbom.cli.app import run
from dbom.errors import StoreError
from dbom.fingerprinting import fingerprint
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry import Registry

_BOM_TYPE = "https://cyclonedx.org/bom"


def _model(folder: Path) -> Path:
    for path, data in {"weights.bin": b"w" * 4096, "config.json": b"{}", "sub/a.txt": b"a"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _done(*words: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _pushed(oras: str, host: str, folder: Path, *files: str, name: str = "models/iris:v1") -> str:
    words = ("push", "--plain-http", "--format", "json", f"{host}/{name}", *files)
    digest = json.loads(_done(oras, *words, cwd=folder))["digest"]
    return f"oci://{host}/{name.partition(':')[0]}@{digest}"


@pytest.fixture(params=["native", "plain"])
def registry(request: pytest.FixtureRequest) -> Registry:
    found: Registry = request.getfixturevalue(f"{request.param}_registry")
    return found


def test_what_oras_pushes_file_by_file_and_as_a_folder_has_the_digest_that_it_has_on_a_disk(
    registry: Registry, peer: Callable[[str], str], tmp_path: Path
) -> None:
    model = _model(tmp_path / "iris")
    expected = fingerprint_path(model).digest
    single = _pushed(peer("oras"), registry.host, model, "weights.bin", "config.json", "sub/a.txt")
    assert expected == fingerprint(single).digest == fingerprint(single, computed=True).digest
    assert expected == fingerprint(_pushed(peer("oras"), registry.host, model, ".", name="models/dot:v1")).digest
    mixed = _pushed(peer("oras"), registry.host, model, "weights.bin", "config.json", "sub", name="models/mixed:v1")
    assert expected == fingerprint(mixed, computed=True).digest


def test_layers_of_an_image_are_what_crane_exports(
    registry: Registry, peer: Callable[[str], str], tmp_path: Path
) -> None:
    crane, image = peer("crane"), f"{registry.host}/models/image:v1"
    model = _model(tmp_path / "iris")
    upper = tmp_path / "upper"
    for path in (".wh.config.json", "sub/.wh..wh..opq", "sub/b.txt"):
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_bytes(b"new" if path == "sub/b.txt" else b"")
    (upper / "link.bin").symlink_to("weights.bin")
    for folder in (model, upper):
        with tarfile.open(tmp_path / f"{folder.name}.tar", "w") as archive:
            for item in sorted(folder.iterdir()):
                archive.add(item, item.name)
    _done(crane, "append", "--insecure", "-f", tmp_path / "iris.tar", "-f", tmp_path / "upper.tar", "-t", image)
    _done(crane, "export", "--insecure", image, tmp_path / "flat.tar")
    with tarfile.open(tmp_path / "flat.tar") as archive:
        archive.extractall(tmp_path / "flat", filter="data")
    found = fingerprint(f"oci://{image}", ignores=())
    assert fingerprint_path(tmp_path / "flat", ignores=()).digest == found.digest
    assert {"link.bin", "sub/b.txt", "weights.bin"} == {entry.path for entry in found.entries}


def test_oras_discovers_and_pulls_the_bundles_that_we_push(
    registry: Registry, peer: Callable[[str], str], tmp_path: Path
) -> None:
    oras, model = peer("oras"), _model(tmp_path / "iris")
    url = _pushed(oras, registry.host, model, "weights.bin", "config.json", "sub/a.txt")
    local = local_sigstore(Path(os.environ["DBOM_HOME"]))
    bundle = signed_artifact(model, local)
    assert run(["attest", "push", str(model), url]) == 0
    plain = url.removeprefix("oci://")
    found = json.loads(_done(oras, "discover", "--plain-http", "--format", "json", plain))["referrers"]
    assert [_BOM_TYPE] == [item["annotations"]["dev.sigstore.bundle.predicateType"] for item in found]
    manifest = json.loads(_done(oras, "manifest", "fetch", "--plain-http", found[0]["reference"]))
    layer = f"{plain.partition('@')[0]}@{manifest['layers'][0]['digest']}"
    _done(oras, "blob", "fetch", "--plain-http", "--output", tmp_path / "pulled", layer)
    assert bundle.read_bytes() == (tmp_path / "pulled").read_bytes()


def test_bundles_come_back_byte_for_byte_and_the_artifact_verifies_by_them(
    registry: Registry, peer: Callable[[str], str], tmp_path: Path
) -> None:
    model = _model(tmp_path / "iris")
    url = _pushed(peer("oras"), registry.host, model, "weights.bin", "config.json", "sub/a.txt")
    signed_artifact(model, local_sigstore(Path(os.environ["DBOM_HOME"])))
    assert run(["attest", "push", str(model), url]) == 0
    kept = {item.raw for item in Sidecar.of(model).bundles()}
    Sidecar.of(model).folder.rename(tmp_path / "away")
    assert run(["verify", str(model), "--local"]) == 3
    assert run(["verify", str(model), "--local", "--store", url]) == 0
    assert run(["attest", "pull", url, str(model)]) == 0
    assert kept == {item.raw for item in Sidecar.of(model).bundles()}
    assert run(["verify", str(model), "--local"]) == 0
    (model / "weights.bin").write_bytes(b"evil")
    assert run(["verify", str(model), "--local", "--store", url]) == 1


def test_cosign_verifies_an_attestation_of_the_manifest_that_we_push(
    registry: Registry, peer: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cosign, model = peer("cosign"), _model(tmp_path / "iris")
    url = _pushed(peer("oras"), registry.host, model, "weights.bin", "config.json", "sub/a.txt")
    (tmp_path / "p.json").write_text('{"accuracy": 0.9}')
    digest, kind = url.partition("@")[2], "https://example.org/evaluation/v1"
    words = ["--digest", digest, "--name", "iris", "--predicate", str(tmp_path / "p.json"), "--predicate-type", kind]
    assert run(["attest", "create", *words, "--local", "--store", url]) == 0
    assert run(["trust", "export", "-o", str(tmp_path / "root.json")]) == 0
    local = local_sigstore(Path(os.environ["DBOM_HOME"]))
    capsys.readouterr()
    expected = ("--certificate-identity", local.identity.subject, "--certificate-oidc-issuer", local.identity.issuer)
    ask = (cosign, "verify-attestation", "--allow-http-registry", "--trusted-root", tmp_path / "root.json", *expected)
    home = {"HOME": str(tmp_path), "TUF_ROOT": str(tmp_path / "tuf")}
    assert '"payload"' in _done(*ask, "--type", kind, url.removeprefix("oci://"), environment=home)
    tree = _done(
        cosign,
        *("tree", "--allow-http-registry", "--registry-referrers-mode", "oci-1-1", url.removeprefix("oci://")),
        environment={"COSIGN_EXPERIMENTAL": "1", **home},
    )
    assert kind in tree
    other = _pushed(peer("oras"), registry.host, model, "config.json", name="models/other:v1")
    store, theirs = open_store(url), open_store(other)
    for entry in store.bundles():
        from attest.showing import claim_of

        theirs.add(entry.raw, claim_of(entry.raw, where="").statement)
    refused = subprocess.run(
        [*map(str, ask), "--type", kind, other.removeprefix("oci://")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **home},
    )
    assert refused.returncode != 0
    assert "does not match" in refused.stderr


def test_what_cosign_attests_in_a_registry_is_found_and_verified(
    registry: Registry, peer: Callable[[str], str], tmp_path: Path
) -> None:
    cosign, model = peer("cosign"), _model(tmp_path / "iris")
    url = _pushed(peer("oras"), registry.host, model, "weights.bin")
    (tmp_path / "p.json").write_text('{"accuracy": 0.9}')
    home = {"HOME": str(tmp_path), "COSIGN_PASSWORD": "", "TUF_ROOT": str(tmp_path / "tuf")}
    _done(cosign, "generate-key-pair", cwd=tmp_path, environment=home)
    (tmp_path / "signing.json").write_text(
        json.dumps({"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json", "rekorTlogConfig": {}})
    )
    words = ("attest", "--key", "cosign.key", "--allow-http-registry", "--predicate", "p.json", "--yes")
    kind = "https://example.org/evaluation/v1"
    target = url.removeprefix("oci://")
    _done(cosign, *words, "--type", kind, "--signing-config", "signing.json", target, cwd=tmp_path, environment=home)
    (found,) = open_store(url).bundles()
    from attest.showing import claim_of

    claim = claim_of(found.raw, where="")
    assert kind == claim.statement.predicate_type
    assert [url.partition("@")[2]] == [str(subject.digest) for subject in claim.statement.subjects]


def test_two_processes_that_push_to_one_tag_lose_nothing(
    plain_registry: Registry, peer: Callable[[str], str], tmp_path: Path
) -> None:
    url = _pushed(peer("oras"), plain_registry.host, _model(tmp_path / "iris"), "weights.bin")
    script = (
        "import sys; from cryptography.hazmat.primitives.asymmetric import ed25519\n"
        "from evidence import key_signed; from attest.statement import Statement, Subject\n"
        "from attest.stores.store import open_store; from dbom.model import Digest, Kind\n"
        "store = open_store(sys.argv[1])\n"
        "for number in range(5):\n"
        "    subject = Subject.of(f'{sys.argv[2]} {number}', Digest(Kind.TREE, 'a' * 64))\n"
        "    statement = Statement.build(subject, 'https://x/', {})\n"
        "    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))\n"
        "    store.add(key_signed(statement.payload, key), statement)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    running = [
        subprocess.Popen([sys.executable, "-P", "-c", script, url, who], env={**os.environ, "PYTHONPATH": path})
        for who in ("one", "two")
    ]
    assert [0, 0] == [child.wait() for child in running]
    assert len(list(open_store(url).bundles())) == 10


def test_a_registry_behind_a_login_is_entered_by_docker_s_configuration(
    guarded_registry: Registry, peer: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(tmp_path / "iris")
    guarded_registry.login(tmp_path / "docker")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    url = _pushed(peer("oras"), guarded_registry.host, model, "weights.bin", "config.json", "sub/a.txt")
    signed_artifact(model, local_sigstore(Path(os.environ["DBOM_HOME"])))
    assert run(["attest", "push", str(model), url]) == 0
    store = open_store(url)
    assert isinstance(store, RegistryStore)
    assert len(list(store.bundles())) == 1
    assert fingerprint_path(model).digest == fingerprint(url, computed=True).digest
    store.registry.close()
    monkeypatch.setattr("dbom.storage.oci.registry._registries", {})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert caught.value.rule.id == "DBOM-380"
