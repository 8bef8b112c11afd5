"""Recording a run: fingerprints before and after, a statement for each output, signed and put beside it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attest.stores.sidecar import Sidecar
from dbom.capture.child import run_child
from dbom.capture.provenance import Input, Run, statements
from dbom.capture.source import git_source
from dbom.capture.surroundings import environment_of, own_environment
from dbom.difference import compare
from dbom.errors import ChangedError, DbomError, PathError, UsageError
from dbom.model import Finding, Fingerprint, Relation, Severity, Unknown
from dbom.printable import printable
from dbom.rules.everyday import RUN_INPUT_CHANGED, RUN_OUTPUT_MISSING, RUN_OUTPUT_UNCHANGED, RUN_USAGE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from attest.signers.signing import Signer
    from attest.stores.store import Store
    from dbom.capture.provenance import Environment, Source

__all__ = ["InputPath", "Prepared", "Recorded", "Recording", "prepare", "record", "record_command"]

_NO_COMMAND = Unknown("left out on request")
_NOT_UTF8 = Unknown("its words aren't UTF-8")
_FROM_PYTHON = Unknown("recorded from within a Python program")


@dataclass(frozen=True, slots=True)
class InputPath:
    """A path to read, and how the outputs come from it."""

    path: Path
    relation: Relation = Relation.INPUT

    @classmethod
    def parse(cls, text: str) -> InputPath:
        """Read `PATH` or `RELATION=PATH`; a word before `=` that is no relation is part of the path."""
        word, equals, path = text.partition("=")
        if equals and path and word in set(Relation):
            return cls(Path(path), Relation(word))
        return cls(Path(text))


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before a run: what the inputs are, what the outputs were where they were there, and who signs."""

    inputs: tuple[Input, ...]
    input_paths: tuple[Path, ...]
    output_paths: tuple[Path, ...]
    outputs_before: tuple[Fingerprint | None, ...]
    signer: Signer = field(repr=False)
    stores: tuple[Store, ...] = field(repr=False)
    read: Callable[[Path], Fingerprint] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: the run, its findings, and where each bundle was written."""

    run: Run
    findings: tuple[Finding, ...]
    bundles: tuple[str, ...]


def prepare(
    *,
    inputs: Sequence[InputPath],
    outputs: Sequence[Path],
    signer: Signer,
    stores: Sequence[Store] = (),
    ignores: Sequence[str] | None = None,
    jobs: int = 0,
) -> Prepared:
    """Fingerprint the inputs, and the outputs that are already there.

    Raises `UsageError` where there is no output or one is also an input, and what `fingerprint_path` raises.
    """
    if not outputs:
        raise UsageError(RUN_USAGE, "no output named", expected="--out at least once")
    resolved = {item.path.resolve() for item in inputs}
    both = [path for path in outputs if path.resolve() in resolved]
    if both:
        raise UsageError(RUN_USAGE, "an output is also an input", where=printable(str(both[0])))

    for path in outputs:
        Sidecar.of(path).demand_place()

    def read(path: Path) -> Fingerprint:
        return fingerprint_path(path, ignores=ignores, jobs=jobs)

    return Prepared(
        inputs=tuple(Input(item.relation, read(item.path)) for item in inputs),
        input_paths=tuple(item.path.absolute() for item in inputs),
        output_paths=tuple(path.absolute() for path in outputs),
        outputs_before=tuple(_read_or_none(path, read) for path in outputs),
        signer=signer,
        stores=tuple(stores),
        read=read,
    )


def _read_or_none(path: Path, read: Callable[[Path], Fingerprint]) -> Fingerprint | None:
    """Return what an output is before the run, or None where it isn't there or is no artifact yet."""
    try:
        return read(path)
    except DbomError:
        return None


def record_command(
    prepared: Prepared, command: Sequence[str], *, clock: Callable[[], datetime], with_command: bool = True
) -> tuple[int, Recorded | DbomError | None]:
    """Run `command` and record it; return its exit status, and what was recorded.

    That is None where the command failed, since nothing is to be said of what it left, and the error where recording
    failed though the command didn't. Raises `PathError` where the command can't be started.
    """
    source, environment, started = git_source(Path.cwd()), environment_of(command), clock()
    status = run_child(command)
    finished = clock()
    if status != 0:
        return status, None
    words = _words(command) if with_command else _NO_COMMAND
    try:
        return status, _recorded(
            prepared, command=words, source=source, environment=environment, started=started, finished=finished
        )
    except DbomError as error:
        return status, error


def _words(command: Sequence[str]) -> tuple[str, ...] | Unknown:
    try:
        "".join(command).encode()
    except UnicodeEncodeError:
        return _NOT_UTF8
    return tuple(command)


class Recording:
    """What `record` hands to its block; `result` is there once the block has ended well."""

    __slots__ = ("result",)

    def __init__(self) -> None:
        self.result: Recorded | None = None


@contextmanager
def record(
    *,
    inputs: Sequence[str | Path | InputPath],
    outputs: Sequence[str | Path],
    signer: Signer,
    stores: Sequence[Store] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Recording]:
    """Record what the `with` block does: inputs are read before it, outputs after it, then the provenance is signed.

    An exception in the block passes through, and nothing is recorded. Raises `DbomError` where recording fails.
    """
    paths = [item if isinstance(item, InputPath) else InputPath(Path(item)) for item in inputs]
    prepared = prepare(inputs=paths, outputs=[Path(item) for item in outputs], signer=signer, stores=stores)
    recording, source, started = Recording(), git_source(Path.cwd()), clock()
    yield recording
    recording.result = _recorded(
        prepared,
        command=_FROM_PYTHON,
        source=source,
        environment=own_environment(),
        started=started,
        finished=clock(),
    )


def _recorded(
    prepared: Prepared,
    *,
    command: tuple[str, ...] | Unknown,
    source: Source | Unknown,
    environment: Environment | Unknown,
    started: datetime,
    finished: datetime,
) -> Recorded:
    """Say what a run did, sign it and write it down. Every statement is signed before the first is written."""
    _demand_unchanged(prepared)
    outputs = tuple(_written(path, prepared.read) for path in prepared.output_paths)
    run = Run(command, prepared.inputs, outputs, source, environment, started, finished)
    signed = [(statement, prepared.signer.sign(statement)) for statement in statements(run)]
    places = []
    for path, (statement, raw) in zip(prepared.output_paths, signed, strict=True):
        places.append(str(Sidecar.of(path).add_bundle(raw, statement)))
        for store in prepared.stores:
            store.add(raw, statement)
    return Recorded(run, _findings(prepared, outputs), tuple(places))


def _demand_unchanged(prepared: Prepared) -> None:
    for path, before in zip(prepared.input_paths, prepared.inputs, strict=True):
        difference = compare(before.fingerprint, prepared.read(path))
        if not difference.is_empty:
            touched = [*difference.changed, *difference.added, *difference.removed]
            raise ChangedError(
                RUN_INPUT_CHANGED,
                f"{len(touched)} of its files changed during the run, {printable(touched[0])} among them",
                where=printable(str(path)),
            )


def _written(path: Path, read: Callable[[Path], Fingerprint]) -> Fingerprint:
    try:
        return read(path)
    except PathError as error:
        raise PathError(
            RUN_OUTPUT_MISSING, "the command ended well and left no such output", where=str(path)
        ) from error


def _findings(prepared: Prepared, outputs: Sequence[Fingerprint]) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            RUN_OUTPUT_UNCHANGED.id,
            Severity.WARNING,
            "has the same bytes as before the run: made again, or not touched",
            printable(str(path)),
        )
        for path, before, after in zip(prepared.output_paths, prepared.outputs_before, outputs, strict=True)
        if before is not None and before.digest == after.digest
    )
