"""A signer that is opened when it is first needed, and anew after it failed.

For a server that must start while a Sigstore can't be reached, or while its token, key or trust configuration isn't
mounted yet, and that goes on where one of them is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.identity import Identity, KeyIdentity
    from attest.signers.signing import Signer
    from attest.statement import Statement

__all__ = ["LateSigner"]


@dataclass(slots=True)
class LateSigner:
    """Whoever `opener` returns signs; what `opener` raises, signing raises. Not for several threads at once."""

    opener: Callable[[], Signer]
    opened: Signer | None = None
    _described: str = field(default="whoever is opened first", init=False)

    @property
    def identity(self) -> Identity | KeyIdentity | None:
        """Who signs, or None where nobody is opened, or where that is known only once something is signed."""
        return None if self.opened is None else self.opened.identity

    def describe(self) -> str:
        """Say who signed last, and what that is worth."""
        return self._described

    def sign(self, statement: Statement) -> bytes:
        """Return the raw bytes of a bundle with `statement`. Raises as opening and signing do."""
        signer, self.opened = self.opened or self.opener(), None
        raw = signer.sign(statement)
        self.opened, self._described = signer, signer.describe()
        return raw
