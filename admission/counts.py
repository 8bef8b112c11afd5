"""What a webhook that runs counts: answers by verdict, how long they took, what was cached, what was dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.metrics import Metrics
from admission.policy import Mode

if TYPE_CHECKING:
    from admission.webhook import Answered

__all__ = ["Counts"]

_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Counts:
    """The counters of a webhook, and the page on which they are told."""

    def __init__(self) -> None:
        self.metrics = metrics = Metrics()
        self.decisions = metrics.counter(
            "dbom_admission_decisions_total", "Reviews answered.", ("verdict", "mode", "allowed")
        )
        self.seconds = metrics.histogram(
            "dbom_admission_decision_seconds", "From a review's first byte to its answer.", _BOUNDS
        )
        self.hits = metrics.counter("dbom_admission_cache_hits_total", "Decisions that were made before.")
        self.misses = metrics.counter("dbom_admission_cache_misses_total", "Decisions that had to be made.")
        self.dry_runs = metrics.counter("dbom_admission_dry_runs_total", "Dry runs, of which no record is kept.")
        self.late = metrics.counter("dbom_admission_late_total", "Reviews for which no decision came in time.")
        self.malformed = metrics.counter("dbom_admission_malformed_total", "What could not be read as a review.")
        self.unrecorded = metrics.counter("dbom_admission_unrecorded_total", "Decisions that could not be recorded.")
        self.dropped = metrics.counter(
            "dbom_admission_dropped_total", "Connections that were ended, and why.", ("why",)
        )
        self.reload_failures = metrics.counter(
            "dbom_admission_reload_failures_total", "New policies, evidence or certificates that could not be used."
        )

    def looked_up(self, *, found: bool) -> None:
        """Count a look into the cache."""
        (self.hits if found else self.misses).add()

    def answered(self, answered: Answered, seconds: float) -> None:
        """Count an answer and the time that it took."""
        self.seconds.observe(seconds)
        decision, log = answered.decision, answered.log
        if decision is None:
            if log.get("event") == "malformed":
                self.malformed.add()
            return
        mode = str(decision.mode) if isinstance(decision.mode, Mode) else ""
        self.decisions.add(str(decision.verdict), mode, "true" if log["allowed"] else "false")
        if log["dryRun"]:
            self.dry_runs.add()
        if "unrecorded" in log:
            self.unrecorded.add()
