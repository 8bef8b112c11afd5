"""Whatever the order of vLLM's flags and however they are spelled, everything that they name is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from admission.references import Pinning, Role, find_references

if TYPE_CHECKING:
    from dbom.canonical import Json

NAME = st.from_regex(r"[a-z][a-z0-9]{0,5}/[a-z][a-z0-9.-]{0,5}[a-z0-9]", fullmatch=True)
SWITCHES = st.sampled_from(
    [["--enforce-eager"], ["--port", "8000"], ["-tp", "2"], ["--no-enable-prefix-caching"], ["--max_model_len=4k"]]
)
FLAGS = {
    "tokenizer": Role.TOKENIZER,
    "hf-config-path": Role.MODEL,
    "spec-model": Role.DRAFT_MODEL,
    "lora-modules": Role.ADAPTER,
    "default-mm-loras.audio": Role.ADAPTER,
    "speculative-config.model": Role.DRAFT_MODEL,
}


@st.composite
def parts(draw: st.DrawFn) -> tuple[list[str], tuple[Role, str]]:
    """Return the words of one flag, spelled as vLLM takes it, and what it names."""
    flag, name = draw(st.sampled_from(sorted(FLAGS))), draw(NAME)
    stem, dot, rest = flag.partition(".")
    spelled = f"--{stem.replace('-', draw(st.sampled_from('-_')))}{dot}{rest}"
    value = f"a={name}" if flag == "lora-modules" else name
    words = [f"{spelled}={value}"] if draw(st.booleans()) else [spelled, value]
    return words, (FLAGS[flag], name)


def found_in(words: list[str]) -> set[tuple[Role, str]]:
    container: Json = {"name": "c", "image": "i", "command": ["vllm", "serve"], "args": list(words)}
    found = find_references({"spec": {"containers": [container]}}, group="", kind="Pod", where="test")
    return {(item.role, item.text) for item in found if item.pinning is not Pinning.OPAQUE}


@given(st.data(), NAME, st.lists(parts(), max_size=6), st.lists(SWITCHES, max_size=4), st.booleans())
def test_everything_that_is_named_is_found_in_any_order(
    data: st.DataObject,
    model: str,
    named: list[tuple[list[str], tuple[Role, str]]],
    switches: list[list[str]],
    by_flag: bool,  # noqa: FBT001  drawn by hypothesis
) -> None:
    groups = data.draw(st.permutations([*(words for words, _ in named), *switches]))
    words = [word for group in groups for word in group]
    words = [*words, "--model", model] if by_flag else [model, *words]
    assert found_in(words) == {(Role.MODEL, model), *(what for _, what in named)}


@given(st.lists(st.text(max_size=8), max_size=8), NAME)
def test_whatever_else_is_written_a_model_by_flag_is_found(others: list[str], model: str) -> None:
    container: Json = {"name": "c", "image": "i", "command": ["vllm", "serve"], "args": [f"--model={model}", *others]}
    found = find_references({"spec": {"containers": [container]}}, group="", kind="Pod", where="test")
    assert (Role.MODEL, model) in {(item.role, item.text) for item in found}
