"""What holds of every review, whatever it asks: the laws that fuzzing tries to break."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Final

from fuzz.mutations import case_of, with_another, with_others_order

from admission.decision import Verdict
from admission.evidence import Evidence
from admission.gate import decide
from admission.policy import LocationRule, Match, Mode, Policy
from admission.references import ModelReference, find_references
from admission.references.kinds import is_read
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.review import Review
from dbom.errors import DocumentError
from dbom.rules.everyday import INTERNAL

if TYPE_CHECKING:
    from admission.decision import Decision
    from dbom.canonical import JsonObject

__all__ = ["broken_law", "counted"]

_NOW: Final = datetime(2026, 1, 2, tzinfo=UTC)
_POLICY: Final = Policy(
    "p",
    Mode.ENFORCE,
    Match(),
    (),
    (LocationRule("oci://**", ("x",)), LocationRule("hf://**", ("x",), allows_claimed=True)),
    (AttestationsRule((RequiredAttestation("t", ("x",)),)),),
    "0" * 64,
)
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_UNPINNED: Final[JsonObject] = {"name": "evil", "image": "any:1", "command": ["vllm", "serve", "evil/m"]}
_Brief = tuple[str, str, str, str]


def broken_law(seed: str, number: int) -> str:
    """Return which law a case breaks, and how; empty where it breaks none."""
    case = case_of(seed, number)
    decision = _decided(case.document)
    if isinstance(decision, str):
        return decision
    if decision.verdict is Verdict.VERIFIED:
        return "without evidence something is verified"
    # (A policy holds in every namespace that a cluster can have; a file may say any name.)
    is_held = decision.mode is Mode.ENFORCE or _NAMESPACE.fullmatch(_namespace(case.document)) is not None
    if is_held and decision.allowed is not (decision.verdict is Verdict.NOTHING_FOUND):
        return f"{decision.verdict} is {'' if decision.allowed else 'not '}allowed"
    more = with_another(case.document, _UNPINNED)
    if more is not None and (found := _found(more)) is not None and _may_be_yes(found):
        return "with one more container, which loads an unpinned model, it may be a yes"
    other = with_others_order(Random(number), case.document)  # noqa: S311  chosen to be repeatable
    if other is not None and _briefly(_found(other)) != _briefly(_found(case.document)):
        return "in another order, its containers load something else"
    return ""


def counted(seed: str, number: int) -> str:
    """Return the verdict on a case, to show that cases of every sort are met."""
    decision = _decided(case_of(seed, number).document)
    return decision if isinstance(decision, str) else str(decision.verdict)


def _namespace(document: JsonObject) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("namespace", "default")) if isinstance(metadata, dict) else "default"


def _decided(document: JsonObject) -> Decision | str:
    try:
        review = Review.of_object(document, where="fuzz")
    except DocumentError:
        # What isn't even an object of a kind is refused before it comes to the gate.
        return _refused()
    decision = decide(review, [_POLICY], Evidence(), now=_NOW)
    broken = [reason.message for reason in decision.all_reasons if reason.rule is INTERNAL]
    return f"the gate failed: {broken[0]}" if broken else decision


def _refused() -> Decision:
    document: JsonObject = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}
    return decide(Review.of_object(document, where="fuzz"), [_POLICY], Evidence(), now=_NOW)


def _found(document: JsonObject) -> tuple[ModelReference, ...] | None:
    """Return the references of an object, None where it is refused as malformed or of a kind that isn't read."""
    group, kind = str(document.get("apiVersion")).rpartition("/")[0], str(document.get("kind"))
    if not is_read(group, kind):
        return None
    try:
        return find_references(document, group=group, kind=kind, where="fuzz")
    except DocumentError:
        return None


def _may_be_yes(found: tuple[ModelReference, ...]) -> bool:
    # Evidence of all that is pinned is the most that evidence could be.
    return bool(found) and all(item.target.location is not None for item in found)


def _briefly(found: tuple[ModelReference, ...] | None) -> list[_Brief] | None:
    if found is None:
        return None
    return sorted((str(item.role), item.text, str(item.pinning), item.target.base) for item in found)
