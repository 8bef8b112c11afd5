"""The part of a policy that says whose statements count: trust roots, and authorities with identities or keys.

The words are those of sigstore policy-controller (its API types `Authority`, `KeylessRef`, `KeyRef` and `TrustRoot`,
`pkg/apis/policy/v1beta1` and `v1alpha1`); docs/formats/policy.md says what differs, and why.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, TypeVar

from admission.documents import Node, meant
from attest.authority import Authority, Demands
from attest.certificates import authority_name, load_certificate
from attest.files import read_file
from attest.identity import IdentityPattern, Pattern
from attest.trust import TrustRoot
from dbom.canonical import canonical_json, json_object
from dbom.errors import DbomError, DocumentError
from dbom.printable import printable
from dbom.rules.admission import POLICY_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dbom.canonical import JsonObject

__all__ = ["AUTHORITIES_SCHEMA", "TRUST_ROOTS_SCHEMA", "AuthorityReader"]

_T = TypeVar("_T")
_MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_HASHES: Final = ("sha224", "sha256", "sha384", "sha512")
_NAME: Final[JsonObject] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 63,
    "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_. ]*[A-Za-z0-9])?$",
}
_ONE_FILE: Final[JsonObject] = {
    "type": "object",
    "oneOf": [{"required": ["data"]}, {"required": ["path"]}],
    "properties": {
        "data": {"type": "string", "minLength": 1, "maxLength": 262144},
        "path": {"type": "string", "minLength": 1},
    },
}

TRUST_ROOTS_SCHEMA: Final[JsonObject] = {
    "type": "array",
    "maxItems": 64,
    "description": "Trust roots by name. They are never merged: each authority rests on the one that it names.",
    "items": {
        "type": "object",
        "required": ["name"],
        "oneOf": [{"required": ["path"]}, {"required": ["data"]}, {"required": ["certificates"]}],
        "properties": {
            "name": _NAME,
            "path": {"type": "string", "minLength": 1},
            "data": {"x-kubernetes-preserve-unknown-fields": True},
            "certificates": {
                "type": "object",
                "required": ["authority"],
                "properties": {"authority": _ONE_FILE, "timestamps": _ONE_FILE},
            },
        },
    },
}

_TEXT: Final[JsonObject] = {"type": "string", "minLength": 1}

AUTHORITIES_SCHEMA: Final[JsonObject] = {
    "type": "array",
    "maxItems": 256,
    "description": "Whose statements count, each under a name that the rest of the policy uses.",
    "items": {
        "type": "object",
        "required": ["name"],
        "oneOf": [{"required": ["keyless"]}, {"required": ["key"]}],
        "properties": {
            "name": _NAME,
            "keyless": {
                "type": "object",
                "required": ["identities", "trustRootRef"],
                "properties": {
                    "url": _TEXT,
                    "trustRootRef": _TEXT,
                    "identities": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 256,
                        "items": {
                            "type": "object",
                            "oneOf": [{"required": ["subject"]}, {"required": ["subjectRegExp"]}],
                            "properties": {
                                "issuer": _TEXT,
                                "issuerRegExp": _TEXT,
                                "subject": _TEXT,
                                "subjectRegExp": _TEXT,
                            },
                        },
                    },
                },
            },
            "key": {
                "type": "object",
                "oneOf": [{"required": ["data"]}, {"required": ["path"]}],
                "properties": {
                    "data": {"type": "string", "minLength": 1, "maxLength": 16384},
                    "path": _TEXT,
                    "hashAlgorithm": {"type": "string", "enum": list(_HASHES)},
                    "trustRootRef": _TEXT,
                },
            },
            "demands": {
                "type": "object",
                "required": ["log", "sct", "time"],
                "properties": {"log": {"type": "boolean"}, "sct": {"type": "boolean"}, "time": {"type": "boolean"}},
            },
        },
    },
}

_THEIRS: Final = {
    "static": "an authority that passes or fails whatever is shown vouches for nothing; use mode and match",
    "source": "evidence comes from the stores that the gate is given, never from where the policy says",
    "ctlog": "say in trustRoots which log counts, name it as key.trustRootRef, and demand it with demands.log",
    "rfc3161timestamp": "say in trustRoots who vouches for times, and demand one with demands.time",
    "attestations": "say in spec.attestations which statements must be there; CUE and Rego are not run",
    "signatureFormat": "Sigstore bundles are read, whoever made them",
}
_THEIRS_OF_KEYS: Final = {
    "kms": "nothing is fetched while a policy is read; write its public key (`dbom keys export`) into data or path",
    "secretRef": "the webhook has no rights in the cluster; mount the Secret beside the policy, and name it in path",
}
_THEIRS_KEYLESS: Final = {
    "ca-cert": "put the certificates into trustRoots[].certificates, and name them as trustRootRef",
    "insecureIgnoreSCT": "say what must be shown in demands",
}
"""Words of sigstore policy-controller that aren't read here, each with what to write instead."""


class AuthorityReader:
    """Reads trust roots and the authorities that rest on them; what is wrong gathers in the nodes' faults.

    `base` is the folder in which paths start, or the files in it by their paths, None where there is none (an object
    of a cluster). `unsupported` takes what can't be checked here, `taken` every file that was read. `read` are the
    digests of all roots and keys that were read.
    """

    def __init__(
        self, base: Path | Mapping[str, bytes] | None, unsupported: list[str], taken: dict[str, bytes] | None = None
    ) -> None:
        self._base, self._unsupported = base, unsupported
        self._taken_files: dict[str, bytes] = {} if taken is None else taken
        self._roots: dict[str, TrustRoot | None] = {}
        self._own: set[str] = set()
        self.read: list[str] = []

    def trust_roots(self, node: Node) -> None:
        """Read the trust roots, before the authorities that name them."""
        for item in node.items():
            item.only("name", "path", "data", "certificates")
            name = item.get("name").required()
            if name in self._roots:
                item.get("name").fault(f"another trust root is called '{printable(name)}'")
            self._roots[name] = self._trust_root(item)
            if item.get("certificates").is_there:
                self._own.add(name)

    def _trust_root(self, item: Node) -> TrustRoot | None:
        certificates = item.get("certificates")
        if certificates.is_there:
            root = self._of_certificates(item, certificates)
        else:
            raw = self._one_of(item, self._inline_root, "expected one of path, data and certificates")
            root = None if raw is None else self._taken(item, lambda: TrustRoot.parse(raw, where=item.path))
        if root is not None:
            self.read.append(f"root {root.sha256}")
        return root

    def _of_certificates(self, item: Node, certificates: Node) -> TrustRoot | None:
        """Read the root of a certificate authority of one's own, and of those who vouch for its times."""
        if item.get("path").is_there or item.get("data").is_there:
            item.fault("expected one of path, data and certificates")
        certificates.only("authority", "timestamps")
        chains = [self._pem(certificates.get(key), is_needed=key == "authority") for key in ("authority", "timestamps")]
        if chains[0] is None or (chains[1] is None and certificates.get("timestamps").is_there):
            return None
        return self._taken(item, lambda: TrustRoot.of_certificates(*chains, where=item.path))

    def _pem(self, node: Node, *, is_needed: bool) -> bytes | None:
        if not node.is_there:
            if is_needed:
                node.fault("missing")
            return None
        node.only("data", "path")
        return self._one_of(node, lambda data: data.required().encode())

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

    def _one_of(
        self, item: Node, inline: Callable[[Node], bytes | None], expected: str = "expected one of path and data"
    ) -> bytes | None:
        path, data = item.get("path"), item.get("data")
        if path.is_there == data.is_there:
            item.fault(expected)
            return None
        if data.is_there:
            return inline(data)
        text = path.required()
        return self._taken(path, lambda: self._file(text)) if text else None

    def _file(self, text: str) -> bytes:
        """Return the bytes of a file in the policy's folder. Raises `DocumentError`: it is a part of the policy."""
        if self._base is None:
            raise DocumentError(POLICY_MALFORMED, "an object of the cluster has no folder; write it into data")
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or "\0" in text:
            raise DocumentError(POLICY_MALFORMED, "leads out of the policy's folder", got=printable(text))
        if not isinstance(self._base, Path):
            if text not in self._base:
                raise DocumentError(POLICY_MALFORMED, "isn't among the files that were handed over with the policy")
            return self._base[text]
        try:
            data = read_file(self._base / path, limit=_MAX_FILE_BYTES, what="part of the policy")
        except DbomError as error:
            raise DocumentError(POLICY_MALFORMED, error.what) from error
        self._taken_files[text] = data
        return data

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
        for item in node.items():
            self._refuse_theirs(item, _THEIRS)
            item.only("name", "keyless", "key", "demands", *_THEIRS)
            name = item.get("name").required()
            if name.casefold() in names:
                item.get("name").fault(f"another authority is called '{printable(name)}', or as good as that")
            names.add(name.casefold())
            authority = self._authority(item, name)
            if authority is not None:
                found.append(authority)
        return tuple(found)

    def _refuse_theirs(self, item: Node, words: dict[str, str]) -> None:
        for key, instead in words.items():
            if isinstance(item.value, dict) and key in item.value:
                self._unsupported.append(f"{item.get(key).path}: {instead}")

    def _authority(self, item: Node, name: str) -> Authority | None:
        keyless, key, before = item.get("keyless"), item.get("key"), len(item.faults) + len(self._unsupported)
        if keyless.is_there == key.is_there:
            item.fault("expected one of keyless and key")
            return None
        identities = self._identities(keyless) if keyless.is_there else ()
        root = self._root_of(keyless, is_needed=True) if keyless.is_there else self._root_of(key, is_needed=False)
        root = self._of_service(keyless, root) if keyless.is_there else root
        key_pem = self._key(key) if key.is_there else None
        demands = self._demands(item.get("demands"))
        if len(item.faults) + len(self._unsupported) > before:
            return None
        if root is not None and demands is None and keyless.is_there and keyless.get("trustRootRef").value in self._own:
            # A certificate authority of one's own has no log and no SCT; a time is demanded where anybody tells it.
            demands = Demands(log=False, sct=False, time=bool(root.time_stampers))
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
        self._refuse_theirs(keyless, _THEIRS_KEYLESS)
        keyless.only("url", "identities", "trustRootRef", *_THEIRS_KEYLESS)
        found: list[IdentityPattern] = []
        items = list(keyless.get("identities").items())
        if not items:
            keyless.get("identities").fault("missing: a keyless authority names at least one identity")
        own = self._own_issuer(keyless)
        for item in items:
            item.only("issuer", "issuerRegExp", "subject", "subjectRegExp")
            subject = self._pattern(item, "subject", "subjectRegExp")
            is_said = item.get("issuer").is_there or item.get("issuerRegExp").is_there
            issuer = self._pattern(item, "issuer", "issuerRegExp") if is_said or own is None else Pattern(own)
            if subject is not None and issuer is not None:
                found.append(IdentityPattern(subject, issuer))
        return tuple(found)

    def _own_issuer(self, keyless: Node) -> str | None:
        """Return how a certificate authority of one's own is named as an issuer, None where it isn't one."""
        name = keyless.get("trustRootRef").value
        root = self._roots.get(name) if isinstance(name, str) and name in self._own else None
        if root is None or not root.authorities:
            return None
        return authority_name(load_certificate(root.authorities[0].certificates[-1], where=keyless.path))

    def _pattern(self, item: Node, exact: str, expression: str) -> Pattern | None:
        text, pattern = item.get(exact), item.get(expression)
        if text.is_there == pattern.is_there:
            item.fault(f"expected one of {exact} and {expression}")
            return None
        node = text if text.is_there else pattern
        value = node.required()
        return self._taken(node, lambda: Pattern(value, is_expression=pattern.is_there)) if value else None

    def _root_of(self, holder: Node, *, is_needed: bool) -> TrustRoot | None:
        node = holder.get("trustRootRef")
        if not is_needed and not node.is_there:
            return None
        name = node.required()
        if name and name not in self._roots:
            node.fault(f"no trust root is called '{printable(name)}'{meant(name, self._roots)}")
        return self._roots.get(name)

    def _of_service(self, keyless: Node, root: TrustRoot | None) -> TrustRoot | None:
        """Return the root with only the certificate authority at the service's URL, where one is named."""
        url = keyless.get("url")
        text = url.required() if url.is_there else ""
        if root is None or not text:
            return root
        document = json_object(root.raw, where=url.path)
        listed = document.get("certificateAuthorities")
        kept = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        kept = [item for item in kept if str(item.get("uri", "")).rstrip("/") == text.rstrip("/")]
        if not kept:
            url.fault(f"the trust root names no certificate authority at '{printable(text)}'")
            return None
        narrowed: JsonObject = {**document, "certificateAuthorities": [*kept]}
        return self._taken(url, lambda: TrustRoot.parse(canonical_json(narrowed), where=url.path))

    def _key(self, key: Node) -> bytes | None:
        self._refuse_theirs(key, _THEIRS_OF_KEYS)
        key.only("data", "path", "hashAlgorithm", "trustRootRef", *_THEIRS_OF_KEYS)
        if any(key.get(word).is_there for word in _THEIRS_OF_KEYS):
            return None
        pem = self._one_of(key, lambda data: data.required().encode())
        if pem is None:
            return None
        wanted = key.get("hashAlgorithm").choice(_HASHES, "") if key.get("hashAlgorithm").is_there else ""
        hashed = self._taken(key, lambda: _hash_of(pem, key.path))
        if wanted and hashed is not None and hashed != wanted:
            self._unsupported.append(
                f"{key.get('hashAlgorithm').path}: signatures of such a key are made with"
                f" {hashed or 'a hash of their own'}, and are checked with no other"
            )
        self.read.append(f"key {hashlib.sha256(pem).hexdigest()}")
        return pem


def _hash_of(pem: bytes, where: str) -> str:
    from attest.verifier.key_verifying import VerifyingKey  # noqa: PLC0415  only policies with keys pay for it

    return VerifyingKey.parse(pem, where=where).hash_algorithm
