"""What a policy's rules see: the evidence of a case as a document. Specified in docs/formats/policy-rules.md.

What isn't known isn't in it, so that a rule that asks for it can't tell.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from admission.expression_cost import MAX_ITEMS, MAX_TEXT, MAX_VALUES
from admission.facts import BomFacts, FileKinds, ProvenanceFacts
from admission.requirements.ancestry import ancestry
from admission.requirements.described import boms_about
from dbom.model import Unknown
from lineage.graph import EdgeStatus, Named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from admission.attested import Attested
    from admission.requirements.requirement import Case

__all__ = ["rule_document"]

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value]"


def rule_document(case: Case, *, with_predicates: bool) -> Mapping[str, object] | Unknown:
    """Return the document of a case, or why it can't be given to rules: it holds too many values.

    Predicates are in it only where a rule asks for them: they are large, and read anew each time.
    """
    found = ancestry(case)
    document: dict[str, object] = {
        "artifact": _artifact(case, 0, with_predicates=with_predicates),
        "reference": _reference(case),
        "now": case.now,
    }
    gaps = _gaps(case)
    if len(gaps) <= MAX_ITEMS:
        document["gaps"] = gaps
    depths = {key: len(way) for key, way in found.trails}
    # Of ancestors that nobody could look at nothing is known, so a rule over all of them can't tell.
    if not found.unfinished and not found.unidentified and len(found.cases) <= MAX_ITEMS:
        document["ancestors"] = [
            _artifact(item, depths.get(item.digest, 1), with_predicates=with_predicates) for item in found.cases
        ]
    if _count(document) > MAX_VALUES:
        return Unknown(f"there is more evidence than the {MAX_VALUES:,} values that rules see")
    return document


def _artifact(case: Case, depth: int, *, with_predicates: bool) -> dict[str, Value]:
    node, boms = case.evidence.graph.node(case.digest), boms_about(case)
    said: dict[str, object] = {
        "digest": str(case.digest),
        "kind": str(case.digest.kind),
        "depth": depth,
        "statements": [_statement(item, with_predicates=with_predicates) for item in case.evidence.about(case.digest)],
    }
    if node is not None:
        said["inputs"] = str(node.inputs)
        said["places"] = list(node.locations)
        said.update({key: value for key, value in (("name", node.name), ("what", node.what)) if value})
    if case.lineage:
        said["lineage"] = case.lineage
    for key, values in (
        ("licenses", [item.licenses for item in boms]),
        ("classifications", [item.classifications for item in boms]),
        ("sensitiveData", [item.sensitive for item in boms]),
    ):
        # One BOM that doesn't say it leaves it open: what it would say isn't known.
        if values and not any(isinstance(item, Unknown) for item in values):
            said[key] = sorted({text for item in values if not isinstance(item, Unknown) for text in item})
    files = dict.fromkeys(item.files for item in boms)
    kinds = next(iter(files)) if len(files) == 1 else None
    if isinstance(kinds, FileKinds):
        said["formats"] = dict(kinds.formats)
    return _within(said)


def _statement(item: Attested, *, with_predicates: bool) -> dict[str, object]:
    said: dict[str, object] = {
        "predicateType": item.predicate_type,
        "authority": item.authority,
        "signer": item.signer,
        "sha256": item.bundle_sha256,
        "timeBasis": str(item.time.basis),
    }
    if item.time.at is not None:
        said["time"] = _moment(item.time.at)
    if isinstance(item.facts, ProvenanceFacts):
        said["provenance"] = _provenance(item.facts)
    elif isinstance(item.facts, BomFacts) and item.facts.name:
        said["name"] = item.facts.name
    if with_predicates:
        said["predicate"] = item.predicate()
    return said


def _provenance(facts: ProvenanceFacts) -> dict[str, object]:
    pairs = (
        ("builder", facts.builder),
        ("buildType", facts.build_type),
        ("source", facts.source),
        ("ref", facts.ref),
        ("commit", facts.commit),
        ("dirty", facts.dirty),
        ("started", facts.started),
        ("finished", facts.finished),
        ("invocation", facts.invocation),
    )
    return {
        key: _moment(value) if isinstance(value, datetime) else value
        for key, value in pairs
        if not isinstance(value, Unknown)
    }


def _moment(moment: datetime) -> str:
    """Return a moment as CEL's `timestamp` reads it; the engine takes no moments inside of maps."""
    return moment.isoformat().replace("+00:00", "Z")


def _reference(case: Case) -> dict[str, Value]:
    said: dict[str, object] = {"path": case.path, "role": str(case.role)}
    if case.location is not None:
        said |= {"base": case.location.base, "pin": case.location.pin, "enforced": case.location.enforced}
    return _within(said)


def _gaps(case: Case) -> list[str]:
    """Return the names of parents that are only names, of the artifact and its ancestors."""
    nodes = (case.digest, *(item.digest for item in ancestry(case).cases))
    edges = (edge for key in nodes for edge in case.evidence.graph.parents(key))
    return sorted({e.parent.name for e in edges if e.status is EdgeStatus.MISSING and isinstance(e.parent, Named)})


def _within(values: Mapping[str, object]) -> dict[str, Value]:
    """Return a map without the members that are too long for a rule, or that CEL has no value for."""
    return {key: kept for key, value in values.items() if (kept := _kept(value)) is not None and len(key) <= MAX_TEXT}


def _kept(value: object) -> Value | None:
    """Return a value as rules see it, or None where it is too long: then it isn't there, and can't be told."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else None
    if isinstance(value, dict):
        return _within(value) if len(value) <= MAX_ITEMS else None
    if isinstance(value, list):
        items = [_kept(item) for item in value]
        return [item for item in items if item is not None] if len(items) <= MAX_ITEMS and None not in items else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**63 else None
    return value if isinstance(value, bool | float) else None


def _count(value: object) -> int:
    if isinstance(value, dict):
        return 1 + _total(value.values())
    return 1 + _total(value) if isinstance(value, list) else 1


def _total(values: Iterable[object]) -> int:
    return sum(_count(value) for value in values)
