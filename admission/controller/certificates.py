"""The webhook's certificates in the cluster: two Secrets and the webhook's configuration, written where it differs.

Ended at whatever point, the next run goes on from what is there: the order is authority, bundle, serving certificate.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from admission.certificates import Issued
from admission.controller.client import collection
from admission.controller.naming import AUTHORITY_SECRET, CONFIGURATION, SERVICE, TLS_SECRET
from admission.controller.rotation import (
    DEFAULT_LIFETIMES,
    Held,
    Lifetimes,
    believed,
    ends_at,
    rotated_authority,
    rotated_serving,
)
from dbom.errors import UndecidedError
from dbom.rules.cluster import CLUSTER_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from admission.controller.client import Api
    from dbom.canonical import Json, JsonObject

__all__ = ["ROTATE", "Certificates"]

ROTATE: Final = "dbom.dev/rotate"
"""The annotation of the authority's Secret: an authority made before that moment is followed by a new one."""

_ADMISSION: Final = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Keeps the certificates of a webhook, while `demand` doesn't raise: it says whether we lead."""

    api: Api
    namespace: str
    demand: Callable[[], None]
    lifetimes: Lifetimes = DEFAULT_LIFETIMES

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which API servers call the webhook."""
        name = f"{SERVICE}.{self.namespace}.svc"
        return (name, f"{name}.cluster.local")

    def keep(self, now: datetime) -> tuple[datetime | None, tuple[str, ...]]:
        """Renew what is due; return when the serving certificate ends, and what was done, in words.

        Raises `UndecidedError` where the API server is away, says no, or somebody else was faster.
        """
        authority = self._get("v1", "secrets", AUTHORITY_SECRET, self.namespace)
        serving = self._get("v1", "secrets", TLS_SECRET, self.namespace)
        held = Held(_pair(authority), _bytes(authority, "previous.crt"), _pair(serving))
        done: list[str] = []
        asked = _moment(authority, ROTATE)
        wanted = rotated_authority(held, now, lifetimes=self.lifetimes, renew_before=asked)
        if wanted != held and wanted.authority is not None:
            self._write_secret(authority, wanted.authority, {"previous.crt": wanted.previous})
            done += ["a new authority"] if wanted.authority != held.authority else ["an old authority has ended"]
        is_new_bundle = self._write_bundle(believed(wanted))
        done += ["the bundle of authorities"] if is_new_bundle else []
        renewed = rotated_serving(wanted, self.names, now, lifetimes=self.lifetimes, announced=not is_new_bundle)
        if renewed.serving != held.serving and renewed.serving is not None:
            self._write_secret(serving, renewed.serving, {})
            done.append("a new serving certificate")
        return ends_at(renewed.serving), tuple(done)

    def _write_secret(self, before: JsonObject, issued: Issued, more: dict[str, bytes]) -> None:
        data = {"tls.crt": issued.certificate, "tls.key": issued.key, **more}
        encoded: JsonObject = {key: base64.b64encode(value).decode() for key, value in data.items()}
        document: JsonObject = {"apiVersion": "v1", "kind": "Secret", **before, "data": encoded}
        metadata = before.get("metadata")
        name = str(metadata.get("name")) if isinstance(metadata, dict) else ""
        self._update(collection("v1", "secrets", self.namespace, name), document)

    def _write_bundle(self, bundle: bytes) -> bool:
        """Put the bundle into each webhook that calls our Service; return whether it was another before."""
        found = self._get(_ADMISSION, "validatingwebhookconfigurations", CONFIGURATION)
        webhooks, text = found.get("webhooks"), base64.b64encode(bundle).decode()
        written = [self._with_bundle(item, text) for item in webhooks] if isinstance(webhooks, list) else []
        if written == webhooks:
            return False
        path = collection(_ADMISSION, "validatingwebhookconfigurations", name=CONFIGURATION)
        self._update(path, {**found, "webhooks": [*written]})
        return True

    def _with_bundle(self, webhook: Json, bundle: str) -> Json:
        config = webhook.get("clientConfig") if isinstance(webhook, dict) else None
        service = config.get("service") if isinstance(config, dict) else None
        if not isinstance(webhook, dict) or not isinstance(config, dict) or not isinstance(service, dict):
            return webhook
        if (service.get("name"), service.get("namespace")) != (SERVICE, self.namespace):
            return webhook
        return {**webhook, "clientConfig": {**config, "caBundle": bundle}}

    def _get(self, version: str, resource: str, name: str, namespace: str = "") -> JsonObject:
        return self.api.get(collection(version, resource, namespace, name)).demanded()

    def _update(self, path: str, document: JsonObject) -> None:
        self.demand()
        answer = self.api.update(path, document)
        if answer.is_conflict:
            raise UndecidedError(CLUSTER_REFUSED, f"{path} was changed by somebody else", where="the API server")
        answer.demanded()


def _pair(secret: JsonObject) -> Issued | None:
    certificate, key = _bytes(secret, "tls.crt"), _bytes(secret, "tls.key")
    return Issued(certificate, key) if certificate and key else None


def _bytes(secret: JsonObject, key: str) -> bytes:
    data = secret.get("data")
    text = data.get(key) if isinstance(data, dict) else None
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""


def _moment(document: JsonObject, annotation: str) -> datetime | None:
    metadata = document.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    text = annotations.get(annotation) if isinstance(annotations, dict) else None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if found is None else found.astimezone(UTC)
