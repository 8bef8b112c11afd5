"""What an authority's evidence must show beside a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["NOTHING_DEMANDED", "Demands"]


@dataclass(frozen=True, slots=True)
class Demands:
    """What the evidence of an authority must show beside a signature: a log entry, an SCT, a time."""

    log: bool
    sct: bool
    time: bool

    def __str__(self) -> str:
        words = [name for name, asked in (("log", self.log), ("SCT", self.sct), ("time", self.time)) if asked]
        return ", ".join(words) or "nothing"


NOTHING_DEMANDED: Final = Demands(log=False, sct=False, time=False)
"""What a bare key must show: nothing but the signature."""
