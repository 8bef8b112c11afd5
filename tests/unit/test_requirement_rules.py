"""The requirement `rules`: CEL over the evidence; only true is a yes, and nothing runs on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from judging import (
    DATA,
    MODEL,
    NOW,
    RAW,
    World,
    bom,
    briefly,
    located,
    made_statement,
    provenance,
    read,
    refused_to_read,
    stated,
)

from admission.expression_cost import MAX_ITEMS, MAX_TEXT, MOST_STEPS
from admission.expressions import MAX_EXPRESSION, Expression
from admission.requirements.rule_document import rule_document
from admission.requirements.rules import MAX_RULES, PolicyRules
from dbom.errors import DocumentError
from dbom.model import Unknown

if TYPE_CHECKING:
    from dbom.canonical import Json

NO, CANT_TELL = ("DBOM-577", "no"), ("DBOM-578", "can't tell")
CHAIN = (
    located(MODEL),
    bom(MODEL, "MIT", what="model", properties=[("dbom:files", "1"), ("dbom:format:safetensors", "1")], files=["w"]),
    provenance(MODEL, DATA),
    bom(DATA, "MIT", levels=["public"], sensitive=[]),
    provenance(DATA, RAW, relation="derived-from"),
    bom(RAW, "CC0-1.0"),
)


def rules(*texts: str) -> Json:
    return [{"name": f"r{number}", "expression": text} for number, text in enumerate(texts)]


def judged(text: str, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles or CHAIN, (read(PolicyRules, rules(text)),)).judged())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", []),
        ("false", [NO]),
        ('"MIT" in artifact.licenses', []),
        ('artifact.licenses == ["GPL-3.0-only"]', [NO]),
        ("ancestors.size() == 2", []),
        ('ancestors.all(a, a.licenses.all(l, l in ["MIT", "CC0-1.0"]))', []),
        ('ancestors.all(a, "MIT" in a.licenses)', [NO]),
        ('ancestors.exists(a, a.name == "raw" && a.depth == 2)', []),
        ('artifact.statements.exists(s, has(s.provenance) && s.provenance.buildType == "https://dbom.dev/run/v1")', []),
        ('artifact.formats.all(f, f == "safetensors")', []),
        ('artifact.what == "model" && artifact.kind == "tree" && artifact.inputs == "declared"', []),
        ('reference.role == "model" && reference.enforced && reference.base.startsWith("oci://registry.")', []),
        ('artifact.name.matches("m")', []),
        ('now > timestamp("2026-06-01T00:00:00Z")', []),
        ("gaps.size() == 0", []),
        ('{"a": artifact.name}["a"] == "m" && artifact.depth in {0: 1}', []),
        # What isn't known isn't there
        ('artifact.classifications == ["public"]', [CANT_TELL]),
        ('ancestors.all(a, a.classifications.all(c, c == "public"))', [CANT_TELL]),
        ("has(artifact.classifications)", [NO]),
        ("artifact.nothing == 1", [CANT_TELL]),
        ("artifact.licenses[7] == 'MIT'", [CANT_TELL]),
        ("artifact.depth / 0 == 1", [CANT_TELL]),
        ("artifact.depth == 0 && 1 / artifact.depth > 0", [CANT_TELL]),
        ("artifact.name > 3", [CANT_TELL]),
        ("artifact.statements.all(s, timestamp(s.time) < now)", [CANT_TELL]),
        # Predicates, read where they are asked for
        ('artifact.statements.exists(s, has(s.predicate.bomFormat) && s.predicate.bomFormat == "CycloneDX")', []),
    ],
)  # fmt: skip
def test_only_true_is_a_yes(text: str, expected: list[tuple[str, str]]) -> None:
    assert judged(text) == expected


def test_a_runtime_error_is_a_true_value_of_the_engine_and_no_yes_of_ours() -> None:
    from cel_expr_python import cel

    answer = cel.NewEnv(variables={"x": cel.Type.DYN}).compile("x.nothing == 1").eval(data={"x": {}})
    assert (repr(answer.type()), bool(answer.value())) == ("ERROR", True)
    assert isinstance(Expression.compile("artifact.nothing == 1").evaluate({"artifact": {}}), Unknown)


@pytest.mark.parametrize("value", ["true", 1, "", None, [True], {"a": True}])
def test_a_value_that_is_not_of_the_kind_bool_is_no_yes(value: object) -> None:
    assert isinstance(
        Expression.compile("artifact.x == true || artifact.x").evaluate({"artifact": {"x": value}}), Unknown
    )


def test_ancestors_that_nobody_can_look_at_are_not_there() -> None:
    """`all` over what is left would be a yes about what isn't known."""
    gap = (*CHAIN, provenance(DATA, "a set"))
    assert judged("ancestors.all(a, true)", *gap) == [CANT_TELL]
    assert judged('gaps == ["a set"]', *gap) == []


def test_the_message_of_a_rule_is_told() -> None:
    value: Json = [{"name": "open", "expression": "false", "message": "ask the data office"}]
    (reason,) = World(CHAIN, (read(PolicyRules, value),)).judged()
    assert reason.message == f"the rule open says no to {MODEL}: ask the data office"
    assert reason.expected == "false"


def test_a_trusted_time_is_a_timestamp() -> None:
    text = 'artifact.statements.exists(s, s.timeBasis == "trusted" && now - timestamp(s.time) <= duration("24h"))'
    assert judged(text, made_statement(stated(MODEL))) == []
    assert judged(text, bom(MODEL)) == [NO]


def test_a_verdict_over_the_clock_is_not_kept() -> None:
    rule = read(PolicyRules, rules('now > timestamp("2026-06-01T00:00:00Z")'))
    case = World(CHAIN, (rule,)).case()
    assert (rule.judge(case), case.notes.earliest) == ([], NOW)
    other = read(PolicyRules, rules("true"))
    case = World(CHAIN, (other,)).case()
    assert (other.judge(case), case.notes.earliest) == ([], None)


PATHOLOGICAL = [
    'artifact.name + artifact.name == "x"',
    "ancestors.map(a, a.name).size() > 0",
    "ancestors.filter(a, true).size() > 0",
    "[1].map(x, [x, x]).size() > 0",
    "ancestors.all(a, ancestors == ancestors)",
    "ancestors.all(a, [ancestors, ancestors] == [ancestors, ancestors])",
    "ancestors.all(a, ancestors.all(b, a.statements == b.statements))",
    "ancestors.all(a, a in ancestors)",
    'artifact.name.matches("' + "a{1000}" * 400 + '")',
    'ancestors.all(a, a.name.matches("a{1000}"))',
    "artifact.name.matches(artifact.digest)",
    'artifact.name.matches("(")',
    'artifact.name.matches("(?=a)")',
    "(" * 1000 + "true" + ")" * 1000,
    " || ".join(["false"] * 2000),
    "true" + " " * MAX_EXPRESSION,
    "unknown_name",
    "artifact.name",
    "1 + 1 == 2",
    "1",
    "artifact.name ==",
    "\0",
    "artifact.size() == 1 ? true : 3",
]


@pytest.mark.parametrize("text", PATHOLOGICAL, ids=lambda text: text[:40])
def test_what_could_cost_too_much_or_is_no_question_does_not_load(text: str) -> None:
    assert refused_to_read(PolicyRules, rules(text))


def nested(levels: int) -> str:
    loops = "true"
    for number in range(levels):
        loops = f"[1,2,3,4,5,6,7,8,9,10].all(x{number}, {loops})"
    return loops


def test_nested_loops_end_by_the_engines_budget_and_are_no_yes() -> None:
    expression = Expression.compile(nested(5))
    assert expression.steps <= MOST_STEPS
    assert expression.evaluate({}) == Unknown("Iteration budget exceeded")
    assert Expression.compile(nested(3)).evaluate({}) is True
    assert refused_to_read(PolicyRules, rules(nested(12)))


def test_the_dearest_rule_that_loads_ends_soon() -> None:
    """Not timed: the bound is of steps, and the engine's own budget of iterations is reached."""
    text = "ancestors.all(a, ancestors.all(b, a.digest == b.digest || true))"
    items = [{"digest": f"sha256:{number:064x}"} for number in range(MAX_ITEMS)]
    assert isinstance(Expression.compile(text).evaluate({"ancestors": items}), Unknown)


def test_all_rules_of_a_policy_share_one_budget() -> None:
    dear = 'ancestors.all(a, a.name.matches("[a-z]{1,9}"))'
    assert refused_to_read(PolicyRules, rules(dear)) == []
    (fault,) = refused_to_read(PolicyRules, rules(*[dear] * 9))
    assert "all rules together" in fault


def test_ten_thousand_rules_are_not_compiled() -> None:
    (fault,) = refused_to_read(PolicyRules, rules(*["true"] * 10_000))
    assert fault == f"spec.rules: got 10000 rules, expected 1 to {MAX_RULES}"


def test_without_an_engine_a_policy_with_rules_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    (fault,) = refused_to_read(PolicyRules, rules("true"))
    assert fault.startswith("spec.rules[0].expression: no CEL engine is installed: install dbom with its extra")
    monkeypatch.undo()
    assert refused_to_read(PolicyRules, rules("true")) == []


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        [{"name": "x"}],
        [{"expression": "true"}],
        [{"name": "x", "expression": "true"}, {"name": "x", "expression": "false"}],
        [{"name": "x", "expression": "true", "else": 1}],
        [{"name": "x", "expression": "true", "message": 3}],
    ],
)
def test_what_is_no_rule_is_refused(value: Json) -> None:
    assert refused_to_read(PolicyRules, value)


def test_more_evidence_than_rules_see_can_not_be_told() -> None:
    parents = tuple(bom(DATA, properties=[("k" * 9, str(number))]) for number in range(3))
    case = World((*CHAIN, *parents), ()).case()
    assert not isinstance(rule_document(case, with_predicates=True), Unknown)
    many = bom(MODEL, properties=[(f"k{i}-{j}", "v") for i in range(20) for j in range(20)])
    crowd = tuple(bom(MODEL, properties=[(f"{n}-{i}", "v") for i in range(400)]) for n in range(20))
    rule = read(PolicyRules, rules("artifact.statements.all(s, has(s.predicate))"))
    case = World((*CHAIN, many, *crowd), (rule,)).case()
    assert isinstance(rule_document(case, with_predicates=True), Unknown)
    assert briefly(rule.judge(case)) == [CANT_TELL]


def test_texts_and_lists_that_are_too_long_are_not_there() -> None:
    long = bom(MODEL, name="n" * (MAX_TEXT + 1), properties=[(f"k{i}", "v") for i in range(MAX_ITEMS + 1)])
    text = "artifact.statements.exists(s, has(s.predicate.metadata.component.{}))"
    assert judged(text.format("name"), long) == [NO]
    assert judged(text.format("properties"), long) == [NO]
    assert judged(text.format("hashes"), long) == []


def test_two_rules_of_one_text_are_equal() -> None:
    assert read(PolicyRules, rules("true")) == read(PolicyRules, rules("true"))
    assert Expression.compile("true") == Expression.compile("true")
    assert "true" in " ".join(read(PolicyRules, rules("true")).explain())


def test_what_is_wrong_is_told_in_the_engines_words() -> None:
    with pytest.raises(DocumentError, match="undeclared reference to 'ancestor'"):
        Expression.compile("ancestor.size() > 0")
