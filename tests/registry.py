"""OCI registries on loopback: with the native referrers API and without it, open or behind a user's password.

The fixtures `native_registry`, `guarded_registry` and `plain_registry` (tests/conftest.py) give one `Registry` a test:
`.host` is what stands before the repository in a reference, `.url` its root, `.login(folder)` writes the usual docker
configuration for it.
"""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from programs import program
from servers import free_port, process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Registry", "native_registry", "plain_registry"]

USER, PASSWORD = "somebody", "made-up-password"


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry; `user` and `password` are empty where everybody may use it."""

    host: str
    folder: Path
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Return the registry's root; it speaks plain HTTP."""
        return f"http://{self.host}"

    def login(self, folder: Path) -> Path:
        """Write a docker configuration with the credentials; `folder` is what DOCKER_CONFIG has to name."""
        folder.mkdir(parents=True, exist_ok=True)
        said = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        file = folder / "config.json"
        file.write_text(json.dumps({"auths": {self.host: {"auth": said}} if self.user else {}}))
        return file


@contextlib.contextmanager
def native_registry(folder: Path, *, guarded: bool = False) -> Iterator[Registry]:
    """Run a registry with the referrers API; `guarded` wants `USER` and `PASSWORD`."""
    found = Registry(f"127.0.0.1:{free_port()}", folder, *((USER, PASSWORD) if guarded else ()))
    folder.mkdir(parents=True, exist_ok=True)
    command = [program("registry"), f"-address={found.host}", f"-disk={folder}"]
    with process([*command, f"-user={found.user}", f"-password={found.password}"], _port(found)):
        yield found


@contextlib.contextmanager
def plain_registry(folder: Path) -> Iterator[Registry]:
    """Run a registry without the referrers API, crane's: what refers to what is found there by tag alone."""
    found = Registry(f"127.0.0.1:{free_port()}", folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = [program("crane"), "registry", "serve", "--address", found.host, "--disk", str(folder)]
    with process(command, _port(found)):
        yield found


def _port(found: Registry) -> int:
    return int(found.host.rpartition(":")[2])
