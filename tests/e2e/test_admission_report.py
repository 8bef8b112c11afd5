"""`dbom admission report`: what a real gate decided, held against heads, audit logs, pods and other policies."""

from __future__ import annotations

import csv
import io
import json
import shutil
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from admission.journal import Journal, Rotation
from admission.journal.heads import HeadKeeper, heads_path
from admission.policy_files import policies_at
from admission.syncing import load_evidence
from admission.webhook import Webhook
from attest.local import data_home, open_local
from attest.stores.store import open_store
from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

GOOD, OTHER = "1" * 64, "2" * 64
USER = "system:serviceaccount:shop:default"


def pod(digest: str, name: str = "p") -> JsonObject:
    mount: Json = {"name": "m", "mountPath": "/m"}
    container: Json = {"name": "server", "image": "vllm/vllm-openai:v0.11", "args": ["/m"], "volumeMounts": [mount]}
    volume: Json = {"name": "m", "image": {"reference": f"registry.example.com/models/m@sha256:{digest}"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"containers": [container], "volumes": [volume]},
    }


def request(uid: str, document: JsonObject, *, old: JsonObject | None = None, dry: bool = False) -> bytes:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    asked: JsonObject = {
        "uid": uid,
        "operation": "CREATE" if old is None else "UPDATE",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "namespace": "shop",
        "name": metadata["name"],
        "userInfo": {"username": USER},
        "object": document,
        "oldObject": old,
        "dryRun": dry,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}).encode()


@dataclass(frozen=True)
class Site:
    """A folder with evidence, a policy and the journal of a gate that decided by them."""

    folder: Path
    journal: Path

    def report(self, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, JsonObject]:
        """Return the exit code and the JSON of a report on the journal."""
        capsys.readouterr()
        code = run(["admission", "report", str(self.journal), "-f", "json", *flags])
        found = capsys.readouterr()
        return code, json.loads(found.out)


@pytest.fixture(name="site", scope="module")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Sign a model with the local identity, and have a gate decide on five pods, its heads signed."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DBOM_HOME", str(folder / "home"))
        patched.setenv("DBOM_CONFIG_HOME", str(folder / "config"))
        patched.chdir(folder)
        (folder / "model").mkdir()
        header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
        weights = struct.pack("<Q", len(header)) + header + bytes(8)
        (folder / "model" / "model.safetensors").write_bytes(weights)
        place = f"oci://registry.example.com/models/m@sha256:{GOOD}"
        assert run(["sign", "model", "--local", "--store", "store", "--location", place]) == 0
        pattern = "oci://registry.example.com/models/*"
        assert run(["policy", "init", "--local", "--location", pattern, "-o", "policy.yaml"]) == 0
        journal = decide(folder)
    return Site(folder, journal)


def decide(folder: Path) -> Path:
    def clock() -> datetime:
        return datetime.now(UTC)

    (folder / "log").mkdir()
    path = folder / "log" / "journal.jsonl"
    policies = policies_at([folder / "policy.yaml"])
    evidence = load_evidence([open_store(str(folder / "store"))], policies, clock())
    journal = Journal.open(path, at=clock(), facts={}, replica="gate-0", rotation=Rotation(most_bytes=3000))
    signer = open_local(data_home({"DBOM_HOME": str(folder / "home")}), now=clock).signer(now=clock)
    keeper = HeadKeeper(journal, signer, lambda _: None)
    webhook = Webhook(policies, evidence, clock, journal)
    webhook.answer(request("good", pod(GOOD, "good")))
    assert keeper.tick(clock())
    webhook.answer(request("bad", pod(OTHER, "bad")))
    webhook.answer(request("same", pod(GOOD, "good"), old=pod(GOOD, "good")))
    webhook.answer(request("dry", pod(GOOD, "dry"), dry=True))
    webhook.answer(request("again", pod(GOOD, "again")))
    journal.close(at=clock())
    assert keeper.sign()
    return path


@pytest.fixture(autouse=True)
def own_settings(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBOM_HOME", str(site.folder / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(site.folder / "config"))
    monkeypatch.chdir(site.folder)


def rules_of(document: JsonObject, severity: str = "error") -> set[str]:
    findings = document["findings"]
    assert isinstance(findings, list)
    return {str(item["rule"]) for item in findings if isinstance(item, dict) and item["severity"] == severity}


def test_what_was_decided_is_told_and_proven(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = site.report(capsys, "--local")
    assert (code, document["schema"]) == (0, "dbom.dev/admission-report/v1")
    verdicts = document["verdicts"]
    assert isinstance(verdicts, dict)
    assert {key: count for key, count in verdicts.items() if count} == {"refused": 1, "verified": 2, "unchanged": 1}
    assert (document["denied"], document["counts"]) == (1, {"dryRuns": 1})
    journals = document["journals"]
    assert isinstance(journals, list)
    (journal,) = journals
    assert isinstance(journal, dict)
    files = journal["files"]
    assert isinstance(files, list)
    assert len(files) > 1
    head = journal["provenHead"]
    assert isinstance(head, dict)
    assert (journal["replica"], head["number"], head["digest"]) == ("gate-0", journal["number"], journal["head"])
    assert document["blindSpots"]


def test_without_a_signer_to_expect_the_end_is_not_proven(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path))
    assert run(["admission", "report", str(site.journal)]) == 0
    assert "its end isn't proven by a signed head" in capsys.readouterr().out
    assert run(["keys", "generate", "--out", str(tmp_path / "k"), "--no-password"]) == 0
    code, document = site.report(capsys, "--key", str(tmp_path / "k.pub"))
    assert (code, rules_of(document, "warning")) == (3, {"DBOM-604"})


@pytest.mark.parametrize("format_", ["text", "markdown"])
def test_a_person_reads_it(site: Site, capsys: pytest.CaptureFixture[str], format_: str) -> None:
    assert run(["admission", "report", str(site.journal), "--local", "-f", format_]) == 0
    text = capsys.readouterr().out
    for words in ("4 decisions", "shop/bad", "DBOM-", "1 denied", "1 dry run", "static pods", "proven up to record"):
        assert words in text
    assert text.startswith("## " if format_ == "markdown" else "Decisions")


def test_a_table_of_decisions(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admission", "report", str(site.journal), "-f", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["name"], row["verdict"], row["allowed"]) for row in rows] == [
        ("good", "verified", "true"),
        ("bad", "refused", "false"),
        ("good", "unchanged", "true"),
        ("again", "verified", "true"),
    ]


def test_only_what_was_asked_for_is_told(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for flags in (["--namespace", "elsewhere"], ["--since", later], ["--until", "2020-01-01"]):
        code, document = site.report(capsys, *flags)
        assert (code, document["decisions"]) == (0, [])
    assert run(["admission", "report", str(site.journal), "--since", "tomorrow"]) == 2
    assert run(["admission", "report", "nowhere"]) == 2
    (site.folder / "empty").mkdir(exist_ok=True)
    assert run(["admission", "report", "empty"]) == 2


def tampered(site: Site, tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    shutil.copytree(site.journal.parent, folder)
    return folder


def edited(folder: Path) -> None:
    path = folder / "journal.jsonl.000000"
    path.write_bytes(path.read_bytes().replace(b'"name":"good"', b'"name":"evil"', 1))


def cut(folder: Path) -> None:
    path = folder / "journal.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def without_a_file(folder: Path) -> None:
    (folder / "journal.jsonl.000001").unlink()


def without_the_end(folder: Path) -> None:
    (folder / "journal.jsonl").unlink()


def swapped(folder: Path) -> None:
    path = folder / "journal.jsonl.000000"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))


def forked(folder: Path) -> None:
    """End the journal another way, and keep both."""
    for path in list(folder.iterdir()):
        shutil.copy(path, folder / f"b-{path.name}")
    newest = folder / "b-journal.jsonl"
    newest.write_bytes(b"".join(newest.read_bytes().splitlines(keepends=True)[:-1]))
    Journal.open(newest, at=datetime.now(UTC), facts={}).close(at=datetime.now(UTC))


def of_another(folder: Path) -> None:
    Journal.open(folder / "other", at=datetime.now(UTC), facts={}, replica="gate-1").close(at=datetime.now(UTC))
    (folder / "other").replace(folder / "journal.jsonl.000001")


@pytest.mark.parametrize(
    ("attack", "rules"),
    [
        (edited, {"DBOM-560", "DBOM-601"}),
        (cut, {"DBOM-603"}),
        (without_a_file, {"DBOM-600"}),
        (without_the_end, {"DBOM-603"}),
        (swapped, {"DBOM-560", "DBOM-600"}),
        (forked, {"DBOM-601"}),
        (of_another, {"DBOM-600", "DBOM-602"}),
    ],
)
def test_what_was_done_to_a_journal_is_found(
    site: Site,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    attack: Callable[[Path], None],
    rules: set[str],
) -> None:
    folder = tampered(site, tmp_path)
    attack(folder)
    code, document = Site(site.folder, folder).report(capsys, "--local")
    assert (code, rules_of(document)) == (1, rules)
    findings = document["findings"]
    assert isinstance(findings, list)
    assert all(item["where"] for item in findings if isinstance(item, dict))


def test_a_copy_of_a_file_is_no_fork(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tampered(site, tmp_path)
    shutil.copy(folder / "journal.jsonl", folder / "copy")
    code, document = Site(site.folder, folder).report(capsys, "--local")
    assert code == 0
    decisions = document["decisions"]
    assert isinstance(decisions, list)
    assert len(decisions) == 4


def test_heads_that_were_kept_elsewhere_prove_more(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tampered(site, tmp_path)
    cut(folder)
    heads_path(folder / "journal.jsonl").unlink()
    code, document = Site(site.folder, folder).report(capsys, "--local")
    assert (code, rules_of(document, "warning")) == (3, {"DBOM-604"})
    code, document = Site(site.folder, folder).report(capsys, "--local", "--heads", str(heads_path(site.journal)))
    assert (code, rules_of(document)) == (1, {"DBOM-603"})


def test_a_replay_under_the_old_inputs_comes_to_the_same(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = site.report(capsys, "--replay", "--policy", "policy.yaml", "--store", "store")
    replayed = document["replayed"]
    assert isinstance(replayed, list)
    assert (code, [item["outcome"] for item in replayed if isinstance(item, dict)]) == (0, ["same"] * 4)


def test_a_replay_says_which_input_is_not_at_hand(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = site.report(capsys, "--replay")
    assert (code, rules_of(document, "warning")) == (3, {"DBOM-606"})
    code, document = site.report(capsys, "--replay", "--policy", "policy.yaml")
    assert (code, rules_of(document, "warning")) == (3, {"DBOM-606"})
    assert "the evidence" in json.dumps(document["findings"])


def test_a_replay_tells_what_a_new_policy_would_have_refused(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    text = (site.folder / "policy.yaml").read_text()
    (site.folder / "new.yaml").write_text(text.replace("registry.example.com/models/*", "registry.example.com/gold/*"))
    code, document = site.report(capsys, "--replay", "--policy", "new.yaml", "--store", "store")
    replayed = document["replayed"]
    assert isinstance(replayed, list)
    found = [(item["outcome"], item["allowed"]) for item in replayed if isinstance(item, dict)]
    new = "under other policies"
    assert (code, found) == (0, [(new, False), (new, False), (new, True), (new, False)])
    flags = ["--replay", "--policy", "new.yaml", "--store", "store"]
    assert run(["admission", "report", str(site.journal), *flags]) == 0
    assert "2 would now be denied" in capsys.readouterr().out


def test_a_record_that_says_another_verdict_is_found_by_replay(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes the journal can write what it likes, in a chain that holds; the inputs say otherwise."""
    source, forged = Site(site.folder, site.journal), tmp_path / "forged"
    journal = Journal.open(forged, at=datetime.now(UTC), facts={})
    for path in [*sorted(site.journal.parent.glob("journal.jsonl.0*")), site.journal]:
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            if record["kind"] in ("content", "decision"):
                if record["facts"].get("name") == "bad":
                    record["facts"] |= {"verdict": "verified", "allowed": True}
                at = datetime.fromisoformat(record["at"])
                journal.record(record["kind"], at=at, facts=record["facts"], durable=False)
    journal.close(at=datetime.now(UTC))
    flags = ["--replay", "--policy", "policy.yaml", "--store", "store"]
    code, document = Site(source.folder, forged).report(capsys, *flags)
    assert (code, rules_of(document)) == (1, {"DBOM-605"})


def event(verb: str, name: str, *, uid: str = "", code: int = 201, at: datetime | None = None, **more: Json) -> str:
    moment = (at or datetime.now(UTC)).isoformat()
    annotations: JsonObject = {"provenance.dbom.dev/record": uid} if uid else {}
    document: JsonObject = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {"username": USER},
        "objectRef": {"resource": "pods", "namespace": "shop", "name": name, "apiVersion": "v1"},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": moment,
        "stageTimestamp": moment,
        "requestURI": "/api/v1/namespaces/shop/pods",
        "annotations": annotations,
        **more,
    }
    return json.dumps(document)


def agreeing() -> list[str]:
    begin, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    return [
        event("create", "early", at=begin, code=403),
        event("create", "good", uid="good"),
        event("create", "bad", uid="bad", code=403),
        event("update", "good"),
        event("create", "again", uid="again"),
        event("create", "dry", requestURI="/api/v1/namespaces/shop/pods?dryRun=All"),
        event("delete", "good", code=200),
        event("create", "sys", objectRef={"resource": "pods", "namespace": "kube-system", "name": "sys"}),
        event("update", "good", objectRef={"resource": "pods", "subresource": "status", "namespace": "shop"}),
        json.dumps({**json.loads(event("create", "good")), "stage": "RequestReceived"}),
        event("create", "late", at=end, code=403),
    ]


def test_an_audit_log_that_agrees(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "audit").write_text("\n".join(agreeing()))
    code, document = site.report(capsys, "--audit-log", str(tmp_path / "audit"))
    reconciled = document["reconciled"]
    assert isinstance(reconciled, list)
    (found,) = reconciled
    assert isinstance(found, dict)
    assert (code, found["agree"], found["differ"]) == (0, 4, 0)
    assert found["leftOut"] == {
        "dry runs": 1,
        "in excluded namespaces": 1,
        "refused without a record (by others, or before the webhook)": 2,
    }


def test_what_an_audit_log_and_a_journal_differ_in(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed: JsonObject = {"failed-open.validating.webhook.admission.k8s.io/round_0_index_0": "provenance.dbom.dev"}
    lines = [line for line in agreeing() if '"again"' not in line]
    lines += [event("create", "unseen", annotations=failed), event("create", "unrecorded", uid="nobody")]
    # What was denied was let in all the same.
    lines = [line.replace('"code": 403', '"code": 201') if '"bad"' in line else line for line in lines]
    (tmp_path / "audit").write_text("\n".join(lines))
    code, document = site.report(capsys, "--audit-log", str(tmp_path / "audit"))
    findings = document["findings"]
    assert isinstance(findings, list)
    errors = [
        (item["rule"], str(item["message"]))
        for item in findings
        if isinstance(item, dict) and item["severity"] == "error"
    ]
    assert code == 1
    assert [rule for rule, _ in errors] == ["DBOM-607"] * 3 + ["DBOM-608"]
    said = " ".join(message for _, message in errors)
    assert all(name in said for name in ("shop/unseen", "shop/unrecorded", "shop/bad", "shop/again"))
    assert "the webhook didn't answer" in said
    (denied,) = [message for _, message in errors if "shop/bad" in message]
    assert denied.endswith("let in, and its record says that it was denied")


@pytest.mark.parametrize("line", ["not json", "{}", '{"kind":"Event","apiVersion":"audit.k8s.io/v1"}x', "[]"])
def test_what_is_no_audit_log_is_said(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    (tmp_path / "audit").write_text(line)
    assert run(["admission", "report", str(site.journal), "--audit-log", str(tmp_path / "audit")]) == 2
    assert "audit:1" in capsys.readouterr().err


def running(document: JsonObject, **metadata: Json) -> JsonObject:
    own = document["metadata"]
    assert isinstance(own, dict)
    made = datetime.now(UTC).isoformat()
    return {**document, "metadata": {**own, "creationTimestamp": made, **metadata}, "status": {"phase": "Running"}}


def test_pods_that_run_by_a_decision_and_those_that_do_not(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items: list[Json] = [
        running(pod(GOOD, "good")),
        running(pod(GOOD, "unknown")),
        running(pod(OTHER, "again")),
        running(pod(OTHER, "bad")),
        running(pod(OTHER, "static"), annotations={"kubernetes.io/config.mirror": "x"}),
        running(pod(OTHER, "old"), creationTimestamp="2020-01-01T00:00:00Z"),
        running(pod(OTHER, "dns"), namespace="kube-system"),
    ]
    (tmp_path / "pods").write_text(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))
    code, document = site.report(capsys, "--pods", str(tmp_path / "pods"))
    assert (code, rules_of(document)) == (1, {"DBOM-609"})
    said = json.dumps(document["findings"])
    assert all(f"shop/{name}" in said for name in ("unknown", "again", "bad"))
    assert "other content" in said
    reconciled = document["reconciled"]
    assert isinstance(reconciled, list)
    (found,) = reconciled
    assert isinstance(found, dict)
    assert (found["agree"], found["differ"], found["leftOut"]) == (
        1,
        3,
        {"static pods": 1, "older than the journals": 1, "in excluded namespaces": 1},
    )
    (tmp_path / "pods").write_text("{}")
    assert run(["admission", "report", str(site.journal), "--pods", str(tmp_path / "pods")]) == 2
