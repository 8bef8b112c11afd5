"""Settings: what holds where no flag says otherwise, and where each of them came from.

The order is flag, environment (`DBOM_*`), the file given by `--config`, the project's file, the user's file. A
project's file (`dbom.toml`, or `[tool.dbom]` in `pyproject.toml`, of the current folder or above) may have come with
the artifact, so it never says whom to trust, what to sign with or what to leave out of a digest.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from dbom.errors import DocumentError, PathError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE
from dbom.rules.everyday import SETTINGS_MALFORMED, SETTINGS_TRUST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "KEYS",
    "Key",
    "Layer",
    "Level",
    "Origin",
    "Settings",
    "Value",
    "find_project_file",
    "load_settings",
    "settle",
    "user_settings_file",
]

Value: TypeAlias = "int | str | tuple[str, ...]"
"""What a setting can be."""

_MAX_FILE_BYTES = 1024 * 1024


class Level(StrEnum):
    """The places that settings come from, strongest first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    CONFIG = "config"
    PROJECT = "project"
    USER = "user"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Key:
    """A setting: its name in files and flags, what type it has, and whether a project's file may give it.

    `group` names settings that only make sense together: the strongest place that gives one of them gives them all,
    so that an issuer of the user's file is never paired with an identity of the command line.
    """

    name: str
    type: type[int | str | tuple[str, ...]]
    line: str
    in_project: bool = False
    group: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return "DBOM_" + self.name.upper().replace("-", "_")

    @property
    def attribute(self) -> str:
        """Its field in `Settings`."""
        return self.name.replace("-", "_")


_EXPECTED = "whom verification expects"
_POLICY_SIGNERS = "who may sign policies"

KEYS: Final[tuple[Key, ...]] = (
    Key(
        "jobs",
        int,
        "Threads or processes to read with; 0 is what suits: one for each core, one for tiny files, 8 for a URL.",
        in_project=True,
    ),
    Key("license", str, "The licence that generated BOMs state, as an SPDX expression.", in_project=True),
    Key("supplier", str, "The supplier that generated BOMs name.", in_project=True),
    Key("ignore", tuple, "Patterns to leave out of trees, beside the default ones."),
    Key("store", tuple, "Stores of attestations to read, and to write to when signing."),
    Key("identity", str, "The signer that verification expects.", group=_EXPECTED),
    Key("issuer", str, "The issuer that vouches for the expected signer.", group=_EXPECTED),
    Key("key", str, "The public key that verification expects.", group=_EXPECTED),
    Key("policy", str, "The policy file that says whom to expect.", group=_EXPECTED),
    Key("policy-identity", str, "The signer that policy files must have.", group=_POLICY_SIGNERS),
    Key("policy-issuer", str, "The issuer that vouches for the signer of policies.", group=_POLICY_SIGNERS),
    Key("policy-trusted-root", str, "The trust root behind that issuer.", group=_POLICY_SIGNERS),
    Key("policy-key", str, "The public key whose owner must have signed policy files.", group=_POLICY_SIGNERS),
    Key("trusted-root", str, "The trust root that expected signers rest on."),
    Key("trust-config", str, "The client trust config of a private Sigstore."),
    Key("signing-key", str, "The private key to sign with."),
)
"""Every setting there is."""

_BY_NAME = {key.name: key for key in KEYS}

# Variables that are no settings: places, test peers, secrets, and what Kubernetes adds for services called dbom….
_OTHER_VARIABLES = re.compile(
    r"DBOM_(HOME|CONFIG_HOME|CACHE_HOME|PLAIN_HTTP|IDENTITY_TOKEN_FILE|PKCS11_PIN|(TEST|REQUIRE|GOLDEN)_\w+|\w*PASSWORD|(\w+_)?SERVICE_(HOST|PORT\w*)|(\w+_)?PORT(_\d+_(TCP|UDP|SCTP)\w*)?)"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting came from: the place, and which flag, variable or file of it."""

    level: Level
    where: str = ""

    def __str__(self) -> str:
        return f"{self.level} ({printable(self.where)})" if self.where else str(self.level)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. `origins` says for each name in `KEYS` where it came from."""

    jobs: int = 0
    license: str | None = None
    supplier: str | None = None
    ignore: tuple[str, ...] = ()
    store: tuple[str, ...] = ()
    identity: str | None = None
    issuer: str | None = None
    key: str | None = None
    policy: str | None = None
    policy_identity: str | None = None
    policy_issuer: str | None = None
    policy_trusted_root: str | None = None
    policy_key: str | None = None
    trusted_root: str | None = None
    trust_config: str | None = None
    signing_key: str | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def value(self, name: str) -> Value | None:
        """Return the setting called `name` (as in `KEYS`), or None where nothing gives it."""
        value: Value | None = getattr(self, _BY_NAME[name].attribute)
        return value

    def origin(self, name: str) -> Origin:
        """Return where the setting called `name` came from."""
        return self.origins.get(name, Origin(Level.DEFAULT))


@dataclass(frozen=True, slots=True)
class Layer:
    """What one place says: a value for each name, and a fault for each thing it says wrongly."""

    level: Level
    where: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    trust_faults: tuple[str, ...] = ()

    def origin(self, key: Key) -> Origin:
        """Return where a setting of this layer came from."""
        if self.level is Level.FLAG:
            return Origin(self.level, f"--{key.name}")
        return Origin(self.level, key.variable if self.level is Level.ENVIRONMENT else self.where)


def settle(layers: Sequence[Layer]) -> Settings:
    """Return the settings that `layers`, strongest first, come to.

    Raises `DocumentError` with every fault of every layer.
    """
    trust = [fault for layer in layers for fault in layer.trust_faults]
    faults = [*trust, *(fault for layer in layers for fault in layer.faults)]
    if faults:
        rule = SETTINGS_TRUST if trust else SETTINGS_MALFORMED
        what = faults[0] if len(faults) == 1 else f"{len(faults)} faults in the settings"
        raise DocumentError(rule, what, faults=faults if len(faults) > 1 else ())
    chosen = {key.name: layer for key in KEYS if (layer := _giver(key, layers)) is not None}
    values = {_BY_NAME[name].attribute: layer.values[name] for name, layer in chosen.items()}
    origins = {name: layer.origin(_BY_NAME[name]) for name, layer in chosen.items()}
    return Settings(**values, origins=origins)  # type: ignore[arg-type]  # each layer has checked each value's type


def _giver(key: Key, layers: Sequence[Layer]) -> Layer | None:
    together = {other.name for other in KEYS if other.group == key.group} if key.group else {key.name}
    strongest = next((layer for layer in layers if together & layer.values.keys()), None)
    return strongest if strongest is not None and key.name in strongest.values else None


def flag_layer(flags: Mapping[str, Value | None]) -> Layer:
    """Return what the command line says: names as in `KEYS`; None, and an empty tuple, are not said."""
    return Layer(Level.FLAG, values={name: value for name, value in flags.items() if value is not None and value != ()})


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """Return what the `DBOM_*` variables say. Several values in one variable are separated by commas.

    An empty variable says nothing. One that is no setting is a fault: a misspelt one would be ignored in silence.
    """
    values: dict[str, Value] = {}
    faults = []
    variables = {key.variable: key for key in KEYS}
    for name, text in sorted(environment.items()):
        if not name.startswith("DBOM_") or not text or _OTHER_VARIABLES.fullmatch(name):
            continue
        if name not in variables:
            faults.append(f"the variable {printable(name)} is no setting{_near(name, variables)}")
            continue
        value = _of_text(variables[name], text)
        if value is None:
            faults.append(f"{name}: got {printable(text)}, expected a whole number, 0 or more")
        else:
            values[variables[name].name] = value
    return Layer(Level.ENVIRONMENT, values=values, faults=tuple(faults))


def file_layer(level: Level, where: str, table: Mapping[str, object]) -> Layer:
    """Return what the table of a settings file says; `where` names the file."""
    values: dict[str, Value] = {}
    faults, trust = [], []
    for name, item in table.items():
        key = _BY_NAME.get(name)
        if key is None:
            faults.append(f"{where}: unknown setting '{printable(name)}'{_near(name, _BY_NAME)}")
        elif level is Level.PROJECT and not key.in_project:
            trust.append(f"{where}: the setting '{name}' can't stand in a project's file")
        elif (value := _of_toml(key, item)) is None:
            faults.append(f"{where}: {name}: got {printable(repr(item))}, expected {_EXPECTED_TYPES[key.type]}")
        else:
            values[name] = value
    return Layer(level, where, values, tuple(faults), tuple(trust))


_EXPECTED_TYPES: Final = {int: "a whole number, 0 or more", str: "a text", tuple: "a list of texts"}


def _of_text(key: Key, text: str) -> Value | None:
    if key.type is int:
        return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else None
    return tuple(part for part in text.split(",") if part) if key.type is tuple else text


def _of_toml(key: Key, item: object) -> Value | None:
    if key.type is tuple:
        texts = [item] if isinstance(item, str) else item
        if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
            return None
        return tuple(texts)
    if key.type is int:
        return item if isinstance(item, int) and not isinstance(item, bool) and item >= 0 else None
    return item if isinstance(item, str) and item else None


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def load_settings(
    *,
    flags: Mapping[str, Value | None],
    environment: Mapping[str, str],
    config: Path | None,
    folder: Path | None,
    user_file: Path | None,
) -> Settings:
    """Read every place that settings come from, and return what holds.

    `flags` are by name as in `KEYS`, `config` is the file given by `--config`, `folder` the current one (None where
    there is none), `user_file` may be missing. Raises `DocumentError` for malformed settings, `PathError` for a file
    that can't be read.
    """
    return settle([flag_layer(flags), environment_layer(environment), *_file_layers(config, folder, user_file)])


def _file_layers(config: Path | None, folder: Path | None, user_file: Path | None) -> Iterator[Layer]:
    if config is not None:
        yield _read_layer(Level.CONFIG, config)
    project = None if folder is None else find_project_file(folder)
    if project is not None:
        yield _read_layer(Level.PROJECT, project)
    if user_file is not None and _is_there(user_file):
        yield _read_layer(Level.USER, user_file)


def find_project_file(folder: Path) -> Path | None:
    """Return the nearest `dbom.toml`, or `pyproject.toml` with `[tool.dbom]`, of `folder` or above; else None.

    A folder that this user may not look into has none: nothing that decides a verdict may stand in such a file.
    """
    for place in (folder, *folder.parents):
        if os.path.isfile(place / "dbom.toml"):  # noqa: PTH113  Path's own raises where it may not look
            return place / "dbom.toml"
        pyproject = place / "pyproject.toml"
        is_there = os.path.isfile(pyproject)  # noqa: PTH113  as above
        if is_there and b"dbom" in _read_bytes(pyproject) and _dbom_table(pyproject) is not None:
            return pyproject
    return None


def user_settings_file(environment: Mapping[str, str]) -> Path:
    """Return where the user's own settings stand: `config.toml` in `DBOM_CONFIG_HOME` or the platform's folder."""
    home = environment.get("DBOM_CONFIG_HOME")
    if home:
        return Path(home) / "config.toml"
    import platformdirs  # noqa: PLC0415  only where no folder was named

    return Path(platformdirs.user_config_dir("dbom")) / "config.toml"


def _is_there(user_file: Path) -> bool:
    """Return whether the user has a settings file. Not to be told is an error: it may say whom to expect."""
    try:
        user_file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(user_file, error) from error
    return True


def _unreadable(file: Path, error: OSError) -> PathError:
    return PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=str(file))


def _read_layer(level: Level, file: Path) -> Layer:
    table: object = _read_toml(file)
    if file.name == "pyproject.toml":
        table = _dbom_table(file)
    if not isinstance(table, dict):
        return Layer(level, str(file), faults=(f"{printable(str(file))}: [tool.dbom] is not there, or not a table",))
    return file_layer(level, printable(str(file)), table)


def _dbom_table(pyproject: Path) -> object:
    tool = _read_toml(pyproject).get("tool")
    return tool.get("dbom") if isinstance(tool, dict) else None


def _read_toml(file: Path) -> dict[str, object]:
    import tomllib  # noqa: PLC0415  only who has a settings file pays for it

    try:
        return tomllib.loads(_read_bytes(file).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(SETTINGS_MALFORMED, f"not TOML: {printable(str(error))}", where=str(file)) from error


def _read_bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise PathError(PATH_MISSING, "there is no such settings file", where=str(file)) from error
    except OSError as error:
        raise _unreadable(file, error) from error
    if len(data) > _MAX_FILE_BYTES:
        raise DocumentError(SETTINGS_MALFORMED, "too large", where=str(file), expected=f"at most {_MAX_FILE_BYTES}")
    return data
