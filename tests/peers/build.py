"""Find each real peer on PATH or in the cache folder, or build it there once.

The folder is `DBOM_TEST_PEERS`, by default `dbom/test-peers` under the user's cache directory. Each Go peer is pinned
by the module of its own beside this file (`go.mod` with a `tool` line, `go.sum`); a change of either builds it again.
Peers from the Python index are pinned by requirements/peers.txt.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

GO_PEERS = {
    "cosign": "github.com/sigstore/cosign/v3/cmd/cosign",
    "fake-gcs-server": "github.com/fsouza/fake-gcs-server",
    "versitygw": "github.com/versity/versitygw/cmd/versitygw",
}
"""The peers that are built with Go: the folder beside this file, and the package to build."""

PYTHON_PEERS = HERE.parent.parent / "requirements" / "peers.txt"
"""The peers from the Python index, hashed. They get an environment of their own, `python/` in the cache folder."""

NPM_PEERS = {
    "azurite": "azurite@3.37.0",
}
"""The peers from npm: the program, and the package with its version. They go to `node_modules/` in the cache folder."""

DEBIAN_PEERS = {
    "curl": "curl",
    "openssl": "openssl",
    "unshare": "util-linux",
    "sha256sum": "coreutils",
}
"""The peers that Debian has: the program, and the package that brings it."""


def cache_folder() -> Path:
    """Return the folder that built peers are kept in."""
    given = os.environ.get("DBOM_TEST_PEERS")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "dbom/test-peers"


def pinned(peer: str) -> str:
    """Return the digest of what pins a Go peer."""
    module = HERE / peer
    return hashlib.sha256((module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()).hexdigest()


def build(peer: str, package: str, folder: Path) -> str:
    """Build a Go peer unless the one that is there was built from the same pins; return what was done."""
    binary, stamp = folder / peer, folder / f"{peer}.pinned"
    if binary.exists() and stamp.exists() and stamp.read_text() == pinned(peer):
        return f"there ({binary})"
    if shutil.which("go") is None:
        raise SystemExit(
            f"error: {peer} is not there and Go, which builds it, isn't either\n  hint: install Go 1.26 or newer"
        )
    started = time.monotonic()
    environment = {**os.environ, "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly"}
    subprocess.run(
        ["go", "build", "-ldflags", "-s -w", "-o", str(binary), package], cwd=HERE / peer, env=environment, check=True
    )
    stamp.write_text(pinned(peer))
    return f"built in {time.monotonic() - started:.0f} s ({binary})"


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


def build_npm(peer: str, package: str, folder: Path) -> str:
    """Put an npm peer into the cache folder, where npm is there; return what was done."""
    stamp = folder / f"{peer}.pinned"
    if (folder / "node_modules" / ".bin" / peer).exists() and stamp.exists() and stamp.read_text() == package:
        return f"there ({folder / 'node_modules'})"
    if shutil.which("npm") is None:
        return "left out: npm, which brings it, isn't there"
    started = time.monotonic()
    words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    subprocess.run([*words, package], check=True)
    stamp.write_text(package)
    return f"installed in {time.monotonic() - started:.0f} s ({folder / 'node_modules'})"


def main() -> int:
    """Bring every peer, saying what was found and what was built."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [
        f"{program} (apt-get install {package})"
        for program, package in DEBIAN_PEERS.items()
        if not shutil.which(program)
    ]
    for peer, package in GO_PEERS.items():
        sys.stdout.write(f"{peer}: {build(peer, package, folder)}\n")
    sys.stdout.write(f"dvc, model_signing: {build_python(folder)}\n")
    for peer, package in NPM_PEERS.items():
        sys.stdout.write(f"{peer}: {build_npm(peer, package, folder)}\n")
    for line in missing:
        sys.stderr.write(f"error: missing {line}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
