"""From a policy file to policies: strict, every fault at once, and nothing accepted that can't be checked."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from admission.authority_reading import AuthorityReader
from admission.documents import Node
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.known import REQUIREMENTS
from admission.requirements.requirement import Names
from attest.files import read_file
from dbom.canonical import canonical_json
from dbom.errors import DocumentError
from dbom.formats.yaml_reader import load_yaml_documents
from dbom.names import API_VERSION, POLICY_KIND
from dbom.printable import printable
from dbom.rules.admission import POLICY_MALFORMED, POLICY_TWICE, POLICY_UNSUPPORTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dbom.canonical import JsonObject

__all__ = ["load_policies", "parse_policies"]

_MAX_POLICY_BYTES: Final = 4 * 1024 * 1024
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE_GLOB = re.compile(r"[a-z0-9*](?:[-a-z0-9*]*[a-z0-9*])?")
_LOCATION_PATTERN = re.compile(
    r"(?:\*\*|(?P<scheme>oci|hf|s3|gs|az)://(?:\*\*|(?:\*|(?:\*\.)?[A-Za-z0-9_][A-Za-z0-9_.:-]*)/[^\s@?#]+))"
)
_SPEC_KEYS: Final = (
    "mode",
    "match",
    "trustRoots",
    "authorities",
    "locations",
    *(requirement.KEY for requirement in REQUIREMENTS),
)
_UNSUPPORTED_KEYS: Final = ("revokers", "revocations", "rules", "breakGlass")


def load_policies(paths: Iterable[Path]) -> tuple[Policy, ...]:
    """Read the policies of several files.

    Raises `PathError` for a file that can't be read, `DocumentError` for one that is malformed or where two policies
    share a name.
    """
    policies: list[Policy] = []
    for path in paths:
        policies += parse_policies(
            read_file(path, limit=_MAX_POLICY_BYTES, what="policy"), where=str(path), base=path.parent
        )
    _refuse_twins(policies, where=", ".join(sorted({policy.where for policy in policies})))
    return tuple(policies)


def parse_policies(data: bytes, *, where: str, base: Path) -> tuple[Policy, ...]:
    """Read every policy of a file; paths in it start at `base`. Raises `DocumentError` with every fault."""
    documents = load_yaml_documents(data, where=where)
    if not documents:
        raise DocumentError(POLICY_MALFORMED, "no policy in it", where=where, expected=f"kind: {POLICY_KIND}")
    faults: list[str] = []
    unsupported: list[str] = []
    policies: list[Policy] = []
    for number, document in enumerate(documents):
        node = Node(document, "" if len(documents) == 1 else f"document {number + 1}", faults)
        policy = _Reader(node, base, where, unsupported).policy()
        if policy is not None:
            policies.append(policy)
    if faults or unsupported:
        rule = POLICY_MALFORMED if faults else POLICY_UNSUPPORTED
        found = [*dict.fromkeys([*faults, *unsupported])]
        what = found[0] if len(found) == 1 else f"{len(found)} faults"
        raise DocumentError(rule, what, where=where, faults=found if len(found) > 1 else ())
    _refuse_twins(policies, where=where)
    return tuple(policies)


def _refuse_twins(policies: Sequence[Policy], *, where: str) -> None:
    names = [policy.name for policy in policies]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise DocumentError(POLICY_TWICE, f"two policies are called {', '.join(map(repr, twins))}", where=where)


class _Reader:
    """Reads one policy document; what is wrong with it gathers in the node's faults."""

    def __init__(self, root: Node, base: Path, where: str, unsupported: list[str]) -> None:
        self._root, self._where, self._unsupported = root, where, unsupported
        self._whose = AuthorityReader(base, unsupported)

    def policy(self) -> Policy | None:
        """Return the policy, or None where it has faults."""
        root, before = self._root, len(self._root.faults) + len(self._unsupported)
        if not isinstance(root.value, dict):
            root.fault(f"not a policy: expected an object with kind: {POLICY_KIND}")
            return None
        root.only("apiVersion", "kind", "metadata", "spec")
        self._expect(root.get("apiVersion"), API_VERSION)
        self._expect(root.get("kind"), POLICY_KIND)
        name = self._metadata(root.get("metadata"))
        spec = root.get("spec")
        if not spec.is_there:
            spec.fault("missing")
        for key in _UNSUPPORTED_KEYS:
            if isinstance(spec.value, dict) and key in spec.value:
                self._unsupported.append(f"{spec.get(key).path}: nothing here can check it yet")
        spec.only(*_SPEC_KEYS, *_UNSUPPORTED_KEYS)
        self._whose.trust_roots(spec.get("trustRoots"))
        authorities = self._whose.authorities(spec.get("authorities"))
        names = Names(self._declared(spec.get("authorities")), self._unsupported)
        mode = Mode(spec.get("mode").choice([str(mode) for mode in Mode], Mode.ENFORCE))
        match = self._match(spec.get("match"))
        locations = self._locations(spec.get("locations"), names)
        requirements = [requirement.read(spec.get(requirement.KEY), names) for requirement in REQUIREMENTS]
        if len(root.faults) + len(self._unsupported) > before:
            return None
        asked = tuple(item for item in requirements if item is not None)
        return Policy(name, mode, match, authorities, locations, asked, self._digest(root.value), where=self._where)

    def _digest(self, document: JsonObject) -> str:
        return hashlib.sha256(canonical_json([document, list(self._whose.read)])).hexdigest()

    def _expect(self, node: Node, expected: str) -> None:
        if node.text() != expected:
            node.fault(f"got {printable(repr(node.value))}, expected {expected}")

    def _metadata(self, metadata: Node) -> str:
        metadata.only("name", "labels", "annotations", "namespace")
        if metadata.get("namespace").is_there:
            metadata.get("namespace").fault(
                "a policy file holds for the whole cluster; say which namespaces in spec.match.namespaces"
            )
        name = metadata.get("name").required()
        if name and _NAME.fullmatch(name) is None:
            metadata.get("name").fault(f"'{printable(name)}' is not a name as Kubernetes writes them")
        return name

    def _match(self, match: Node) -> Match:
        match.only("namespaces")
        if not match.get("namespaces").is_there:
            return Match()
        node = match.get("namespaces")
        found = node.texts()
        if not found:
            node.fault("an empty list would match no namespace; leave it out to match all")
        for text in found:
            if text and _NAMESPACE_GLOB.fullmatch(text) is None:
                node.fault(f"'{printable(text)}' is not a namespace or a pattern of one")
        return Match(tuple(found))

    def _declared(self, node: Node) -> set[str]:
        return {name for item in node.items() if isinstance(name := item.get("name").value, str)}

    def _locations(self, node: Node, names: Names) -> tuple[LocationRule, ...]:
        found: list[LocationRule] = []
        for item in node.items():
            item.only("pattern", "authorities", "pinning")
            pattern = item.get("pattern").required()
            if pattern and _LOCATION_PATTERN.fullmatch(pattern) is None:
                item.get("pattern").fault(
                    f"got '{printable(pattern)}', expected oci:// (hf, s3, gs, az), a host, a slash, the rest;"
                    " in the host * stands for all of it or for its first labels (*.example.com), and there is no pin"
                )
            pinning = item.get("pinning").choice(("enforced", "claimed"), "enforced")
            binders = names.at(item.get("authorities"))
            found.append(LocationRule(pattern, binders, allows_claimed=pinning == "claimed"))
        if not found:
            node.fault("missing: without one no place can be bound to an artifact, so nothing could ever pass")
        return tuple(found)
