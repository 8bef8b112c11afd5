"""A card declares what it says, and nothing else."""

from __future__ import annotations

import pytest

from dbom.errors import DocumentError
from dbom.formats.huggingface import Card, Configuration, DeclaredParent, read_adapter, read_card, read_configuration
from dbom.model import Relation


def card(front: str) -> Card | None:
    return read_card(f"---\n{front}\n---\n\n# Text\n---\n".encode(), where="README.md")


def parents(front: str) -> list[tuple[str, str]]:
    found = card(front)
    assert found is not None
    return [(str(parent.relation), parent.name) for parent in found.parents]


def test_a_card_gives_its_fields() -> None:
    found = card(
        "license: other\nlicense_name: mine\nlicense_link: https://example.org/l\ntags: [a, b, a]\nlanguage: en\n"
        "library_name: transformers\npipeline_tag: fill-mask\nbase_model: org/base\ndatasets:\n- squad\n- squad\n"
    )
    assert found == Card(
        ("other",), "mine", "https://example.org/l",
        (DeclaredParent(Relation.DERIVED_FROM, "org/base"), DeclaredParent(Relation.TRAINED_ON, "squad")),
        ("a", "b"), ("en",), "transformers", "fill-mask",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "relation"),
    [
        ("finetune", "fine-tuned-from"),
        ("quantized", "quantized-from"),
        ("merge", "merged-from"),
        ("adapter", "adapter-of"),
        ("whatever", "derived-from"),
    ],
)
def test_the_declared_relation_holds_and_no_other_is_guessed(word: str, relation: str) -> None:
    assert parents(f"base_model: [a, b]\nbase_model_relation: {word}") == [(relation, "a"), (relation, "b")]


def test_source_datasets_are_parents_where_they_name_one() -> None:
    names = "source_datasets: [original, extended, extended|squad, extended|other-web, org/data]"
    assert parents(names) == [("derived-from", "squad"), ("derived-from", "org/data")]


@pytest.mark.parametrize("front", ["", "license: 3\ntags: {a: b}\nbase_model: [1, null]\nlanguage: false", "{}"])
def test_what_is_of_another_type_declares_nothing(front: str) -> None:
    assert card(front) in (Card(), None)


@pytest.mark.parametrize("data", [b"", b"# Title\n", b"text\n---\nlicense: mit\n---\n", b"---\nlicense: mit\n"])
def test_a_readme_without_front_matter_is_no_card(data: bytes) -> None:
    assert read_card(data, where="README.md") is None


def test_windows_line_ends_and_a_mark_are_read() -> None:
    found = read_card(b"\xef\xbb\xbf---\r\nlicense: mit\r\n---\r\nx", where="README.md")
    assert found == Card(("mit",))


def test_norwegian_stays_norwegian() -> None:
    found = card("language: no")
    assert found is not None
    assert found.languages == ("no",)


def test_malformed_front_matter_is_an_error() -> None:
    with pytest.raises(DocumentError, match="'license' stands twice"):
        card("license: mit\nlicense: apache-2.0")


def test_configurations_are_read() -> None:
    assert read_configuration(b'{"architectures": ["A"], "model_type": "a"}', where="c") == Configuration(("A",), "a")
    assert read_configuration(b'{"architectures": null, "model_type": 1}', where="c") == Configuration()
    assert read_adapter(b'{"base_model_name_or_path": "org/base"}', where="a") == DeclaredParent(
        Relation.ADAPTER_OF, "org/base"
    )
    assert read_adapter(b"{}", where="a") is None
    with pytest.raises(DocumentError):
        read_configuration(b"[]", where="c")
