"""Whose identity tokens are taken: the issuers, as they are configured. Nothing is issued for any other.

An issuer is written `URL=TYPE` with options behind commas (`--issuer`), or as a table of a TOML file (`--issuers`). The
types are those of Fulcio (sigstore/fulcio, docs/oidc.md) that make a subject of a token by themselves.
"""

from __future__ import annotations

import ipaddress
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attest.files import read_file
from attest.signers.tokens import AUDIENCE
from dbom.errors import UsageError
from dbom.names import LOCAL_ISSUER_PREFIX
from dbom.printable import printable
from dbom.rules.local import SERVE_SETUP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Issuer", "IssuerKind", "is_loopback", "issuer_table", "parse_issuer", "read_issuers"]

_MAX_FILE_BYTES: Final = 1024 * 1024
_OPTIONS: Final = ("audience", "ca-file", "token-file", "domain")


class IssuerKind(StrEnum):
    """What an issuer's tokens say who somebody is by."""

    EMAIL = "email"
    KUBERNETES = "kubernetes"
    URI = "uri"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An OIDC issuer, by the exact text that its tokens name it by.

    Its servers are known by `ca_file`, where the system's authorities won't do, and asked with the token in
    `token_file`, where they want one (a Kubernetes API server may). `domain` is, for URIs, the scheme and host that
    subjects must have.
    """

    url: str
    kind: IssuerKind
    audience: str = AUDIENCE
    ca_file: Path | None = None
    token_file: Path | None = field(default=None, repr=False)
    domain: str = ""

    def __post_init__(self) -> None:
        fault = _fault_of(self)
        if fault:
            raise UsageError(SERVE_SETUP, f"the issuer won't do: {fault}", where=printable(self.url))


def parse_issuer(text: str) -> Issuer:
    """Read `URL=TYPE[,audience=A][,ca-file=F][,token-file=F][,domain=URL]`. Raises `UsageError`."""
    head, *rest = text.split(",")
    url, separator, kind = head.rpartition("=")
    options = dict[str, str]()
    for item in rest:
        name, equals, value = item.partition("=")
        if not equals or name in options:
            raise UsageError(SERVE_SETUP, "an issuer's option is written once, NAME=VALUE", got=printable(item))
        options[name] = value
    if not separator:
        raise UsageError(SERVE_SETUP, "not an issuer", got=printable(text), expected="URL=TYPE[,NAME=VALUE]...")
    return _issuer(url, {"type": kind, **options}, "--issuer")


def read_issuers(path: Path) -> tuple[Issuer, ...]:
    """Read a TOML file with a table `[[issuer]]` for each: `url`, `type` and the options. Raises `UsageError`."""
    where = printable(str(path))
    try:
        document = tomllib.loads(read_file(path, limit=_MAX_FILE_BYTES, what="issuers").decode())
    except ValueError as error:
        raise UsageError(SERVE_SETUP, f"not TOML: {printable(str(error))}", where=where) from error
    tables = document.get("issuer")
    if set(document) != {"issuer"} or not isinstance(tables, list):
        raise UsageError(SERVE_SETUP, "it holds tables [[issuer]] and nothing else", where=where)
    found: list[Issuer] = []
    for table in tables:
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise UsageError(SERVE_SETUP, "an issuer is a table of texts", where=where)
        said = dict(table)
        found.append(_issuer(said.pop("url", ""), said, where))
    return tuple(found)


def issuer_table(issuers: Iterable[Issuer]) -> Mapping[str, Issuer]:
    """Return the issuers by their URL. Raises `UsageError` where there is none, or one twice."""
    table: dict[str, Issuer] = {}
    for issuer in issuers:
        if issuer.url in table:
            raise UsageError(SERVE_SETUP, "the issuer is configured twice", where=printable(issuer.url))
        table[issuer.url] = issuer
    if not table:
        raise UsageError(SERVE_SETUP, "no issuer is configured, so no certificate could be issued")
    return table


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's loopback, and can't be anything else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _issuer(url: str, said: Mapping[str, str], where: str) -> Issuer:
    unknown = sorted(set(said) - {"type", *_OPTIONS})
    if unknown:
        shown = printable(", ".join(unknown))
        raise UsageError(SERVE_SETUP, "no such option of an issuer", where=where, got=shown, expected=str(_OPTIONS))
    if said.get("type") not in list(IssuerKind):
        raise UsageError(
            SERVE_SETUP,
            "no such type of issuer",
            where=where,
            got=printable(repr(said.get("type"))),
            expected=", ".join(IssuerKind),
        )
    files = [Path(said[name]) if name in said else None for name in ("ca-file", "token-file")]
    return Issuer(
        url, IssuerKind(said["type"]), said.get("audience", AUDIENCE), files[0], files[1], said.get("domain", "")
    )


def _fault_of(issuer: Issuer) -> str:
    """Return what is wrong with an issuer, or nothing."""
    try:
        parts = urlsplit(issuer.url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no URL"
    in_the_clear = parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host or ""))
    plain = host and not parts.query and not parts.fragment and "@" not in parts.netloc
    domain = urlsplit(issuer.domain)
    checks = (
        (not plain or issuer.url != issuer.url.strip(), "it is no plain URL"),
        (issuer.url.startswith(LOCAL_ISSUER_PREFIX), "it is a local identity's, for which nothing is issued"),
        (in_the_clear, "its keys would be fetched in the clear; use https (plain http is for loopback)"),
        (not issuer.audience, "it has no audience"),
        (
            issuer.token_file is not None and issuer.ca_file is None,
            "a token is sent only to servers that a ca-file knows",
        ),
        (
            (issuer.kind is IssuerKind.URI) != bool(issuer.domain),
            "a domain is what subjects of the type uri need, and no other",
        ),
        (bool(issuer.domain) and not (domain.scheme and domain.netloc), "its domain is no URL"),
    )
    return next((fault for wrong, fault in checks if wrong), "")
