"""Journals that anybody may have written: what a reader makes of each line, each file, and what they say together."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from admission.evidence import Evidence
from admission.journal.audit_log import read_audit_log
from admission.journal.chains import Chain
from admission.journal.contents import Content
from admission.journal.heads import ProvenHead
from admission.journal.inputs import Inputs
from admission.journal.library import SnapshotLibrary
from admission.journal.reading import journal_files
from admission.journal.reconciling import reconcile_events, reconcile_pods
from admission.journal.records import FORMAT, GENESIS, Head, Record, canonical, instant, line_digest, line_of, moment_of
from admission.journal.replaying import Outcome, replay, replay_findings
from admission.journal.reporting import Journals, Report, Window, read_journals, report_on
from admission.policy import Match, Mode, Policy
from admission.review import Review
from dbom.errors import DocumentError, PathError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ALL = Window()
POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c"}]},
}
PART = Content.of(Review.of_object(POD, where="").part or b"")
INPUTS: JsonObject = {"evidence": Evidence().digest, "evidenceReadAt": None, "policies": {"p": "d" * 64}}
DECISION: JsonObject = {
    "allowed": True,
    "answer": "0" * 64,
    "group": "",
    "inputs": Content.of_json(INPUTS).digest,
    "mode": "enforce",
    "name": "a",
    "namespace": "shop",
    "objectKind": "Pod",
    "operation": "CREATE",
    "part": {"digest": PART.digest, "kept": True, "size": len(PART.data)},
    "request": "1" * 64,
    "subresource": "",
    "uid": "u",
    "unchanged": False,
    "user": "alice",
    "verdict": "nothing found",
}


@dataclass
class Chained:
    """Lines of a chain that holds together, whatever is said in them."""

    lines: list[bytes] = field(default_factory=list)
    previous: str = GENESIS
    number: int = 0

    def add(self, kind: str, facts: JsonObject | None = None, at: datetime = NOW) -> bytes:
        """Add a record, and return its line."""
        line = line_of(self.number, self.previous, kind, instant(at), canonical(facts or {}))
        self.lines.append(line)
        self.previous, self.number = line_digest(line), self.number + 1
        return line

    def start(self, replica: str = "gate-0", at: datetime = NOW) -> Chained:
        """Add a start record."""
        self.add("start", {"replica": replica, "torn": False}, at)
        return self

    def decide(self, at: datetime = NOW, /, **facts: Json) -> Chained:
        """Add a decision with what it was made from."""
        for content in (Content.of_json(INPUTS), PART):
            self.add("content", json.loads(content.facts()), at)
        self.add("decision", {**DECISION, **facts}, at)
        return self

    def write(self, path: Path) -> Path:
        """Write what there is, each line whole."""
        path.write_bytes(b"".join(line + b"\n" for line in self.lines))
        return path


def read(*paths: Path, window: Window = ALL) -> Journals:
    return read_journals(paths, window)


def reported(*paths: Path, window: Window = ALL, heads: Sequence[ProvenHead] | None = None) -> Report:
    return report_on(read(*paths, window=window), window, heads=heads)


def said(report: Report, severity: str = "error") -> list[tuple[str, str]]:
    return [(item.rule, item.message) for item in report.findings if item.severity == severity]


@pytest.mark.parametrize(
    "change",
    [
        {"number": "0"},
        {"number": True},
        {"previous": 0},
        {"kind": None},
        {"at": "yesterdayZ"},
        {"at": "2026-03-04T05:06:07+00:00"},
        {"at": 1},
        {"facts": []},
        {"format": "dbom.dev/journal/v1"},
        {"more": 1},
    ],
)
def test_a_line_that_is_not_a_record_is_none(change: JsonObject) -> None:
    document: JsonObject = {"format": FORMAT, "number": 0, "previous": GENESIS, "kind": "end", "at": instant(NOW)}
    assert Record.parse(canonical({**document, "facts": {}})) is not None
    assert Record.parse(canonical({**document, "facts": {}, **change})) is None


def test_a_line_in_another_form_is_no_record() -> None:
    """The same document with a space in it, or half of it, has another digest: one form counts."""
    line = line_of(0, GENESIS, "end", instant(NOW), b"{}")
    assert Record.parse(line) is not None
    assert Record.parse(line.replace(b":", b": ", 1)) is None
    assert Record.parse(line[:-1]) is None


@pytest.mark.parametrize(
    "text", [None, 1, "", "Z", "2026-03-04T05:06:07", "2026-03-04 05:06:07Z", "2026-13-04T05:06:07Z"]
)
def test_what_is_no_moment_is_none(text: Json) -> None:
    assert moment_of(text) is None


def test_what_json_cannot_hold_has_no_canonical_bytes() -> None:
    with pytest.raises(DocumentError):
        canonical({"a": float("nan")})
    with pytest.raises(DocumentError):
        canonical({"a": "\ud800"})
    with pytest.raises(DocumentError):
        canonical({"a": object()})  # type: ignore[dict-item]  # what a caller's mistake would hand in
    assert canonical({"é": 1.5}) == '{"é":1.5}'.encode()


@pytest.mark.parametrize(
    "change",
    [
        {"evidence": None},
        {"policies": []},
        {"policies": None},
        {"evidenceReadAt": "yesterday"},
        {"evidenceReadAt": 5},
    ],
)
def test_inputs_that_are_none_are_none(change: JsonObject) -> None:
    assert Inputs.parse(canonical(INPUTS)) == Inputs((("p", "d" * 64),), Evidence().digest, None)
    assert Inputs.parse(canonical({**INPUTS, **change})) is None
    assert Inputs.parse(b"not json") is None
    read_at = Inputs.parse(canonical({**INPUTS, "evidenceReadAt": instant(NOW)}))
    assert read_at is not None
    assert read_at.read_at == NOW


@pytest.mark.parametrize(
    "change",
    [
        {"allowed": "true"},
        {"unchanged": None},
        {"verdict": "fine"},
        {"mode": 1},
        {"part": "x"},
        {"part": {"digest": 5}},
        {"user": None},
    ],
)
def test_a_decision_that_does_not_say_all_is_a_fault_and_counts_for_none(tmp_path: Path, change: JsonObject) -> None:
    path = Chained().start().decide(**change).decide(name="b").write(tmp_path / "j")
    report = reported(path)
    assert [item.name for item in report.decisions] == ["b"]
    assert said(report) == [("DBOM-560", "record 3: a decision without all that one says")]
    assert report.exit_code == 1


def test_what_was_answered_instead_of_a_late_decision_is_what_counts(tmp_path: Path) -> None:
    chain = Chained().start().decide(name="late").decide(name="in-time")
    chain.add("late", {"number": 3, "allowed": False, "uid": "u"})
    report = reported(chain.write(tmp_path / "j"))
    assert [(item.name, item.allowed, item.is_late) for item in report.decisions] == [
        ("late", False, True),
        ("in-time", True, False),
    ]
    assert (report.denied, said(report)) == (1, [])
    # A replay comes to what was decided; that it came too late isn't its business.
    library = SnapshotLibrary((Policy("p", Mode.ENFORCE, Match(), (), (), (), "d" * 64),), Evidence())
    played = replay(read(tmp_path / "j"), library)
    assert {item.outcome for item in played} == {Outcome.SAME}


@pytest.mark.parametrize("facts", [{}, {"number": 99, "allowed": False}, {"number": 3, "allowed": 0}, {"number": "3"}])
def test_a_late_record_about_nothing_before_it_is_a_fault(tmp_path: Path, facts: JsonObject) -> None:
    chain = Chained().start().decide()
    chain.add("late", facts)
    report = reported(chain.write(tmp_path / "j"))
    assert said(report) == [("DBOM-560", "record 4: it says of no record before it what was answered instead")]
    assert report.denied == 0


def after_the_end(chain: Chained) -> None:
    chain.add("end")
    chain.add("decision", DECISION)


def unknown_kind(chain: Chained) -> None:
    chain.add("note")


def continued_inside(chain: Chained) -> None:
    chain.add("continued", {"chain": "0" * 64, "file": 1, "replica": "gate-0"})


def content_of_another_digest(chain: Chained) -> None:
    facts = json.loads(PART.facts())
    chain.add("content", {**facts, "digest": "0" * 64})


def torn_twice(chain: Chained) -> None:
    for text in (b"half", b"of a line"):
        chain.lines.append(text)
        chain.previous, chain.number = line_digest(text), chain.number + 1
    chain.add("start", {"replica": "gate-0", "torn": True})


@pytest.mark.parametrize(
    ("attack", "what"),
    [
        (after_the_end, "a record of the kind 'decision' has no place here"),
        (unknown_kind, "a record of the kind 'note' has no place here"),
        (continued_inside, "a file is continued here, and this is one file"),
        (content_of_another_digest, "a content that isn't what its digest says"),
        (torn_twice, "not a record, and the next record doesn't name it as torn"),
    ],
)
def test_a_record_out_of_place_is_named(tmp_path: Path, attack: Callable[[Chained], None], what: str) -> None:
    chain = Chained().start()
    attack(chain)
    report = reported(chain.write(tmp_path / "j"))
    assert what in [message.split(": ", 1)[1] for _, message in said(report)]
    assert str(report.chains[0].all_faults[0]).startswith(str(tmp_path / "j"))


def test_faults_are_bounded(tmp_path: Path) -> None:
    """A file of nothing but rubbish is a thousand faults, not one a line."""
    (tmp_path / "j").write_bytes(b"x\n" * 5000)
    report = reported(tmp_path / "j")
    assert len(said(report)) == 1000
    assert report.chains[0].name.startswith("a chain that can't be told")


def test_a_clock_that_was_set_back_and_half_a_line_are_remarks(tmp_path: Path) -> None:
    chain = Chained().start().decide()
    chain.add("counts", {"dryRuns": 1, "late": 0, "malformed": "x"}, NOW - timedelta(hours=1))
    path = chain.write(tmp_path / "j")
    path.write_bytes(path.read_bytes() + b'{"half')
    report = reported(path)
    notes = [message for _, message in said(report, "note")]
    assert (said(report), report.exit_code, report.counts) == ([], 0, {"dryRuns": 1})
    assert any("the clock was set back" in item for item in notes)
    assert any("ends with half a line" in item for item in notes)


def of(chain: Chained, number: int, digest: str = "") -> ProvenHead:
    """Return a head that somebody proved: that of a record, or one that says otherwise."""
    name = line_digest(chain.lines[0])
    found = digest or line_digest(chain.lines[number])
    return ProvenHead("gate-0", name, Head(number, found, NOW), "signer", "trusted", "heads:1")


def test_a_head_that_says_otherwise_is_a_fork_and_one_that_is_not_there_a_gap(tmp_path: Path) -> None:
    chain = Chained().start().decide().decide(name="b")
    path = chain.write(tmp_path / "j")
    proven = reported(path, heads=[of(chain, 3), of(chain, 6)])
    assert (said(proven), proven.chains[0].proven) == ([], of(chain, 6))
    assert [rule for rule, _ in said(reported(path, heads=[of(chain, 2, "0" * 64)]))] == ["DBOM-601"]
    path.write_bytes(b"".join(line + b"\n" for number, line in enumerate(chain.lines) if number != 3))
    rules = [rule for rule, _ in said(reported(path, heads=[of(chain, 3)]))]
    assert rules.count("DBOM-600") == 2  # the chain says so, and the head does
    path.write_bytes(b"".join(line + b"\n" for line in chain.lines[:3]))
    assert [rule for rule, _ in said(reported(path, heads=[of(chain, 6), of(chain, 5)]))] == ["DBOM-603"]


def test_a_head_of_a_journal_that_is_not_given_and_a_journal_without_one_can_not_be_told(tmp_path: Path) -> None:
    mine, other = Chained().start().decide(), Chained().start("gate-1").decide()
    report = reported(mine.write(tmp_path / "j"), heads=[of(other, 2), of(other, 3)])
    assert [rule for rule, _ in said(report, "warning")] == ["DBOM-603", "DBOM-604"]
    assert "record 3 of a journal that isn't given" in said(report, "warning")[0][1]
    assert report.exit_code == 3


def test_what_comes_before_and_after_the_files_that_are_given_matters_within_the_window(tmp_path: Path) -> None:
    chain = Chained().start(at=NOW - timedelta(days=9)).decide()
    chain.add("continues", {"file": 0})
    whole = chain.lines
    chain.lines = []
    chain.add("continued", {"chain": line_digest(whole[0]), "file": 1, "replica": "gate-0"})
    chain.decide(NOW + timedelta(days=1))
    chain.add("continues", {"file": 1}, NOW + timedelta(days=2))
    path = chain.write(tmp_path / "j.000001")
    warnings = said(reported(path), "warning")
    assert [message for _, message in warnings] == [
        "records 0 to 4 come before this file, and aren't given",
        f"it is full, and the file that continues it after record {chain.number - 1} isn't given",
    ]
    within = Window(since=NOW + timedelta(hours=1), until=NOW + timedelta(days=1, hours=1))
    assert said(reported(path, window=within), "warning") == []
    assert len(said(reported(path, window=Window(until=NOW)), "warning")) == 1


def test_a_file_that_follows_another_than_the_one_before_it_is_a_fault(tmp_path: Path) -> None:
    first = Chained().start().decide()
    first.add("continues", {"file": 0})
    first.write(tmp_path / "j.000000")
    name = line_digest(first.lines[0])
    second = Chained(previous="0" * 64, number=first.number)
    second.add("continued", {"chain": name, "file": 1, "replica": "gate-0"})
    report = reported(tmp_path / "j.000000", second.write(tmp_path / "j"))
    assert [rule for rule, _ in said(report)] == ["DBOM-560"]
    third = Chained(previous="0" * 64, number=first.number + 5)
    third.add("continued", {"chain": name, "file": 1, "replica": "gate-0"})
    report = reported(tmp_path / "j.000000", third.write(tmp_path / "j"))
    (fault,) = said(report)
    assert fault[0] == "DBOM-600"
    assert f"records {first.number} to {first.number + 4} before it: not there" in fault[1]


def test_a_chain_of_rubbish_has_no_last_record() -> None:
    assert Chain("x", []).last_number == -1


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathError):
        journal_files([tmp_path / "nowhere"])
    with pytest.raises(PathError, match="there is no journal"):
        read(tmp_path)
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "journal.lock").write_bytes(b"")
    with pytest.raises(PathError):
        read(tmp_path / "j")


def test_a_volume_of_journals_is_read_with_a_folder_for_each_replica(tmp_path: Path) -> None:
    """As the manifests mount one claim, and as journals are copied out of pods."""
    for name in ("dbom-a", "dbom-b"):
        (tmp_path / "claim" / name).mkdir(parents=True)
        Chained().start(name).decide(name=name).write(tmp_path / "claim" / name / "journal.jsonl")
        (tmp_path / "claim" / name / "journal.jsonl.lock").write_bytes(b"")
    (tmp_path / "claim" / "loop").symlink_to(tmp_path / "claim")
    report = reported(tmp_path / "claim")
    assert [chain.replica for chain in report.chains] == ["dbom-a", "dbom-b"]
    assert [item.name for item in report.decisions] == ["dbom-a", "dbom-b"]
    assert said(report) == []


def test_an_answer_that_is_none_is_nothing(tmp_path: Path) -> None:
    answer = Content.of(b"not json")
    chain = Chained().start()
    chain.add("content", json.loads(answer.facts()))
    report = reported(chain.decide(answer=answer.digest).write(tmp_path / "j"))
    assert report.answers == {answer.digest: {}}


def test_nothing_is_replayed_without_what_it_needs(tmp_path: Path) -> None:
    """The inputs, the object and the policies: what isn't there is named once, and no verdict is made up."""
    policies = (Policy("p", Mode.ENFORCE, Match(), (), (), (), "d" * 64),)
    path = Chained().start().decide(inputs="9" * 64).decide(name="b", inputs="9" * 64).write(tmp_path / "inputs")
    played = replay(read(path), SnapshotLibrary(policies, Evidence()))
    (finding,) = replay_findings(played)
    assert {item.outcome for item in played} == {Outcome.CANT_TELL}
    assert (finding.rule, "aren't in the journals given" in finding.message) == ("DBOM-606", True)
    part: JsonObject = {"digest": "8" * 64, "kept": False, "size": 9_999_999}
    path = Chained().start().decide(part=part).write(tmp_path / "part")
    (only,) = replay(read(path), SnapshotLibrary(policies, Evidence()))
    assert (only.outcome, "the object 8888" in only.because) == (Outcome.CANT_TELL, True)
    path = Chained().start().decide().write(tmp_path / "good")
    (only,) = replay(read(path), SnapshotLibrary((), Evidence()))
    assert (only.outcome, only.because) == (Outcome.CANT_TELL, "no policies are given")
    (only,) = replay(read(path), SnapshotLibrary(policies, Evidence()))
    assert (only.outcome, only.newly_denied, only.newly_allowed) == (Outcome.SAME, False, False)


def test_many_readings_of_evidence_keep_few_gates(tmp_path: Path) -> None:
    chain = Chained().start()
    for number in range(20):
        inputs: JsonObject = {**INPUTS, "evidenceReadAt": instant(NOW + timedelta(minutes=number))}
        chain.add("content", json.loads(Content.of_json(inputs).facts()))
        chain.decide(inputs=Content.of_json(inputs).digest, name=f"p{number}")
    policies = (Policy("p", Mode.ENFORCE, Match(), (), (), (), "d" * 64),)
    played = replay(read(chain.write(tmp_path / "j")), SnapshotLibrary(policies, Evidence()))
    assert [item.outcome for item in played] == [Outcome.SAME] * 20


def event(**change: Json) -> JsonObject:
    document: JsonObject = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Event",
        "stage": "ResponseComplete",
        "verb": "create",
        "user": {"username": "alice"},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": "a"},
        "responseStatus": {"code": 201},
        "requestReceivedTimestamp": instant(NOW),
        "stageTimestamp": instant(NOW),
        "requestURI": "/api/v1/namespaces/shop/pods",
    }
    return {**document, **change}


def log(path: Path, *events: JsonObject) -> Path:
    path.write_text("\n\n".join(json.dumps(item) for item in events))
    return path


@pytest.mark.parametrize("key", ["requestReceivedTimestamp", "stageTimestamp"])
@pytest.mark.parametrize("value", [None, "", "yesterday", "2026-03-04T05:06:07", 5])
def test_an_audit_event_without_its_times_is_refused(tmp_path: Path, key: str, value: Json) -> None:
    with pytest.raises(DocumentError, match="without its times"):
        list(read_audit_log(log(tmp_path / "a", event(), event(**{key: value}))))


def test_an_audit_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathError):
        list(read_audit_log(tmp_path / "nowhere"))


def test_what_an_audit_event_leaves_out_is_no_yes(tmp_path: Path) -> None:
    """Without a code nothing was let in; a uri that is none is no dry run; whom somebody stands in for is who asked."""
    odd = event(
        responseStatus=None,
        requestURI="https://[",
        impersonatedUser={"username": "bob"},
        annotations=["x"],
        objectRef={"resource": "pods"},
    )
    (found,) = read_audit_log(log(tmp_path / "a", odd))
    assert (found.is_let_in, found.is_dry_run, found.user, found.record) == (False, False, "bob", "")
    assert found.described == "create pods /(generated) by bob"


def test_events_of_other_times_kinds_and_namespaces_are_not_asked_about(tmp_path: Path) -> None:
    window = Window(since=NOW, until=NOW + timedelta(hours=1), namespaces=("shop",))
    about: JsonObject = {"namespace": "shop", "name": "a"}
    events = [
        event(requestReceivedTimestamp=instant(NOW - timedelta(days=1))),
        event(objectRef={**about, "resource": "configmaps"}),
        event(objectRef={**about, "resource": "pods", "subresource": "binding"}),
        event(objectRef={**about, "resource": "pods", "namespace": "elsewhere"}),
        event(verb="delete"),
        event(objectRef={**about, "resource": "pods", "subresource": "ephemeralcontainers"}, verb="patch"),
    ]
    decisions = read(Chained().start().decide().write(tmp_path / "j"), window=window).decisions
    found = reconcile_events(decisions, read_audit_log(log(tmp_path / "a", *events)), window)
    assert [item.message.split(" at ")[0] for item in found.findings] == [
        "patch pods/ephemeralcontainers shop/a by alice"
    ]
    nothing = reconcile_events(decisions, iter(()), window)
    assert (nothing.matched, nothing.findings) == (0, [])


def test_a_decision_without_a_uid_is_found_by_what_it_is_about(tmp_path: Path) -> None:
    decisions = read(Chained().start().decide(uid="").write(tmp_path / "j")).decisions
    late = instant(NOW + timedelta(hours=1))
    end = event(requestReceivedTimestamp=late, stageTimestamp=late, responseStatus={"code": 403})
    changes: list[tuple[JsonObject, list[str]]] = [
        ({}, []),
        ({"user": {"username": "bob"}}, ["DBOM-607", "DBOM-608"]),
        ({"objectRef": {"resource": "pods", "namespace": "shop", "name": "other"}}, ["DBOM-607", "DBOM-608"]),
    ]
    for change, rules in changes:
        events = read_audit_log(log(tmp_path / "a", event(**change), end))
        assert [item.rule for item in reconcile_events(decisions, events, ALL).findings] == rules


def test_pods_of_other_namespaces_and_objects_that_are_none_are_left_alone(tmp_path: Path) -> None:
    """A part that is no JSON is the content of no pod, and a list may hold other kinds."""
    part = Content.of(b"not json")
    chain = Chained().start()
    chain.add("content", json.loads(part.facts()))
    chain.decide(part={"digest": part.digest, "kept": True, "size": 8})
    journals = read(chain.write(tmp_path / "j"))
    pod: JsonObject = {"metadata": {"name": "a", "namespace": "shop"}, "spec": {"containers": []}}
    items: list[Json] = [
        pod,
        {**pod, "metadata": {"name": "a", "namespace": "elsewhere"}},
        {"kind": "Service", "apiVersion": "v1"},
    ]
    document = json.dumps({"kind": "PodList", "items": items}).encode()
    found = reconcile_pods(journals, document, Window(namespaces=("shop",)), where="pods")
    (finding,) = found.findings
    assert finding.message == "pod shop/a: what was let in under its name has other content"
    for broken in (b"[]", b"{}", b'{"items":[1]}'):
        with pytest.raises(DocumentError):
            reconcile_pods(journals, broken, ALL, where="pods")


def test_when_no_gate_was_there_is_told(tmp_path: Path) -> None:
    day = timedelta(days=1)
    first = Chained().start(at=NOW)
    first.add("end", at=NOW + day)
    second = Chained().start("gate-1", NOW + 2 * day)
    second.add("end", at=NOW + 3 * day)
    paths = first.write(tmp_path / "a"), second.write(tmp_path / "b")
    assert [str(item) for item in reported(*paths).silences] == ["2026-03-05T05:06:07Z to 2026-03-06T05:06:07Z"]
    asked = Window(since=NOW - day, until=NOW + 4 * day)
    assert len(reported(*paths, window=asked).silences) == 3
    (tmp_path / "c").write_bytes(b"rubbish\n")
    assert reported(tmp_path / "c").silences == ()
