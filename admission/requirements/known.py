"""The requirements that a policy can hold, in the order in which they judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.requirements.age import AgeRule
from admission.requirements.ancestors import AncestorRule
from admission.requirements.attestations import AttestationsRule
from admission.requirements.break_glass import BreakGlassRule
from admission.requirements.denied import DeniedRule
from admission.requirements.formats import FormatRule
from admission.requirements.freshness import FreshnessRule
from admission.requirements.identity import IdentityRule
from admission.requirements.licenses import LicenseRule
from admission.requirements.lineage import LineageRule
from admission.requirements.load_time_proof import LoadTimeRule
from admission.requirements.provenance import ProvenanceRule
from admission.requirements.residency import ResidencyRule
from admission.requirements.revocation import RevocationRule
from admission.requirements.rules import PolicyRules
from admission.requirements.sensitivity import SensitivityRule

if TYPE_CHECKING:
    from admission.requirements.requirement import Requirement

__all__ = ["REQUIREMENTS"]

REQUIREMENTS: Final[tuple[type[Requirement], ...]] = (
    AttestationsRule,
    IdentityRule,
    ProvenanceRule,
    AgeRule,
    RevocationRule,
    FreshnessRule,
    AncestorRule,
    LineageRule,
    DeniedRule,
    LicenseRule,
    SensitivityRule,
    ResidencyRule,
    FormatRule,
    PolicyRules,
    LoadTimeRule,
    BreakGlassRule,
)
"""Each requirement once. Adding one is its module and its name here."""
