"""What the controller counts, for Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ControllerMetrics", "Numbers"]


@dataclass(slots=True)
class Numbers:
    """What is so now; None where it isn't known yet. Moments are seconds since 1970."""

    leading: float = 0
    snapshot_sequence: float | None = None
    synced_at: float | None = None
    certificate_ends_at: float | None = None
    policies_in_force: float | None = None
    policies_refused: float | None = None
    running: float | None = None
    running_refused: float | None = None
    running_undecided: float | None = None
    left_out: float | None = None


_GAUGES: Final = (
    ("dbom_controller_leading", "Whether this controller acts.", "leading"),
    ("dbom_admission_snapshot_sequence", "The snapshot that was handed over last.", "snapshot_sequence"),
    ("dbom_controller_evidence_synced_timestamp_seconds", "When the stores were last read.", "synced_at"),
    (
        "dbom_admission_certificate_expiry_timestamp_seconds",
        "When the webhook's serving certificate ends.",
        "certificate_ends_at",
    ),
    ("dbom_controller_policies_in_force", "Policy objects that are in force, old versions too.", "policies_in_force"),
    ("dbom_controller_policies_refused", "Policy objects with faults.", "policies_refused"),
    ("dbom_controller_running", "Pods and workloads that were judged again.", "running"),
    ("dbom_controller_running_refused", "Those that a policy would refuse now.", "running_refused"),
    ("dbom_controller_running_undecided", "Those of which a policy can't tell now.", "running_undecided"),
    ("dbom_controller_running_left_out", "Those beyond the bound, which aren't judged.", "left_out"),
)


class ControllerMetrics:
    """The page of metrics: `numbers` are shown as they are when the page is asked for, counters only grow."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._metrics = Metrics()
        for name, told, field in _GAUGES:
            self._metrics.gauge(name, told, self._reader(field))
        count = self._metrics.counter
        self.failures = count("dbom_controller_failures_total", "Steps that failed, and are tried again.", ("step",))
        self.judgements = count("dbom_controller_judgements_total", "Running objects that were judged, again or first.")
        self.events = count("dbom_controller_events_total", "Events written on what would be refused now.")

    def text(self) -> bytes:
        """Return the page."""
        return self._metrics.text()

    def _reader(self, field: str) -> Callable[[], float | None]:
        def read() -> float | None:
            found: float | None = getattr(self.numbers, field)
            return found

        return read
