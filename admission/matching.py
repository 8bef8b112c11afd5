"""How several policies combine: which of them judge a reference, what a no means, and what none of them speaks of.

All that match a reference must pass, and the strictest mode wins. Policies that hold for the whole cluster set the mode
of a namespace: one that picks references by `match.models` or `match.roles` only for those. Where one of them enforces,
a reference that none of them matches is refused. A policy of a namespace only tightens there: it adds what it asks, and
covers nothing. So adding a policy takes no no away, but for a cluster-wide one that names the models or roles itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from admission.policy import Mode, strictest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from admission.policy import Policy
    from admission.references.reference import ModelReference
    from dbom.model import Unknown

__all__ = ["Matching", "place_of"]


@dataclass(frozen=True, slots=True)
class Matching:
    """The policies that hold in a namespace."""

    policies: tuple[Policy, ...]
    _asked: dict[ModelReference, tuple[Policy, ...]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, policies: Iterable[Policy], namespace: str) -> Self:
        """Return those of some policies that hold in a namespace (empty for what has none)."""
        return cls(tuple(policy for policy in policies if policy.covers_namespace(namespace)))

    @property
    def mode(self) -> Mode | Unknown:
        """The strictest mode in the namespace: what a no about an object as a whole means."""
        return strictest(tuple(policy.mode for policy in self.policies))

    def asked(self, reference: ModelReference) -> tuple[Policy, ...]:
        """Return the policies that judge a reference. One whose place can't be told is judged by all of its role."""
        asked = self._asked.get(reference)
        if asked is None:
            place = place_of(reference)
            asked = tuple(policy for policy in self.policies if policy.matches(reference.role, place))
            self._asked[reference] = asked
        return asked

    def is_covered(self, reference: ModelReference) -> bool:
        """Return whether a policy that may say yes matches: a cluster-wide one, where the namespace has any."""
        asked = self.asked(reference)
        return any(not policy.namespace for policy in asked) if self._of_cluster else bool(asked)

    def mode_of(self, reference: ModelReference) -> Mode | Unknown:
        """Return what a no about a reference means: the strictest mode of those that judge it or hold throughout."""
        counted = [policy.mode for policy in self.asked(reference)]
        is_covered = self.is_covered(reference)
        counted += [policy.mode for policy in self._of_cluster if not (is_covered and policy.match.is_scoped)]
        return strictest(tuple(counted))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of the places that they speak of, each once."""
        found = (p.match.models or tuple(rule.pattern for rule in p.locations) for p in self.policies)
        return tuple(dict.fromkeys(pattern for patterns in found for pattern in patterns))

    @property
    def is_enforced(self) -> bool:
        """Whether a cluster-wide policy sets the namespace to enforce."""
        return any(policy.mode is Mode.ENFORCE for policy in self._of_cluster)

    @property
    def _of_cluster(self) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies if not policy.namespace)


def place_of(reference: ModelReference) -> str:
    """Return the place of a reference without its pin, empty where it can't be told."""
    location = reference.target.location
    return reference.target.base if location is None else location.base
