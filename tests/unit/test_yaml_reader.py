"""The YAML reader gives JSON that means one thing, or says why not."""

from __future__ import annotations

import pytest

from dbom.errors import DocumentError
from dbom.formats.yaml_reader import MAX_YAML_BYTES, load_yaml, load_yaml_documents


def read(text: str) -> object:
    return load_yaml(text.encode(), where="test.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [true, null, ~, -2.5, 1.0e+3, x]\n", {"a": 1, "b": [True, None, None, -2.5, 1000.0, "x"]}),
        ("a:\n  - b: {c: d}\n", {"a": [{"b": {"c": "d"}}]}),
        ("", None),
        ("# only a comment\n", None),
        ("null\n", None),
        ("'true'", "true"),
        ('"1"', "1"),
        ("! 1", "1"),
        ("[0x1F, .5, 5., +12, -0]", [31, 0.5, 5.0, 12, 0]),
        ("!!str 1", "1"),
        ("!!int 1", 1),
        ("!!float 1", 1),
        ("!!map {a: !!seq [!!bool true, !!null ~]}", {"a": [True, None]}),
        ("\ufeffa: b", {"a": "b"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("? a\n: b\n", {"a": "b"}),
    ],
)
def test_json_values_are_read(text: str, expected: object) -> None:
    assert expected == read(text)


@pytest.mark.parametrize(
    "word",
    [
        "no", "Yes", "on", "OFF", "y", "2024-01-02", "2024-01-02T03:04:05Z", "0644", "0o644", "1_000",
        "12:30:00", ".nan", ".inf", "-.inf", "1e3", "=", "1." + "0" * 3 + "e+999",
    ],
)  # fmt: skip
def test_what_two_yaml_versions_read_differently_stays_text(word: str) -> None:
    assert {"a": word} == read(f"a: {word}\n")


def test_aliases_are_written_out() -> None:
    assert read("a: &n [1]\nb: *n\nc: &k x\n*k : *k\n") == {"a": [1], "b": [1], "c": "x", "x": "x"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2\n", "'a' stands twice in one mapping, line 2"),
        ("1: a\n", "key 1 is not a string"),
        ("true: a\n", "key True is not a string"),
        ("[a]: b\n", "a key that is not a string"),
        ("{a: b}: c\n", "a key that is not a string"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "merge keys"),
        ("a: *b\n", "alias *b has no anchor"),
        ("&a [*a]\n", "alias *a has no anchor"),
        ("!!python/object/apply:os.system [id]\n", "not one of JSON's types"),
        ("!!binary aGk=\n", "not one of JSON's types"),
        ("!!timestamp 2024-01-02\n", "not one of JSON's types"),
        ("!!set {a, b}\n", "not one of JSON's types"),
        ("!!int x\n", "does not fit 'x'"),
        ("!mine x\n", "not one of JSON's types"),
        ('a: "\\ud800"\n', "line 1"),
        ("a: [1\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("[" * 300 + "]" * 300, "nested more than 200 levels"),
        ("- " * 250 + "a", "nested more than 200 levels"),
        ("a: 1\n---\nb: 2\n", "several documents: got 2, expected one document"),
    ],
)
def test_the_ambiguous_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(text)
    assert "test.yaml" in str(caught.value)
    assert reason in str(caught.value)


def test_aliases_that_multiply_are_refused() -> None:
    levels = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    levels += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(DocumentError, match="once aliases are written out"):
        read("\n".join(levels))


def test_aliases_that_nest_too_deeply_are_refused() -> None:
    levels = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 250)]
    with pytest.raises(DocumentError, match="levels deep"):
        read("\n".join(levels))


def test_large_and_undecodable_texts_are_refused() -> None:
    with pytest.raises(DocumentError, match="too large"):
        load_yaml(b" " * (MAX_YAML_BYTES + 1), where="big")
    with pytest.raises(DocumentError, match="not YAML"):
        load_yaml(b"a: \xff", where="latin")


def test_documents_without_content_are_left_out() -> None:
    assert load_yaml_documents(b"---\na: 1\n---\n---\nnull\n---\nb: 2\n---\n", where="pods") == [
        {"a": 1},
        None,
        {"b": 2},
    ]


def test_anchors_end_with_their_document() -> None:
    with pytest.raises(DocumentError, match="no anchor"):
        load_yaml_documents(b"a: &x 1\n---\nb: *x\n", where="pods")
