"""The values of a recorded run, and the SLSA provenance statements that say them. Specified in docs/formats/run.md."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attest.statement import Statement, Subject
from dbom import __version__
from dbom.canonical import Json, JsonObject, canonical_json
from dbom.model import Fingerprint, Kind, Relation, Unknown
from dbom.names import (
    ANNOTATION_IGNORE,
    ANNOTATION_RELATION,
    PREDICATE_PROVENANCE,
    RUN_BUILD_TYPE,
    RUN_BUILDER_ID,
    TREE_MEDIA_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Environment", "Input", "Run", "Source", "statements"]


@dataclass(frozen=True, slots=True)
class Input:
    """Something that a run read: how the outputs come from it, and what it was before the run."""

    relation: Relation
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Source:
    """The git commit of the folder that the command ran in, and whether anything in it differed from that commit.

    `remote` is the URL of `origin` without user names and passwords, or empty.
    """

    commit: str
    dirty: bool
    remote: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """The Python that ran the command: its version, what it is built for, and every installed distribution."""

    python: str
    implementation: str
    platform: str
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A command that ran and ended well: its words, what it read and wrote, around what, and when (UTC)."""

    command: tuple[str, ...] | Unknown
    inputs: tuple[Input, ...]
    outputs: tuple[Fingerprint, ...]
    source: Source | Unknown
    environment: Environment | Unknown
    started: datetime
    finished: datetime
    exit_status: int = 0


def statements(run: Run) -> tuple[Statement, ...]:
    """Return one provenance statement for each output, in their order."""
    return tuple(_statement(run, output) for output in run.outputs)


def _statement(run: Run, output: Fingerprint) -> Statement:
    subject = Subject.of(output.name, output.digest, ignores=output.ignores)
    return Statement.build(subject, PREDICATE_PROVENANCE, _predicate(run, output))


def _predicate(run: Run, output: Fingerprint) -> JsonObject:
    definition: JsonObject = {
        "buildType": RUN_BUILD_TYPE,
        "externalParameters": {
            "command": _words(run.command),
            "inputs": [{"name": item.fingerprint.name, "relation": str(item.relation)} for item in run.inputs],
            "outputs": [item.name for item in run.outputs],
        },
        "internalParameters": {"source": _source(run.source), "environment": _environment(run.environment)},
        "resolvedDependencies": [_dependency(item) for item in run.inputs],
    }
    metadata: JsonObject = {"startedOn": _time(run.started), "finishedOn": _time(run.finished)}
    return {
        "buildDefinition": definition,
        "runDetails": {
            "builder": {"id": RUN_BUILDER_ID, "version": {"dbom": __version__}},
            "metadata": {"invocationId": _invocation(run, definition, metadata), **metadata},
            "byproducts": [_exit_status(run.exit_status), *_others(run, output)],
        },
    }


def _invocation(run: Run, definition: JsonObject, metadata: JsonObject) -> str:
    """Return an id that is the same for all outputs of a run, and for nothing else."""
    outputs: list[Json] = [str(item.digest) for item in run.outputs]
    said: JsonObject = {"buildDefinition": definition, "metadata": metadata, "outputs": outputs}
    return "sha256:" + hashlib.sha256(canonical_json(said)).hexdigest()


def _dependency(item: Input) -> JsonObject:
    return _descriptor(item.fingerprint, {ANNOTATION_RELATION: str(item.relation)})


def _others(run: Run, output: Fingerprint) -> list[Json]:
    return [_descriptor(other, {}) for other in run.outputs if other is not output]


def _descriptor(fingerprint: Fingerprint, annotations: JsonObject) -> JsonObject:
    described: JsonObject = {"name": fingerprint.name, "digest": {"sha256": fingerprint.digest.hex}}
    said = dict(annotations)
    if fingerprint.kind is Kind.TREE:
        described["mediaType"] = TREE_MEDIA_TYPE
        said[ANNOTATION_IGNORE] = list(fingerprint.ignores)
    if said:
        described["annotations"] = said
    return described


def _exit_status(status: int) -> JsonObject:
    content = base64.b64encode(str(status).encode()).decode()
    return {"name": "exit-status", "mediaType": "text/plain", "content": content}


def _words(command: tuple[str, ...] | Unknown) -> Json:
    return _unknown(command) if isinstance(command, Unknown) else list(command)


def _source(source: Source | Unknown) -> JsonObject:
    if isinstance(source, Unknown):
        return _unknown(source)
    said: JsonObject = {"gitCommit": source.commit, "dirty": source.dirty}
    return {**said, "remote": source.remote} if source.remote else said


def _environment(environment: Environment | Unknown) -> JsonObject:
    if isinstance(environment, Unknown):
        return _unknown(environment)
    return {
        "python": environment.python,
        "implementation": environment.implementation,
        "platform": environment.platform,
        "packages": dict(environment.packages),
    }


def _unknown(unknown: Unknown) -> JsonObject:
    return {"unknown": unknown.reason}


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
