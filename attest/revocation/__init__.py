"""Revocations: signed words that something counts no more, their signed heads, and what they do to a verdict."""
