"""What is wrong with a BOM beyond its schema: references that don't meet, and an artifact without identity."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dbom.bom.reading import member, objects, text, walk_objects
from dbom.model import Finding, Severity
from dbom.rules.documents import BOM_ARTIFACT_UNIDENTIFIED, BOM_REF_DANGLING, BOM_REF_TWICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dbom.canonical import Json, JsonObject
    from dbom.rules import Rule

__all__ = ["lint"]

_BOM_LINK = "urn:cdx:"


def lint(document: JsonObject) -> tuple[Finding, ...]:
    """Return everything found: errors make a document malformed, warnings are worth acting on.

    Errors: a `bom-ref` that stands twice; a reference to a `bom-ref` that isn't there (BOM-Links to other documents
    are left alone). Warning: the described component has no SHA-256, so the BOM is about no bytes in particular.
    """
    every = walk_objects(document)
    count = Counter([ref for item in every if isinstance(ref := item.get("bom-ref"), str)])
    findings = [
        _finding(BOM_REF_TWICE, Severity.ERROR, f"the bom-ref {ref!r} stands {times} times", ref)
        for ref, times in (sorted(count.items()) if len(count) < count.total() else ())
        if times > 1
    ]
    findings += [
        _finding(BOM_REF_DANGLING, Severity.ERROR, f"{place} refers to {ref!r}, which is not in the document", place)
        for place, ref in _references(document, [item for item in every if "modelParameters" in item])
        if ref not in count and not ref.startswith(_BOM_LINK)
    ]
    component = member(document, "metadata", "component")
    if not any(item.get("alg") == "SHA-256" for item in objects(component, "hashes")):
        what = "the described component has no SHA-256" if component else "there is no metadata.component"
        findings.append(_finding(BOM_ARTIFACT_UNIDENTIFIED, Severity.WARNING, what, "metadata/component"))
    return tuple(findings)


def _finding(rule: Rule, severity: Severity, message: str, where: str) -> Finding:
    return Finding(rule.id, severity, message, where)


def _references(document: JsonObject, cards: Iterable[JsonObject]) -> Iterator[tuple[str, str]]:
    for index, item in enumerate(objects(document, "dependencies")):
        yield f"dependencies/{index}/ref", text(item, "ref")
        for key in ("dependsOn", "provides"):
            yield from _texts(f"dependencies/{index}/{key}", item.get(key))
    for index, item in enumerate(objects(document, "compositions")):
        for key in ("assemblies", "dependencies"):
            yield from _texts(f"compositions/{index}/{key}", item.get(key))
    for item in cards:
        for index, dataset in enumerate(objects(item, "modelParameters", "datasets")):
            if isinstance(dataset.get("ref"), str):
                yield f"modelCard/modelParameters/datasets/{index}/ref", text(dataset, "ref")


def _texts(place: str, value: Json) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        yield from ((f"{place}/{index}", item) for index, item in enumerate(value) if isinstance(item, str))
