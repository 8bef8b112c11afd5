"""Rules of policies, a folder a case: what `docs/formats/policy-rules.md` says, as others may check theirs by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from admission.expressions import Expression
from dbom.errors import DocumentError
from dbom.model import Unknown

CASES = sorted((Path(__file__).parent / "rules").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_a_rule_answers_as_specified(case: Path) -> None:
    document = json.loads((case / "document.json").read_bytes())
    rule = (case / "rule.txt").read_text().strip()
    expected, why = (case / "answer.txt").read_text().splitlines()
    assert why
    assert (expected == "doesn't load") is case.name.endswith("_fail")
    try:
        answer = Expression.compile(rule).evaluate(document)
    except DocumentError:
        assert expected == "doesn't load"
        return
    assert expected == ("can't tell" if isinstance(answer, Unknown) else json.dumps(answer))
