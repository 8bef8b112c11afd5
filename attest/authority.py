"""Authorities: whose statements count, and what their evidence must show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attest.demands import NOTHING_DEMANDED, Demands
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.attestations import DEMAND_UNMEETABLE, NOBODY_EXPECTED

if TYPE_CHECKING:
    from attest.identity import IdentityPattern
    from attest.trust import TrustRoot

__all__ = ["Authority", "Demands"]

KEYLESS_DEMANDS: Final = Demands(log=True, sct=True, time=True)
LOGGED_KEY_DEMANDS: Final = Demands(log=True, sct=False, time=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody whose statements count, under a name of our choice. There are three kinds.

    - Keyless: any of `identities`, vouched for by `root` alone (roots are never merged). It must show a log entry, an
      SCT and a time, unless `demands` says otherwise.
    - Certificate: the same with a `root` whose certificate authorities are one's own, and `demands` without log or
      SCT. Its certificates needn't name an issuer; who they name is then vouched for by the authority itself, and
      the identity's issuer reads `ca:sha256:<hex of the root certificate's SubjectPublicKeyInfo>`. Where not even a
      time is demanded, a certificate must be valid at the verifier's own now.
    - Key: `key_pem`, a public key in PEM. Without a `root` it must show nothing; with one, a log entry in a log that
      the root names, unless `demands` says otherwise.

    A keyless `root` of None is one that isn't at hand, so nothing by this authority can be decided.

    Raises `DocumentError` where it is both a key and identities or neither, or demands what nobody could meet.
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
        if self.key_pem is not None and self.identities:
            raise DocumentError(NOBODY_EXPECTED, "expects both a key and identities", where=where)
        fault = self._unmeetable()
        if fault:
            raise DocumentError(DEMAND_UNMEETABLE, fault, where=where, got=f"it demands: {self.must_show}")

    @property
    def must_show(self) -> Demands:
        """What its evidence must show."""
        if self.demands is not None:
            return self.demands
        if self.key_pem is None:
            return KEYLESS_DEMANDS
        return NOTHING_DEMANDED if self.root is None else LOGGED_KEY_DEMANDS

    @property
    def expects(self) -> str:
        """Whom it expects, in words."""
        if self.key_pem is not None:
            return f"key {printable(self.name)}"
        return " or ".join(str(pattern) for pattern in self.identities)

    def _unmeetable(self) -> str:
        """Return why nobody could ever meet its demands, or an empty text."""
        asked, root, is_key = self.must_show, self.root, self.key_pem is not None
        if root is None:
            faults = [(is_key and (asked.log or asked.time), "no trust root is named that could vouch for log or time")]
        else:
            tells_time = bool(root.time_stampers or (asked.log and root.logs))
            faults = [
                (not is_key and not root.authorities, "its trust root names no certificate authority"),
                (asked.log and not root.logs, "its trust root names no log"),
                (asked.sct and not root.certificate_logs, "its trust root names no certificate log"),
                (asked.time and not tells_time, "its trust root names nobody who vouches for times"),
            ]
        faults.insert(0, (is_key and asked.sct, "a key has no certificate, and so no SCT"))
        is_timeless = not is_key and not asked.time and (asked.sct or asked.log)
        faults.insert(0, (is_timeless, "a certificate is judged at a time, and no time is demanded"))
        return next((why for is_fault, why in faults if is_fault), "")
