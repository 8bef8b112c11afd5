"""Having a signature recorded: its entry in a transparency log and its RFC 3161 time stamps, for signers with a key.

The time stamps come first, so that nothing is logged that can't be finished.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from attest.signers.records import Record, Signed
from attest.signers.rekor import demand_loggable, log_remotely
from attest.signers.services import Services
from attest.signers.stamping import stamp_remotely
from attest.signers.transport import Transport
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.signers.keys import PublicKey
    from attest.trust import TrustRoot

__all__ = ["Recorder", "RemoteRecorder"]


class Recorder(Protocol):
    """Something that has signatures logged, or dated, or both."""

    @property
    def root(self) -> TrustRoot | None:
        """What vouches for its logs and times, or None where nobody is known who does."""

    @property
    def logs(self) -> int:
        """How many log entries a record has."""

    @property
    def time_stamps(self) -> int:
        """How many time stamps a record has."""

    def demand(self, key: PublicKey) -> None:
        """Check that signatures by this key can be recorded. Raises `UsageError` where they can't."""

    def record(self, signed: Signed) -> Record:
        """Return the record of a signature. Raises `SigningError` where it can't be had."""

    def describe(self) -> str:
        """Say where it is recorded, and what that is worth."""


@dataclass(frozen=True, slots=True)
class RemoteRecorder:
    """Has signatures stamped and logged by the services of a Sigstore, or stamped by one authority alone."""

    services: Services
    _now: Callable[[], datetime] = field(repr=False)
    _transport: Transport = field(default=Transport(), repr=False)

    @classmethod
    def of_authority(cls, url: str, now: Callable[[], datetime], transport: Transport | None = None) -> RemoteRecorder:
        """Return the recorder that only has signatures stamped, by the time-stamp authority at `url`."""
        return cls(Services((), (url,), None), now, transport or Transport())

    @property
    def root(self) -> TrustRoot | None:
        """The root of the trust configuration; a lone time-stamp authority has none that is known here."""
        return self.services.root

    @property
    def logs(self) -> int:
        """As many as the configuration asks for."""
        return len(self.services.logs)

    @property
    def time_stamps(self) -> int:
        """As many as the configuration asks for."""
        return len(self.services.time_stamp_urls)

    def demand(self, key: PublicKey) -> None:
        """Check that each log takes signatures by this key. Raises `UsageError`."""
        for log in self.services.logs:
            demand_loggable(key, log)

    def describe(self) -> str:
        """Name the services."""
        logged = [f"logged at {printable(log.url)}" for log in self.services.logs]
        return " and ".join([*logged, *(f"dated by {printable(url)}" for url in self.services.time_stamp_urls)])

    def record(self, signed: Signed) -> Record:
        """Ask each time-stamp authority, then each log."""
        stamps = tuple(
            stamp_remotely(url, signed.signature, self._transport, now=self._now())
            for url in self.services.time_stamp_urls
        )
        return Record(tuple(log_remotely(log, signed, self._transport) for log in self.services.logs), stamps)
