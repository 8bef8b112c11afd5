"""From what was verified to the index that the gate asks: pure, one policy at a time.

What is kept of a statement is little (`Kept`): its predicate is read for what a policy, a place and the lineage can ask
of it, and then packed away.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from admission.attested import Attested
from admission.evidence import Binding, PolicyEvidence
from admission.facts import BomFacts, facts_of
from admission.lapsing import earliest_end
from admission.requirements.revocation import RevocationRule
from attest.location import Location
from attest.revocation.reading import REVOCATION_PREDICATES, own_revocations
from attest.revocation.status import NO_REVOCATIONS, RevocationEvidence, Revocations, settle_revocations
from attest.revocation.verdict import revoked_rejection, without_taken_back
from attest.statement import Subject
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.errors import DbomError
from dbom.model import Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION
from lineage.build import build_graph, read_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from admission.facts import ProvenanceFacts
    from admission.policy import Policy
    from attest.identity import Identity, KeyIdentity
    from attest.revocation.head import SeenHead
    from attest.statement import Statement
    from dbom.bom import Bom
    from dbom.canonical import Json, JsonObject
    from dbom.model import Digest
    from lineage.predicates import Said

__all__ = ["Kept", "gather", "keep", "uncounted"]

_NEVER_SEEN: Final[Mapping[str, SeenHead]] = MappingProxyType({})
_NOTHING: Final[JsonObject] = {}
_NO_ANNOTATIONS: Final[Mapping[str, Json]] = MappingProxyType({})
_WEIGHT: Final = (RejectionKind.REVOKED, RejectionKind.BROKEN, RejectionKind.UNDECIDED, RejectionKind.UNTRUSTED)


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified statement without its predicate (that of a revocation excepted), and what was read of that.

    `said` is what it says of inputs and places, or why that can't be read; `location` the place that it binds, if any.
    """

    item: VerifiedStatement
    attested: Attested
    said: Said | DbomError
    location: Location | None

    @classmethod
    def of(cls, item: VerifiedStatement) -> Self:
        """Return what is kept of a statement."""
        bom = _bom(item)
        said = bom if isinstance(bom, DbomError) else read_said(item.statement, where=item.where, bom=bom)
        facts: BomFacts | ProvenanceFacts | None
        if bom is None:
            facts = facts_of(item.statement, item.where)
        else:
            facts = BomFacts.unread(bom) if isinstance(bom, DbomError) else BomFacts.of_bom(bom)
        attested = Attested.of(item, facts)
        light = replace(item, statement=_lightened(item.statement), signer=_shared(item.signer), time=attested.time)
        return cls(light, attested, said, _location(item.statement))


def keep(result: VerifiedStatement | Rejection) -> Kept | Rejection:
    """Return what is kept of a verifier's answer."""
    if isinstance(result, VerifiedStatement):
        return Kept.of(result)
    return result if result.statement is None else replace(result, statement=_lightened(result.statement))


def gather(
    policy: Policy,
    results: Sequence[Kept | Rejection],
    synced_at: datetime | None = None,
    *,
    seen: Mapping[str, SeenHead] = _NEVER_SEEN,
    is_complete: bool = True,
) -> PolicyEvidence:
    """Return the index of what was verified, and of what wasn't, under the authorities of a policy.

    `seen` is the newest head of revocations that was ever seen of each publisher; `is_complete` says that no result was
    left out.
    """
    answers = [item.item if isinstance(item, Kept) else item for item in results]
    revocations = _revocations(policy, answers, synced_at, seen)
    if isinstance(revocations, Revocations):
        settled = [_settled(item, revocations) for item in answers]
    else:
        settled = without_taken_back(answers)
    counted = [
        item
        for item, answer in zip(results, settled, strict=True)
        if isinstance(item, Kept) and isinstance(answer, VerifiedStatement)
    ]
    statements: defaultdict[Digest, list[Attested]] = defaultdict(list)
    bindings: defaultdict[str, list[Binding]] = defaultdict(list)
    for item in counted:
        for digest in item.attested.subjects:
            statements[digest].append(item.attested)
            if item.location is not None:
                bindings[item.location.base].append(Binding(item.location, digest, item.attested))
    accepted = {item.attested.bundle_sha256 for item in counted}
    rejected, places = _rejections(item for item in settled if isinstance(item, Rejection))
    builders = policy.ancestors.builders if policy.ancestors is not None else ()
    edges = _once(item for item in counted if not builders or item.attested.authority in builders)
    return PolicyEvidence(
        {digest: tuple(found) for digest, found in statements.items()},
        {base: tuple(found) for base, found in bindings.items()},
        {digest: _without_accepted(found, accepted) for digest, found in rejected.items()},
        {place: _without_accepted(found, accepted) for place, found in places.items()},
        build_graph(
            (item.item for item in edges),
            revocations=revocations if isinstance(revocations, Revocations) else NO_REVOCATIONS,
            said={item.attested.bundle_sha256: item.said for item in edges},
        ),
        revocations,
        synced_at,
        earliest_end((item.attested for item in counted), revocations),
        is_complete,
    )


def uncounted(results: Iterable[Sequence[Kept | Rejection]]) -> tuple[Rejection, ...]:
    """Return a rejection of every bundle that counts for no policy."""
    everything = [item for found in results for item in found]
    accepted = {item.attested.bundle_sha256 for item in everything if isinstance(item, Kept)}
    return _without_accepted((item for item in everything if isinstance(item, Rejection)), accepted)


def _without_accepted(items: Iterable[Rejection], accepted: set[str]) -> tuple[Rejection, ...]:
    """Return the rejections of bundles that nobody accepts, one of each bundle: the one that weighs most."""
    kept: dict[str, Rejection] = {}
    for item in sorted(items, key=lambda item: _WEIGHT.index(item.kind)):
        if item.bundle_sha256 not in accepted:
            kept.setdefault(item.bundle_sha256, item)
    return tuple(kept.values())


def _revocations(
    policy: Policy,
    answers: Sequence[VerifiedStatement | Rejection],
    synced_at: datetime | None,
    seen: Mapping[str, SeenHead],
) -> Revocations | Unknown:
    """Return what the policy's revokers, and signers themselves, revoke by what was read."""
    rule = policy.find(RevocationRule)
    if rule is None:
        return Unknown("the policy lists no revokers")
    if synced_at is None:
        return Unknown("nobody says when the stores were read")
    revokers = rule.revokers(policy.authorities)
    names = {revoker.authority.name for revoker in revokers}
    said = [item for item in answers if item.statement and item.statement.predicate_type in REVOCATION_PREDICATES]
    verified = [item for item in said if isinstance(item, VerifiedStatement)]
    listed = tuple(item for item in verified if item.authority in names)
    accepted = {item.bundle_sha256 for item in listed}
    rejected = _without_accepted((item for item in said if isinstance(item, Rejection)), accepted)
    found = RevocationEvidence(listed, own_revocations(verified).own, rejected)
    return settle_revocations(found, revokers, now=synced_at, seen=seen)


def _settled(answer: VerifiedStatement | Rejection, revocations: Revocations) -> VerifiedStatement | Rejection:
    if isinstance(answer, Rejection) or answer.statement.predicate_type in REVOCATION_PREDICATES:
        return answer
    about = [subject.digest for subject in answer.statement.subjects if subject.digest is not None]
    revocation = revocations.of_statement(answer, about)
    return answer if revocation is None else revoked_rejection(answer, revocation)


@lru_cache(maxsize=1024)
def _shared(signer: Identity | KeyIdentity) -> Identity | KeyIdentity:
    """Return the one value for all equal ones."""
    return signer


def _bom(item: VerifiedStatement) -> Bom | DbomError | None:
    """Return the BOM that a statement is, read once for all that is asked of it, or why it can't be read."""
    if item.statement.predicate_type != PREDICATE_BOM:
        return None
    from dbom.bom import Bom  # noqa: PLC0415  only stores with BOMs pay for it

    try:
        return Bom.of_document(item.statement.predicate, where=item.where)
    except DbomError as error:
        return error


def _lightened(statement: Statement) -> Statement:
    """Return a statement without what isn't looked at again: its bytes, its annotations, and most of its predicate."""
    if statement.predicate_type in REVOCATION_PREDICATES:
        return statement
    subjects = tuple(Subject(item.name, item.digest, item.media_type, _NO_ANNOTATIONS) for item in statement.subjects)
    predicate = _NOTHING
    if statement.predicate_type == PREDICATE_LOCATION and isinstance(statement.predicate.get("location"), str):
        predicate = {"location": statement.predicate["location"]}
    return replace(statement, subjects=subjects, predicate=predicate, payload=b"", model=None)


def _location(statement: Statement) -> Location | None:
    if statement.predicate_type != PREDICATE_LOCATION:
        return None
    try:
        return Location.of_predicate(statement.predicate)[0]
    except DbomError:
        return None


def _once(items: Iterable[Kept]) -> list[Kept]:
    return list({item.attested.bundle_sha256: item for item in items}.values())


def _rejections(items: Iterable[Rejection]) -> tuple[dict[Digest, list[Rejection]], dict[str, list[Rejection]]]:
    by_digest: defaultdict[Digest, list[Rejection]] = defaultdict(list)
    by_place: defaultdict[str, list[Rejection]] = defaultdict(list)
    for item in items:
        if item.statement is None:
            continue
        for digest in dict.fromkeys(subject.digest for subject in item.statement.subjects):
            if digest is not None:
                by_digest[digest].append(item)
        if item.statement.predicate_type == PREDICATE_LOCATION:
            place = item.statement.predicate.get("location")
            if isinstance(place, str):
                by_place[place].append(item)
    return by_digest, by_place
