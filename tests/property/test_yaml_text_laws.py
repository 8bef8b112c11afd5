"""What is written as YAML is read as what it was, by another reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from hypothesis import given
from hypothesis import strategies as st

from admission.yaml_text import Expression, flow_text, yaml_text

if TYPE_CHECKING:
    from dbom.canonical import Json

_TEXTS = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    [
        "yes",
        "No",
        "null",
        "on",
        "~",
        "1e3",
        "0x1",
        "- a",
        "a: b",
        "# a",
        "{{ a }}",
        "",
        " ",
        "\n",
        "é",
        "y",
        "012",
        "=",
        "<<",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
def test_a_value_comes_back_from_block_style_and_from_one_line(value: Json) -> None:
    assert value == yaml.safe_load(yaml_text(value))
    assert value == yaml.safe_load(flow_text(value))
    assert "\n" not in flow_text(value)


@given(_TEXTS)
def test_only_an_expression_is_written_as_it_is(text: str) -> None:
    assert yaml_text({"a": Expression("{{ .b }}"), "c": text}).startswith("a: {{ .b }}\nc: ")
    assert '{"a":{{ .b }},"c":[{{ .d }}]}' == flow_text({"a": Expression("{{ .b }}"), "c": [Expression("{{ .d }}")]})
