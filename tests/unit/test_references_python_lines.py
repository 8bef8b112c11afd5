"""A line of Python that a container hands to an interpreter: what is plain is read, what isn't is opaque."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admission.references import find_references
from admission.references.reference import Pinning, Role

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

COMMIT = "a" * 40


def found(code: str, program: str = "python") -> list[tuple[Role, str, Pinning]]:
    container: JsonObject = {"name": "c", "image": "python:3.12", "command": [program, "-c", code]}
    pod: JsonObject = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
    return [(item.role, item.text, item.pinning) for item in find_references(pod, group="", kind="Pod", where="test")]


@pytest.mark.parametrize("name", ["name", "sys.argv[1]", "'org/' + name"])
def test_a_repository_that_python_reckons_out_is_opaque(name: str) -> None:
    ((_, _, pinning),) = found(f"snapshot_download({name})")
    assert pinning is Pinning.OPAQUE


def test_a_kind_of_repository_that_python_reckons_out_is_opaque() -> None:
    ((_, _, pinning),) = found("snapshot_download('org/m', repo_type=kind)")
    assert pinning is Pinning.OPAQUE


def test_a_revision_beside_other_python_pins_nothing() -> None:
    call = f"snapshot_download('org/m', revision='{COMMIT}')"
    ((_, text, alone),) = found(call)
    assert (text, alone is Pinning.OPAQUE) == ("org/m", False)
    ((_, _, beside),) = found(f"import x; {call}")
    assert beside is Pinning.OPAQUE
    ((_, _, reckoned),) = found("snapshot_download('org/m', revision=commit)")
    assert reckoned is Pinning.OPAQUE


@pytest.mark.parametrize(
    ("call", "role"),
    [
        ("load_dataset('org/d')", Role.DATASET),
        ("snapshot_download('org/d', repo_type='dataset')", Role.DATASET),
        ("AutoTokenizer.from_pretrained('org/m')", Role.TOKENIZER),
        ("AutoProcessor.from_pretrained('org/m')", Role.PROCESSOR),
        ("AutoModel.from_pretrained('org/m')", Role.MODEL),
    ],
)
def test_what_is_named_without_a_revision_is_told_by_its_role_and_is_not_pinned(call: str, role: Role) -> None:
    ((told, _, pinning),) = found(call)
    assert told is role
    assert pinning not in (Pinning.ENFORCED, Pinning.CLAIMED)


def test_a_path_in_the_image_is_no_pin() -> None:
    ((_, text, pinning),) = found("AutoModel.from_pretrained('/models/m')")
    assert text == "/models/m"
    assert pinning not in (Pinning.ENFORCED, Pinning.CLAIMED)


def test_a_definition_of_such_a_name_is_no_call() -> None:
    assert "x" not in [text for _, text, _ in found("def from_pretrained('x'): pass")]
