"""What clients are given: where services are and whom to trust (sigstore/protobuf-specs, sigstore_trustroot.proto)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.served.issuers import IssuerKind
from dbom.canonical import canonical_json, json_object
from dbom.names import CLIENT_TRUST_CONFIG_V01, SIGNING_CONFIG_V02

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.served.issuers import Issuer
    from dbom.canonical import Json, JsonObject

__all__ = ["client_files", "client_trust_config", "providers_of", "signing_config"]

_OPERATOR: Final = "dbom"


def client_files(trusted_root: bytes, *, url: str, providers: Sequence[str]) -> Mapping[str, bytes]:
    """Return the files for clients by name: trusted root, signing config, and the client trust config that has both."""
    signing = signing_config(trusted_root, url=url, providers=providers)
    return {
        "trusted_root.json": trusted_root,
        "signing_config.json": signing,
        "client_trust_config.json": client_trust_config(trusted_root, signing),
    }


def providers_of(issuers: Sequence[Issuer]) -> tuple[str, ...]:
    """Return where people log in: the issuers of e-mail addresses. Clients want one, so without these it is any."""
    found = tuple(issuer.url for issuer in issuers if issuer.kind is IssuerKind.EMAIL)
    return found or tuple(issuer.url for issuer in issuers)


def signing_config(trusted_root: bytes, *, url: str, providers: Sequence[str]) -> bytes:
    """Return the signing config of a Sigstore whose services all answer at `url`, and where clients log people in.

    They are valid from when the trusted root's log is.
    """
    start = _start(json_object(trusted_root, where="the trusted root"))
    base = url.rstrip("/")

    def service(address: str) -> JsonObject:
        return {"url": address, "majorApiVersion": 1, "validFor": {"start": start}, "operator": _OPERATOR}

    logins: list[Json] = [service(provider) for provider in providers]
    return canonical_json(
        {
            "mediaType": SIGNING_CONFIG_V02,
            "caUrls": [service(base)],
            "oidcUrls": logins,
            "rekorTlogUrls": [service(base)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [service(f"{base}/api/v1/timestamp")],
            "tsaConfig": {"selector": "ANY"},
        }
    )


def client_trust_config(trusted_root: bytes, signing: bytes) -> bytes:
    """Return both in one document."""
    return canonical_json(
        {
            "mediaType": CLIENT_TRUST_CONFIG_V01,
            "trustedRoot": json_object(trusted_root, where="the trusted root"),
            "signingConfig": json_object(signing, where="the signing config"),
        }
    )


def _start(root: JsonObject) -> str:
    logs = root["tlogs"]
    assert isinstance(logs, list)
    log = logs[-1]
    assert isinstance(log, dict)
    key = log["publicKey"]
    assert isinstance(key, dict)
    valid = key["validFor"]
    assert isinstance(valid, dict)
    return str(valid["start"])
