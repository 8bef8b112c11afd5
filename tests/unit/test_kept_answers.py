"""What a gate keeps of its answers is bounded: whoever may make pods may ask a thousand large questions."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING

from running_webhook import now, review, webhook

from admission.decision import Judgement
from admission.journal import Journal
from admission.review import Review

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json


def large(number: int) -> bytes:
    """Return a review of a pod with a hundred containers, each of which loads something else."""
    document = json.loads(review())
    containers: Json = [
        {"name": f"c{index}", "image": "vllm/vllm-openai", "args": ["--model", f"org/{number}-{index}-{'m' * 200}"]}
        for index in range(100)
    ]
    document["request"]["object"]["spec"]["containers"] = containers
    return json.dumps(document).encode()


def judgements() -> int:
    gc.collect()
    return sum(type(item) is Judgement for item in gc.get_objects())


def test_nothing_is_kept_of_large_decisions_once_they_were_told(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", at=now(), facts={})
    hook = webhook(journal=journal)
    hook.cache.most_bytes = 0
    before = judgements()
    for number in range(5):
        found = hook.read(large(number))
        assert isinstance(found, Review)
        decision = hook.decide(found)
        assert 101 == len(decision.judgements)
        entry = hook.entry(found, decision, large(number))
        assert entry is not None
        journal.append(entry)
        assert 200 == hook.answered(found, decision).status
        del found, decision, entry
    journal.close(at=now())
    assert before == judgements()


def test_a_log_line_names_each_rule_once() -> None:
    line = webhook().answer(large(0)).log
    assert ["DBOM-530", "DBOM-521"] == line["rules"]
    assert len(json.dumps(line)) < 10_000
