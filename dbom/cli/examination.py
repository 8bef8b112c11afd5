"""What `dbom doctor` looks at: the installation, settings, what is trusted, and who would sign. It makes nothing."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from dbom import __version__
from dbom.cli.session import current_folder, current_settings
from dbom.cli.wanted import is_as_wanted
from dbom.errors import DbomError
from dbom.installation import foreign_packages
from dbom.model import Unknown
from dbom.printable import printable
from dbom.settings import Settings, find_project_file, user_settings_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Examination", "Package", "examine"]

_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w-]+)['\"]")
_EXTRAS_ASKED = re.compile(r"[\w.-]+\s*\[([\w\s,-]+)\]")
_EXTRAS_LIST = re.compile(r"^\s*\[[^\]]*\]")
_NO_METADATA = Unknown("dbom isn't installed as a distribution here, so what it needs isn't listed")


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution that is needed: its name, what is asked of its version, and the version here, or empty."""

    name: str
    wanted: str
    version: str

    @property
    def is_other(self) -> bool:
        """Whether the version that is here is known to be none that is wanted."""
        return bool(self.version) and is_as_wanted(self.version, _EXTRAS_LIST.sub("", self.wanted)) is False


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `problems` are what has to be mended; `extras` that are missing are none."""

    dbom: str
    python: str
    interpreter: str
    packages: tuple[Package, ...] | Unknown
    extras: Mapping[str, tuple[Package, ...]]
    settings_files: tuple[str, ...]
    local_sigstore: str
    trust_roots: tuple[str, ...]
    signer: str
    problems: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 where something has to be mended, 3 where that can't be told, else 0."""
        if self.problems:
            return 1
        return 3 if isinstance(self.packages, Unknown) else 0


def examine(*, config: Path | None) -> Examination:
    """Look at everything once. `config` is the settings file given on the command line."""
    problems = list(foreign_packages())
    settings = _settings(problems)
    packages, extras = _packages()
    if not isinstance(packages, Unknown):
        problems += [f"{item.name}{item.wanted} is not installed" for item in packages if not item.version]
        problems += [f"{item.name} is {item.version}, expected {item.wanted}" for item in packages if item.is_other]
    local, local_root = _local_sigstore(problems)
    return Examination(
        dbom=__version__,
        python=platform.python_version(),
        interpreter=sys.executable,
        packages=packages,
        extras=extras,
        settings_files=_settings_files(config),
        local_sigstore=local,
        trust_roots=(*local_root, *_given_roots(settings, problems)),
        signer=_signer(settings),
        problems=tuple(problems),
    )


def _settings(problems: list[str]) -> Settings:
    try:
        return current_settings()
    except DbomError as error:
        problems.extend(error.faults or [str(error)])
        return Settings()


def _settings_files(config: Path | None) -> tuple[str, ...]:
    folder = current_folder()
    try:
        project = find_project_file(folder) if folder is not None else None
    except DbomError:
        project = None  # what is wrong with it stands among the problems
    user = user_settings_file(os.environ)
    found = [f"given: {config}"] if config is not None else []
    found.append(f"project: {project or 'none'}")
    return (*found, f"user: {user}{'' if user.is_file() else ' (not there)'}")


def _packages() -> tuple[tuple[Package, ...] | Unknown, Mapping[str, tuple[Package, ...]]]:
    """Return the packages that dbom always needs, and those of each extra."""
    try:
        lines = requires("dbom") or []
    except PackageNotFoundError:
        return _NO_METADATA, {}
    base: list[Package] = []
    extras: defaultdict[str, list[Package]] = defaultdict(list)
    for line in lines:
        requirement, extra = _split(line)
        (extras[extra] if extra else base).extend(_needed(requirement))
    return tuple(base), {name: tuple(items) for name, items in sorted(extras.items())}


def _split(line: str) -> tuple[str, str]:
    """Return a requirement without its condition, and the extra that it belongs to, or an empty text."""
    requirement, _, condition = line.partition(";")
    extra = _EXTRA.search(condition)
    return requirement.strip(), extra[1] if extra else ""


def _needed(requirement: str) -> Iterator[Package]:
    """Yield the package that is required, and what the extras that are asked of it (`name[extra]`) require."""
    package = _package(requirement)
    yield package
    asked = _EXTRAS_ASKED.match(requirement)
    if asked is None or not package.version:
        return
    wanted = {word.strip() for word in asked[1].split(",")}
    for inner, extra in map(_split, requires(package.name) or []):
        if extra in wanted:
            yield _package(inner)


def _package(requirement: str) -> Package:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    try:
        found = version(name)
    except PackageNotFoundError:
        found = ""
    return Package(name, requirement.removeprefix(name), found)


def _local_sigstore(problems: list[str]) -> tuple[str, Sequence[str]]:
    """Return what there is of a local Sigstore, and its trust root; never makes one."""
    from attest.local import find_local

    try:
        local = find_local()
    except DbomError as error:
        problems.append(str(error))
        return "there, but not usable", ()
    if local is None:
        return "not there yet; made at the first signature that needs it", ()
    root = local.folder / "trusted_root.json"
    return f"{local.folder}: signs as {local.identity}", [
        f"{root}: vouches for {printable(local.identity.issuer)} alone"
    ]


def _given_roots(settings: Settings, problems: list[str]) -> list[str]:
    """Return the trust roots that settings name, and add to `problems` what is wrong with them."""
    from attest.trust import TrustRoot

    if settings.trusted_root is None:
        return []
    path = Path(settings.trusted_root)
    try:
        root = TrustRoot.parse(path.read_bytes(), where=str(path))
    except OSError as error:
        problems.append(f"trusted-root {printable(str(path))}: {error.strerror}")
        return []
    except DbomError as error:
        problems.append(str(error))
        return []
    scope = f"vouches for {printable(root.issuer_scope)} alone" if root.issuer_scope else f"sha256:{root.sha256}"
    return [f"{printable(str(path))}: {scope}"]


def _signer(settings: Settings) -> str:
    """Return who would sign here by itself, or why nobody would."""
    from attest.signers.signing import Choice, choose_signer

    key, config = settings.signing_key, settings.trust_config
    choice = Choice(
        signing_key=None if key is None else Path(key), trust_config=None if config is None else Path(config)
    )
    try:
        kind = choose_signer(os.environ, choice)
    except DbomError as error:
        return f"nobody: {error}"
    if key is not None:
        return f"{kind}: settings name the key {printable(key)}"
    if config is not None:
        return f"{kind}: settings name the private Sigstore of {printable(config)}"
    return f"{kind}: this looks like a person's own machine; the identity is only as good as it"
