"""What a person reads in `dbom admission report`: who was let in and by whose word, and nothing that isn't so."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from evidence import BOM

from admission.journal import Journal
from admission.journal.contents import Content
from admission.policy_files import policies_at
from admission.syncing import load_evidence
from admission.webhook import Webhook
from attest.local import data_home, open_local
from attest.location import Location
from attest.statement import Statement, Subject
from attest.stores.store import open_store
from dbom.cli.app import run
from dbom.model import COMPUTED, Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

GOOD, BAD = "1" * 64, "2" * 64
DAY = timedelta(days=1)


def pod(name: str, digest: str) -> JsonObject:
    container: Json = {"name": "c", "image": f"registry.example.com/c@sha256:{'3' * 64}"}
    volume: Json = {"name": "m", "image": {"reference": f"registry.example.com/models/m@sha256:{digest}"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [container], "volumes": [volume]},
    }


@dataclass
class Gate:
    """A gate in a folder, with a journal, that decides by what the store holds, at moments that the test says."""

    folder: Path
    began: datetime
    at: datetime = field(init=False)
    asked: int = 0

    def __post_init__(self) -> None:
        self.at = self.began
        self.journal = Journal.open(self.folder / "journal.jsonl", at=self.began, facts={}, replica="gate-0")
        self.read()

    def read(self) -> None:
        """Read policies and evidence anew."""
        policies = policies_at([self.folder / "policy.yaml"])
        evidence = load_evidence([open_store(str(self.folder / "store"))], policies, self.at)
        self.webhook = Webhook(policies, evidence, lambda: self.at, self.journal)

    def ask(self, document: JsonObject, *, old: JsonObject | None = None, dry: bool = False) -> bool:
        """Ask about a pod, and return whether it may start."""
        self.asked += 1
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        request: JsonObject = {
            "uid": f"uid-{self.asked}",
            "operation": "CREATE" if old is None else "UPDATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "shop",
            "name": metadata["name"],
            "userInfo": {"username": "alice"},
            "object": document,
            "oldObject": old,
            "dryRun": dry,
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        answer = json.loads(self.webhook.answer(json.dumps(review).encode()).body)
        return bool(answer["response"]["allowed"])

    def report(self, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
        """Return the exit code of a report on the journal, and what it prints."""
        capsys.readouterr()
        code = run(["admission", "report", str(self.folder / "journal.jsonl"), *flags])
        return code, capsys.readouterr().out


@pytest.fixture(name="gate")
def make_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Sign a model by the local identity, whose break-glass counts too."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.csv").write_text("species,mass\nAdelie,3750\n")
    place = f"oci://registry.example.com/models/m@sha256:{GOOD}"
    assert run(["sign", "model.csv", "--local", "--store", "store", "--location", place]) == 0
    assert run(["policy", "init", "--local", "--location", "oci://registry.example.com/**", "-o", "policy.yaml"]) == 0
    document = yaml.safe_load((tmp_path / "policy.yaml").read_text())
    document["spec"]["breakGlass"] = {"authorities": ["signer"], "longest": "4h"}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(document))
    return Gate(tmp_path, datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1))


def excuse(gate: Gate, document: JsonObject, reason: str) -> None:
    """Sign that a pod may start all the same, and have the gate read it."""
    (gate.folder / "pod.yaml").write_text(yaml.safe_dump(document))
    words = ["--policy", "policy.yaml", "--store", "store", "--local", "--for", "1h", "--reason", reason]
    assert run(["admission", "break-glass", "pod.yaml", *words]) == 0
    gate.at = max(gate.at, datetime.now(UTC)) + timedelta(minutes=1)
    gate.read()


def test_who_let_in_what_was_refused_is_told_with_the_reason(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    assert not gate.ask(pod("bad", BAD))
    excuse(gate, pod("bad", BAD), "INC-7: \x1b[2Jthe lights are out")
    assert gate.ask(pod("bad", BAD))
    code, text = gate.report(capsys)
    denied, spared = text.split("\nDenied\n")[1].split("\nAllowed in spite of a no\n")
    assert code == 0
    assert "1 denied, 1 allowed in spite of a no" in text
    assert "break-glass" not in denied
    (line,) = [item for item in spared.splitlines() if "break-glass" in item]
    assert line.startswith("  refused (mode enforce): let in by break-glass of ")
    assert "(issuer https://local.dbom.dev/" in line
    assert line.endswith("the lights are out")
    assert "\x1b" not in text
    assert "CREATE Pod shop/bad by alice (record" in spared


def test_what_is_refused_over_and_over_is_said_once(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """A ReplicaSet tries again and again; the reason stands there once, and no try is lost in the JSON."""
    for number in range(25):
        assert not gate.ask(pod(f"bad-{number}", BAD))
    assert gate.ask(pod("good", GOOD))
    _, text = gate.report(capsys)
    assert (text.count("refused (mode enforce)"), text.count("(DBOM-")) == (1, 2), text
    assert text.count("CREATE Pod shop/bad-") == 20
    assert "and 5 more, the last at " in text
    _, listed = gate.report(capsys, "-f", "json")
    assert len([item for item in json.loads(listed)["decisions"] if not item["allowed"]]) == 25
    _, marked = gate.report(capsys, "-f", "markdown")
    assert "\n    - 2" in marked


def test_by_which_policy_and_evidence_it_was_decided_is_told(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has both can decide again; another policy stands apart."""
    assert gate.ask(pod("good", GOOD))
    first = policies_at([gate.folder / "policy.yaml"])[0].digest
    (gate.folder / "policy.yaml").write_text(
        (gate.folder / "policy.yaml").read_text().replace("longest: 4h", "longest: 2h")
    )
    gate.at += timedelta(minutes=5)
    gate.read()
    assert gate.ask(pod("good", GOOD))
    assert gate.ask(pod("again", GOOD))
    second = policies_at([gate.folder / "policy.yaml"])[0].digest
    _, text = gate.report(capsys)
    by = text.split("\nDecided by\n")[1].split("\n\n")[0]
    assert by.index(f"models sha256:{first}\n    1 decision, ") < by.index(f"models sha256:{second}\n    2 decisions, ")
    assert "evidence as it was read" in by
    _, listed = gate.report(capsys, "-f", "json")
    assert [item["inputs"]["policies"]["models"] for item in json.loads(listed)["decisions"]] == [first, second, second]


def test_inputs_that_are_not_in_the_journal_are_not_told(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever cuts a content out is told of by the chain, and the report goes on without it."""
    assert gate.ask(pod("good", GOOD))
    path = gate.folder / "journal.jsonl"
    kept = [line for line in path.read_bytes().splitlines(keepends=True) if b'"kind":"content"' not in line]
    path.write_bytes(b"".join(kept))
    code, listed = gate.report(capsys, "-f", "json")
    (decision,) = json.loads(listed)["decisions"]
    assert (code, decision["inputs"], decision["answer"]) == (1, None, {})
    assert "\nDecided by\n" not in gate.report(capsys)[1]


def running(document: JsonObject, made: datetime) -> JsonObject:
    own = document["metadata"]
    assert isinstance(own, dict)
    return {**document, "metadata": {**own, "creationTimestamp": made.isoformat()}}


def errors(text: str) -> list[str]:
    return [item["message"] for item in json.loads(text)["findings"] if item["severity"] == "error"]


def test_an_update_that_changed_nothing_let_no_pod_in(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """A pod that came while nobody was asked, and is labelled later, is one that no decision let in."""
    sneaked = pod("sneaked", BAD)
    assert gate.ask(sneaked, old=sneaked)
    (gate.folder / "pods.json").write_text(json.dumps({"kind": "List", "items": [running(sneaked, gate.began)]}))
    code, text = gate.report(capsys, "--pods", "pods.json", "-f", "json")
    assert (code, errors(text)) == (1, ["pod shop/sneaked: no decision let it in"])


def test_pods_of_another_time_are_left_out_and_counted(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """A report of one day says nothing of the pods of another; one of that very second is asked about."""
    gate.at += 2 * DAY
    assert gate.ask(pod("good", GOOD))
    since, until = gate.began + DAY, gate.began + 3 * DAY
    made = {"before": since - timedelta(seconds=1), "good": gate.at, "edge": since, "after": until, "timeless": None}
    items = [running(pod(name, GOOD), at) if at else pod(name, GOOD) for name, at in made.items()]
    (gate.folder / "pods.json").write_text(json.dumps({"kind": "List", "items": items}))
    flags = ["--since", since.isoformat(), "--until", until.isoformat(), "--pods", "pods.json"]
    code, text = gate.report(capsys, *flags, "-f", "json")
    (found,) = json.loads(text)["reconciled"]
    assert (code, found["agree"], found["leftOut"]) == (1, 1, {"made at another time than is asked about": 2})
    assert errors(text) == [f"pod shop/{name}: no decision let it in" for name in ("edge", "timeless")]
    _, shown = gate.report(capsys, *flags)
    assert "1 agree; 2 do not, see the findings" in shown


def test_counts_and_ends_without_notice_are_of_the_time_that_is_asked_about(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate.ask(pod("dry", GOOD), dry=True)
    gate.at += 2 * DAY
    gate.journal.close(at=gate.at)
    since = (gate.began + 3 * DAY).isoformat()
    assert "only counted, in all namespaces: 1 dry run\n" in gate.report(capsys)[1]
    assert "dry run" not in gate.report(capsys, "--since", since)[1]
    path, later = gate.folder / "journal.jsonl", gate.began + 4 * DAY
    Journal.open(path, at=later, facts={}).close(at=later)
    # The end record was never written: the gate was killed.
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    Journal.open(path, at=later + DAY, facts={}).close(at=later + DAY)
    assert "ended without notice" in gate.report(capsys, "--since", since)[1]
    assert "ended without notice" in gate.report(capsys, "--since", (later + DAY / 2).isoformat())[1]
    assert "ended without notice" not in gate.report(capsys, "--until", since)[1]


def test_a_replay_knows_only_what_was_known_then(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """What is signed and published later belongs to no evidence of before: the same inputs come to the same."""
    assert not gate.ask(pod("bad", BAD))
    local, later = open_local(data_home(os.environ), now=lambda: gate.at), gate.at + timedelta(hours=2)
    subject = Subject.of("m", Digest(Kind.FILE, "4" * 64))
    place = Location("oci://registry.example.com/models/m", f"sha256:{BAD}")
    for kind, predicate in ((PREDICATE_BOM, BOM), (PREDICATE_LOCATION, place.predicate(COMPUTED))):
        statement = Statement.build(subject, kind, predicate)
        open_store("store").add(local.signer(now=lambda: later).sign(statement), statement)
    gate.at = later + timedelta(minutes=1)
    gate.read()
    assert gate.ask(pod("bad", BAD))
    flags = ["--replay", "--policy", "policy.yaml", "--store", "store", "-f", "json"]
    code, text = gate.report(capsys, *flags)
    assert (code, [item["outcome"] for item in json.loads(text)["replayed"]]) == (0, ["same", "same"])
    policy = (gate.folder / "policy.yaml").read_text().replace("mode: enforce", "mode: audit")
    (gate.folder / "other.yaml").write_text(policy)
    code, text = gate.report(capsys, *["other.yaml" if word == "policy.yaml" else word for word in flags])
    found = [(item["verdict"], item["allowed"], "because" in item) for item in json.loads(text)["replayed"]]
    assert (code, found) == (0, [("refused", True, False), ("verified", True, False)])
    _, shown = gate.report(capsys, *["other.yaml" if word == "policy.yaml" else word for word in flags[:-2]])
    assert "1 would now be let in\n" in shown
    assert "refused; it was refused, denied" in shown
    # What was read then is gone: no verdict is made up from the rest.
    for bundle in (gate.folder / "store").rglob("location-*.sigstore.json"):
        bundle.unlink()
    code, text = gate.report(capsys, *flags)
    assert (code, {item["outcome"] for item in json.loads(text)["replayed"]}) == (3, {"can't tell"})
    code, text = gate.report(capsys, *["other.yaml" if word == "policy.yaml" else word for word in flags])
    assert (code, all("isn't that of then" in item["because"] for item in json.loads(text)["replayed"])) == (0, True)


def test_a_replay_from_a_snapshot_is_of_that_snapshot(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    """What a controller handed over is enough, and brings its own policies; of other evidence nothing is told."""
    assert not gate.ask(pod("bad", BAD))
    assert gate.ask(pod("good", GOOD))
    assert run(["admission", "snapshot", "--policy", "policy.yaml", "--store", "store", "-o", "snapshot"]) == 0
    code, text = gate.report(capsys, "--replay", "--snapshot", "snapshot", "-f", "json")
    assert (code, [item["outcome"] for item in json.loads(text)["replayed"]]) == (0, ["same", "same"])
    assert run(["admission", "report", "journal.jsonl", "--replay", "--snapshot", "snapshot", "--store", "store"]) == 2
    assert "a snapshot has policies and evidence of its own" in capsys.readouterr().err
    (gate.folder / "late.csv").write_text("species,mass\nGentoo,5000\n")
    assert run(["sign", "late.csv", "--local", "--store", "store"]) == 0
    assert run(["admission", "snapshot", "--policy", "policy.yaml", "--store", "store", "-o", "snapshot"]) == 0
    code, text = gate.report(capsys, "--replay", "--snapshot", "snapshot", "-f", "json")
    assert (code, {item["outcome"] for item in json.loads(text)["replayed"]}) == (3, {"can't tell"})


def test_a_dry_run_is_given_no_uid_of_a_record(gate: Gate) -> None:
    """The audit log keeps these annotations; whoever looks for the record of one would miss it."""

    def annotations(*, dry: bool) -> dict[str, str]:
        request = {
            "uid": "u",
            "operation": "CREATE",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "namespace": "shop",
            "object": pod("good", GOOD),
            "dryRun": dry,
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        answer = json.loads(gate.webhook.answer(json.dumps(review).encode()).body)
        return dict(answer["response"]["auditAnnotations"])

    assert annotations(dry=True) == {"verdict": "verified"}
    assert annotations(dry=False) == {"verdict": "verified", "record": "u"}
    assert annotations(dry=True) == {"verdict": "verified"}


def test_what_came_too_late_is_told_as_it_was_answered(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.ask(pod("good", GOOD))
    number = gate.journal.head.number
    gate.journal.record("late", at=gate.at, facts={"number": number, "allowed": False, "uid": "uid-1"}, durable=False)
    gate.journal.close(at=gate.at)
    code, text = gate.report(capsys, "--replay", "--policy", "policy.yaml", "--store", "store")
    assert (code, "\n  1 same\n" in text) == (0, True)
    assert "\nDenied\n  verified (mode enforce), too late: denied without it\n" in text
    _, listed = gate.report(capsys, "-f", "json")
    (decision,) = json.loads(listed)["decisions"]
    assert (decision["allowed"], decision["late"], decision["verdict"]) == (False, True, "verified")


@pytest.mark.parametrize("format_", ["text", "json", "markdown", "csv"])
def test_whoever_wrote_the_journal_writes_to_no_terminal(
    gate: Gate, capsys: pytest.CaptureFixture[str], format_: str
) -> None:
    """Escapes of a terminal, letters that turn a line round, and lines that look like the report's own."""
    hostile = "x\x1b[2J\x9b31m\u202e\n  dbom-0: 9 records, holds together\t`<script>`"
    gate.ask(pod("bad", BAD))
    line = next(
        item for item in reversed((gate.folder / "journal.jsonl").read_bytes().splitlines()) if b'"uid"' in item
    )
    facts = json.loads(line)["facts"]
    found: JsonObject = {"bundle": "0", "by": hostile, "reason": hostile, "until": hostile, "waives": []}
    reason: JsonObject = dict.fromkeys(("rule", "message", "got", "expected", "lineage", "verdict"), hostile)
    answer = Content.of_json({"reasons": [reason], "references": [], "breakGlass": found})
    gate.journal.record("content", at=gate.at, facts=json.loads(answer.facts()), durable=False)
    told = {**facts, "name": hostile, "user": hostile, "namespace": hostile, "allowed": True, "answer": answer.digest}
    gate.journal.record("decision", at=gate.at, facts=told, durable=False)
    gate.journal.close(at=gate.at)
    code, text = gate.report(capsys, "-f", format_)
    assert code == 0
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert "\n  dbom-0: 9 records, holds together" not in text
    if format_ == "markdown":
        assert "<script>" not in text
