"""The requirements that a policy can hold, in the order in which they judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.requirements.ancestors import AncestorRule
from admission.requirements.attestations import AttestationsRule
from admission.requirements.break_glass import BreakGlassRule
from admission.requirements.licenses import LicenseRule
from admission.requirements.load_time_proof import LoadTimeRule

if TYPE_CHECKING:
    from admission.requirements.requirement import Requirement

__all__ = ["REQUIREMENTS"]

REQUIREMENTS: Final[tuple[type[Requirement], ...]] = (
    AttestationsRule,
    AncestorRule,
    LicenseRule,
    LoadTimeRule,
    BreakGlassRule,
)
"""Each requirement once. Adding one is its module and its name here."""
