"""OCI registries: manifests, blobs, referrers, and the tree of files that an artifact stands for.

The home of urllib3. The protocol is the OCI distribution specification 1.1, the documents the OCI image specification
1.1.
"""

from __future__ import annotations

from dbom.storage.oci.artifact import Artifact, ArtifactFile, parse_platform, read_artifact, resolve_reference
from dbom.storage.oci.manifests import Descriptor, Index, Manifest
from dbom.storage.oci.reference import Reference, is_reference
from dbom.storage.oci.referrers import Referrers
from dbom.storage.oci.registry import Registry, open_registry

__all__ = [
    "Artifact",
    "ArtifactFile",
    "Descriptor",
    "Index",
    "Manifest",
    "Reference",
    "Referrers",
    "Registry",
    "is_reference",
    "open_registry",
    "parse_platform",
    "read_artifact",
    "resolve_reference",
]
