"""Authorities: whose statements count, and what their evidence must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.attestations import NOBODY_EXPECTED

if TYPE_CHECKING:
    from attest.identity import IdentityPattern
    from attest.trust import TrustRoot

__all__ = ["Authority", "Demands"]


@dataclass(frozen=True, slots=True)
class Demands:
    """What the evidence of an authority must show beside a signature: a log entry, an SCT, a time."""

    log: bool
    sct: bool
    time: bool


KEYLESS_DEMANDS: Final = Demands(log=True, sct=True, time=True)
KEY_DEMANDS: Final = Demands(log=False, sct=False, time=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody whose statements count, under a name of our choice.

    Either keyless: any of `identities`, vouched for by `root` alone (roots are never merged); a `root` of None is one
    that isn't at hand, so nothing by this authority can be decided. Or a bare key: `key_pem`, a public key in PEM.
    `demands` of None stands for what the kind demands: keyless all three, a bare key none.

    Raises `DocumentError` where it is both or neither, or demands what the verifier of its kind doesn't check.
    """

    name: str
    identities: tuple[IdentityPattern, ...] = ()
    root: TrustRoot | None = None
    key_pem: bytes | None = None
    demands: Demands | None = None

    def __post_init__(self) -> None:
        where = f"authority {printable(self.name)}"
        if self.key_pem is None and not self.identities:
            raise DocumentError(NOBODY_EXPECTED, "expects neither an identity nor a key", where=where)
        if self.key_pem is not None and (self.identities or self.root is not None):
            raise DocumentError(NOBODY_EXPECTED, "expects both a key and identities", where=where)
        if self.must_show != (KEYLESS_DEMANDS if self.key_pem is None else KEY_DEMANDS):
            raise DocumentError(
                NOBODY_EXPECTED,
                "demands what can't be checked of its kind",
                where=where,
                expected="log, SCT and time of a keyless authority, none of them of a bare key",
            )

    @property
    def must_show(self) -> Demands:
        """What its evidence must show."""
        if self.demands is not None:
            return self.demands
        return KEYLESS_DEMANDS if self.key_pem is None else KEY_DEMANDS

    @property
    def expects(self) -> str:
        """Whom it expects, in words."""
        if self.key_pem is not None:
            return f"key {printable(self.name)}"
        return " or ".join(str(pattern) for pattern in self.identities)
