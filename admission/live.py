"""The webhook of now: policies and evidence that are swapped in one step while it serves.

What can't be used leaves the last good one in use, and is said: in the log once, in a metric, in the status. A request
that has begun goes on with what it began with; an answer that was kept is never given from other policies or evidence,
since it is kept by both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from admission.evidence import Evidence
from admission.mounted import Loaded
from admission.status import status_document
from admission.webhook import Webhook
from dbom.errors import DbomError
from dbom.printable import printable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from admission.counts import Counts
    from admission.journal import Journal
    from admission.mounted import Source, Stamp
    from attest.http_server import Certificate
    from dbom.canonical import JsonObject

__all__ = ["Fixed", "Live", "LoadError"]

_NOTHING: Final = Loaded((), Evidence())
_TRY_AGAIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class LoadError:
    """What could not be used, when, and by which rule."""

    at: datetime
    what: str
    rule: str


@dataclass(slots=True)
class Fixed:
    """A webhook that stays as it is."""

    webhook: Webhook
    draining: bool = False

    @property
    def not_ready(self) -> str:
        """Why no review should be sent here."""
        return "it is ending" if self.draining else ""

    def status(self) -> JsonObject:
        """Return what is known of it."""
        return {"ready": not self.draining, "draining": self.draining, "notReady": self.not_ready}


class Live:
    """Policies and evidence from a source that may change, and the webhook that answers from them."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        log: Callable[[JsonObject], None],
        counts: Counts,
        *,
        certificate: Certificate | None = None,
    ) -> None:
        self.source, self.now, self.log, self.counts, self.certificate = source, now, log, counts, certificate
        self.loaded, self.started_at = _NOTHING, now()
        self.loaded_at: datetime | None = None
        self.last_error: LoadError | None = None
        self.draining = False
        self.webhook = Webhook((), Evidence(), now, missing="no policies and evidence yet")
        self._show_gauges()
        self._stamp: Stamp | None = None
        self._read_at = 0.0
        self._failed = False
        self._certificate_error = ""
        self._unwatched = False

    @property
    def is_loaded(self) -> bool:
        """Whether there ever was something to answer from."""
        return self.loaded_at is not None

    @property
    def not_ready(self) -> str:
        """Why no review should be sent here; empty where all is well."""
        if self.draining:
            return "it is ending"
        if self._unwatched:
            return "what is mounted isn't read any more"
        if not self.is_loaded:
            return "no policies and evidence yet" + (f": {self.last_error.what}" if self.last_error else "")
        return ""

    def record_in(self, journal: Journal) -> None:
        """Keep a record of every decision from now on."""
        self.webhook = replace(self.webhook, journal=journal)

    def load(self) -> None:
        """Read the source for the first time. Raises `DbomError` for what can't be used."""
        self._take(self._read(self.source.stamp()))

    def check(self) -> bool:
        """Read the source again if it has changed; return whether something else is answered from now on.

        Not for several threads at once. Requests don't wait for it.
        """
        self._check_certificate()
        stamp = self.source.stamp()
        age = time.monotonic() - self._read_at
        if stamp == self._stamp and age < (_TRY_AGAIN if self._failed else self.source.again_after):
            return False
        try:
            return self._take(self._read(stamp))
        except DbomError as error:
            self._fail(error)
            return False

    def run(self, stop: threading.Event, *, every: float = 1.0) -> None:
        """Check every so many seconds until `stop` is set: what a thread of its own does."""
        try:
            while not stop.wait(every):
                self.check()
        finally:
            self._unwatched = not stop.is_set()

    def status(self) -> JsonObject:
        """Return what is known of the gate that runs, for `dbom admission status`."""
        return status_document(self, self.now())

    def _show_gauges(self) -> None:
        gauge = self.counts.metrics.gauge
        gauge(
            "dbom_admission_snapshot_sequence", "Number of the snapshot in use.", lambda: _float(self.loaded.sequence)
        )
        gauge("dbom_admission_snapshot_age_seconds", "Since the stores were read.", self._age)
        gauge(
            "dbom_admission_certificate_expiry_timestamp_seconds",
            "When the serving certificate in use ends.",
            lambda: (
                None
                if self.certificate is None or self.certificate.expires is None
                else self.certificate.expires.timestamp()
            ),
        )
        gauge(
            "dbom_admission_journal_records_total",
            "Records written to the journal.",
            lambda: None if self.webhook.journal is None else float(self.webhook.journal.records),
            kind="counter",
        )
        gauge("dbom_admission_ready", "1 where reviews may be sent here.", lambda: 0.0 if self.not_ready else 1.0)

    def _age(self) -> float | None:
        synced = self.loaded.evidence.synced_at
        return None if synced is None else (self.now() - synced).total_seconds()

    def _take(self, loaded: Loaded) -> bool:
        """Answer from something else from now on, in one step; return whether it is something else."""
        is_other = not self.is_loaded or loaded.key != self.loaded.key
        before = self.webhook
        self.webhook = replace(before, policies=loaded.policies, evidence=loaded.evidence, missing="")
        self.loaded, self.loaded_at = loaded, self.now()
        if is_other or self._failed:
            said: JsonObject = {"event": "loaded", "from": self.source.kind, "policies": len(loaded.policies)}
            self.log({**said, "evidence": loaded.evidence.digest, "sequence": loaded.sequence})
        self._failed = False
        return is_other

    def _read(self, stamp: Stamp) -> Loaded:
        """Read the source, which was so before; what it names of files may be others only then."""
        before, self._read_at = {entry[0]: entry for entry in stamp}, time.monotonic()
        try:
            return self.source.load(self.now())
        finally:
            # What changed while it was read is as it was before, so that it is read again.
            self._stamp = tuple(before.get(entry[0], entry) for entry in self.source.stamp())

    def _fail(self, error: DbomError) -> None:
        said = printable(str(error), limit=2000)
        is_new = not self._failed or self.last_error is None or said != self.last_error.what
        self._failed, self.last_error = True, LoadError(self.now(), said, error.rule.id)
        self.counts.reload_failures.add()
        if is_new:
            self.log({"event": "reload", "error": said, "rule": error.rule.id, "hint": error.hint})

    def _check_certificate(self) -> None:
        """Load a new certificate before a client asks for it, and count one that can't be used."""
        if self.certificate is None:
            return
        self.certificate.context()
        if self.certificate.error and self.certificate.error != self._certificate_error:
            self.counts.reload_failures.add()
        self._certificate_error = self.certificate.error


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)
