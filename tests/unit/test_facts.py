"""Facts of statements: what ours and others' BOMs and provenance say, and that what isn't said is unknown."""

from __future__ import annotations

import json
import pickle
import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from admission.facts import BomFacts, FileKinds, ProvenanceFacts, facts_of
from attest.statement import Statement, Subject
from dbom.bom.facts import ArtifactType
from dbom.bom.generating import Options, generate_bom
from dbom.capture.provenance import Environment, Input, Run, Source, statements
from dbom.model import Digest, Kind, Relation, Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION, PREDICATE_PROVENANCE, RUN_BUILD_TYPE, RUN_BUILDER_ID
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
MODEL = Digest(Kind.FILE, "a" * 64)


def weights() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + b"\0\0\0\0"


def bom_of(folder: Path, *licences: str) -> BomFacts:
    found = fingerprint_path(folder)
    bom = generate_bom(folder, found, Options(type=ArtifactType.MODEL, licenses=licences))
    return BomFacts.of(bom.document, "here")


def described(**component: Json) -> JsonObject:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {"type": "data", "name": "d", "bom-ref": "d", **component}},
    }


def test_what_generate_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(weights())
    (tmp_path / "m" / "modeling_x.py").write_text("print(1)\n")
    (tmp_path / "m" / "old.bin").write_bytes(pickle.dumps({"a": 1}))
    facts = bom_of(tmp_path / "m", "MIT")
    assert facts.artifact == fingerprint_path(tmp_path / "m").digest
    assert (facts.name, facts.what, facts.licenses) == ("m", "model", ("MIT",))
    assert facts.files == FileKinds((("pickle", 1), ("safetensors", 1), ("text", 1)), ("modeling_x.py",))
    assert isinstance(facts.classifications, Unknown)
    assert isinstance(facts.sensitive, Unknown)


def test_of_a_single_file_no_name_is_known(tmp_path: Path) -> None:
    """The component is called as somebody wished, so whether a loader takes it for code can't be told."""
    (tmp_path / "x.py").write_text("print(1)\n")
    facts = bom_of(tmp_path / "x.py")
    assert isinstance(facts.files, FileKinds)
    assert isinstance(facts.files.code, Unknown)


def test_what_is_no_bom_gives_unknowns_with_the_reason() -> None:
    facts = BomFacts.of({"bomFormat": "CycloneDX", "specVersion": "9"}, "here")
    assert isinstance(facts.artifact, Unknown)
    assert all(isinstance(item, Unknown) for item in (facts.licenses, facts.classifications, facts.files))
    assert facts.is_about(MODEL)
    assert facts.licenses_or_none() == ()


@pytest.mark.parametrize(
    "properties",
    [
        [],
        [("dbom:format:safetensors", "1")],
        [("dbom:files", "2"), ("dbom:format:safetensors", "1")],
        [("dbom:files", "x"), ("dbom:format:safetensors", "1")],
        [("dbom:files", "1"), ("dbom:format:safetensors", "-1")],
        [("dbom:files", "2"), ("dbom:format:safetensors", "1"), ("dbom:format:safetensors", "1")],
    ],
)
def test_formats_that_are_not_told_of_every_file_are_unknown(properties: list[tuple[str, str]]) -> None:
    named: list[Json] = [{"name": name, "value": value} for name, value in properties]
    assert isinstance(BomFacts.of(described(properties=named), "here").files, Unknown)


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_the_classification_of_others_boms_is_read(version: str) -> None:
    data: Json = [
        {"type": "dataset", "classification": "Confidential", "sensitiveData": ["e-mail", "names"]},
        {"type": "dataset", "classification": "public", "sensitiveData": []},
    ]
    facts = BomFacts.of({**described(data=data), "specVersion": version}, "here")
    assert (facts.classifications, facts.sensitive) == (("Confidential", "public"), ("e-mail", "names"))


def test_the_data_that_a_model_card_names_counts_as_the_models() -> None:
    """Inline, and as a component of the BOM; a pedigree's ancestor too."""
    secret: Json = [{"type": "dataset", "classification": "secret"}]
    document = described(
        type="machine-learning-model",
        modelCard={"modelParameters": {"datasets": [{"type": "dataset", "classification": "internal"}, {"ref": "x"}]}},
        pedigree={"ancestors": [{"type": "data", "name": "old", "data": secret}]},
    )
    parent: Json = [{"type": "dataset", "classification": "restricted"}]
    document["components"] = [{"type": "data", "name": "x", "bom-ref": "x", "data": parent}]
    assert BomFacts.of(document, "here").classifications == ("internal", "restricted", "secret")


def test_sensitive_data_none_is_not_sensitive_data_unsaid() -> None:
    assert BomFacts.of(described(data=[{"type": "dataset", "sensitiveData": []}]), "here").sensitive == ()
    assert isinstance(BomFacts.of(described(data=[{"type": "dataset"}]), "here").sensitive, Unknown)


def recorded(tmp_path: Path, source: Source | Unknown) -> Statement:
    (tmp_path / "out").write_bytes(b"out")
    (tmp_path / "in").write_bytes(b"in")
    environment = Environment("3.13", "CPython", "linux", {})
    inputs = (Input(Relation.TRAINED_ON, fingerprint_path(tmp_path / "in")),)
    run = Run(("train",), inputs, (fingerprint_path(tmp_path / "out"),), source, environment, AT, AT)
    return statements(run)[0]


def test_what_run_records_is_read(tmp_path: Path) -> None:
    statement = recorded(tmp_path, Source("c" * 40, dirty=True, remote="https://git.example.com/a/b.git"))
    facts = facts_of(statement, "here")
    assert isinstance(facts, ProvenanceFacts)
    assert (facts.builder, facts.build_type) == (RUN_BUILDER_ID, RUN_BUILD_TYPE)
    assert (facts.source, facts.commit, facts.dirty) == ("https://git.example.com/a/b", "c" * 40, True)
    assert isinstance(facts.ref, Unknown)
    assert (facts.started, facts.finished) == (AT, AT)
    assert str(facts.invocation).startswith("sha256:")


@pytest.mark.parametrize("source", [Unknown("no git"), Source("c" * 40, dirty=False)])
def test_a_run_without_a_remote_has_no_source(tmp_path: Path, source: Source | Unknown) -> None:
    facts = ProvenanceFacts.of(recorded(tmp_path, source).predicate, "here")
    assert isinstance(facts.source, Unknown)
    assert isinstance(facts.commit, Unknown) is isinstance(source, Unknown)


def of_github(**workflow: str) -> JsonObject:
    """Return what actions/attest-build-provenance writes."""
    named: JsonObject = {"ref": "refs/heads/main", "repository": "https://github.com/o/r", "path": ".github/w.yml"}
    return {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {**named, **workflow}},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/o/r@refs/heads/main", "digest": {"gitCommit": "d" * 40}}
            ],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/o/r/.github/workflows/w.yml@refs/heads/main"},
            "metadata": {"invocationId": "https://github.com/o/r/actions/runs/1/attempts/1"},
        },
    }


def test_what_github_writes_is_read() -> None:
    facts = ProvenanceFacts.of(of_github(), "here")
    assert (facts.source, facts.ref, facts.commit) == ("https://github.com/o/r", "refs/heads/main", "d" * 40)
    assert isinstance(facts.started, Unknown)
    assert isinstance(facts.dirty, Unknown)


def test_a_commit_of_another_repository_is_not_that_of_the_source() -> None:
    assert isinstance(ProvenanceFacts.of(of_github(repository="https://github.com/o/other"), "here").commit, Unknown)


def dependent(*dependencies: Json) -> ProvenanceFacts:
    return ProvenanceFacts.of({"buildDefinition": {"resolvedDependencies": list(dependencies)}}, "here")


def test_of_other_builders_the_one_git_dependency_is_the_source() -> None:
    git: JsonObject = {"uri": "git+https://u:p@git.example.com/r.git@refs/tags/v1", "digest": {"sha1": "e" * 40}}
    facts = dependent(git, {"uri": "pkg:oci/x"})
    assert (facts.source, facts.ref, facts.commit) == ("https://git.example.com/r", "refs/tags/v1", "e" * 40)


@pytest.mark.parametrize(
    "dependencies",
    [
        (),
        ({"uri": "https://git.example.com/r"},),
        ({"uri": "git+https://a.example/r@x"}, {"uri": "git+https://b.example/r@x"}),
        ({"uri": 3},),
    ],
)
def test_no_or_several_repositories_are_no_source(dependencies: tuple[Json, ...]) -> None:
    facts = dependent(*dependencies)
    assert all(isinstance(item, Unknown) for item in (facts.source, facts.ref, facts.commit, facts.builder))


@pytest.mark.parametrize("stated", ["yesterday", "2026-01-01T00:00:00", 7, None])
def test_a_time_that_is_none_is_unknown(stated: Json) -> None:
    predicate: JsonObject = {"runDetails": {"metadata": {"startedOn": stated}}}
    assert isinstance(ProvenanceFacts.of(predicate, "here").started, Unknown)


@pytest.mark.parametrize("commit", ["main", "", "A" * 40])
def test_a_commit_that_is_none_is_unknown(commit: str) -> None:
    facts = dependent({"uri": "git+https://git.example.com/r", "digest": {"gitCommit": commit}})
    assert isinstance(facts.commit, Unknown)
    assert facts.source == "https://git.example.com/r"


def test_statements_of_other_types_have_no_facts() -> None:
    subject = Subject.of("m", MODEL)
    assert facts_of(Statement.build(subject, PREDICATE_LOCATION, {}), "here") is None
    assert isinstance(facts_of(Statement.build(subject, PREDICATE_BOM, {}), "here"), BomFacts)
    assert isinstance(facts_of(Statement.build(subject, PREDICATE_PROVENANCE, {}), "here"), ProvenanceFacts)
