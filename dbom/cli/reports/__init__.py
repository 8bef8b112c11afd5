"""Findings in the forms that other tools read: SARIF, JUnit, GitHub annotations."""

from __future__ import annotations
