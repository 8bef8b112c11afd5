"""Snapshots for tests: policies as they are written, and bundles of every kind that a store may hold for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from evidence import public_pem
from judging import BASE, DATA, MADE, MODEL, NOW, PLACE, RAW, bom, located, made_statement, provenance, signed, stated
from made_sigstore import ISSUER, SUBJECT, fixed_key, written
from policies import policy_document

from admission.policy_sources import PolicySource
from admission.syncing import load_evidence
from attest.location import Location
from attest.revocation.head import Head
from attest.revocation.statement import artifact_revocation
from attest.stores.store import StoredBundle
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from admission.evidence import Evidence
    from attest.statement import Statement
    from dbom.canonical import Json, JsonObject

__all__ = ["BUNDLES", "POD", "Bundles", "evidence_of", "source"]

REVOKED = signed(artifact_revocation(RAW, "raw", "withdrawn"), "other")
ELSEWHERE = Location("hf://org/m", "0" * 40)


def head(*revocations: bytes, days: int = 2) -> bytes:
    """Return a signed head that lists these revocations."""
    listed = tuple(sorted(StoredBundle.of(raw, where="").sha256 for raw in revocations))
    issued = (NOW - timedelta(days=1)).replace(microsecond=0)
    return signed(Head(len(listed) + 1, issued, issued + timedelta(days=days), listed).statement(), "other")


BUNDLES: tuple[bytes, ...] = (
    located(MODEL),
    located(MODEL, ELSEWHERE),
    located(DATA, by="stranger"),
    bom(MODEL, "MIT", what="model", properties=(("dbom:files", "1"), ("dbom:format:safetensors", "1")), files=("a",)),
    bom(DATA, "CC-BY-4.0", sensitive=("names",), levels=("public",)),
    bom(RAW, by="builder"),
    bom(BASE, by="stranger"),
    made_statement(stated(DATA, "MIT", name="by a Sigstore")),
    provenance(MODEL, DATA, BASE, details={"builder": {"id": "b"}, "metadata": {"startedOn": "2026-01-01T00:00:00Z"}}),
    provenance(DATA, RAW, "only a name", relation="derived-from"),
    signed(artifact_revocation(BASE, "base", "mine, and wrong"), "builder"),
    REVOKED,
    head(),
    head(REVOKED),
    head(days=1),
    b"{}",
)
"""Bundles that count, that don't, that revoke, and one that is none."""

POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "prod"},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": f"i@sha256:{'2' * 64}",
                "args": ["--model", "/m"],
                "volumeMounts": [{"name": "m", "mountPath": "/m"}],
            }
        ],
        "volumes": [{"name": "m", "image": {"reference": str(PLACE).removeprefix("oci://")}}],
    },
}


@dataclass(frozen=True, slots=True)
class Bundles:
    """Bundles as a store."""

    items: Sequence[bytes]
    url: str = "memory"

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield the bundles."""
        return self.entries()

    def entries(self) -> Iterator[StoredBundle]:
        """Yield the bundles."""
        return iter([StoredBundle.of(raw, where=f"s3://evidence/{number}") for number, raw in enumerate(self.items)])

    def add(self, raw: bytes, statement: Statement) -> str:
        """Take nothing."""
        raise NotImplementedError(raw, statement)


def source(name: str = "p", namespace: str = "", *asked: str, mode: str = "enforce") -> PolicySource:
    """Return a policy object of a cluster that trusts everybody but strangers, and asks for what `asked` names."""
    keyless: JsonObject = {"trustRootRef": "root", "identities": [{"issuer": ISSUER, "subject": SUBJECT}]}
    authorities: list[Json] = [
        {"name": who, "key": {"data": public_pem(fixed_key(who)).decode()}} for who in ("signer", "builder", "other")
    ]
    spec: JsonObject = {
        "mode": mode,
        "trustRoots": [{"name": "root", "data": written(MADE.trusted_root()).decode()}],
        "authorities": [*authorities, {"name": "made", "keyless": keyless}],
        "locations": [{"pattern": "oci://registry.example.com/models/*", "authorities": ["signer"]}],
        "attestations": [{"predicateType": PREDICATE_BOM, "authorities": ["signer", "builder", "made"]}],
    }
    requirements: JsonObject = {
        "licenses": {"allow": ["MIT"]},
        "ancestors": {"signed": True, "authorities": ["signer", "builder", "made"], "noInputs": "allow"},
        "revocation": {"revokers": [{"authority": "other"}]},
        "rules": [{"name": "small", "expression": "artifact.statements.all(s, has(s.predicate.bomFormat))"}],
    }
    chosen: JsonObject = {key: requirements[key] for key in asked}
    metadata = {"namespace": namespace} if namespace else {}
    return PolicySource.of_object(policy_document({**spec, **chosen}, name, **metadata))


def evidence_of(sources: Sequence[PolicySource], bundles: Sequence[bytes]) -> Evidence:
    """Return what counts of these bundles."""
    return load_evidence([Bundles(bundles)], [policy for item in sources for policy in item.policies()], NOW)
