"""Policies with all the bytes that they are made of: what can be handed over, and be read again as the very same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from admission.policy_reading import MAX_POLICY_BYTES, OWN_NAMESPACE, parse_policies, refuse_twins
from attest.files import read_file
from dbom.canonical import canonical_json
from dbom.names import API_VERSION, POLICY_KIND
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from admission.policy import Policy
    from dbom.canonical import JsonObject

__all__ = ["PolicySource", "read_sources", "sourced_policies"]

_KEPT: Final = ("name", "namespace")


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The bytes of a policy file, and the files in its folder that it names (trust roots, keys), by their paths.

    An object of a cluster (`is_object`) has no files, and a policy of a namespace is then called `NAMESPACE/NAME`,
    since every namespace may have one of the same name.
    """

    data: bytes
    where: str
    files: tuple[tuple[str, bytes], ...] = ()
    is_object: bool = False

    @classmethod
    def of_file(cls, path: Path, *, own_namespace: str = OWN_NAMESPACE) -> Self:
        """Read a policy file with all that it names. Raises as `load_policies` does."""
        data = read_file(path, limit=MAX_POLICY_BYTES, what="policy")
        taken: dict[str, bytes] = {}
        parse_policies(data, where=str(path), base=path.parent, own_namespace=own_namespace, taken=taken)
        return cls(data, str(path), tuple(sorted(taken.items())))

    @classmethod
    def of_object(cls, document: JsonObject) -> Self:
        """Return a policy object of a cluster, without what the API server notes in it."""
        metadata, spec = document.get("metadata"), document.get("spec")
        kept: JsonObject = (
            {key: metadata[key] for key in _KEPT if key in metadata} if isinstance(metadata, dict) else {}
        )
        where = "/".join(printable(str(kept.get(key, "?"))) for key in ("namespace", "name"))
        data = canonical_json({"apiVersion": API_VERSION, "kind": POLICY_KIND, "metadata": kept, "spec": spec})
        return cls(data, f"{POLICY_KIND} {where}", is_object=True)

    def policies(self, *, own_namespace: str = OWN_NAMESPACE) -> tuple[Policy, ...]:
        """Return the policies. Raises `DocumentError` with every fault."""
        base = None if self.is_object else dict(self.files)
        found = parse_policies(self.data, where=self.where, base=base, own_namespace=own_namespace)
        return tuple(_qualified(item) for item in found) if self.is_object else found


def read_sources(paths: Iterable[Path], *, own_namespace: str = OWN_NAMESPACE) -> tuple[PolicySource, ...]:
    """Read several policy files with all that they name. Raises as `load_policies` does."""
    sources = tuple(PolicySource.of_file(path, own_namespace=own_namespace) for path in paths)
    sourced_policies(sources, own_namespace=own_namespace)
    return sources


def sourced_policies(sources: Sequence[PolicySource], *, own_namespace: str = OWN_NAMESPACE) -> tuple[Policy, ...]:
    """Return all policies. Raises `DocumentError` for a fault, and where two policies share a name."""
    policies = tuple(item for source in sources for item in source.policies(own_namespace=own_namespace))
    refuse_twins(policies, where=", ".join(sorted({policy.where for policy in policies})))
    return policies


def _qualified(policy: Policy) -> Policy:
    return replace(policy, name=f"{policy.namespace}/{policy.name}") if policy.namespace else policy
