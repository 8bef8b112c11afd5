"""What installs the gate in a cluster: objects of one shape, as YAML, as a Helm chart, and as a kustomize base."""

from __future__ import annotations

from admission.manifests.heads import Heads, HeadsSigner
from admission.manifests.installation import Certificates, Installation, Resources
from admission.manifests.rendering import render_manifests

__all__ = ["Certificates", "Heads", "HeadsSigner", "Installation", "Resources", "render_manifests"]
