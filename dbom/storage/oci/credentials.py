"""Credentials for registries, from where docker and podman keep them, and from nowhere else.

Read are, in this order: `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json` (or `~/.docker/config.json`),
`$XDG_RUNTIME_DIR/containers/auth.json` and `$XDG_CONFIG_HOME/containers/auth.json` (or `~/.config/…`). In each file a
credential helper named for the host counts before `auths`, and `credsStore` after it, as docker has it; keys of `auths`
may carry a path, as podman has it, and the longest that fits counts.
"""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dbom.canonical import json_object
from dbom.errors import DbomError, StoreError
from dbom.printable import printable
from dbom.rules.stores import REGISTRY_LOGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dbom.canonical import Json, JsonObject

__all__ = ["Credentials", "find_credentials"]

_MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_SECONDS: Final = 60
_DOCKER_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_TOKEN_USER: Final = "<token>"  # noqa: S105  what a helper answers as the name where the secret is a token
_NOT_FOUND: Final = "credentials not found"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password, or an identity token of the registry's login service. Never shown, not even by `repr`."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header of the scheme Basic (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def find_credentials(host: str, repository: str, environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials for a repository, or None where nobody has logged in.

    Raises `StoreError` where a file or a helper is there and can't be used: to go on without the login that somebody
    set up would give a wrong answer.
    """
    for path in _files(environment):
        document = _document(path)
        if document is not None:
            found = _of_document(document, host, repository, environment, path)
            if found is not None:
                return found
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME") or "~").expanduser()
    if given := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(given)
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "containers" / "auth.json"


def _document(path: Path) -> JsonObject | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unusable(f"can't be read: {error.strerror}", str(path)) from error
    try:
        return json_object(data, where=printable(str(path)), limit=_MAX_FILE_BYTES)
    except DbomError as error:
        raise _unusable(error.what, str(path)) from None  # (the cause might quote what is secret)


def _of_document(
    document: JsonObject, host: str, repository: str, environment: Mapping[str, str], path: Path
) -> Credentials | None:
    names = _names(host)
    helpers = _object(document.get("credHelpers"))
    for name in names:
        helper = helpers.get(name)
        if isinstance(helper, str):
            return _of_helper(helper, name, environment)
    found = _of_auths(_object(document.get("auths")), names, repository, str(path))
    if found is not None:
        return found
    store = document.get("credsStore")
    if isinstance(store, str) and store:
        for name in names:
            if (found := _of_helper(store, name, environment)) is not None:
                return found
    return None


def _names(host: str) -> tuple[str, ...]:
    """Return what a host is called in these files: Docker Hub has a name of its own there."""
    if host in _DOCKER_HUB:
        return ("https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io")
    return (host, f"https://{host}")


def _of_auths(auths: JsonObject, names: tuple[str, ...], repository: str, where: str) -> Credentials | None:
    segments = repository.split("/")
    paths = ["/".join(segments[:count]) for count in range(len(segments), 0, -1)]
    keys = [*(f"{name}/{path}" for path in paths for name in names), *names]
    keys += [f"{name}{tail}" for name in names for tail in ("/", "/v1/", "/v2/")]
    for key in keys:
        entry = _object(auths.get(key))
        if token := _text(entry.get("identitytoken")):
            return Credentials(identity_token=token)
        if _text(entry.get("username")):
            return Credentials(_text(entry.get("username")), _text(entry.get("password")))
        if encoded := _text(entry.get("auth")):
            return _decoded(encoded, where)
    return None


def _decoded(encoded: str, where: str) -> Credentials:
    try:
        user, separator, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        separator = user = password = ""
    if not separator:
        raise _unusable("an entry of auths isn't a name and a password", where)
    return Credentials(user, password.rstrip("\0"))


def _of_helper(helper: str, name: str, environment: Mapping[str, str]) -> Credentials | None:
    """Ask a credential helper, by docker's protocol: the host on standard input, JSON on standard output."""
    if _HELPER.fullmatch(helper) is None:
        raise _unusable(f"no name of a credential helper: {printable(helper)}", name)
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(  # noqa: S603  the name is checked above, and it is the person's own configuration
            [program, "get"],
            input=name.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unusable(f"{program} doesn't answer: {type(error).__name__}", name) from None
    if done.returncode != 0:
        if _NOT_FOUND in (done.stdout + done.stderr).decode(errors="replace").lower():
            return None
        raise _unusable(f"{program} failed with {done.returncode}", name)
    try:
        answer = json_object(done.stdout, where=program, limit=_MAX_FILE_BYTES)
    except DbomError:
        raise _unusable(f"{program} doesn't answer with JSON", name) from None  # (the cause might quote what is secret)
    user, secret = _text(answer.get("Username")), _text(answer.get("Secret"))
    if not secret:
        return None
    return Credentials(identity_token=secret) if user == _TOKEN_USER else Credentials(user, secret)


def _unusable(what: str, where: str) -> StoreError:
    return StoreError(REGISTRY_LOGIN, f"credentials: {what}", where=printable(where))


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
