"""The manifests as YAML text. The same installation gives the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.manifests.gaps import gaps_of
from admission.manifests.heads import HeadsSigner
from admission.manifests.installation import Certificates
from admission.manifests.naming import HEADS_KEY_SECRET, POLICIES, SERVICE, STORE_CLAIM, TLS_SECRET
from admission.manifests.parts import installed_objects
from admission.yaml_text import yaml_text

if TYPE_CHECKING:
    from admission.manifests.installation import Installation

__all__ = ["commented", "render_manifests"]


def render_manifests(installation: Installation) -> str:
    """Return the manifests in the order in which they are applied, what they can't see as comments at the top."""
    heading = [
        "The dbom admission gate: webhook, controller, and what they need.",
        "`kubectl delete validatingwebhookconfiguration dbom` alone stops all blocking by the webhook at once.",
        *_needs(installation),
        "",
        "GAPS, which this installation can't see:",
        *(f"- {gap}" for gap in gaps_of(installation)),
    ]
    documents = (found for part in installed_objects(installation).values() for found in part)
    return commented(heading) + "".join(f"---\n{yaml_text(document)}" for document in documents)


def _needs(installation: Installation) -> list[str]:
    found: list[str] = []
    if installation.certificates is Certificates.GIVEN:
        found.append(f"- Secret {TLS_SECRET} (tls.crt, tls.key) for the name {SERVICE}.{installation.namespace}.svc")
    if not installation.has_controller:
        found.append(f"- ConfigMap {POLICIES}: one file a ProvenancePolicy (`dbom policy init`, `dbom policy check`)")
        found.append(f"- PersistentVolumeClaim {STORE_CLAIM}, read-only: the store of evidence (`dbom sign --store`)")
    if installation.journal_claim:
        found.append(f"- PersistentVolumeClaim {installation.journal_claim}, for many pods (ReadWriteMany)")
    if installation.heads.signer is HeadsSigner.KEY:
        found.append(f"- Secret {HEADS_KEY_SECRET} (key.pem; password, where it has one): who signs journals' heads")
    return ["", f"You add, in the namespace {installation.namespace}:", *found] if found else []


def commented(lines: list[str]) -> str:
    """Return lines as comments of YAML."""
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)
