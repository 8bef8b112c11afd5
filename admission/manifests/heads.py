"""Who signs the heads of the webhook's journals, and what the webhook's pods have for that.

A head proves where a journal ended. Signed by the webhook's own service account at a Sigstore, it is logged and dated
outside the cluster, and no secret lies in it; signed by a key it says no more than that the key's holder wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from admission.manifests.demands import demand, is_network
from admission.manifests.naming import HEADS_KEY_SECRET, HEADS_TRUST
from attest.signers.services import demand_private
from attest.trust import TrustRoot

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["AUDIENCE_PATTERN", "NO_PARTS", "Heads", "HeadsParts", "HeadsSigner", "key_parts", "token_parts"]

AUDIENCE_PATTERN: Final = "[!-~]{1,253}"
_TOKENS: Final = "/var/run/dbom/identity"
_FOLDER: Final = "/etc/dbom/heads"
_TRUST_FILE: Final = "trust-config.json"
_KEY_FILE: Final = "key.pem"
_LIFE: Final = 3600
"""Seconds that a token holds; a kubelet puts a new one there long before."""

_LONGEST_TRUST: Final = 512 * 1024
"""Bytes of a trust configuration: a ConfigMap takes 1 MiB."""


class HeadsSigner(StrEnum):
    """Who signs: nobody, the webhook's service account at a Sigstore (a projected token), or a key in a Secret."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105  a kind of signer
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Heads:
    """Who signs the journals' heads. Raises `UsageError` for what doesn't go together, `DocumentError` for no config.

    `trust_config` is the ClientTrustConfig (JSON) of the Sigstore at which a token signs, `audience` whom the token is
    for. `networks` are those in which that Sigstore's services are; with none the webhook's pods may reach any.
    """

    signer: HeadsSigner = HeadsSigner.NONE
    trust_config: bytes | None = field(default=None, repr=False)
    audience: str = "sigstore"
    networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        is_token, config = self.signer is HeadsSigner.TOKEN, self.trust_config
        demand(is_token or config is None, "a trust configuration is for who signs by a token", self.signer)
        demand(is_token or not self.networks, "only who signs by a token reaches a network", *self.networks)
        demand(not is_token or config is not None, "nothing says at which Sigstore the token signs", self.signer)
        found = self.audience
        demand(_is_audience(found), "not an audience of a token", found)
        for network in self.networks:
            demand(is_network(network), "not a network (203.0.113.0/24)", network)
        if config is not None:
            demand(len(config) <= _LONGEST_TRUST, "too large for a ConfigMap", f"{len(config)} bytes")
            demand_private(config, where="the trust configuration")
            TrustRoot.of_trust_config(config, where="the trust configuration")


@dataclass(frozen=True, slots=True)
class HeadsParts:
    """What is added to the webhook's container and pod, each a list of JSON."""

    words: list[Json] = field(default_factory=list)
    mounts: list[Json] = field(default_factory=list)
    volumes: list[Json] = field(default_factory=list)
    variables: list[Json] = field(default_factory=list)


NO_PARTS: Final = HeadsParts()


def token_parts(audience: Json) -> HeadsParts:
    """Return the parts for a projected token. What isn't there leaves heads unsigned, and no pod waits for it."""
    token: JsonObject = {"audience": audience, "expirationSeconds": _LIFE, "path": "token"}
    identity: JsonObject = {"defaultMode": 0o440, "sources": [{"serviceAccountToken": token}]}
    return HeadsParts(
        words=[f"--identity-token-file={_TOKENS}/token", f"--trust-config={_FOLDER}/{_TRUST_FILE}"],
        mounts=[_mounted("heads-identity", _TOKENS), _mounted("heads", _FOLDER)],
        volumes=[
            {"name": "heads-identity", "projected": identity},
            {"name": "heads", "configMap": {"name": HEADS_TRUST, "optional": True}},
        ],
    )


def key_parts() -> HeadsParts:
    """Return the parts for a key in a Secret, which somebody makes; the same of what isn't there."""
    items: Json = [{"key": _KEY_FILE, "path": _KEY_FILE}]
    secret: JsonObject = {"secretName": HEADS_KEY_SECRET, "defaultMode": 0o440, "optional": True, "items": items}
    password: JsonObject = {"name": HEADS_KEY_SECRET, "key": "password", "optional": True}
    return HeadsParts(
        words=[f"--signing-key={_FOLDER}/{_KEY_FILE}"],
        mounts=[_mounted("heads", _FOLDER)],
        volumes=[{"name": "heads", "secret": secret}],
        variables=[{"name": "DBOM_KEY_PASSWORD", "valueFrom": {"secretKeyRef": password}}],
    )


def _mounted(name: str, path: str) -> JsonObject:
    return {"name": name, "mountPath": path, "readOnly": True}


def _is_audience(text: str) -> bool:
    return 1 <= len(text) <= 253 and text.isascii() and text.isprintable() and " " not in text  # noqa: PLR2004  as AUDIENCE_PATTERN
