"""The requirement `provenance`: builder, build type, source and ref that accepted provenance must name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from judging import DATA, MODEL, World, briefly, provenance, read, refused_to_read

from admission.requirements.provenance import ProvenanceRule

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

NO, CANT_TELL = ("DBOM-572", "no"), ("DBOM-573", "can't tell")
BUILDER = "https://github.com/acme/models/.github/workflows/train.yml@refs/heads/main"


def of_github(ref: str = "refs/heads/main", by: str = "builder", repository: str = "acme/models") -> bytes:
    workflow: JsonObject = {"ref": ref, "repository": f"https://github.com/{repository}", "path": "w.yml"}
    definition: JsonObject = {
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "externalParameters": {"workflow": workflow},
    }
    return provenance(MODEL, DATA, by=by, definition=definition, details={"builder": {"id": BUILDER}})


def of_run(source: Json) -> bytes:
    return provenance(MODEL, DATA, definition={"internalParameters": {"source": source}})


def judged(value: Json, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (read(ProvenanceRule, value),)).judged())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"builders": [BUILDER]}, []),
        ({"builders": ["https://github.com/acme/**"]}, []),
        ({"builders": ["https://github.com/*"]}, [NO]),
        ({"buildersRegExp": [r"https://github\.com/acme/models/\.github/workflows/[^/]+@refs/heads/main"]}, []),
        ({"buildersRegExp": ["https://github.com/acme"]}, [NO]),
        ({"buildTypes": ["https://actions.github.io/buildtypes/workflow/v1"]}, []),
        ({"buildTypes": ["https://dbom.dev/run/v1"]}, [NO]),
        ({"sources": ["https://github.com/acme/*"]}, []),
        ({"sources": ["https://github.com/acme/mode"]}, [NO]),
        ({"refs": ["refs/heads/main"]}, []),
        ({"refs": ["refs/tags/*", "refs/heads/main"]}, []),
        ({"refs": ["refs/tags/*"]}, [NO]),
        ({"refs": ["main"]}, [NO]),
        ({"sources": ["https://github.com/acme/*"], "refs": ["refs/tags/*"]}, [NO]),
        ({"sources": ["https://github.com/acme/*"], "authorities": ["signer"]}, [CANT_TELL]),
        ({"clean": True}, [CANT_TELL]),
    ],
)
def test_all_that_is_asked_must_be_said(value: Json, expected: list[tuple[str, str]]) -> None:
    assert judged(value, of_github()) == expected


def test_one_statement_must_say_it_all() -> None:
    value: Json = {"sources": ["https://github.com/acme/models"], "refs": ["refs/heads/main"]}
    halves = (of_github("refs/heads/dev"), of_github(repository="evil/models"))
    assert judged(value, *halves) == [NO, NO]
    assert judged(value, *halves, of_github()) == []


def test_without_accepted_provenance_it_can_not_be_told() -> None:
    assert judged({"builders": ["**"]}) == [CANT_TELL]
    assert judged({"builders": ["**"]}, of_github(by="nobody")) == [CANT_TELL]
    assert judged({"builders": ["**"]}, provenance(DATA)) == [CANT_TELL]
    assert judged({"builders": ["**"]}, provenance(MODEL, details={"builder": {}})) == [CANT_TELL]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"gitCommit": "c" * 40, "dirty": False}, []),
        ({"gitCommit": "c" * 40, "dirty": True}, [NO]),
        ({"gitCommit": "c" * 40, "dirty": "no"}, [CANT_TELL]),
        ({"unknown": "no git"}, [CANT_TELL]),
    ],
)
def test_sources_as_they_were_committed(source: Json, expected: list[tuple[str, str]]) -> None:
    assert judged({"clean": True}, of_run(source)) == expected


def test_a_ref_that_our_own_runs_do_not_record_can_not_be_told() -> None:
    source: Json = {"gitCommit": "c" * 40, "dirty": False, "remote": "https://github.com/acme/models.git"}
    assert judged({"sources": ["https://github.com/acme/models"]}, of_run(source)) == []
    assert judged({"refs": ["**"]}, of_run(source)) == [CANT_TELL]


@pytest.mark.parametrize(
    "value", [{}, {"clean": False}, {"builders": []}, {"buildersRegExp": ["("]}, {"ref": ["x"]}, {"clean": "yes"}]
)
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(ProvenanceRule, value)


def test_it_is_explained_in_sentences() -> None:
    (line,) = read(ProvenanceRule, {"refs": ["refs/heads/main"], "clean": True}).explain()
    assert "refs/heads/main" in line
