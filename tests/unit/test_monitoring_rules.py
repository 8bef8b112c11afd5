"""The example of rules for Prometheus speaks of metrics that the gate has."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

import admission

_TOP = Path(__file__).resolve().parents[2]
_RULES = (_TOP / "docs" / "guide" / "prometheus-rules.yaml").read_text(encoding="utf-8")
_DERIVED = re.compile(r"_(?:bucket|count|sum)$")


def test_every_metric_of_ours_in_the_example_is_one_that_the_gate_writes() -> None:
    named = {_DERIVED.sub("", name) for name in re.findall(r"\bdbom_[a-z_]+", _RULES)}
    source = "".join(path.read_text(encoding="utf-8") for path in Path(admission.__file__).parent.rglob("*.py"))
    assert named
    assert set() == {name for name in named if f'"{name}"' not in source}


def test_every_alert_says_what_it_means() -> None:
    rules = [rule for group in yaml.safe_load(_RULES)["groups"] for rule in group["rules"]]
    assert all(rule["annotations"]["summary"] and rule["expr"] and rule["labels"]["severity"] for rule in rules)
    assert len(rules) == len({rule["alert"] for rule in rules})
