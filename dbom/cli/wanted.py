"""Whether an installed version is one that is wanted: the two comparisons that dbom's own requirements are made of.

Versions are those of the Python packaging specification (PEP 440): a release, maybe with a suffix that makes it earlier
(a, b, rc, dev) or later (post, a local label).
"""

from __future__ import annotations

import re

__all__ = ["is_as_wanted"]

_VERSION = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)*)(?P<early>(?:[-_.]?(?:a|b|c|rc|alpha|beta|pre|preview|dev)[-_.]?\d*)*)"
    r"(?:[-_.]?post[-_.]?\d*)?(?:\+[\w.-]+)?",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"(?P<comparison>>=|<)\s*(?P<bound>\d+(?:\.\d+)*)")


def is_as_wanted(version: str, wanted: str) -> bool | None:
    """Return whether `version` meets `wanted`, such as `>=4.5,<5`; None where either isn't of a form known here."""
    found = _VERSION.fullmatch(version.strip())
    clauses = [_CLAUSE.fullmatch(clause.strip()) for clause in wanted.split(",") if clause.strip()]
    if found is None or None in clauses:
        return None
    release, is_early = _numbers(found["release"]), bool(found["early"])
    return all(_meets(release, clause, is_early=is_early) for clause in clauses if clause is not None)


def _meets(release: tuple[int, ...], clause: re.Match[str], *, is_early: bool) -> bool:
    bound = _numbers(clause["bound"])
    if clause["comparison"] == ">=":
        return release > bound or (release == bound and not is_early)
    return release < bound  # a pre-release of the bound itself is outside too, as the specification says


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a release; `1.0` is `1`."""
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
