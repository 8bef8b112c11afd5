"""Installations to render, and their objects as others would read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from made_sigstore import MadeSigstore, written

from admission.manifests import Certificates, Heads, HeadsSigner, Installation, Resources, render_manifests
from admission.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CA", "IMAGE", "INSTALLATIONS", "TRUST_CONFIG", "installation", "keyed", "objects", "rendered"]

IMAGE = "registry.example.com/dbom@sha256:" + "a" * 64
CA = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

_IN_FORCE = {"start": "2020-01-01T00:00:00Z"}


def _service(url: str) -> dict[str, Any]:
    return {"url": url, "majorApiVersion": 1, "operator": "made-up", "validFor": _IN_FORCE}


TRUST_CONFIG = written(
    {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": MadeSigstore().trusted_root(),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [_service("https://ca.example.com")],
            "rekorTlogUrls": [_service("https://log.example.com")],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        },
    }
)
"""The ClientTrustConfig of a Sigstore that isn't there."""

INSTALLATIONS: dict[str, dict[str, Any]] = {
    "enforce": {},
    "audit": {"mode": Mode.AUDIT},
    "by-namespace": {"mode": Mode.AUDIT, "enforced": ("team-a", "team-b"), "excluded": ("calico-system",)},
    "cert-manager": {"certificates": Certificates.CERT_MANAGER, "namespace": "gate"},
    "given": {"certificates": Certificates.GIVEN, "ca_bundle": CA, "has_controller": False},
    "all": {
        "mode": Mode.AUDIT,
        "enforced": ("team-a",),
        "excluded": ("calico-system", "gpu-operator"),
        "accelerator_accounts": ("gpu-operator/validator", "kube-system/default"),
        "stores": ("s3://evidence/x", "oci://registry.example.com/models"),
        "replicas": 3,
        "webhook_resources": Resources("1", "512Mi", "2Gi"),
        "api_servers": ("10.0.0.0/24", "fd00::/64"),
        "monitoring": ("monitoring",),
        "journal_claim": "dbom-journals",
        "journal_most": "2Gi",
        "heads": Heads(HeadsSigner.TOKEN, TRUST_CONFIG, "sigstore.example.com", ("10.9.0.0/16", "fd09::/64")),
    },
    "keyed": {"heads": Heads(HeadsSigner.KEY), "journal_most": "200Mi"},
    "claimed": {"journal_claim": "dbom-journals"},
    "signed": {"heads": Heads(HeadsSigner.TOKEN, TRUST_CONFIG)},
}
"""What differs from the default, by a name."""


def installation(**changes: Any) -> Installation:  # noqa: ANN401  fields of an Installation
    """Return an installation of the image `IMAGE`."""
    return Installation(**{"image": IMAGE, **changes})


def objects(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of manifests by kind and name. Raises where there are two of one."""
    return keyed([found for found in yaml.safe_load_all(text) if found is not None])


def keyed(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return objects by kind and name, as the API server would take them: an empty mapping of annotations is none."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        if document["metadata"].get("annotations") == {}:
            del document["metadata"]["annotations"]
        key = document["kind"], document["metadata"]["name"]
        assert key not in found, f"twice: {key}"
        found[key] = document
    return found


def rendered(changes: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of an installation with these changes."""
    return objects(render_manifests(installation(**changes)))
