"""What decisions were made from, as a journal keeps it: policies and evidence, by digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from admission.journal.records import moment_of
from dbom.canonical import json_object
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Inputs"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a decision was made from, by digest: policies by name, the evidence, and when that was read."""

    policies: tuple[tuple[str, str], ...]
    evidence: str
    read_at: datetime | None

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read what a journal keeps of them, None where it isn't that."""
        try:
            found = json_object(data, where="")
        except DocumentError:
            return None
        policies, evidence, read = found.get("policies"), found.get("evidence"), found.get("evidenceReadAt")
        if not isinstance(policies, dict) or not isinstance(evidence, str):
            return None
        at = moment_of(read)
        if read is not None and at is None:
            return None
        return cls(tuple((name, str(digest)) for name, digest in sorted(policies.items())), evidence, at)
