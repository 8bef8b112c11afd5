"""Find each real peer on PATH or in the cache folder, or build it there once.

The folder is `DBOM_TEST_PEERS`, by default `dbom/test-peers` under the user's cache directory. Each Go peer is pinned
by a module of its own beside this file (`go.mod` with `tool` lines, `go.sum`); a change of either builds it again.
Peers from the Python index are pinned by requirements/peers.txt, those from npm and Debian below.

With names as arguments, only those Go peers are built: `build.py registry crane`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class GoPeer:
    """A program that Go builds.

    `module` is the folder beside this file that pins it, `tags` are build tags, `stamps` what the linker writes into
    variables. `needs` names a module whose tree it reads at run time: that tree is copied, as `copies` says, from a
    path in the module to a name in the cache folder.
    """

    name: str
    module: str
    package: str
    tags: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    needs: str = ""
    copies: tuple[tuple[str, str], ...] = ()


_KUBERNETES_STAMPS = tuple(
    f"-X k8s.io/component-base/version.git{name}={value}"
    for name, value in (("Version", "v1.36.3"), ("Major", "1"), ("Minor", "36"))
)
"""Without them the server names no version, and kubectl can't talk to it."""

_TRILLIAN = "github.com/google/trillian"
_TRILLIAN_TAGS = ("postgresql", "etcd")
"""Trillian's only stores here; without the tags it brings every other database's client."""

GO_PEERS = (
    GoPeer("registry", "registry", "."),
    GoPeer("crane", "crane", "github.com/google/go-containerregistry/cmd/crane"),
    GoPeer("oras", "oras", "oras.land/oras/cmd/oras"),
    GoPeer("cosign", "cosign", "github.com/sigstore/cosign/v3/cmd/cosign"),
    GoPeer("timestamp-server", "timestamp-server", "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server"),
    GoPeer("rekor-server-posix", "rekor-tiles", "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix"),
    GoPeer(
        "trillian_log_server",
        "trillian",
        f"{_TRILLIAN}/cmd/trillian_log_server",
        tags=_TRILLIAN_TAGS,
        needs=_TRILLIAN,
        copies=(("storage/postgresql/schema/storage.sql", "trillian.sql"),),
    ),
    GoPeer("trillian_log_signer", "trillian", f"{_TRILLIAN}/cmd/trillian_log_signer", tags=_TRILLIAN_TAGS),
    GoPeer("trillian_createtree", "trillian", f"{_TRILLIAN}/cmd/createtree", tags=_TRILLIAN_TAGS),
    GoPeer("ct_server", "ct_server", "github.com/google/certificate-transparency-go/trillian/ctfe/ct_server"),
    GoPeer("fulcio", "fulcio", "github.com/sigstore/fulcio"),
    GoPeer("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    GoPeer("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    GoPeer("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", stamps=_KUBERNETES_STAMPS),
    GoPeer("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", stamps=_KUBERNETES_STAMPS),
    GoPeer(
        "kube-controller-manager",
        "kubernetes",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        stamps=_KUBERNETES_STAMPS,
    ),
    GoPeer("fake-gcs-server", "fake-gcs-server", "github.com/fsouza/fake-gcs-server"),
    GoPeer("versitygw", "versitygw", "github.com/versity/versitygw/cmd/versitygw"),
)
"""The peers that are built with Go."""

PYTHON_PEERS = HERE.parent.parent / "requirements" / "peers.txt"
"""The peers from the Python index, hashed. They get an environment of their own, `python/` in the cache folder."""

PARSERS = HERE.parent.parent / "requirements" / "parsers.txt"
"""vLLM, LMDeploy and SGLang without what they compute with, hashed, for `parse-words` (parsers/parse.py)."""

NPM_PEERS = {
    "node_modules/.bin/azurite": ("azurite@3.37.0",),
    "node_modules/sigstore/package.json": ("sigstore@5.0.1", "@sigstore/verify@4.1.3"),
}
"""The peers from npm: a file of each in the cache folder, and the packages with their versions that bring it."""

DEBIAN_PEERS = {
    "curl": "curl",
    "openssl": "openssl",
    "unshare": "util-linux",
    "sha256sum": "coreutils",
    "ip": "iproute2",
    "softhsm2-util": "softhsm2",
    "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
}
"""The peers that Debian has: the program (a path where it is on no PATH), and the package that brings it."""


def cache_folder() -> Path:
    """Return the folder that built peers are kept in."""
    given = os.environ.get("DBOM_TEST_PEERS")
    return (
        Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dbom/test-peers"
    )


def pinned(peer: GoPeer) -> str:
    """Return the digest of what pins a Go peer: its module, and our own sources where it has any."""
    module = HERE / peer.module
    files = [module / "go.mod", module / "go.sum", *sorted(module.glob("*.go"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def build(peer: GoPeer, folder: Path) -> str:
    """Build a Go peer unless the one that is there was built from the same pins; return what was done."""
    binary, stamp = folder / peer.name, folder / f"{peer.name}.pinned"
    wanted = (binary, *(folder / copy for _, copy in peer.copies))
    if all(path.exists() for path in wanted) and stamp.exists() and stamp.read_text() == pinned(peer):
        return f"there ({binary})"
    if shutil.which("go") is None:
        raise SystemExit(
            f"error: {peer.name} is not there and Go, which builds it, isn't either\n  hint: install Go 1.26 or newer"
        )
    started = time.monotonic()
    environment = {**os.environ, "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly"}
    linker = " ".join(("-s -w", *peer.stamps))
    words = ["go", "build", "-tags", ",".join(peer.tags), "-ldflags", linker, "-o", str(binary), peer.package]
    subprocess.run(words, cwd=HERE / peer.module, env=environment, check=True)
    for source, copy in peer.copies:
        _copy(peer, source, folder / copy)
    stamp.write_text(pinned(peer))
    return f"built in {time.monotonic() - started:.0f} s ({binary})"


def _copy(peer: GoPeer, source: str, target: Path) -> None:
    """Copy a file of the module that a peer needs at run time."""
    words = ["go", "mod", "download", "-json", peer.needs]
    said = subprocess.run(words, cwd=HERE / peer.module, check=True, capture_output=True)
    target.write_bytes((Path(json.loads(said.stdout)["Dir"]) / source).read_bytes())


def build_python(folder: Path) -> str:
    """Put the Python peers into an environment of their own; return what was done."""
    environment, stamp = folder / "python", folder / "python.pinned"
    pins = hashlib.sha256(PYTHON_PEERS.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == pins and (environment / "bin" / "dvc").exists():
        return f"there ({environment})"
    started = time.monotonic()
    uv = shutil.which("uv") or str(HERE.parent.parent / ".tools" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    subprocess.run([*install, "--require-hashes", "-r", str(PYTHON_PEERS)], check=True)
    stamp.write_text(pins)
    return f"installed in {time.monotonic() - started:.0f} s ({environment})"


def build_parsers(folder: Path) -> str:
    """Put the programs whose argument parsers are asked into an environment of their own; return what was done."""
    environment, stamp, program = folder / "parsers", folder / "parsers.pinned", folder / "parse-words"
    script = HERE / "parsers" / "parse.py"
    pins = hashlib.sha256(PARSERS.read_bytes() + script.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == pins and program.exists():
        return f"there ({program})"
    started = time.monotonic()
    uv = shutil.which("uv") or str(HERE.parent.parent / ".tools" / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--link-mode", "copy", "--python", str(python)]
    subprocess.run([*install, "--require-hashes", "-r", str(PARSERS)], check=True)
    for package in ("vllm", "lmdeploy", "sglang"):
        for library in environment.glob(f"lib/python*/site-packages/{package}/**/*.so*"):
            library.unlink()  # what they compute with, hundreds of megabytes that no parser needs
    program.write_text(f"#!{python}\n" + script.read_text())
    program.chmod(0o755)
    stamp.write_text(pins)
    return f"installed in {time.monotonic() - started:.0f} s ({program})"


def build_npm(folder: Path) -> str:
    """Put the npm peers into the cache folder, where npm is there; return what was done."""
    packages = [package for several in NPM_PEERS.values() for package in several]
    stamp, pins = folder / "npm.pinned", "\n".join(packages)
    if all((folder / file).exists() for file in NPM_PEERS) and stamp.exists() and stamp.read_text() == pins:
        return f"there ({folder / 'node_modules'})"
    if shutil.which("npm") is None:
        return "left out: npm, which brings them, isn't there (apt-get install npm)"
    started = time.monotonic()
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    subprocess.run([*words, *packages], check=True)
    stamp.write_text(pins)
    return f"installed in {time.monotonic() - started:.0f} s ({folder / 'node_modules'})"


def absent() -> dict[str, str]:
    """Return the programs from Debian that aren't there, by their packages; also looked for where PATH seldom leads."""
    places = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return {package: name for name, package in DEBIAN_PEERS.items() if not shutil.which(name, path=places)}


def main(names: list[str]) -> int:
    """Bring every peer, or the Go peers of these names, saying what was found and what was built."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    unknown = sorted(set(names) - {peer.name for peer in GO_PEERS})
    if unknown:
        raise SystemExit(f"error: no Go peer is called {', '.join(unknown)}")
    missing = {} if names else absent()
    for package, name in missing.items():  # before the builds, which take long where nothing is there yet
        sys.stderr.write(f"error: missing {name} (apt-get install {package})\n")
    for peer in GO_PEERS:
        if not names or peer.name in names:
            sys.stdout.write(f"{peer.name}: {build(peer, folder)}\n")
            sys.stdout.flush()
    if names:
        return 0
    sys.stdout.write(f"dvc, model_signing: {build_python(folder)}\n")
    sys.stdout.write(f"parse-words: {build_parsers(folder)}\n")
    sys.stdout.write(f"azurite, sigstore: {build_npm(folder)}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
