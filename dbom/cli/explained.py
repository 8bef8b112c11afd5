"""What `dbom admission review --explain` shows: each reference, its class, who judged it, and the evidence tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.model import Unknown
from dbom.names import short_predicate
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from admission.attested import Attested
    from admission.decision import Decision, Judgement
    from admission.evidence import Evidence
    from admission.policy import Policy
    from admission.review import Review

__all__ = ["UNSEEN", "explained_text"]

UNSEEN = (
    "judged as given: what the API server adds later (defaults, mutating webhooks, injected containers) isn't in it,"
    " and neither are service accounts' and namespaces' own settings"
)
"""What a review of files can't see."""

_MOST = 20


def explained_text(results: Sequence[tuple[Review, Decision]], policies: Sequence[Policy], evidence: Evidence) -> str:
    """Return, for each object, each reference with its class and what was looked at to judge it."""
    lines: list[str] = []
    for review, decision in results:
        lines.append(f"{decision.verdict}: {review.described}  ({printable(review.where)})")
        asked = [policy for policy in policies if policy.covers_namespace(review.namespace)]
        named = ", ".join(f"{policy.name} ({policy.mode})" for policy in asked)
        lines.append(f"  policies that match the namespace: {named or 'none'}")
        lines += [f"  {reason}" for reason in decision.reasons]
        if not decision.judgements:
            lines.append("  no reference to a model")
        for judgement in decision.judgements:
            lines += _judgement(judgement, asked, evidence)
    return "\n".join([*lines, UNSEEN])


def _judgement(judgement: Judgement, policies: Sequence[Policy], evidence: Evidence) -> Iterator[str]:
    reference, target = judgement.reference, judgement.reference.target
    yield f"  {reference.role} {printable(reference.text)}"
    yield f"    at       {reference.path}"
    yield f"    class    {reference.pinning}{', because ' + printable(target.because) if target.because else ''}"
    place = str(target.location) if target.location is not None else target.base
    if place:
        yield f"    place    {printable(place)}"
    if judgement.digest is not None:
        proven = f", proven by {judgement.proven_by}" if judgement.proven_by else ""
        yield f"    artifact {judgement.digest}{proven}"
    for policy in policies:
        yield from _tried(policy, judgement, evidence)
    mode = "no policy" if isinstance(judgement.mode, Unknown) else judgement.mode
    yield f"    verdict  {judgement.verdict} ({mode})"
    yield from (f"             {reason}" for reason in judgement.reasons)


def _tried(policy: Policy, judgement: Judgement, evidence: Evidence) -> Iterator[str]:
    known, target = evidence.of(policy), judgement.reference.target
    found: list[Attested] = []
    if target.base:
        found += [item.statement for item in known.bindings.get(target.base, ())]
    if judgement.digest is not None:
        found += known.about(judgement.digest)
    shown = list(dict.fromkeys(_statement(item) for item in found))
    yield f"    evidence for {policy.name}: {shown[0] if shown else 'none'}"
    yield from (f"      {text}" for text in shown[1:_MOST])
    if len(shown) > _MOST:
        yield f"      and {len(shown) - _MOST} more"
    if judgement.digest is not None:
        for item in known.rejected.get(judgement.digest, ())[:_MOST]:
            yield f"      doesn't count: {printable(item.where)}: {item.kind}: {printable(item.reason)}"


def _statement(item: Attested) -> str:
    kind = short_predicate(item.predicate_type)
    kind = printable(item.predicate_type) if kind == "other" else kind
    about = ", ".join(map(str, item.subjects[:2]))
    return f"{kind} by {printable(item.signer)} ({item.authority}) about {about}: {printable(item.where)}"
