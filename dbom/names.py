"""Every name that goes over a wire or into a file, in one place.

They are identifiers and are never fetched. What others chose (in-toto, SLSA, CycloneDX, Sigstore, OMS) stands beside
what we chose, so that a reader sees which is which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ANNOTATION_IGNORE",
    "ANNOTATION_RELATION",
    "API_VERSION",
    "BUNDLE_MEDIA_TYPES",
    "BUNDLE_SUFFIX",
    "BUNDLE_V01",
    "BUNDLE_V03",
    "BUNDLE_V03_ALT",
    "CLIENT_TRUST_CONFIG_V01",
    "CRD_GROUP",
    "DEFAULT_IGNORES",
    "DSSE_PAYLOAD_TYPE",
    "EARLY_MODEL_PREDICATES",
    "LOCAL_CA_ORGANIZATION",
    "LOCAL_ISSUER_PREFIX",
    "OMS_PREDICATES",
    "POD_ANNOTATION_PREFIX",
    "POLICY_KIND",
    "PREDICATE_BOM",
    "PREDICATE_BREAK_GLASS",
    "PREDICATE_JOURNAL_HEAD",
    "PREDICATE_LOCATION",
    "PREDICATE_OMS",
    "PREDICATE_POLICY",
    "PREDICATE_PROVENANCE",
    "PREDICATE_REVOCATION",
    "PREDICATE_REVOCATION_HEAD",
    "PREDICATE_VSA",
    "PROPERTY_PREFIX",
    "REVOCATION_LIST_MEDIA_TYPE",
    "REVOCATION_SELECTOR_MEDIA_TYPE",
    "RUN_BUILDER_ID",
    "RUN_BUILD_TYPE",
    "SERVED_CA_ORGANIZATION",
    "SERVED_NAME_PREFIX",
    "SIDECAR_BOM",
    "SIDECAR_MANIFEST",
    "SIDECAR_SUFFIX",
    "SIGNING_CONFIG_V02",
    "STATEMENT_V01",
    "STATEMENT_V1",
    "TREE_MEDIA_TYPE",
    "TRUSTED_ROOT_V01",
    "VERIFIER_ID",
    "VSA_EXPECTED_POLICY",
    "schema_name",
    "short_predicate",
]

# in-toto and DSSE
STATEMENT_V1: Final = "https://in-toto.io/Statement/v1"
STATEMENT_V01: Final = "https://in-toto.io/Statement/v0.1"
DSSE_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

# Sigstore
BUNDLE_V03: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_V03_ALT: Final = "application/vnd.dev.sigstore.bundle+json;version=0.3"
BUNDLE_V01: Final = "application/vnd.dev.sigstore.bundle+json;version=0.1"
BUNDLE_MEDIA_TYPES: Final = (
    BUNDLE_V01,
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    BUNDLE_V03_ALT,
    BUNDLE_V03,
)
CLIENT_TRUST_CONFIG_V01: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
SIGNING_CONFIG_V02: Final = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
TRUSTED_ROOT_V01: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"

# Predicates: theirs, then ours
PREDICATE_BOM: Final = "https://cyclonedx.org/bom"
PREDICATE_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
PREDICATE_OMS: Final = "https://model_signing/signature/v1.0"
OMS_PREDICATES: Final[Mapping[str, str | None]] = {
    PREDICATE_OMS: "resources",
    "https://model_signing/DigestOfDigests/v0.1": "files",
    "https://model_signing/DigestOfShardDigests/v0.1": "shards",
    "https://model_signing/Digests/v0.1": None,
    "https://model_signing/ShardDigests/v0.1": None,
}
"""Predicates of OpenSSF Model Signing, and under which key each lists its resources (None: as the subjects)."""
EARLY_MODEL_PREDICATES: Final = tuple(name for name in OMS_PREDICATES if name != PREDICATE_OMS)
PREDICATE_VSA: Final = "https://slsa.dev/verification_summary/v1"
PREDICATE_LOCATION: Final = "https://dbom.dev/location/v1"
PREDICATE_REVOCATION: Final = "https://dbom.dev/revocation/v1"
PREDICATE_REVOCATION_HEAD: Final = "https://dbom.dev/revocation-head/v1"
PREDICATE_BREAK_GLASS: Final = "https://dbom.dev/break-glass/v1"
PREDICATE_JOURNAL_HEAD: Final = "https://dbom.dev/journal-head/v1"
PREDICATE_POLICY: Final = "https://dbom.dev/policy/v1"

_SHORT_PREDICATES: Final = {
    PREDICATE_BOM: "bom",
    PREDICATE_PROVENANCE: "provenance",
    **dict.fromkeys(OMS_PREDICATES, "oms"),
    PREDICATE_VSA: "vsa",
    PREDICATE_LOCATION: "location",
    PREDICATE_REVOCATION: "revocation",
    PREDICATE_REVOCATION_HEAD: "revocation-head",
    PREDICATE_BREAK_GLASS: "break-glass",
    PREDICATE_JOURNAL_HEAD: "journal-head",
    PREDICATE_POLICY: "policy",
}

# Identity of bytes
TREE_MEDIA_TYPE: Final = "application/vnd.dbom.tree.v1"
ANNOTATION_IGNORE: Final = "dbom:ignore"
ANNOTATION_RELATION: Final = "dbom:relation"
PROPERTY_PREFIX: Final = "dbom:"
DEFAULT_IGNORES: Final = ("/.cache/huggingface/", "/.git/", ".DS_Store", "*.dbom/")

# Revocation: what the subjects of such statements are, where they are no artifacts
REVOCATION_SELECTOR_MEDIA_TYPE: Final = "application/vnd.dbom.revocation-selector.v1+json"
REVOCATION_LIST_MEDIA_TYPE: Final = "application/vnd.dbom.revocation-list.v1+json"

# Verification summaries: who verifies, and the policy where no policy file says whom to expect
VERIFIER_ID: Final = "https://dbom.dev/verify/v1"
VSA_EXPECTED_POLICY: Final = "https://dbom.dev/expected/v1"

# The sidecar of an artifact X is the folder X.dbom/
SIDECAR_SUFFIX: Final = ".dbom"
SIDECAR_BOM: Final = "bom.cdx.json"
SIDECAR_MANIFEST: Final = "manifest.sha256"
BUNDLE_SUFFIX: Final = ".sigstore.json"

# A recorded run, in the words of SLSA provenance v1
RUN_BUILD_TYPE: Final = "https://dbom.dev/run/v1"
RUN_BUILDER_ID: Final = "https://dbom.dev/run/v1/local"

# The embedded local Sigstore: its CA certificates carry this organisation, and as common name the one issuer that
# they may vouch for, which is this prefix and the first 32 hex digits of the sha256 of the root's SubjectPublicKeyInfo.
LOCAL_CA_ORGANIZATION: Final = "dbom embedded local Sigstore"
LOCAL_ISSUER_PREFIX: Final = "https://local.dbom.dev/"

# The Sigstore that `dbom trust serve` offers: the same, but its root vouches for every issuer whose tokens it checks.
SERVED_CA_ORGANIZATION: Final = "dbom served Sigstore"
SERVED_NAME_PREFIX: Final = "https://served.dbom.dev/"

# Kubernetes
CRD_GROUP: Final = "dbom.dev"
API_VERSION: Final = "dbom.dev/v1alpha1"
POLICY_KIND: Final = "ProvenancePolicy"
POD_ANNOTATION_PREFIX: Final = "dbom.dev/"


def short_predicate(predicate_type: str) -> str:
    """Return the short name of a predicate type, `other` for one that isn't ours to know.

    It stands in file names of a sidecar and in text output, never in anything that is signed.
    """
    return _SHORT_PREDICATES.get(predicate_type, "other")


def schema_name(command: str) -> str:
    """Return the name that the JSON output of a command carries in `schema`, such as `dbom.dev/verify/v1`."""
    return f"dbom.dev/{command}/v1"
