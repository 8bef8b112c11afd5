"""Lengths of time in policies: `90d`, `12h`, `30m`, `45s`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["PERIOD_PATTERN", "read_period", "shown_period"]

PERIOD_PATTERN: Final = "^[1-9][0-9]{0,4}[dhms]$"
"""What a length of time looks like."""

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def read_period(node: Node) -> timedelta | None:
    """Return a length of time, or None where there is none or, with a fault, something else."""
    found = node.text()
    if found is None:
        return None
    if re.fullmatch(PERIOD_PATTERN, found) is None:
        node.fault("not a length of time: expected days, hours, minutes or seconds, as in 90d, 12h, 30m, 45s")
        return None
    return timedelta(**{_UNITS[found[-1]]: int(found[:-1])})


def shown_period(period: timedelta) -> str:
    """Return a length of time in its largest whole unit: `30 days`, `36 hours`."""
    for unit in _UNITS.values():
        count, rest = divmod(period, timedelta(**{unit: 1}))
        if not rest:
            return f"{count} {unit}" if count != 1 else f"{count} {unit.removesuffix('s')}"
    return str(period)
