"""What a store of attestations holds, for an auditor: every bundle and artifact once, and what wasn't verified."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from attest.verified import TimeBasis, VerifiedStatement
from dbom.model import Digest
from dbom.names import PREDICATE_REVOCATION, short_predicate
from dbom.printable import printable
from lineage.build import build_graph
from lineage.outline import how_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from attest.authority import Authority
    from attest.statement import Statement
    from lineage.graph import LineageGraph, Node
    from lineage.reading import ReadBundle

__all__ = ["Artifact", "BundleRecord", "Expected", "Report", "Result", "SubjectRecord", "make_report"]


_ALWAYS_BLIND: Final = tuple(
    """\
No bytes of any artifact were read for this report. It says what was signed about digests; dbom verify compares bytes.
It covers the stores named at its top at the time named there. What lies elsewhere or came later is not in it.
A signature says who vouched for a statement, under the signers and roots listed here; not that the statement is true.
A producer can leave a parent out: “no inputs declared” is not evidence that there were none.""".splitlines()
)


class Result(StrEnum):
    """What became of a bundle."""

    VERIFIED = "verified"
    UNTRUSTED = "untrusted"
    BROKEN = "broken"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class SubjectRecord:
    """One thing that a statement is about: its name as stated, and its identity, empty where it has none."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """One bundle: where it lies, what it says about what, who signed it, and what became of it.

    All texts are printable. For a bundle that wasn't verified, `signer` and `subjects` are what it claims. `rule` and
    `reason` say why not; `remarks` are what else was found about it.
    """

    sha256: str
    places: tuple[str, ...]
    result: Result
    predicate_type: str = ""
    subjects: tuple[SubjectRecord, ...] = ()
    signer: str = ""
    authority: str = ""
    root: str = ""
    time: str = ""
    log_index: int | None = None
    rule: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def short_type(self) -> str:
        """The predicate's short name; empty where the bundle couldn't be read that far."""
        return short_predicate(self.predicate_type) if self.predicate_type else ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact: its node in the lineage graph, and how many bundles are about it, verified and not."""

    node: Node
    verified: int
    unverified: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom the report expected: the authority's name, its signers in words, its trust root and what it must show."""

    name: str
    signers: str
    root: str
    is_local: bool
    demands: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report, a value: the same stores, expectations and time give an equal one."""

    at: datetime
    version: str
    stores: tuple[str, ...]
    expected: tuple[Expected, ...]
    artifacts: tuple[Artifact, ...]
    bundles: tuple[BundleRecord, ...]
    graph: LineageGraph
    blind_spots: tuple[str, ...]

    def count(self, result: Result) -> int:
        """Return the number of bundles that came to this."""
        return sum(bundle.result is result for bundle in self.bundles)

    @property
    def attested(self) -> int:
        """The number of artifacts whose content a verified statement is about."""
        return sum(artifact.node.is_attested for artifact in self.artifacts)


def make_report(
    read: Iterable[ReadBundle], *, stores: Sequence[str], authorities: Sequence[Authority], at: datetime, version: str
) -> Report:
    """Return the report on bundles that were read from `stores` and verified under `authorities` at the time `at`."""
    bundles = tuple(read)
    graph = build_graph(bundle.result for bundle in bundles)
    remarks: dict[str, list[str]] = {}
    for finding in graph.findings:
        remarks.setdefault(finding.where, []).append(f"{finding.message} ({finding.rule})")
    records = tuple(_record(bundle, remarks) for bundle in bundles)
    expected = tuple(_expected(authority) for authority in authorities)
    return Report(
        at=at,
        version=version,
        stores=tuple(printable(store) for store in stores),
        expected=expected,
        artifacts=_artifacts(graph, records),
        bundles=records,
        graph=graph,
        blind_spots=_blind_spots(expected, records),
    )


def _record(bundle: ReadBundle, remarks: dict[str, list[str]]) -> BundleRecord:
    places = tuple(printable(place, limit=len(place)) for place in bundle.places)
    result = bundle.result
    statement = result.statement
    claims = (printable(statement.predicate_type) if statement else "", _subjects(statement))
    if isinstance(result, VerifiedStatement):
        return BundleRecord(
            bundle.sha256,
            places,
            Result.VERIFIED,
            *claims,
            signer=str(result.signer),
            authority=printable(result.authority),
            root=result.root,
            time=str(result.time),
            log_index=result.log_index,
            remarks=tuple(remarks.get(printable(result.where), ())),
        )
    return BundleRecord(
        bundle.sha256,
        places,
        Result(str(result.kind)),
        *claims,
        signer="" if result.signer is None else str(result.signer),
        rule=result.rule,
        reason=printable(result.reason),
    )


def _subjects(statement: Statement | None) -> tuple[SubjectRecord, ...]:
    if statement is None:
        return ()
    return tuple(
        SubjectRecord(printable(subject.name), "" if subject.digest is None else str(subject.digest))
        for subject in statement.subjects
    )


def _artifacts(graph: LineageGraph, records: Sequence[BundleRecord]) -> tuple[Artifact, ...]:
    about: dict[tuple[str, bool], int] = {}
    for record in records:
        for digest in {subject.digest for subject in record.subjects}:
            key = (digest, record.result is Result.VERIFIED)
            about[key] = about.get(key, 0) + 1
    return tuple(
        Artifact(node, about.get((str(node.key), True), 0), about.get((str(node.key), False), 0))
        if isinstance(node.key, Digest)
        else Artifact(node, 0, 0)
        for node in sorted(graph.nodes, key=_by_name)
    )


def _by_name(node: Node) -> tuple[bool, str, str]:
    """Order artifacts as a reader looks for them: by name, bare names last."""
    return (not isinstance(node.key, Digest), node.name.casefold(), str(node.key))


def _expected(authority: Authority) -> Expected:
    shown = authority.must_show
    demands = [word for word, wanted in (("log", shown.log), ("SCT", shown.sct), ("time", shown.time)) if wanted]
    return Expected(
        printable(authority.name),
        authority.expects,
        "" if authority.root is None else authority.root.sha256,
        authority.root is not None and authority.root.is_local,
        ", ".join(demands) or "a signature only",
    )


def _blind_spots(expected: Sequence[Expected], records: Sequence[BundleRecord]) -> tuple[str, ...]:
    """Return in words what this report can't say: what it holds decides which sentences stand."""
    revocations = sum(record.predicate_type == PREDICATE_REVOCATION for record in records)
    self_asserted = sum(f"({TimeBasis.SELF_ASSERTED}" in record.time for record in records)
    are = "is listed and changes" if revocations == 1 else "are listed and change"
    listed = f": {how_many(revocations, 'revocation statement')} {are} nothing here" if revocations else ""
    spots = [*_ALWAYS_BLIND, f"Revocations are not evaluated in this version{listed}."]
    if not expected:
        spots.insert(0, "Nobody was expected to have signed, so nothing could be verified. Everything here is a claim.")
    if any(each.is_local for each in expected):
        spots.append(
            "An embedded local Sigstore vouches for signers here. That is only as good as the machine it is on."
        )
    if self_asserted:
        spots.append(
            f"The time of {how_many(self_asserted, 'statement')} is the signer's own word: no proof of age or order."
        )
    return tuple(spots)
