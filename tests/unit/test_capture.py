"""Recorded runs: what went in and came out, signed; nothing where the command or the record fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dbom
from attest.local import open_local
from attest.stores.sidecar import Sidecar
from attest.stores.store import open_store
from dbom.canonical import json_object
from dbom.capture.child import run_child
from dbom.capture.provenance import Environment, Input, Run, Source, statements
from dbom.capture.recording import InputPath, Recorded, prepare, record, record_command
from dbom.capture.source import git_source
from dbom.capture.surroundings import environment_of, own_environment
from dbom.errors import ChangedError, PathError, UsageError
from dbom.model import Digest, Relation, Unknown
from dbom.names import PREDICATE_PROVENANCE, TREE_MEDIA_TYPE
from dbom.tree import fingerprint_path
from lineage.predicates import said_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from attest.signers.signing import Signer
    from attest.statement import Statement

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
PYTHON = sys.executable


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a\n1\n")
    (tmp_path / "extra.txt").write_text("x")
    return tmp_path


@pytest.fixture
def signer() -> Signer:
    return open_local().signer(now=lambda: datetime.now(UTC))


def _clock() -> Callable[[], datetime]:
    times = iter((AT, AT.replace(minute=5)))
    return lambda: next(times)


def _run(folder: Path, **changes: object) -> Run:
    data, extra = fingerprint_path(folder / "data"), fingerprint_path(folder / "extra.txt")
    values: dict[str, object] = {
        "command": ("train", "--fast"),
        "inputs": (Input(Relation.TRAINED_ON, data),),
        "outputs": (extra,),
        "source": Source("ab" * 20, dirty=True, remote="https://example.com/x.git"),
        "environment": Environment("3.11.1", "CPython", "linux-x86_64", {"a": "1"}),
        "started": AT,
        "finished": AT.replace(minute=5),
        **changes,
    }
    return Run(**values)  # type: ignore[arg-type]  # a table of a test's values


def _invocation(statement: Statement) -> object:
    details = statement.predicate["runDetails"]
    assert isinstance(details, dict)
    metadata = details["metadata"]
    assert isinstance(metadata, dict)
    return metadata["invocationId"]


def test_the_statement_of_a_run_is_slsa_provenance_word_for_word(folder: Path) -> None:
    run = _run(folder)
    (statement,) = statements(run)
    (extra,) = run.outputs
    assert statement.predicate_type == PREDICATE_PROVENANCE
    assert statement.subjects[0].digest == extra.digest
    invocation = _invocation(statement)
    assert str(invocation).startswith("sha256:")
    assert json_object(statement.payload, where="payload")["predicate"] == {
        "buildDefinition": {
            "buildType": "https://dbom.dev/run/v1",
            "externalParameters": {
                "command": ["train", "--fast"],
                "inputs": [{"name": "data", "relation": "trained-on"}],
                "outputs": ["extra.txt"],
            },
            "internalParameters": {
                "source": {"gitCommit": "ab" * 20, "dirty": True, "remote": "https://example.com/x.git"},
                "environment": {
                    "python": "3.11.1",
                    "implementation": "CPython",
                    "platform": "linux-x86_64",
                    "packages": {"a": "1"},
                },
            },
            "resolvedDependencies": [
                {
                    "name": "data",
                    "digest": {"sha256": run.inputs[0].fingerprint.digest.hex},
                    "mediaType": TREE_MEDIA_TYPE,
                    "annotations": {
                        "dbom:relation": "trained-on",
                        "dbom:ignore": list(run.inputs[0].fingerprint.ignores),
                    },
                }
            ],
        },
        "runDetails": {
            "builder": {"id": "https://dbom.dev/run/v1/local", "version": {"dbom": dbom.__version__}},
            "metadata": {
                "invocationId": invocation,
                "startedOn": "2026-05-04T03:02:01.000Z",
                "finishedOn": "2026-05-04T03:05:01.000Z",
            },
            "byproducts": [{"name": "exit-status", "mediaType": "text/plain", "content": "MA=="}],
        },
    }


def test_what_is_not_known_says_why(folder: Path) -> None:
    unknown = Unknown("nobody looked")
    (statement,) = statements(_run(folder, command=unknown, source=unknown, environment=unknown))
    definition = statement.predicate["buildDefinition"]
    assert isinstance(definition, dict)
    assert definition["internalParameters"] == {
        "source": {"unknown": "nobody looked"},
        "environment": {"unknown": "nobody looked"},
    }
    parameters = definition["externalParameters"]
    assert isinstance(parameters, dict)
    assert parameters["command"] == {"unknown": "nobody looked"}


def test_the_outputs_of_a_run_share_its_id_and_name_each_other(folder: Path) -> None:
    outputs = (fingerprint_path(folder / "extra.txt"), fingerprint_path(folder / "data"))
    first, second = statements(_run(folder, outputs=outputs))
    assert _invocation(first) == _invocation(second)
    assert _invocation(first) != _invocation(statements(_run(folder))[0])
    details = first.predicate["runDetails"]
    assert isinstance(details, dict)
    byproducts = details["byproducts"]
    assert isinstance(byproducts, list)
    assert byproducts[1] == {
        "name": "data",
        "digest": {"sha256": outputs[1].digest.hex},
        "mediaType": TREE_MEDIA_TYPE,
        "annotations": {"dbom:ignore": list(outputs[1].ignores)},
    }


def test_lineage_reads_the_relation_and_kind_of_each_input(folder: Path) -> None:
    run = _run(folder)
    said = said_by(statements(run)[0], where="x")
    assert said.derivations is not None
    assert [(item.relation, item.parent) for item in said.derivations] == [
        (Relation.TRAINED_ON, run.inputs[0].fingerprint.digest)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data", InputPath(Path("data"))),
        ("trained-on=data", InputPath(Path("data"), Relation.TRAINED_ON)),
        ("run=7/data", InputPath(Path("run=7/data"))),
        ("input=", InputPath(Path("input="))),
    ],
)
def test_an_input_may_carry_its_relation(text: str, expected: InputPath) -> None:
    assert InputPath.parse(text) == expected


def test_a_run_is_recorded_beside_its_output_and_in_the_store(folder: Path, signer: Signer) -> None:
    store = open_store(str(folder / "store"))
    prepared = prepare(
        inputs=[InputPath(Path("data"), Relation.TRAINED_ON)], outputs=[Path("out")], signer=signer, stores=[store]
    )
    code = "import pathlib; pathlib.Path('out').write_text('model')"
    status, recorded = record_command(prepared, [PYTHON, "-c", code], clock=_clock())
    assert status == 0
    assert isinstance(recorded, Recorded)
    assert recorded.findings == ()
    assert recorded.run.command == (PYTHON, "-c", code)
    assert recorded.run.environment == own_environment()
    (beside,) = Sidecar.of(folder / "out").bundles()
    assert recorded.bundles == (beside.where,)
    assert [item.raw for item in store.bundles()] == [beside.raw]


@pytest.mark.usefixtures("folder")
def test_the_command_can_be_left_out(signer: Signer) -> None:
    prepared = prepare(inputs=[], outputs=[Path("extra.txt")], signer=signer)
    _, recorded = record_command(prepared, ["true", "--password", "geheim"], clock=_clock(), with_command=False)
    assert isinstance(recorded, Recorded)
    assert recorded.run.command == Unknown("left out on request")
    assert b"geheim" not in statements(recorded.run)[0].payload


@pytest.mark.usefixtures("folder")
def test_words_that_are_not_utf8_are_said_to_be_unknown(signer: Signer) -> None:
    prepared = prepare(inputs=[], outputs=[Path("extra.txt")], signer=signer)
    _, recorded = record_command(prepared, ["true", os.fsdecode(b"\xff")], clock=_clock())
    assert isinstance(recorded, Recorded)
    assert isinstance(recorded.run.command, Unknown)


@pytest.mark.usefixtures("folder")
def test_an_output_with_the_same_bytes_as_before_is_a_finding(signer: Signer) -> None:
    prepared = prepare(inputs=[], outputs=[Path("extra.txt")], signer=signer)
    _, recorded = record_command(prepared, ["true"], clock=_clock())
    assert isinstance(recorded, Recorded)
    assert [finding.rule for finding in recorded.findings] == ["DBOM-916"]


def test_nothing_is_said_of_a_command_that_failed(folder: Path, signer: Signer) -> None:
    prepared = prepare(inputs=[], outputs=[Path("out")], signer=signer)
    assert record_command(prepared, ["sh", "-c", "echo x > out; exit 7"], clock=_clock()) == (7, None)
    assert not (folder / "out.dbom").exists()


def test_an_input_that_changes_during_the_run_leaves_no_record(folder: Path, signer: Signer) -> None:
    prepared = prepare(inputs=[InputPath(Path("data"))], outputs=[Path("out")], signer=signer)
    status, error = record_command(prepared, ["sh", "-c", "echo 2 >> data/a.csv; echo x > out"], clock=_clock())
    assert status == 0
    assert isinstance(error, ChangedError)
    assert str(error) == f"{folder / 'data'}: 1 of its files changed during the run, a.csv among them"
    assert not (folder / "out.dbom").exists()


def test_an_output_that_was_not_written_leaves_no_record(folder: Path, signer: Signer) -> None:
    prepared = prepare(inputs=[], outputs=[Path("extra.txt"), Path("out")], signer=signer)
    status, error = record_command(prepared, ["true"], clock=_clock())
    assert status == 0
    assert isinstance(error, PathError)
    assert error.rule.id == "DBOM-914"
    assert not (folder / "extra.txt.dbom").exists()


@pytest.mark.usefixtures("folder")
def test_a_run_without_outputs_is_a_usage_error(signer: Signer) -> None:
    with pytest.raises(UsageError, match="no output named"):
        prepare(inputs=[], outputs=[], signer=signer)


@pytest.mark.usefixtures("folder")
def test_an_output_that_is_an_input_is_a_usage_error(signer: Signer) -> None:
    with pytest.raises(UsageError, match="an output is also an input"):
        prepare(inputs=[InputPath(Path("data"))], outputs=[Path("./data/")], signer=signer)


@pytest.mark.usefixtures("folder")
def test_a_missing_input_is_an_error_before_anything_runs(signer: Signer) -> None:
    with pytest.raises(PathError):
        prepare(inputs=[InputPath(Path("none"))], outputs=[Path("out")], signer=signer)


def test_a_block_of_python_records_itself(folder: Path, signer: Signer) -> None:
    with record(inputs=["data"], outputs=["out"], signer=signer) as recording:
        (folder / "out").write_text("model")
    assert recording.result is not None
    assert isinstance(recording.result.run.command, Unknown)
    assert len(list(Sidecar.of(folder / "out").bundles())) == 1


def test_a_block_that_raises_records_nothing(folder: Path, signer: Signer) -> None:
    with pytest.raises(KeyError), record(inputs=[InputPath(Path("data"))], outputs=["out"], signer=signer) as recording:
        raise KeyError
    assert recording.result is None
    assert not (folder / "out.dbom").exists()


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
)
def test_the_childs_end_is_passed_through(script: str, status: int) -> None:
    assert run_child(["sh", "-c", script]) == status


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"])
def test_signals_reach_the_child(name: str, tmp_path: Path) -> None:
    """The child says when it is ready; then we are sent the signal, and the child tells that it came."""
    os.mkfifo(tmp_path / "ready")
    script = f"trap 'exit 42' {name[3:]}; echo > {tmp_path}/ready; while :; do read line; done"

    def send() -> None:
        (tmp_path / "ready").read_bytes()
        os.kill(os.getpid(), getattr(signal, name))

    # A signal that is ignored at the start (SIGINT of a job in the background) stays so, and a shell can't trap it.
    handler = signal.signal(getattr(signal, name), lambda *_: None)
    sender = threading.Thread(target=send)
    reading, writing = os.pipe()
    stdin = os.dup(0)
    os.dup2(reading, 0)
    sender.start()
    try:
        assert run_child(["sh", "-c", script]) == 42
    finally:
        os.dup2(stdin, 0)
        sender.join()
        signal.signal(getattr(signal, name), handler)
        for descriptor in (reading, writing, stdin):
            os.close(descriptor)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"])
def test_signals_that_another_thread_takes_reach_the_child(name: str, tmp_path: Path) -> None:
    """A thread that doesn't hold signals back takes what is sent to the process; here it sends it to itself."""
    os.mkfifo(tmp_path / "ready")
    script = f"trap 'exit 42' {name[3:]}; echo > {tmp_path}/ready; sleep 60 & wait"

    def send() -> None:
        (tmp_path / "ready").read_bytes()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {getattr(signal, name)})
        signal.pthread_kill(threading.get_ident(), getattr(signal, name))

    handler = signal.signal(getattr(signal, name), lambda *_: None)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert run_child(["sh", "-c", script]) == 42
    finally:
        sender.join()
        signal.signal(getattr(signal, name), handler)


def test_handlers_and_ignored_signals_are_as_before() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)}
    ignored = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        run_child(["true"])
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR2, ignored)
    assert before == {number: signal.getsignal(number) for number in before}


def test_the_signal_mask_is_as_before(tmp_path: Path) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    run_child(["true"])
    with pytest.raises(PathError):
        run_child([str(tmp_path / "none")])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_the_child_sees_no_mask_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    run_child(["grep", "SigBlk", "/proc/self/status"])
    assert capfd.readouterr().out.split() == ["SigBlk:", "0000000000000000"]


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(PathError, match="no such program") as caught:
        run_child(["no-such-program-anywhere"])
    assert caught.value.rule.id == "DBOM-912"


def test_a_program_that_the_system_refuses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("#!/no/such/interpreter\n")
    (tmp_path / "broken").chmod(0o755)
    with pytest.raises(PathError):
        run_child([str(tmp_path / "broken")])


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.com", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_a_repository_tells_its_commit_and_whether_it_is_dirty(folder: Path) -> None:
    _git(folder, "init", "-q")
    assert git_source(folder) == Unknown("the folder is in no git repository, or in one without a commit")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "x")
    _git(folder, "remote", "add", "origin", "https://alice:geheim@example.com/x.git")
    commit = _git(folder, "rev-parse", "HEAD")
    assert git_source(folder) == Source(commit, dirty=False, remote="https://example.com/x.git")
    (folder / "new.py").write_text("")
    assert git_source(folder / "data") == Source(commit, dirty=True, remote="https://example.com/x.git")


def test_looking_at_a_repository_runs_no_hook_of_it(folder: Path) -> None:
    _git(folder, "init", "-q")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "x")
    hook = folder / ".git" / "hooks" / "fsmonitor"
    hook.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
    hook.chmod(0o755)
    _git(folder, "config", "core.fsmonitor", str(hook))
    assert isinstance(git_source(folder), Source)
    assert not (folder / "ran").exists()


def test_without_git_the_source_is_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert git_source(folder) == Unknown("git is not installed")


def test_a_git_that_cannot_be_run_gives_no_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "git").write_text("#!/no/such/interpreter\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert isinstance(git_source(folder), Unknown)


def test_a_git_that_cannot_tell_changes_gives_no_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "git").write_text('#!/bin/sh\ncase "$*" in *status*) exit 1;; esac\necho abc\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert git_source(folder) == Unknown("git gave no answer")


def test_only_our_own_python_tells_its_packages() -> None:
    own = environment_of([PYTHON, "train.py"])
    assert isinstance(own, Environment)
    assert own.packages["typer"]
    assert list(own.packages) == sorted(own.packages)
    assert isinstance(environment_of(["sh", "-c", "python"]), Unknown)
    assert isinstance(environment_of(["no-such-program-anywhere"]), Unknown)


def test_a_python_of_another_environment_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(PYTHON)
    assert isinstance(environment_of([str(tmp_path / "python")]), Unknown)


def test_a_digest_in_the_statement_is_the_trees(folder: Path) -> None:
    digest = fingerprint_path(folder / "data").digest
    assert Digest.parse(str(digest)) == digest
