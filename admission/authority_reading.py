"""The part of a policy that says whose statements count: trust roots, and authorities with identities or keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, TypeVar

from admission.documents import Node, meant
from attest.authority import Authority, Demands
from attest.identity import IdentityPattern, Pattern
from attest.trust import TrustRoot
from dbom.canonical import canonical_json
from dbom.errors import DbomError, DocumentError
from dbom.printable import printable
from dbom.rules.admission import POLICY_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["AuthorityReader"]

_T = TypeVar("_T")


class AuthorityReader:
    """Reads trust roots and the authorities that rest on them; what is wrong gathers in the nodes' faults.

    `unsupported` takes what can't be checked here. `read` are the digests of all roots and keys that were read.
    """

    def __init__(self, base: Path, unsupported: list[str]) -> None:
        self._base, self._unsupported = base, unsupported
        self._roots: dict[str, TrustRoot | None] = {}
        self.read: list[str] = []

    def trust_roots(self, node: Node) -> None:
        """Read the trust roots, before the authorities that name them."""
        for item in node.items():
            item.only("name", "path", "data")
            name = item.get("name").required()
            if name in self._roots:
                item.get("name").fault(f"another trust root is called '{printable(name)}'")
            self._roots[name] = self._trust_root(item)

    def _trust_root(self, item: Node) -> TrustRoot | None:
        raw = self._one_of(item, "path", "data", self._inline_root)
        if raw is None:
            return None
        root = self._taken(item, lambda: TrustRoot.parse(raw, where=item.path))
        if root is not None:
            self.read.append(f"root {root.sha256}")
        return root

    def _inline_root(self, data: Node) -> bytes | None:
        if isinstance(data.value, dict):
            return canonical_json(data.value)
        text = (data.text() or "").strip()
        if text.startswith("{"):
            return text.encode()
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            data.fault("neither a trusted root in JSON nor one in base64")
            return None

    def _one_of(self, item: Node, file: str, inline: str, read: Callable[[Node], bytes | None]) -> bytes | None:
        path, data = item.get(file), item.get(inline)
        if path.is_there == data.is_there:
            item.fault(f"expected one of {file} and {inline}")
            return None
        if data.is_there:
            return read(data)
        text = path.required()
        return self._taken(path, lambda: _named_file(self._base / text, path.path)) if text else None

    def _taken(self, node: Node, make: Callable[[], _T]) -> _T | None:
        try:
            return make()
        except DbomError as error:
            node.fault(": ".join(filter(None, (error.what, error.got and f"got {error.got}"))))
            return None

    def authorities(self, node: Node) -> tuple[Authority, ...]:
        """Return the authorities that have no fault."""
        found: list[Authority] = []
        names: set[str] = set()
        items = list(node.items())
        if not items:
            node.fault("missing: a policy names at least one authority")
        for item in items:
            item.only("name", "keyless", "key", "demands")
            name = item.get("name").required()
            if name in names:
                item.get("name").fault(f"another authority is called '{printable(name)}'")
            names.add(name)
            authority = self._authority(item, name)
            if authority is not None:
                found.append(authority)
        return tuple(found)

    def _authority(self, item: Node, name: str) -> Authority | None:
        keyless, key, before = item.get("keyless"), item.get("key"), len(item.faults) + len(self._unsupported)
        if keyless.is_there == key.is_there:
            item.fault("expected one of keyless and key")
            return None
        identities = self._identities(keyless) if keyless.is_there else ()
        root = self._root_of(keyless) if keyless.is_there else None
        key_pem = self._key(key) if key.is_there else None
        demands = self._demands(item.get("demands"))
        if len(item.faults) + len(self._unsupported) > before:
            return None
        return self._taken(item, lambda: Authority(name, identities, root, key_pem, demands))

    def _demands(self, node: Node) -> Demands | None:
        node.only("log", "sct", "time")
        if not node.is_there:
            return None
        log, sct, time = (node.get(key).flag() for key in ("log", "sct", "time"))
        if log is None or sct is None or time is None:
            node.fault("log, sct and time must each be said")
            return None
        return Demands(log, sct, time)

    def _identities(self, keyless: Node) -> tuple[IdentityPattern, ...]:
        keyless.only("identities", "trustRootRef")
        found: list[IdentityPattern] = []
        items = list(keyless.get("identities").items())
        if not items:
            keyless.get("identities").fault("missing: a keyless authority names at least one identity")
        for item in items:
            item.only("issuer", "issuerRegExp", "subject", "subjectRegExp")
            subject = self._pattern(item, "subject", "subjectRegExp")
            issuer = self._pattern(item, "issuer", "issuerRegExp")
            if subject is not None and issuer is not None:
                found.append(IdentityPattern(subject, issuer))
        return tuple(found)

    def _pattern(self, item: Node, exact: str, expression: str) -> Pattern | None:
        text, pattern = item.get(exact), item.get(expression)
        if text.is_there == pattern.is_there:
            item.fault(f"expected one of {exact} and {expression}")
            return None
        node = text if text.is_there else pattern
        value = node.required()
        return self._taken(node, lambda: Pattern(value, is_expression=pattern.is_there)) if value else None

    def _root_of(self, keyless: Node) -> TrustRoot | None:
        node = keyless.get("trustRootRef")
        name = node.required()
        if name and name not in self._roots:
            node.fault(f"no trust root is called '{printable(name)}'{meant(name, self._roots)}")
        return self._roots.get(name)

    def _key(self, key: Node) -> bytes | None:
        for unsupported in ("kms", "secretRef"):
            if key.get(unsupported).is_there:
                self._unsupported.append(f"{key.get(unsupported).path}: keys are read from data or path only")
                return None
        key.only("data", "path", "kms", "secretRef")
        pem = self._one_of(key, "path", "data", lambda data: data.required().encode())
        if pem is None:
            return None
        self._taken(key, lambda: _check_key(pem, key.path))
        self.read.append(f"key {hashlib.sha256(pem).hexdigest()}")
        return pem


def _check_key(pem: bytes, where: str) -> None:
    from attest.verifier.key_verifying import VerifyingKey  # noqa: PLC0415  only policies with keys pay for it

    VerifyingKey.parse(pem, where=where)


def _named_file(path: Path, what: str) -> bytes:
    """Return the bytes of a file that a policy names in `what`. Raises `DocumentError`: it is a part of the policy."""
    try:
        return path.read_bytes()
    except OSError as error:
        where = f"{what} ({path})"
        raise DocumentError(POLICY_MALFORMED, f"can't be read: {error.strerror}", where=where) from error
