"""Break-glass: somebody's signed word that what the gate refuses may start, for a time. It makes nothing verified.

Specified in docs/formats/break-glass.md. The statement is about a projection: the namespace, the service account, what
would be loaded and the container images. Any pod of just that projection is let in, any other isn't, whatever its name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from admission.decision import Verdict
from admission.references.places import image_target
from admission.requirements.break_glass import BreakGlassRule
from attest.revocation.selector import instant_text, read_instant
from attest.verified import TimeBasis
from dbom.canonical import canonical_json
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind, Unknown
from dbom.names import PREDICATE_BREAK_GLASS
from dbom.printable import printable
from dbom.rules.admission import BREAK_GLASS_MALFORMED, KIND_UNKNOWN, OBJECT_MALFORMED
from dbom.rules.everyday import INTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.attested import Attested
    from admission.decision import Decision
    from admission.documents import Node
    from admission.evidence import Evidence
    from admission.policy import Policy
    from admission.references.reference import ModelReference
    from dbom.canonical import Json, JsonObject

__all__ = [
    "SUBJECT_NAME",
    "BreakGlass",
    "Projection",
    "break_glass_predicate",
    "find_break_glass",
    "projection_of",
    "waivable",
]

_NEVER_WAIVED: Final = frozenset({INTERNAL.id, OBJECT_MALFORMED.id, KIND_UNKNOWN.id})
_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_KEYS: Final = frozenset({"projection", "waives", "reason", "from", "until"})
SUBJECT_NAME: Final = "break-glass"
"""The name of the subject of such a statement; its digest alone counts."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What of an object a break-glass statement is about.

    `references` are those of its models, as `role: text`, with the volume where they lie on one, and `images` those of
    all its containers, by digest; both sorted, each once.
    """

    namespace: str
    service_account: str
    references: tuple[str, ...]
    images: tuple[str, ...]

    def document(self) -> JsonObject:
        """Return the projection as JSON."""
        references: list[Json] = [*self.references]
        images: list[Json] = [*self.images]
        return {
            "namespace": self.namespace,
            "serviceAccount": self.service_account,
            "references": references,
            "images": images,
        }

    @property
    def digest(self) -> Digest:
        """The digest of its canonical JSON (RFC 8785), which is the subject of a statement about it."""
        return Digest(Kind.FILE, hashlib.sha256(canonical_json(self.document())).hexdigest())


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """A verified break-glass statement: the findings it waives by rule id, from when until when, why, and by whom."""

    subject: Digest
    waives: frozenset[str]
    start: datetime
    end: datetime
    reason: str
    by: Attested

    @classmethod
    def of(cls, item: Attested) -> Self:
        """Read a verified statement. Raises `EvidenceError` where it isn't made as specified."""
        predicate, where = item.predicate(), item.where
        unknown = sorted(set(predicate) - _KEYS)
        if unknown:
            raise _malformed(f"it has keys that aren't known: {', '.join(map(printable, unknown))}", where)
        projection, waives, reason = predicate.get("projection"), predicate.get("waives"), predicate.get("reason")
        if not isinstance(projection, dict) or not isinstance(reason, str) or not reason.strip():
            raise _malformed("it has no projection, or gives no reason", where)
        if not isinstance(waives, list) or not waives or not all(isinstance(rule, str) for rule in waives):
            raise _malformed("it waives nothing", where)
        start, end = (read_instant(predicate.get(key), key, where) for key in ("from", "until"))
        if start is None or end is None or start >= end:
            raise _malformed("it isn't from one instant until a later one", where)
        subject = Digest(Kind.FILE, hashlib.sha256(canonical_json(projection)).hexdigest())
        if item.subjects != (subject,):
            raise _malformed("its subject isn't its projection", where, got=str(subject))
        return cls(subject, frozenset(map(str, waives)), start, end, reason, item)

    def lasts(self, longest: float) -> bool:
        """Return whether it holds no longer than `longest` seconds, from its start and from when it was signed."""
        signed = self.by.time.at if self.by.time.basis is TimeBasis.TRUSTED else None
        begins = min(self.start, signed) if signed is not None else self.start
        return (self.end - begins).total_seconds() <= longest

    @property
    def warning(self) -> str:
        """What whoever starts the object is told."""
        who, why = printable(self.by.signer), printable(self.reason)
        return f"dbom: allowed by break-glass of {who} until {instant_text(self.end)}, not verified: {why}"

    def to_json(self) -> JsonObject:
        """Return it for JSON output and for the record."""
        waives: list[Json] = [*sorted(self.waives)]
        return {
            "bundle": self.by.bundle_sha256,
            "by": printable(self.by.signer),
            "reason": printable(self.reason),
            "waives": waives,
            "until": instant_text(self.end),
        }


def projection_of(
    parts: Sequence[Node], references: Iterable[ModelReference], *, namespace: str
) -> Projection | Unknown:
    """Return the projection of an object's pod specifications with what was found in it, or why it has none."""
    accounts: set[str] = set()
    images: set[str] = set()
    for spec in parts:
        accounts.add(spec.get("serviceAccountName").text() or "default")
        for container in (item for key in _LISTS for item in spec.get(key).items()):
            text = container.get("image").text() or ""
            location = image_target(text).location
            if location is None:
                return Unknown(f"the image '{printable(text)}' at {container.get('image').path} is not named by digest")
            images.add(str(location))
    if len(accounts) != 1:
        return Unknown(f"it has {len(accounts)} service accounts, and a projection has one")
    sources = {
        (spec.path, volume.get("name").text()): volume for spec in parts for volume in spec.get("volumes").items()
    }
    named = {f"{reference.role}: {reference.text}{_volume_of(reference, sources)}" for reference in references}
    return Projection(namespace, accounts.pop(), tuple(sorted(named)), tuple(sorted(images)))


def _volume_of(reference: ModelReference, sources: Mapping[tuple[str, str | None], Node]) -> str:
    """Return which volume a reference lies on, and where: at one path, another volume is another model."""
    held = reference.target.held
    if held is None:
        return ""
    volume = sources.get((held.pod, held.volume))
    if volume is None:
        return f" on the volume {held.volume} at /{held.path}"
    source: JsonObject = {key: node.value for key, node in volume.members() if key != "name" and node.is_there}
    return f" on {canonical_json(source).decode()} at /{held.path}"


def break_glass_predicate(
    projection: Projection, waives: Iterable[str], *, reason: str, start: datetime, end: datetime
) -> JsonObject:
    """Return the predicate to sign about the projection's digest. Whether it is taken is for each policy to say."""
    rules: list[Json] = [*sorted(set(waives))]
    return {
        "projection": projection.document(),
        "waives": rules,
        "reason": reason,
        "from": instant_text(start),
        "until": instant_text(end),
    }


def waivable(decision: Decision) -> frozenset[str] | Unknown:
    """Return the rules by which a decision is a no, or why it can't be waived."""
    if decision.verdict not in (Verdict.REFUSED, Verdict.CANT_TELL):
        return Unknown(f"it is {decision.verdict}: there is nothing to waive")
    rules = frozenset(reason.rule.id for reason in decision.all_reasons)
    if never := sorted(rules & _NEVER_WAIVED):
        return Unknown(f"{', '.join(never)} is never waived")
    return rules


def find_break_glass(
    decision: Decision,
    projection: Projection | Unknown,
    policies: Sequence[Policy],
    evidence: Evidence,
    *,
    now: datetime,
) -> BreakGlass | None:
    """Return the statement by which what was refused may start, None where there is none.

    Every policy in `policies` (those that match and enforce) must take break-glass statements, and take this one: by
    one of its authorities, in time, not longer than it allows. It must waive every finding.
    """
    rules = waivable(decision)
    if isinstance(rules, Unknown) or isinstance(projection, Unknown) or not policies:
        return None
    taken = [_taken(policy, evidence, projection.digest, rules, now) for policy in policies]
    common = set.intersection(*({item.by.bundle_sha256 for item in found} for found in taken))
    return max((item for item in taken[0] if item.by.bundle_sha256 in common), key=lambda item: item.end, default=None)


def _taken(
    policy: Policy, evidence: Evidence, subject: Digest, rules: frozenset[str], now: datetime
) -> list[BreakGlass]:
    rule = policy.find(BreakGlassRule)
    if rule is None:
        return []
    found: list[BreakGlass] = []
    for item in evidence.of(policy).about(subject, PREDICATE_BREAK_GLASS):
        if item.authority not in rule.authorities:
            continue
        try:
            statement = BreakGlass.of(item)
        except EvidenceError:
            continue
        if statement.start <= now < statement.end and rules <= statement.waives and statement.lasts(rule.longest):
            found.append(statement)
    return found


def _malformed(what: str, where: str, *, got: str | None = None) -> EvidenceError:
    return EvidenceError(BREAK_GLASS_MALFORMED, what, where=where, got=got)
