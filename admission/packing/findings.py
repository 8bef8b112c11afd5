"""Findings as rows, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.packing.rows import FindingRow
from dbom.model import Finding, Severity

if TYPE_CHECKING:
    from admission.packing.texts import ReadTexts, Texts

__all__ = ["finding_row", "read_finding"]


def finding_row(item: Finding, texts: Texts) -> FindingRow:
    """Return a finding as a row."""
    return FindingRow(*map(texts.place, (item.rule, item.severity, item.message, item.where)))


def read_finding(row: FindingRow, texts: ReadTexts) -> Finding:
    """Return the finding of a row. Raises `ValueError` for a severity that there isn't."""
    return Finding(texts.at(row.rule), Severity(texts.at(row.severity)), texts.at(row.message), texts.at(row.where))
