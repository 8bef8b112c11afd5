"""What a provenance policy is: whose statements count, for what, and what a model must show before it may start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from dbom.model import Unknown

if TYPE_CHECKING:
    from pathlib import Path

    from attest.authority import Authority

__all__ = [
    "AncestorRule",
    "LicenseRule",
    "LicenseScope",
    "LocationRule",
    "Mode",
    "Policy",
    "RequiredAttestation",
    "matches_glob",
    "strictest",
]


class Mode(StrEnum):
    """What a no means: it denies, it warns the user, or it is only recorded."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"


class LicenseScope(StrEnum):
    """Whose licences are looked at: the artifact's alone, or those of everything it came from too."""

    ARTIFACT = "artifact"
    ANCESTORS = "ancestors"


@dataclass(frozen=True, slots=True)
class RequiredAttestation:
    """A statement that must be there: its predicate type, and the names of the authorities any of whom may make it."""

    predicate_type: str
    authorities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LocationRule:
    """Who may say what lies in which places, and whether a pin that nobody enforces is enough there.

    In `pattern`, `*` is anything but a slash and `**` anything.
    """

    pattern: str
    authorities: tuple[str, ...]
    allows_claimed: bool = False

    def matches(self, base: str) -> bool:
        """Return whether a place (without its pin) is one of these."""
        return matches_glob(self.pattern, base)


@dataclass(frozen=True, slots=True)
class LicenseRule:
    """Which licences are allowed (any, where none is listed), which are denied, and whether an unknown one may pass."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allows_unknown: bool = False
    scope: LicenseScope = LicenseScope.ANCESTORS


@dataclass(frozen=True, slots=True)
class AncestorRule:
    """What everything that the model came from must show.

    `authorities` may attest ancestors; `attestations` must each be there for every ancestor (at least one statement of
    its content, where none is listed); `builders` are those whose word on inputs counts.
    """

    authorities: tuple[str, ...]
    builders: tuple[str, ...]
    attestations: tuple[RequiredAttestation, ...] = ()
    allows_no_inputs: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A provenance policy. `digest` is the sha256 in hex of the policy with all the roots and keys that it uses."""

    name: str
    mode: Mode
    namespaces: tuple[str, ...]
    authorities: tuple[Authority, ...]
    locations: tuple[LocationRule, ...]
    attestations: tuple[RequiredAttestation, ...]
    licenses: LicenseRule | None
    ancestors: AncestorRule | None
    digest: str
    where: str = ""

    @classmethod
    def parse(cls, data: bytes, *, where: str, base: Path) -> tuple[Policy, ...]:
        """Read the policies of a file; paths in it start at `base`. Raises `DocumentError` with every fault."""
        from admission.policy_reading import parse_policies  # noqa: PLC0415  reading depends on these values

        return parse_policies(data, where=where, base=base)

    def covers_namespace(self, namespace: str) -> bool:
        """Return whether objects of this namespace are judged by this policy."""
        return any(matches_glob(pattern, namespace) for pattern in self.namespaces)

    def rules_for(self, base: str) -> tuple[LocationRule, ...]:
        """Return the location rules that speak of a place (without its pin)."""
        return tuple(rule for rule in self.locations if rule.matches(base))


def strictest(modes: tuple[Mode, ...]) -> Mode | Unknown:
    """Return the strictest of these modes, or why there is none."""
    return next((mode for mode in Mode if mode in modes), Unknown("no policy matches"))


@lru_cache(maxsize=4096)
def matches_glob(pattern: str, text: str) -> bool:
    """Return whether `text` is, as a whole, what the pattern means: `*` anything but a slash, `**` anything."""
    parts = re.split(r"(\*\*|\*)", pattern)
    return _matches([part for part in parts if part], text)


def _matches(parts: list[str], text: str) -> bool:
    # The set of places in `text` that the parts so far can end at: linear in both, whatever the pattern.
    ends = {0}
    for part in parts:
        if part == "**":
            ends = set(range(min(ends), len(text) + 1)) if ends else ends
        elif part == "*":
            ends = {place for end in ends for place in range(end, _segment_end(text, end) + 1)}
        else:
            ends = {end + len(part) for end in ends if text.startswith(part, end)}
    return len(text) in ends


def _segment_end(text: str, start: int) -> int:
    end = text.find("/", start)
    return len(text) if end < 0 else end
