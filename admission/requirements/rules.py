"""`rules`: CEL expressions of the policy's own, over the evidence; each must be true."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.expression_cost import MOST_STEPS
from admission.expressions import MAX_EXPRESSION, Expression
from admission.requirements.rule_document import rule_document
from dbom.errors import DocumentError, MissingExtraError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.admission import RULE_DENIED, RULE_UNDECIDED

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["MAX_RULES", "PolicyRule", "PolicyRules"]

MAX_RULES: Final = 50
"""The most rules of a policy."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """An expression under a name, and what a person is told where it isn't true."""

    name: str
    expression: Expression
    message: str = ""

    def judge(self, case: Case, document: dict[str, object] | Unknown) -> list[Reason]:
        """Return why the expression isn't true, or nothing."""
        answer = document if isinstance(document, Unknown) else self.expression.evaluate(document)
        if answer is True:
            return []
        what = f"the rule {printable(self.name)}"
        told = f": {printable(self.message)}" if self.message else ""
        if isinstance(answer, Unknown):
            message = f"{what} can't be told of {case.named}{told}"
            return [case.cant_tell(RULE_UNDECIDED, message, got=printable(answer.reason), expected="true")]
        expected = printable(self.expression.text)
        return [case.refused(RULE_DENIED, f"{what} says no to {case.named}{told}", expected=expected)]


@dataclass(frozen=True, slots=True)
class PolicyRules:
    """The rules of a policy. Each must be true of the document of the evidence; an error is no yes, whatever it is."""

    KEY: ClassVar[str] = "rules"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_RULES,
        "items": {
            "type": "object",
            "required": ["name", "expression"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 100},
                "expression": {"type": "string", "minLength": 1, "maxLength": MAX_EXPRESSION},
                "message": {"type": "string", "maxLength": 1000},
            },
        },
    }

    rules: tuple[PolicyRule, ...]
    with_predicates: bool = field(default=False, compare=False)
    with_clock: bool = field(default=False, compare=False)

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:
        """Compile the rules. Where no engine is installed the policy is refused, by name."""
        if not node.is_there:
            return None
        items = list(node.items())
        if not 1 <= len(items) <= MAX_RULES:
            node.fault(f"got {len(items)} rules, expected 1 to {MAX_RULES}")
            return None
        rules = [rule for item in items if (rule := _read(item, names)) is not None]
        steps = sum(rule.expression.steps for rule in rules)
        if steps > MOST_STEPS:
            node.fault(f"all rules together may take {steps:,} steps, and {MOST_STEPS:,} are the most")
        called = [rule.name for rule in rules]
        if len(set(called)) != len(called):
            node.fault("two rules of one name")
        mentioned = " ".join(rule.expression.text for rule in rules)
        return cls(tuple(rules), "predicate" in mentioned, "now" in mentioned)

    def judge(self, case: Case) -> list[Reason]:
        """Return a reason for each rule that isn't true."""
        if self.with_clock:
            case.until(case.now)  # when a rule over the clock will turn, nobody knows
        document = rule_document(case, with_predicates=self.with_predicates)
        for_all = document if isinstance(document, Unknown) else dict(document)
        return [reason for rule in self.rules for reason in rule.judge(case, for_all)]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        return [
            f"The rule {printable(rule.name)} must be true: {printable(rule.expression.text)}" for rule in self.rules
        ]


def _read(node: Node, names: Names) -> PolicyRule | None:
    node.only("name", "expression", "message")
    name, text, message = node.get("name").required(), node.get("expression").required(), node.get("message").text()
    if not name or not text:
        return None
    try:
        return PolicyRule(name, Expression.compile(text), message or "")
    except DocumentError as error:
        node.get("expression").fault(f"{error.what} ({error.rule.id})")
    except MissingExtraError as error:
        names.refuse(node.get("expression"), f"{error.what}: {error.hint}")
    return None
