"""Numbers of a program that runs, in Prometheus' text format: counters, gauges, histograms.

The format is "Prometheus text-based exposition format 0.0.4" (ADR 0026). Safe to use from several threads.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CONTENT_TYPE", "Counter", "Gauge", "Histogram", "Metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What a page of metrics is sent as."""

_T = TypeVar("_T", "Counter", "Gauge", "Histogram")


class Counter:
    """How often something was, by the values of its labels."""

    kind = "counter"

    def __init__(self, name: str, told: str, labels: Sequence[str] = ()) -> None:
        self.name, self.told, self.labels = name, told, tuple(labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}
        self._lock = threading.Lock()

    def add(self, *values: str, by: float = 1) -> None:
        """Count once more (or `by` more); `values` are those of the labels, in their order."""
        with self._lock:
            self._values[values] = self._values.get(values, 0.0) + by

    def items(self) -> list[tuple[tuple[str, ...], float]]:
        """Return the labels' values with the count of each, in order."""
        with self._lock:
            return sorted(self._values.items())

    @property
    def total(self) -> float:
        """How often it was altogether."""
        return sum(value for _, value in self.items())

    def lines(self) -> list[str]:
        """Return its samples as lines of text."""
        return [f"{self.name}{_labelled(self.labels, values)} {_number(value)}" for values, value in self.items()]


class Gauge:
    """What something is now, read when it is asked for; nothing is told where `read` gives None."""

    kind = "gauge"

    def __init__(self, name: str, told: str, read: Callable[[], float | None], *, kind: str = "gauge") -> None:
        self.name, self.told, self.read, self.kind = name, told, read, kind

    def lines(self) -> list[str]:
        """Return its samples as lines of text."""
        value = self.read()
        return [] if value is None else [f"{self.name} {_number(value)}"]


class Histogram:
    """How often a value was at most as large as each of some bounds."""

    kind = "histogram"

    def __init__(self, name: str, told: str, bounds: Sequence[float]) -> None:
        self.name, self.told, self.bounds = name, told, tuple(bounds)
        self._counts = [0] * (len(self.bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Count a value."""
        place = bisect_left(self.bounds, value)
        with self._lock:
            self._counts[place] += 1
            self._sum += value

    def lines(self) -> list[str]:
        """Return its samples as lines of text."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        found, so_far = [], 0
        for bound, count in zip((*map(_number, self.bounds), "+Inf"), counts, strict=True):
            so_far += count
            found.append(f'{self.name}_bucket{{le="{bound}"}} {so_far}')
        return [*found, f"{self.name}_sum {_number(total)}", f"{self.name}_count {so_far}"]


class Metrics:
    """The metrics of a program, in the order in which they were made."""

    def __init__(self) -> None:
        self._all: list[Counter | Gauge | Histogram] = []

    def counter(self, name: str, told: str, labels: Sequence[str] = ()) -> Counter:
        """Make a counter; `told` is what it counts, in a sentence."""
        return self._kept(Counter(name, told, labels))

    def gauge(self, name: str, told: str, read: Callable[[], float | None], *, kind: str = "gauge") -> Gauge:
        """Make a gauge; `kind` may be `counter` for a number that only grows and that something else counts."""
        return self._kept(Gauge(name, told, read, kind=kind))

    def histogram(self, name: str, told: str, bounds: Sequence[float]) -> Histogram:
        """Make a histogram with ascending bounds."""
        return self._kept(Histogram(name, told, bounds))

    def text(self) -> bytes:
        """Return all as a page that Prometheus reads."""
        lines = [
            line
            for item in self._all
            for line in (f"# HELP {item.name} {item.told}", f"# TYPE {item.name} {item.kind}", *item.lines())
        ]
        return ("\n".join(lines) + "\n").encode() if lines else b""

    def _kept(self, item: _T) -> _T:
        self._all.append(item)
        return item


def _labelled(labels: Sequence[str], values: Sequence[str]) -> str:
    if not labels:
        return ""
    pairs = (f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
