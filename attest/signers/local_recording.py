"""Having a key's signatures logged and dated by this machine's embedded local Sigstore."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.signers.records import Record, Signed, verifier_pem
from attest.trust import TrustRoot

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.local import LocalSigstore
    from attest.local.signer import LocalSigner
    from attest.signers.keys import PublicKey

__all__ = ["LocalRecorder"]


@dataclass(frozen=True, slots=True)
class LocalRecorder:
    """Logs and dates on this machine. The times are self-asserted: as good as the machine, and no better."""

    root: TrustRoot = field(repr=False)
    _signer: LocalSigner = field(repr=False)

    @classmethod
    def of(cls, sigstore: LocalSigstore, now: Callable[[], datetime]) -> Self:
        """Open the local Sigstore's log. Raises `PathError` where its keys can't be used."""
        return cls(TrustRoot.parse(sigstore.trusted_root(), where="the local trust root"), sigstore.signer(now=now))

    @property
    def logs(self) -> int:
        """One log entry."""
        return 1

    @property
    def time_stamps(self) -> int:
        """One time stamp."""
        return 1

    def demand(self, _: PublicKey) -> None:
        """Take every kind of key."""

    def describe(self) -> str:
        """Say that the record is this machine's own."""
        return "logged and dated by this machine itself"

    def record(self, signed: Signed) -> Record:
        """Log, then stamp. Raises `SigningError` where the log is busy or damaged, or the clock is off."""
        entry, stamp = self._signer.record(signed.envelope, signed.payload, signed.signature, verifier_pem(signed))
        return Record((entry,), (stamp,))
