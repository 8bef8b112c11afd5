"""What a policy means, in plain sentences, and which policies judge a reference, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.matching import Matching
from admission.policy import Mode, matches_glob
from admission.references.reference import ModelReference, Role, Target
from attest.location import Location
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.policy import Policy
    from attest.authority import Authority
    from dbom.canonical import JsonObject

__all__ = ["Asked", "explain_match", "explain_policy", "reference_of"]

_MODES: Final = {
    Mode.ENFORCE: "a no denies the object",
    Mode.WARN: "a no is allowed, and the user is warned",
    Mode.AUDIT: "a no is allowed, and only recorded",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether a policy judges a reference in a namespace, and why."""

    policy: str
    judges: bool
    because: str

    def to_json(self) -> JsonObject:
        """Return it for JSON output."""
        return {"policy": self.policy, "judges": self.judges, "because": self.because}


def explain_policy(policy: Policy) -> list[str]:
    """Return what a policy means: whom it trusts, what it judges, what it asks and what a no comes to."""
    match = policy.match
    everywhere = (
        "the whole cluster" if not policy.namespace else f"the namespace {policy.namespace}, where it only tightens"
    )
    models = match.models or tuple(dict.fromkeys(rule.pattern for rule in policy.locations))
    places = " or ".join(map(printable, models)) or "anywhere"
    lines = [
        f"It holds for {everywhere}, and in mode {policy.mode}: {_MODES[policy.mode]}.",
        f"It judges, in {_namespaces(match.namespaces)}, {_roles(match.roles)} from {places}.",
    ]
    if policy.mode is Mode.ENFORCE and not policy.namespace:
        lines.append("In these namespaces a reference that no policy for the whole cluster judges is refused.")
    if not policy.authorities:
        return [*lines, "It names nobody whose statements count, so whatever it judges can't be told."]
    lines += [f"Authority {item.name}: {_whom(item)}." for item in policy.authorities]
    lines += [
        f"What lies in {printable(rule.pattern)} is said by {' or '.join(rule.authorities)}; the pin "
        + ("may be only claimed (hub commits, object versions)." if rule.allows_claimed else "must be enforced.")
        for rule in policy.locations
    ]
    return lines + [line for requirement in policy.requirements for line in requirement.explain()]


def explain_match(
    policies: Sequence[Policy], reference: ModelReference, namespace: str
) -> tuple[tuple[Asked, ...], str]:
    """Return which policies judge a reference in a namespace, with the reason, and what a no then means."""
    matching = Matching.of(policies, namespace)
    asked = matching.asked(reference)
    found = tuple(Asked(item.name, item in asked, _because(item, reference, namespace)) for item in policies)
    mode = matching.mode_of(reference)
    if not matching.policies:
        return found, "No policy matches the namespace: nothing is judged, and nothing is verified."
    if not matching.is_covered(reference):
        said = "it is refused" if matching.is_enforced else "it can't be told"
        return found, f"No policy for the whole cluster speaks of it: {said}; {_MODES[Mode(str(mode))]}."
    names = ", ".join(item.name for item in asked)
    return found, f"All of {names} must pass; {_MODES[Mode(str(mode))]}."


def reference_of(text: str, role: str) -> ModelReference:
    """Return the reference that a place stands for, with or without a pin.

    Raises `UsageError` for a role that isn't one, or a text that is no place.
    """
    if role not in list(Role):
        raise UsageError(USAGE, "no such role", got=printable(role), expected=", ".join(Role))
    if "://" not in text:
        raise UsageError(USAGE, "not a place", got=printable(text), expected="oci://…, hf://…, s3://…")
    target = Target.at(Location.parse(text)) if "@" in text or "versionId=" in text else Target.unpinned(text, "no pin")
    return ModelReference(Role(role), text, "", target)


def _because(policy: Policy, reference: ModelReference, namespace: str) -> str:
    if policy.namespace and policy.namespace != namespace:
        return f"it holds in the namespace {policy.namespace} alone"
    if not any(matches_glob(pattern, namespace) for pattern in policy.match.namespaces):
        return f"the namespace isn't one of {', '.join(policy.match.namespaces)}"
    if policy.match.roles and reference.role not in policy.match.roles:
        return f"the role {reference.role} isn't one of {', '.join(policy.match.roles)}"
    patterns = policy.match.models or tuple(rule.pattern for rule in policy.locations)
    place = reference.target.base
    hits = [pattern for pattern in patterns if not place or matches_glob(pattern, place)]
    shown = ", ".join(map(printable, patterns))
    if patterns and not hits:
        return f"the place isn't one of {shown}"
    return f"the place is one of {', '.join(map(printable, hits))}" if hits else "it judges every place"


def _namespaces(patterns: Sequence[str]) -> str:
    return "every namespace" if tuple(patterns) == ("*",) else f"namespaces like {' or '.join(patterns)}"


def _roles(roles: Sequence[Role]) -> str:
    return "every reference" if not roles else f"references in the role {' or '.join(roles)}"


def _whom(authority: Authority) -> str:
    root = (
        "" if authority.root is None else f", vouched for by the trust root sha256:{authority.root.sha256[:16]}… alone"
    )
    who = "one public key" if authority.key_pem is not None else authority.expects
    return f"{who}{root}; beside a signature it must show: {authority.must_show}"
