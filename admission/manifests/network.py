"""How the two programs are reached, and whom they may reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.manifests.naming import CONTROLLER, HTTPS_PORT, METRICS_PORT, SERVICE, WEBHOOK, metadata, selected

if TYPE_CHECKING:
    from admission.manifests.values import Values
    from dbom.canonical import Json, JsonObject

__all__ = ["ANY_TCP", "DNS", "controller_network", "webhook_network"]

DNS: Final[JsonObject] = {
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
    "to": [{"namespaceSelector": {}}],
}
"""Asking for names, of whoever in the cluster answers that."""

ANY_TCP: Final[JsonObject] = {"ports": [{"protocol": "TCP"}]}
"""Reaching any address."""


def webhook_network(values: Values) -> list[JsonObject]:
    """Return the webhook's Service and who may call it. It reaches nobody but who signs its journal's heads.

    It is called by the API server, which no label selects: from the networks that were given, else from anywhere.
    Metrics are read from our own namespace and from those given.
    """
    called: JsonObject = {"ports": [_port(HTTPS_PORT)], "from": values.api_servers}
    scraped: JsonObject = {"ports": [_port(HTTPS_PORT)], "from": values.monitoring}
    return [
        _service(SERVICE, WEBHOOK, {"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}, values),
        _policy(WEBHOOK, [called, scraped], values.heads_egress, values),
    ]


def controller_network(values: Values) -> list[JsonObject]:
    """Return the Service of the controller's metrics, who may read them, and whom the controller may reach.

    It reaches the API server, stores and registries, whose addresses nobody knows here: any, by TCP.
    """
    port: JsonObject = {"name": "http", "port": METRICS_PORT, "targetPort": "http", "protocol": "TCP"}
    read: JsonObject = {"ports": [_port(METRICS_PORT)], "from": values.monitoring}
    return [
        _service(CONTROLLER, CONTROLLER, port, values),
        _policy(CONTROLLER, [read], [DNS, ANY_TCP], values),
    ]


def _port(number: int) -> JsonObject:
    return {"port": number, "protocol": "TCP"}


def _service(name: str, app: str, port: Json, values: Values) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, values.namespace, app=app),
        "spec": {"selector": selected(app), "ports": [port]},
    }


def _policy(app: str, ingress: Json, egress: Json, values: Values) -> JsonObject:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(app, values.namespace, app=app),
        "spec": {
            "podSelector": {"matchLabels": selected(app)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    }
