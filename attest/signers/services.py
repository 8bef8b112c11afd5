"""The services that a client trust configuration names, and whether one of them is the public Sigstore's.

The choice among several follows sigstore/protobuf-specs, `sigstore_trustroot.proto` (SigningConfig): of the valid
services one for each operator, its newest version; then all, any one, or an exact number of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from attest.trust import MAX_TRUST_ROOT_BYTES, TrustRoot
from dbom.canonical import json_object
from dbom.errors import DocumentError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import PUBLIC_SERVICE, TRUST_CONFIG_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["PUBLIC_DOMAINS", "Service", "Services", "demand_private", "names_public"]

PUBLIC_DOMAINS: Final = ("sigstore.dev", "sigstage.dev")
"""The domains of the public Sigstore and of its staging instance: what is logged there, everybody reads."""

_CONFIG_TYPE: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_SIGNING_TYPE: Final = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
_LOGGING_KINDS: Final = ("caUrls", "rekorTlogUrls")  # an authority logs its certificates, with the names in them
_LOG_VERSIONS: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class Service:
    """One service: where it answers, and which version of its API it speaks."""

    url: str
    version: int


@dataclass(frozen=True, slots=True)
class Services:
    """The logs and time stampers that a signature is to be shown to now.

    `time_stamp_urls` are the addresses that take an RFC 3161 query. `root` vouches for all of them; None is unknown.
    """

    logs: tuple[Service, ...]
    time_stamp_urls: tuple[str, ...]
    root: TrustRoot | None = field(repr=False)

    @classmethod
    def of_trust_config(cls, data: bytes, *, where: str, now: datetime) -> Self:
        """Read them from a client trust configuration, as it holds `now`.

        Raises `DocumentError` for a malformed configuration, or one without a log that is in force.
        """
        config = _signing_config(data, where)
        root = TrustRoot.of_trust_config(data, where=where)
        try:
            logs = _chosen(config, "rekorTlogUrls", "rekorTlogConfig", _LOG_VERSIONS, now)
            stampers = _chosen(config, "tsaUrls", "tsaConfig", (1,), now)
        except _FaultError as fault:
            raise DocumentError(TRUST_CONFIG_MALFORMED, str(fault), where=where) from fault
        if not logs:
            raise DocumentError(TRUST_CONFIG_MALFORMED, "it names no log that is in force", where=where)
        return cls(logs, tuple(service.url for service in stampers), root)


def names_public(data: bytes, *, where: str) -> tuple[str, ...]:
    """Return the logging services of the public Sigstore that a client trust configuration names, in force or not.

    A log that another name leads to can't be told. Raises `DocumentError` for a malformed configuration.
    """
    config = _signing_config(data, where)
    try:
        services = [service for kind in _LOGGING_KINDS for service in _objects(config, kind)]
        return tuple(printable(url) for service in services if _is_public(url := _url(service)))
    except _FaultError as fault:
        raise DocumentError(TRUST_CONFIG_MALFORMED, str(fault), where=where) from fault


def demand_private(data: bytes, *, where: str) -> None:
    """Check that a client trust configuration leads to no log of the public Sigstore; else as `names_public`.

    Raises `UsageError` where it does.
    """
    public = names_public(data, where=where)
    if public:
        raise UsageError(
            PUBLIC_SERVICE, "the trust configuration names the public Sigstore", where=where, got=", ".join(public)
        )


def _is_public(url: str) -> bool:
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in PUBLIC_DOMAINS)


class _FaultError(Exception):
    """What is wrong with a signing configuration; only ever seen in this module."""


def _signing_config(data: bytes, where: str) -> JsonObject:
    document = json_object(data, where=where, limit=MAX_TRUST_ROOT_BYTES)
    config = document.get("signingConfig")
    if not isinstance(config, dict) or document.get("mediaType") != _CONFIG_TYPE:
        raise DocumentError(TRUST_CONFIG_MALFORMED, "not a client trust configuration", where=where)
    if config.get("mediaType") != _SIGNING_TYPE:
        raise DocumentError(
            TRUST_CONFIG_MALFORMED,
            "its signing configuration is of another version",
            where=where,
            got=printable(repr(config.get("mediaType"))),
            expected=_SIGNING_TYPE,
        )
    return config


def _chosen(config: JsonObject, kind: str, rule: str, versions: tuple[int, ...], now: datetime) -> tuple[Service, ...]:
    newest: dict[str, Service] = {}
    for item in _objects(config, kind):
        version, operator = item.get("majorApiVersion"), item.get("operator", "")
        if not isinstance(version, int) or not isinstance(operator, str):
            raise _FaultError(f"a service of {kind} has no version")
        if version not in versions or not _in_force(item, now):
            continue
        if operator not in newest or newest[operator].version <= version:
            newest[operator] = Service(_url(item), version)
    found = tuple(newest.values())
    return found[: _wanted(config, kind, rule, len(found))]


def _wanted(config: JsonObject, kind: str, rule: str, found: int) -> int:
    """Return how many of the services the configuration asks for. None is asked for where there are none."""
    chosen = config.get(rule)
    if chosen is None:
        return found
    if not isinstance(chosen, dict):
        raise _FaultError(f"{rule} is not an object")
    selector, count = chosen.get("selector"), chosen.get("count")
    if selector in ("ALL", None):
        return found
    if selector == "ANY":
        return 1
    if selector != "EXACT" or not isinstance(count, int) or count < 1:
        raise _FaultError(f"{rule} asks for something that isn't known here")
    if found < count:
        raise _FaultError(f"{rule} asks for {count} of {kind}, and {found} are in force")
    return count


def _in_force(item: JsonObject, now: datetime) -> bool:
    window = item.get("validFor")
    if not isinstance(window, dict):
        raise _FaultError("a service has no validFor")
    start, end = _moment(window.get("start")), _moment(window.get("end"))
    return (start is None or start <= now) and (end is None or now <= end)


def _moment(value: Json) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _FaultError("validFor holds something that is not a time with a zone")
    return moment


def _objects(config: JsonObject, key: str) -> list[JsonObject]:
    found = config.get(key) or []
    if not isinstance(found, list):
        raise _FaultError(f"{key} is not a list of services")
    items = [item for item in found if isinstance(item, dict)]
    if len(items) != len(found):
        raise _FaultError(f"{key} is not a list of services")
    return items


def _url(service: JsonObject) -> str:
    url = service.get("url")
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if not isinstance(url, str) or parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _FaultError("a service has no usable URL")
    return url
