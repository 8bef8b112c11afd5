"""From a policy file to policies: strict, every fault at once, and nothing accepted that can't be checked."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from admission.authority_reading import AuthorityReader
from admission.documents import Node
from admission.match_reading import read_locations, read_match
from admission.policy import Mode, Policy
from admission.policy_schema import NAME_PATTERN, SPEC_SCHEMA
from admission.requirements.known import REQUIREMENTS
from admission.requirements.requirement import Names
from admission.schema import check_schema
from attest.files import read_file
from dbom.canonical import canonical_json
from dbom.errors import DocumentError
from dbom.formats.yaml_reader import load_yaml_documents
from dbom.names import API_VERSION, POLICY_KIND
from dbom.printable import printable
from dbom.rules.admission import POLICY_MALFORMED, POLICY_TWICE, POLICY_UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from admission.requirements.requirement import Requirement
    from dbom.canonical import Json, JsonObject

__all__ = ["OWN_NAMESPACE", "load_policies", "parse_policies"]

OWN_NAMESPACE: Final = "dbom-system"
"""The namespace whose policies hold for the whole cluster, where nothing says that it is another."""

MAX_POLICY_BYTES: Final = 4 * 1024 * 1024
MOST_POLICIES: Final = 1000
_MOST_FAULTS: Final = 100
_METADATA: Final = ("name", "namespace", "labels", "annotations")
_OF_THE_SERVER: Final = (
    "creationTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
_THEIRS: Final = {
    "images": "say which places in spec.match.models, and who may bind them in spec.locations",
    "policy": "CUE and Rego are not run; the requirements of a policy are keys of its spec",
}
_NOT_YET: Final = ("revokers", "revocations", "rules")
"""What a policy could ask for and this version can't check, unless a requirement of that name is there."""


def load_policies(paths: Iterable[Path], *, own_namespace: str = OWN_NAMESPACE) -> tuple[Policy, ...]:
    """Read the policies of several files.

    Raises `PathError` for a file that can't be read, `DocumentError` for one that is malformed or where two policies
    share a name.
    """
    policies: list[Policy] = []
    for path in paths:
        data = read_file(path, limit=MAX_POLICY_BYTES, what="policy")
        policies += parse_policies(data, where=str(path), base=path.parent, own_namespace=own_namespace)
    refuse_twins(policies, where=", ".join(sorted({policy.where for policy in policies})))
    return tuple(policies)


def parse_policies(
    data: bytes,
    *,
    where: str,
    base: Path | Mapping[str, bytes] | None,
    own_namespace: str = OWN_NAMESPACE,
    taken: dict[str, bytes] | None = None,
) -> tuple[Policy, ...]:
    """Read every policy of a file; paths in it start at `base` and stay in it. Raises `DocumentError` with every fault.

    A policy that says a namespace other than `own_namespace` only tightens there; every other one holds for the whole
    cluster. In place of a folder, `base` may be the files of one by their paths; `taken` takes every file that is read.
    """
    documents = load_yaml_documents(data, where=where, limit=MAX_POLICY_BYTES)
    if not documents:
        raise DocumentError(POLICY_MALFORMED, "no policy in it", where=where, expected=f"kind: {POLICY_KIND}")
    if len(documents) > MOST_POLICIES:
        most, got = f"at most {MOST_POLICIES}", str(len(documents))
        raise DocumentError(POLICY_MALFORMED, "too many policies", where=where, got=got, expected=most)
    places = [f"document {number + 1}" if len(documents) > 1 else "" for number in range(len(documents))]
    readers = [
        _Reader(document, place, base, where, own_namespace=own_namespace, taken=taken)
        for place, document in zip(places, documents, strict=True)
    ]
    policies = [policy for reader in readers if (policy := reader.policy()) is not None]
    _refuse_faults(readers, where=where)
    refuse_twins(policies, where=where)
    return tuple(policies)


def _refuse_faults(readers: Sequence[_Reader], *, where: str) -> None:
    """Raise `DocumentError` with all that is wrong in the documents, or can't be checked, if anything is."""
    faults = [fault for reader in readers for fault in reader.faults]
    unsupported = [fault for reader in readers for fault in reader.unsupported]
    if not faults and not unsupported:
        return
    found = [*dict.fromkeys([*faults, *unsupported])]
    what = found[0] if len(found) == 1 else f"{len(found)} faults"
    shown = [*found[:_MOST_FAULTS], *([f"and {len(found) - _MOST_FAULTS} more"] if found[_MOST_FAULTS:] else [])]
    rule = POLICY_MALFORMED if faults else POLICY_UNSUPPORTED
    raise DocumentError(rule, what, where=where, faults=shown if len(found) > 1 else ())


def refuse_twins(policies: Sequence[Policy], *, where: str) -> None:
    """Raise `DocumentError` where two policies share a name: decisions and evidence tell them apart by it."""
    names = [policy.name for policy in policies]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise DocumentError(POLICY_TWICE, f"two policies are called {', '.join(map(repr, twins))}", where=where)


class _Reader:
    """Reads one policy document; what is wrong with it gathers in `faults`, what can't be checked in `unsupported`."""

    def __init__(
        self,
        document: Json,
        place: str,
        base: Path | Mapping[str, bytes] | None,
        where: str,
        *,
        own_namespace: str,
        taken: dict[str, bytes] | None,
    ) -> None:
        self._document, self._place, self._where, self._own = document, place, where, own_namespace
        self.unsupported: list[str] = []
        self.faults: list[str] = []
        self._root = Node(document, place, self.faults)
        self._whose = AuthorityReader(base, self.unsupported, taken)

    def policy(self) -> Policy | None:
        """Return the policy, or None where it has faults."""
        if not isinstance(self._document, dict):
            self._root.fault(f"not a policy: expected an object with kind: {POLICY_KIND}")
            return None
        unmet = self._unmet(self._document)
        if any(f": too {much}" in fault for fault in unmet for much in ("many", "long")):
            # What is over its bounds isn't looked at any closer.
            self.faults += unmet
            return None
        found = self._read(self._document)
        told = {_place_of(fault) for fault in [*self.faults, *self.unsupported]}
        self.faults += [fault for fault in unmet if _place_of(fault) not in told]
        return None if self.faults or self.unsupported else found

    def _unmet(self, document: JsonObject) -> list[str]:
        """Return every fault of the spec under the schema."""
        spec = Node(document, self._place, []).get("spec")
        if spec.is_there:
            check_schema(spec, SPEC_SCHEMA)
        return spec.faults

    def _read(self, document: JsonObject) -> Policy | None:
        root = self._root
        root.only("apiVersion", "kind", "metadata", "spec", "status")
        for key, expected in (("apiVersion", API_VERSION), ("kind", POLICY_KIND)):
            if root.get(key).text() != expected:
                root.get(key).fault(f"got {printable(repr(document.get(key)))}, expected {expected}")
        name, namespace = self._metadata(root.get("metadata"))
        spec = root.get("spec")
        if not spec.is_there:
            spec.fault("missing")
        self._refuse_unknown(spec)
        self._whose.trust_roots(spec.get("trustRoots"))
        authorities = self._whose.authorities(spec.get("authorities"))
        names = Names(self._declared(spec.get("authorities")), self.unsupported)
        mode = Mode(spec.get("mode").choice([str(mode) for mode in Mode], Mode.ENFORCE))
        match = read_match(spec.get("match"))
        locations = read_locations(spec.get("locations"), names)
        requirements = self._requirements(spec, names, mode)
        if self.faults or self.unsupported:
            return None
        digest = self._digest([API_VERSION, name, namespace, document["spec"]])
        return Policy(name, mode, match, authorities, locations, requirements, digest, namespace, self._where)

    def _requirements(self, spec: Node, names: Names, mode: Mode) -> tuple[Requirement, ...]:
        """Return what is asked. A policy that names nobody asks nothing, and may only watch."""
        if not spec.get("authorities").value and mode is not Mode.ENFORCE:
            for key in ("locations", *(item.KEY for item in REQUIREMENTS)):
                if spec.get(key).is_there:
                    spec.get(key).fault("the policy names no authority, so this can't be asked")
            return ()
        if not list(spec.get("authorities").items()):
            spec.get("authorities").fault("missing: a policy that enforces names at least one authority")
        if not list(spec.get("locations").items()):
            spec.get("locations").fault(
                "missing: without one no place can be bound to an artifact, so nothing could ever pass"
            )
        read = [requirement.read(spec.get(requirement.KEY), names) for requirement in REQUIREMENTS]
        return tuple(item for item in read if item is not None)

    def _refuse_unknown(self, spec: Node) -> None:
        known = {"mode", "match", "trustRoots", "authorities", "locations", *(item.KEY for item in REQUIREMENTS)}
        unsupported = {key: "nothing here can check it yet" for key in _NOT_YET if key not in known}
        for key, because in {**unsupported, **_THEIRS}.items():
            if isinstance(spec.value, dict) and key in spec.value:
                self.unsupported.append(f"{spec.get(key).path}: {because}")
        spec.only(*sorted(known), *unsupported, *_THEIRS)

    def _digest(self, document: Json) -> str:
        return hashlib.sha256(canonical_json([document, list(self._whose.read)])).hexdigest()

    def _metadata(self, metadata: Node) -> tuple[str, str]:
        metadata.only(*_METADATA, *_OF_THE_SERVER)
        name = metadata.get("name").required()
        if name and re.fullmatch(NAME_PATTERN[1:-1], name) is None:
            metadata.get("name").fault(f"'{printable(name)}' is not a name as Kubernetes writes them")
        node = metadata.get("namespace")
        namespace = node.required() if node.is_there else ""
        if namespace and re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", namespace) is None:
            node.fault(f"'{printable(namespace)}' is not a namespace as Kubernetes writes them")
        return name, "" if namespace == self._own else namespace

    def _declared(self, node: Node) -> set[str]:
        return {name for item in node.items() if isinstance(name := item.get("name").value, str)}


def _place_of(fault: str) -> str:
    return fault.partition(": ")[0]
