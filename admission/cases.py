"""Cases for policies: an object, the policies and the evidence that judge it, and what is expected of the answer.

A case is a document of `kind: PolicyCase` in YAML or JSON (docs/formats/policy.md). Paths in it start at its folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from admission.decision import Verdict
from admission.documents import Node
from admission.files import read_reviews
from admission.gate import decide
from admission.policy_files import policies_at
from admission.review import Review, is_admission_review
from admission.syncing import load_evidence
from attest.files import read_file
from attest.stores.store import open_store
from dbom.errors import DbomError, DocumentError
from dbom.formats.yaml_reader import load_yaml_documents
from dbom.names import API_VERSION
from dbom.printable import printable
from dbom.rules.admission import CASE_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from admission.decision import Decision
    from dbom.canonical import Json, JsonObject

__all__ = ["CASE_KIND", "Case", "Outcome", "read_cases", "run_case"]

CASE_KIND: Final = "PolicyCase"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MAX_BYTES: Final = 4 * 1024 * 1024
_RULE: Final = "DBOM-"


@dataclass(frozen=True, slots=True)
class Case:
    """A case: what is judged by what, and the verdict, rules and permission that are expected of it.

    `object` is a file or the object itself. `rules` of None expects nothing of the rules, `allowed` of None nothing of
    whether the object is let in; `at` of None is the moment of the run.
    """

    name: str
    where: str
    object: Path | JsonObject
    policies: tuple[Path, ...]
    evidence: tuple[Path, ...]
    verdict: Verdict
    rules: tuple[str, ...] | None = None
    allowed: bool | None = None
    namespace: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: each difference in words (none where it passed), and the decision where there is one."""

    case: Case
    differences: tuple[str, ...]
    decision: Decision | None = None

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.differences


def read_cases(paths: Iterable[Path]) -> list[Case]:
    """Return the cases of files, and those in the YAML and JSON files of folders, however deep.

    In a folder, documents of other kinds are what cases refer to. Raises `PathError` for what isn't there,
    `DocumentError` for a case with faults, all of them named, and where there is no case at all.
    """
    found: list[Case] = []
    for path in paths:
        files = sorted(item for item in path.rglob("*") if _may_hold(item)) if path.is_dir() else [path]
        cases = [case for file in files for case in _cases_of(file, is_asked_for=not path.is_dir())]
        if not cases:
            raise DocumentError(
                CASE_MALFORMED, "no case in it", where=printable(str(path)), expected=f"kind: {CASE_KIND}"
            )
        found += cases
    return found


def run_case(case: Case, *, policies: Sequence[Path] = (), now: datetime) -> Outcome:
    """Judge a case and compare; `policies` take the place of its own. A part that can't be read is a difference."""
    moment = case.at or now
    try:
        review = _review(case)
        judged = policies_at(policies or case.policies)
        evidence = load_evidence([open_store(str(path), offline=True) for path in case.evidence], judged, moment)
    except DbomError as error:
        return Outcome(case, (f"it can't be judged: {printable(str(error))}",))
    decision = decide(review, judged, evidence, now=moment)
    return Outcome(case, tuple(_differences(case, decision)), decision)


def _differences(case: Case, decision: Decision) -> list[str]:
    found: list[str] = []
    if decision.verdict is not case.verdict:
        found.append(f"verdict: expected {case.verdict}, got {decision.verdict}")
    if case.allowed is not None and decision.allowed is not case.allowed:
        found.append(f"allowed: expected {_yes(case.allowed)}, got {_yes(decision.allowed)}")
    rules = tuple(sorted({reason.rule.id for reason in decision.all_reasons}))
    if case.rules is not None and rules != case.rules:
        found.append(f"rules: expected {_listed(case.rules)}, got {_listed(rules)}")
    return found + [f"because {reason}" for reason in decision.all_reasons if found]


def _review(case: Case) -> Review:
    if isinstance(case.object, Path):
        reviews = read_reviews(case.object, namespace=case.namespace)
        if len(reviews) != 1:
            raise DocumentError(
                CASE_MALFORMED, "a case judges one object", where=str(case.object), got=str(len(reviews)), expected="1"
            )
        return reviews[0]
    if is_admission_review(case.object):
        return Review.of_review(case.object, where=case.where)
    return Review.of_object(case.object, where=case.where, namespace=case.namespace)


def _may_hold(path: Path) -> bool:
    return path.suffix in _SUFFIXES and path.is_file() and not path.name.endswith(".sigstore.json")


def _cases_of(path: Path, *, is_asked_for: bool) -> list[Case]:
    data = read_file(path, limit=_MAX_BYTES, what="case")
    where = printable(str(path))
    try:
        documents = load_yaml_documents(data, where=where)
    except DocumentError:
        # A file that a case refers to may be broken on purpose; one that is named as a case may not.
        if is_asked_for or CASE_KIND.encode() in data:
            raise
        return []
    found: list[Case] = []
    for number, document in enumerate(documents):
        is_case = isinstance(document, dict) and document.get("kind") == CASE_KIND
        if is_case or is_asked_for:
            place = where if len(documents) == 1 else f"{where}, document {number + 1}"
            found.append(_case(document, place, path.parent))
    return found


def _case(document: Json, where: str, folder: Path) -> Case:
    root = Node(document)
    root.only("apiVersion", "kind", "metadata", "spec")
    for key, expected in (("apiVersion", API_VERSION), ("kind", CASE_KIND)):
        if root.get(key).text() != expected:
            root.get(key).fault(f"expected {expected}")
    root.get("metadata").only("name", "annotations", "labels")
    name, spec = root.at("metadata", "name").required(), root.get("spec")
    spec.only("object", "policies", "evidence", "namespace", "now", "expect")
    expect = spec.get("expect")
    expect.only("verdict", "allowed", "rules")
    if not expect.get("verdict").is_there:
        expect.get("verdict").fault("missing")
    verdict = Verdict(expect.get("verdict").choice([str(item) for item in Verdict], Verdict.REFUSED))
    case = Case(
        name,
        where,
        _object(spec.get("object"), folder),
        tuple(folder / text for text in spec.get("policies").texts()),
        tuple(folder / text for text in spec.get("evidence").texts()),
        verdict,
        _rules(expect.get("rules")),
        expect.get("allowed").flag(),
        spec.get("namespace").text(),
        spec.get("now").moment(),
    )
    if root.faults:
        faults = list(dict.fromkeys(root.faults))
        what = faults[0] if len(faults) == 1 else f"{len(faults)} faults"
        raise DocumentError(CASE_MALFORMED, what, where=where, faults=faults if len(faults) > 1 else ())
    return case


def _object(node: Node, folder: Path) -> Path | JsonObject:
    if isinstance(node.value, dict):
        return node.value
    return folder / node.required()


def _rules(node: Node) -> tuple[str, ...] | None:
    if not node.is_there:
        return None
    found = node.texts()
    for item in node.items():
        if isinstance(item.value, str) and not item.value.startswith(_RULE):
            item.fault(f"got '{printable(item.value)}', expected the id of a rule, such as DBOM-530")
    return tuple(sorted(set(found)))


def _yes(value: bool) -> str:  # noqa: FBT001  it is the value that is shown
    return "yes" if value else "no"


def _listed(rules: Sequence[str]) -> str:
    return ", ".join(rules) or "none"
