"""What a provenance policy is: whose statements count, for what, and what a model must show before it may start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from dbom.model import Unknown

if TYPE_CHECKING:
    from pathlib import Path

    from admission.references.reference import Role
    from admission.requirements.ancestors import AncestorRule
    from admission.requirements.attestations import RequiredAttestation
    from admission.requirements.requirement import Requirement
    from attest.authority import Authority

__all__ = [
    "LONGEST_PLACE",
    "LocationRule",
    "Match",
    "Mode",
    "Policy",
    "matches_glob",
    "strictest",
]

_T = TypeVar("_T")
_LONGEST_NAMESPACE: Final = 63
"""The longest name of a namespace (a DNS label, RFC 1123)."""

LONGEST_PLACE: Final = 4096
"""The longest place that patterns are held against, in characters; a longer one is judged by all, and bound by none."""


class Mode(StrEnum):
    """What a no means: it denies, it warns the user, or it is only recorded."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"


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
class Match:
    """Which references a policy judges: in which namespaces, from which places, in which roles.

    `namespaces` and `models` are patterns; None for `models` means the places that the policy's locations speak of.
    No `roles` are all roles.
    """

    namespaces: tuple[str, ...] = ("*",)
    models: tuple[str, ...] | None = None
    roles: tuple[Role, ...] = ()

    @property
    def is_scoped(self) -> bool:
        """Whether it picks among the references of a namespace, instead of holding for the namespace as a whole."""
        return self.models is not None or bool(self.roles)


@dataclass(frozen=True, slots=True)
class Policy:
    """A provenance policy. `digest` is the sha256 in hex of the policy with all the roots and keys that it uses.

    `namespace` is empty for a policy that holds for the whole cluster; one of a namespace only tightens there.
    `requirements` are in the order of judging.
    """

    name: str
    mode: Mode
    match: Match
    authorities: tuple[Authority, ...]
    locations: tuple[LocationRule, ...]
    requirements: tuple[Requirement, ...]
    digest: str
    namespace: str = ""
    where: str = ""

    @classmethod
    def parse(cls, data: bytes, *, where: str, base: Path | None) -> tuple[Policy, ...]:
        """Read the policies of a file; paths in it start at `base` and stay in it.

        Raises `DocumentError` with every fault.
        """
        from admission.policy_reading import parse_policies  # noqa: PLC0415  reading depends on these values

        return parse_policies(data, where=where, base=base)

    def covers_namespace(self, namespace: str) -> bool:
        """Return whether objects of this namespace are judged by this policy."""
        if self.namespace and self.namespace != namespace:
            return False
        # Names that no cluster takes (with a slash, too long) can stand in a file: they are no way out of a policy.
        return len(namespace) > _LONGEST_NAMESPACE or any(
            matches_glob(pattern.replace("*", "**"), namespace) for pattern in self.match.namespaces
        )

    def find(self, kind: type[_T]) -> _T | None:
        """Return the requirement of a kind, or None where the policy has none."""
        return next((item for item in self.requirements if isinstance(item, kind)), None)

    @property
    def attestations(self) -> tuple[RequiredAttestation, ...]:
        """The statements that must be there about the artifact itself."""
        from admission.requirements.attestations import AttestationsRule  # noqa: PLC0415  it depends on these values

        found = self.find(AttestationsRule)
        return () if found is None else found.required

    @property
    def ancestors(self) -> AncestorRule | None:
        """What ancestors must show, or None where nothing is asked of them."""
        from admission.requirements.ancestors import AncestorRule  # noqa: PLC0415  it depends on these values

        return self.find(AncestorRule)

    def matches(self, role: Role, place: str) -> bool:
        """Return whether a reference in this role to this place (empty: nobody knows which) is judged by this policy.

        A policy that names no models judges those that lie where its locations speak of; all, where it has none.
        """
        if self.match.roles and role not in self.match.roles:
            return False
        models = self.match.models
        patterns = tuple(rule.pattern for rule in self.locations) if models is None else models
        if not place or len(place) > LONGEST_PLACE or not patterns:
            return True
        return any(matches_glob(pattern, place) for pattern in patterns)

    def rules_for(self, base: str) -> tuple[LocationRule, ...]:
        """Return the location rules that speak of a place (without its pin)."""
        return tuple(rule for rule in self.locations if rule.matches(base))


def strictest(modes: tuple[Mode, ...]) -> Mode | Unknown:
    """Return the strictest of these modes, or why there is none."""
    return next((mode for mode in Mode if mode in modes), Unknown("no policy matches"))


@lru_cache(maxsize=4096)
def matches_glob(pattern: str, text: str) -> bool:
    """Return whether `text` is, as a whole, what the pattern means: `*` anything but a slash, `**` anything.

    A text of more than 4,096 characters is what no pattern means.
    """
    if len(text) > LONGEST_PLACE:
        return False
    # Bit i of `ends` says that the parts so far can end before character i; each part costs one pass, whatever it is.
    everywhere = (2 << len(text)) - 1
    within = int("0" + "".join("0" if char == "/" else "1" for char in reversed(text)), 2)
    ends, starts = 1, dict[str, int]()
    for part in re.split(r"(\*\*|\*)", pattern):
        if part == "**":
            ends = everywhere & -(ends & -ends)
        elif part == "*":
            # Adding to a run of ones carries from the first end in it to the slash behind it.
            ends |= ((ends & within) + within) ^ within
        elif part:
            if part not in starts:
                starts[part] = _starts(part, text)
            ends = (ends & starts[part]) << len(part)
        if not ends:
            return False
    return bool(ends >> len(text) & 1)


def _starts(part: str, text: str) -> int:
    found, place = 0, text.find(part)
    while place >= 0:
        found |= 1 << place
        place = text.find(part, place + 1)
    return found
