"""Policies for tests: whole ones, with every part that a policy can have, and a key that is one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from evidence import public_pem

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["policy_document", "small_spec", "some_key", "whole_spec"]

BOM = "https://cyclonedx.org/bom"


@cache
def some_key() -> str:
    """Return a public key in PEM, the same for the whole session."""
    return public_pem(ec.generate_private_key(ec.SECP256R1())).decode()


def policy_document(spec: JsonObject, name: str = "p", **metadata: str) -> JsonObject:
    """Return the document of a policy."""
    return {
        "apiVersion": "dbom.dev/v1alpha1",
        "kind": "ProvenancePolicy",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def small_spec() -> JsonObject:
    """Return the least that a policy which enforces holds."""
    return {
        "authorities": [{"name": "signer", "key": {"data": some_key()}}],
        "locations": [{"pattern": "oci://registry.example.com/models/*", "authorities": ["signer"]}],
        "attestations": [{"predicateType": BOM, "authorities": ["signer"]}],
    }


def whole_spec(root: str) -> JsonObject:
    """Return a policy with every part but those of single requirements; `root` is a trusted root as JSON."""
    identity: JsonObject = {"issuer": "https://issuer.example.com", "subjectRegExp": ".*@example[.]com"}
    return {
        "mode": "warn",
        "match": {
            "namespaces": ["prod-*", "team-a"],
            "models": ["oci://registry.example.com/**", "hf://org/*"],
            "roles": ["model", "draft model"],
        },
        "trustRoots": [{"name": "root", "data": root}],
        "authorities": [
            {"name": "signer", "key": {"data": some_key(), "hashAlgorithm": "sha256"}},
            {"name": "people", "keyless": {"trustRootRef": "root", "identities": [identity]}},
        ],
        "locations": [
            {"pattern": "oci://*.example.com/models/*", "authorities": ["signer"], "pinning": "enforced"},
            {"pattern": "hf://org/**", "authorities": ["signer", "people"], "pinning": "claimed"},
        ],
        "attestations": [{"predicateType": BOM, "authorities": ["signer", "people"]}],
        "licenses": {"allow": ["MIT", "Apache-2.0"], "unknown": "deny", "scope": "ancestors"},
        "ancestors": {"signed": True, "authorities": ["signer"], "builders": ["people"], "noInputs": "allow"},
        "loadTimeProof": {"images": ["registry.example.com/dbom@sha256:" + "a" * 64]},
    }
