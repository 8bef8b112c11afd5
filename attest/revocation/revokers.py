"""Revokers: whose revocations count, each within a scope."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.identity import Identity
from attest.revocation.selector import Selector
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attest.authority import Authority
    from attest.revocation.statement import Revocation

__all__ = ["EVERYTHING", "Revoker", "Scope"]

_ARTIFACTS, _KEYS, _IDENTITIES, _ISSUER = "artifacts", "keys", "identities", "issuer:"


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may revoke: any artifact, any bare key, any identity, or the identities of some issuers."""

    artifacts: bool = True
    keys: bool = True
    identities: bool = True
    issuers: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Self:
        """Read a scope: `artifacts`, `keys`, `identities`, `issuer:URL`; without any word it is everything.

        Raises `UsageError` for any other word.
        """
        given = list(words)
        issuers = frozenset(word.removeprefix(_ISSUER) for word in given if word.startswith(_ISSUER))
        others = [word for word in given if not word.startswith(_ISSUER)]
        strange = [word for word in others if word not in (_ARTIFACTS, _KEYS, _IDENTITIES)]
        if strange or "" in issuers:
            raise UsageError(
                USAGE,
                "not a scope",
                got=printable(strange[0] if strange else _ISSUER),
                expected=f"{_ARTIFACTS}, {_KEYS}, {_IDENTITIES} or {_ISSUER}URL",
            )
        if not given:
            return cls()
        return cls(_ARTIFACTS in others, _KEYS in others, _IDENTITIES in others, issuers)

    def holds(self, revocation: Revocation) -> bool:
        """Return whether what is revoked lies in the scope."""
        target = revocation.target
        if not isinstance(target, Selector):
            return self.artifacts
        if isinstance(target.signer, Identity):
            return self.identities or target.signer.issuer in self.issuers
        return self.keys

    def __str__(self) -> str:
        named = ((_ARTIFACTS, self.artifacts), (_KEYS, self.keys), (_IDENTITIES, self.identities))
        words = [word for word, allowed in named if allowed]
        return ", ".join([*words, *sorted(_ISSUER + printable(issuer) for issuer in self.issuers)])


EVERYTHING = Scope()
"""The scope of somebody who may revoke whatever there is."""


@dataclass(frozen=True, slots=True)
class Revoker:
    """Somebody whose revocations count, within a scope. The authority's name tells revokers apart."""

    authority: Authority
    scope: Scope = EVERYTHING
