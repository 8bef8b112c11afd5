"""The controller at a real API server, with its own token and rights: what it writes, and that nothing is ever half."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from controller_cluster import PORT, SYSTEM, ControllerCluster
from cryptography import x509
from judging import MODEL, bom, located
from policy_reports import POLICY_REPORTS
from snapshot_samples import POD, source

from admission.controller.controlling import Controller, ControllerSettings
from admission.controller.leading import LeaseTimes
from admission.controller.publishing import Publisher
from admission.controller.rights import CERTIFICATE_RIGHTS, CLUSTER_RIGHTS, CONFIGURATION_RIGHTS, NAMESPACE_RIGHTS
from admission.controller.starting import ControllerFlags, run_controller
from attest.stores.store import StoredBundle, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from admission.snapshot import Snapshot
    from attest.statement import Statement
    from attest.stores.store import UnreadBundle
    from dbom.canonical import JsonObject

_QUICK = LeaseTimes(lasts=3, leads=2.0, every=0.3)


class Counted:
    """A store that counts how often it was read."""

    def __init__(self, url: str) -> None:
        self.url, self._store, self.readings = url, open_store(url), 0

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield what the store holds."""
        return self._store.bundles()

    def entries(self) -> Iterator[StoredBundle | UnreadBundle]:
        """Yield what the store holds, and what can't be read."""
        self.readings += 1
        return self._store.entries()

    def add(self, raw: bytes, statement: Statement) -> str:
        """Add a bundle."""
        return self._store.add(raw, statement)


class Running:
    """A controller in this process, at the real API server."""

    def __init__(
        self, controlled: ControllerCluster, store: Path, *, identity: str = "here", judge_every: float = 1.0
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self.stopping = threading.Event()
        made = ControllerSettings(
            identity, sync_every=0.5, judge_every=judge_every, judge_least=0.0, certificates_every=1.0, lease=_QUICK
        )
        self.store = Counted(str(store))
        self.controller = Controller(controlled.api(), [self.store], made, log=self.lines.append)
        self.thread = threading.Thread(target=self.controller.run, args=(self.stopping,))
        self.thread.start()

    def judged(self) -> float:
        """Return how many objects were judged so far, again or first."""
        return sum(count for _, count in self.controller.metrics.judgements.items())

    def stop(self) -> None:
        """End it in good order."""
        self.stopping.set()
        self.thread.join(30)


@pytest.fixture(name="store")
def make_store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    for raw in (located(MODEL), bom(MODEL, "Apache-2.0", what="model")):
        add(folder, raw)
    return folder


@pytest.fixture(name="clean")
def make_clean(controlled: ControllerCluster) -> Iterator[ControllerCluster]:
    """Leave nothing to the next test but what was installed, and the sequence."""
    yield controlled
    controlled.kubectl("delete", "provenancepolicies,pods,deployments", "--all", "--all-namespaces", "--now")


def add(folder: Path, raw: bytes) -> None:
    sha256 = StoredBundle.of(raw, where="").sha256
    (folder / f"x-{sha256[:16]}.sigstore.json").write_bytes(raw)


def policy(name: str = "p", namespace: str = SYSTEM, **spec: object) -> dict[str, Any]:
    document = dict(json.loads(source(name, namespace).data))
    return {**document, "spec": {**document["spec"], **spec}}


def handed_over(controlled: ControllerCluster) -> Snapshot | None:
    """Return the snapshot that lies in the cluster, as a webhook would read it."""
    return Publisher(controlled.api(), SYSTEM, lambda: None, lambda: 0.0).read()


def verified(controlled: ControllerCluster, name: str = "p") -> bool:
    found = handed_over(controlled)
    return found is not None and name in found.evidence.policies and MODEL in found.evidence.policies[name].statements


def test_policies_and_evidence_are_handed_over_and_follow_what_changes(clean: ControllerCluster, store: Path) -> None:
    clean.apply(policy())
    running = Running(clean, store)
    try:
        clean.until("the policy with its evidence", lambda: verified(clean))
        first = handed_over(clean)
        assert first is not None
        clean.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
        clean.apply(policy(namespace="team"))
        clean.until("a namespace's policy", lambda: verified(clean, "team/p"))
        clean.kubectl("delete", "provenancepolicy", "p", "--namespace=team")
        clean.until("its end", lambda: not verified(clean, "team/p"))
        last = handed_over(clean)
        assert last is not None
        assert last.sequence > first.sequence
        condition = clean.get("provenancepolicy", "p", f"--namespace={SYSTEM}")["status"]["conditions"][0]
        assert ("Ready", "True", "InForce") == (condition["type"], condition["status"], condition["reason"])
    finally:
        running.stop()


def test_while_nothing_changes_only_the_manifest_is_written_once_a_reading(
    clean: ControllerCluster, store: Path
) -> None:
    """Webhooks need to hear that the stores were read; they need no piece, status, report or Event for it."""
    clean.apply(policy())
    clean.apply({**POD, "metadata": {"name": "quiet", "namespace": "default"}})
    running = Running(clean, store, judge_every=300)
    try:
        clean.until("the policy with its evidence", lambda: verified(clean))
        clean.until("a judgement", lambda: running.controller.metrics.numbers.running)
        clean.until("the status", lambda: "status" in clean.get("provenancepolicy", "p", f"--namespace={SYSTEM}"))
        first, readings, before = handed_over(clean), running.store.readings, len(clean.written())
        assert first is not None
        clean.until("five readings more", lambda: running.store.readings >= readings + 5)
    finally:
        running.stop()
    last, written = handed_over(clean), clean.written()[before:]
    assert last is not None
    assert {("configmaps", "dbom-snapshot")} == set(written)
    # One was perhaps under way when it was looked at.
    assert abs(len(written) - (running.store.readings - readings)) <= 1
    assert (first.digest, first.manifest.pieces) == (last.digest, last.manifest.pieces)
    assert first.evidence.synced_at is not None
    assert last.evidence.synced_at is not None
    assert first.evidence.synced_at < last.evidence.synced_at
    assert 1 == sum(line["event"] == "snapshot" for line in running.lines)


def test_a_bad_policy_is_told_and_its_last_good_version_stays(clean: ControllerCluster, store: Path) -> None:
    clean.apply(policy())
    running = Running(clean, store)
    try:
        clean.until("the policy with its evidence", lambda: verified(clean))
        good = handed_over(clean)
        clean.apply(policy(authorities=[{"name": "signer", "key": {"data": "no key"}}]))

        def said() -> bool:
            found = clean.get("provenancepolicy", "p", f"--namespace={SYSTEM}").get("status", {}).get("conditions", [])
            return any(item["status"] == "False" and "last good version" in item["message"] for item in found)

        clean.until("the fault", said)
        still = handed_over(clean)
        assert good is not None
        assert still is not None
        assert good.policies == still.policies
        events = clean.get("events", f"--namespace={SYSTEM}")["items"]
        assert "PolicyRefused" in {item["reason"] for item in events}
    finally:
        running.stop()
    # Another controller learns the last good one from what was handed over.
    again = Running(clean, store, identity="again")
    try:
        clean.until("another snapshot", lambda: (handed_over(clean) or still).sequence > still.sequence)
        found = handed_over(clean)
        assert found is not None
        assert good.policies == found.policies
    finally:
        again.stop()


def test_what_runs_and_would_be_refused_now_is_told_once(clean: ControllerCluster, store: Path) -> None:
    clean.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}})
    clean.apply(policy())
    template = {"metadata": {"labels": {"a": "b"}}, "spec": POD["spec"]}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "prod"}}
    clean.apply({**deployment, "spec": spec})
    running = Running(clean, store)

    def told() -> list[str]:
        items = clean.get("events", "--namespace=prod")["items"]
        return [item["message"] for item in items if item["reason"] == "ProvenanceRefused"]

    try:
        clean.until("the policy with its evidence", lambda: verified(clean))
        clean.until("a judgement", lambda: running.controller.metrics.numbers.running)
        assert told() == []
        clean.apply(policy(licenses={"allow": ["MIT"]}))
        clean.until("the refusal", told)
        assert running.controller.metrics.numbers.running_refused == 1
        assert b"dbom_controller_running_refused 1" in running.controller.metrics.text()
    finally:
        running.stop()
    again = Running(clean, store, identity="again")
    try:
        clean.until("a judgement", lambda: again.controller.metrics.numbers.running_refused)
        assert len(told()) == 1
    finally:
        again.stop()


def make_namespace(clean: ControllerCluster, name: str) -> None:
    clean.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    clean.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}})


def make_pod(clean: ControllerCluster, name: str, namespace: str) -> None:
    clean.apply({**POD, "metadata": {"name": name, "namespace": namespace}})


def test_reports_are_written_where_the_cluster_has_them(clean: ControllerCluster, store: Path) -> None:
    """Again where the policy changed, not where nothing did, and nowhere what isn't so any more."""
    clean.apply(POLICY_REPORTS)
    clean.kubectl("wait", "--for=condition=Established", f"crd/{POLICY_REPORTS['metadata']['name']}", "--timeout=60s")
    for namespace in ("ending", "reported"):
        make_namespace(clean, namespace)
        make_pod(clean, "a", namespace)
    # It comes first, and nothing can be made in it any more: there is nobody here who would finish it.
    clean.kubectl("delete", "namespace", "ending", "--wait=false")
    clean.apply(policy())
    running = Running(clean, store)

    def counted() -> dict[str, int]:
        items = clean.get("policyreports", "--namespace=reported")["items"]
        return dict(items[0]["summary"]) if items else {}

    try:
        clean.until("a report", lambda: counted().get("pass") == 1)
        clean.apply(policy(licenses={"allow": ["MIT"]}))
        clean.until("a refusal in it", lambda: counted().get("fail") == 1)
        (result,) = clean.get("policyreport", "dbom", "--namespace=reported")["results"]
        assert ("p", "fail", "a") == (result["policy"], result["result"], result["resources"][0]["name"])
        # Nothing of it was dropped, and so unknown to the kind.
        known = {"source", "policy", "rule", "result", "scored", "message", "resources", "timestamp"}
        assert known == set(result)
        clean.until(
            "the policy's status", lambda: clean.get("provenancepolicy", "p", f"--namespace={SYSTEM}")["status"]
        )
        judged, readings, before = running.judged(), running.store.readings, len(clean.written())
        clean.until("readings more", lambda: running.store.readings >= readings + 5)
        assert (judged, {("configmaps", "dbom-snapshot")}) == (running.judged(), set(clean.written()[before:]))
        make_pod(clean, "b", "reported")
        clean.until("another refusal", lambda: counted().get("fail") == 2)
        assert judged + 1 == running.judged()
    finally:
        running.stop()
    clean.kubectl("delete", "pod", "a", "b", "--namespace=reported", "--now")
    again = Running(clean, store, identity="again")
    try:
        clean.until("a report of nothing", lambda: counted().get("fail") == 0)
    finally:
        again.stop()


def bundle_of(controlled: ControllerCluster) -> list[x509.Certificate]:
    found = controlled.get("validatingwebhookconfiguration", "dbom")["webhooks"][0]["clientConfig"].get("caBundle", "")
    return x509.load_pem_x509_certificates(base64.b64decode(found)) if found else []


def serving_of(controlled: ControllerCluster) -> x509.Certificate | None:
    data = controlled.get("secret", "dbom-tls", f"--namespace={SYSTEM}").get("data", {}).get("tls.crt")
    raw = base64.b64decode(data or "")
    return x509.load_pem_x509_certificate(raw) if raw.startswith(b"-----BEGIN") else None


def is_believed(controlled: ControllerCluster) -> bool:
    serving = serving_of(controlled)
    for authority in bundle_of(controlled):
        try:
            if serving is not None:
                serving.verify_directly_issued_by(authority)
                return True
        except Exception:  # noqa: BLE001, S112  whatever it is, that one didn't sign it
            continue
    return False


def test_certificates_are_made_and_a_new_authority_is_believed_before_it_signs(
    clean: ControllerCluster, store: Path
) -> None:
    running = Running(clean, store)
    try:
        clean.until("a certificate", lambda: is_believed(clean))
        before = serving_of(clean)
        assert before is not None
        moment = datetime.now(UTC).isoformat()
        clean.kubectl(
            "annotate", "secret", "dbom-ca", f"--namespace={SYSTEM}", f"dbom.dev/rotate={moment}", "--overwrite"
        )
        clean.until("both authorities", lambda: len(bundle_of(clean)) == 2)
        assert before == serving_of(clean)
        assert is_believed(clean)
        secret = {"op": "replace", "path": "/data/tls.crt", "value": "aGFsZg=="}
        clean.kubectl("patch", "secret", "dbom-tls", f"--namespace={SYSTEM}", "--type=json", "-p", json.dumps([secret]))
        clean.until("a whole certificate", lambda: is_believed(clean))
        assert before != serving_of(clean)
    finally:
        running.stop()


def holder(controlled: ControllerCluster) -> str:
    spec = controlled.get("leases", f"--namespace={SYSTEM}")["items"]
    return str(spec[0]["spec"].get("holderIdentity", "")) if spec else ""


def test_it_runs_as_its_flags_say_until_sigterm_and_gives_the_lease_away(clean: ControllerCluster, store: Path) -> None:
    clean.apply(policy())
    server = f"https://127.0.0.1:{clean.network.outside(PORT)}"
    flags = ControllerFlags(
        stores=[str(store)],
        certificates="given",
        sync_every=1.0,
        listen="127.0.0.1:0",
        server=server,
        token_file=clean.token,
        server_ca=clean.authority,
    )
    events: list[str] = []

    def log(line: JsonObject) -> None:
        events.append(str(line["event"]))
        if {"listening", "leading"} <= set(events) and events.count("snapshot") == 1 and events[-1] == "snapshot":
            assert holder(clean).startswith("flagged_")
            os.kill(os.getpid(), signal.SIGTERM)

    run_controller(flags, {"POD_NAME": "flagged", "POD_NAMESPACE": SYSTEM}, log=log)
    assert events[-1] == "stopped"
    assert holder(clean) == ""
    assert verified(clean)


def test_of_two_processes_one_leads_and_a_stopped_or_killed_one_is_followed_by_the_other(
    clean: ControllerCluster, store: Path
) -> None:
    clean.apply(policy())
    for number, name in enumerate(("one", "two")):
        clean.start(name, f"--store={store}", f"--listen=127.0.0.1:{8081 + number}")
    try:
        clean.until("a leader", lambda: holder(clean).startswith(("one", "two")))
        clean.until("the policy with its evidence", lambda: verified(clean))
        first = holder(clean).partition("_")[0]
        other = {"one": "two", "two": "one"}[first]
        assert not any(line["event"] == "leading" for line in clean.log(other))
        clean.network.send(first, signal.SIGSTOP)
        clean.until("the other to lead", lambda: holder(clean).startswith(other))
        sequence = handed_over(clean)
        assert sequence is not None
        clean.until("its snapshot", lambda: (handed_over(clean) or sequence).sequence > sequence.sequence)
        clean.network.send(first, signal.SIGCONT)
        clean.until("the first to stand by", lambda: clean.log(first)[-1]["event"] in ("standing by", "failed"))
        assert holder(clean).startswith(other)
        clean.network.stop(other)  # kill -9
        clean.until("the first to lead again", lambda: holder(clean).startswith(first))
        assert verified(clean)
    finally:
        for name in ("one", "two"):
            with contextlib.suppress(KeyError):
                clean.network.stop(name)


def test_the_api_server_may_be_gone_for_a_while(clean: ControllerCluster, store: Path) -> None:
    clean.apply(policy())
    running = Running(clean, store)
    try:
        clean.until("the policy with its evidence", lambda: verified(clean))
        before = handed_over(clean)
        clean.network.send("kube-apiserver", signal.SIGSTOP)
        clean.until("a failure", lambda: any(line["event"] == "failed" for line in running.lines))
        clean.until("nobody to lead", lambda: not running.controller.metrics.numbers.leading)
        clean.network.send("kube-apiserver", signal.SIGCONT)
        assert before is not None
        clean.until("a newer snapshot", lambda: (handed_over(clean) or before).sequence > before.sequence)
        assert verified(clean)
    finally:
        clean.network.send("kube-apiserver", signal.SIGCONT)
        running.stop()


def test_it_asks_for_nothing_but_what_its_rights_name_and_uses_each_of_them(controlled: ControllerCluster) -> None:
    """Rights are compared with what all tests before made it ask, as the API server's audit log has it."""
    rights = (*CLUSTER_RIGHTS, *NAMESPACE_RIGHTS, *CERTIFICATE_RIGHTS, *CONFIGURATION_RIGHTS)
    granted = {
        (verb, right.group, resource) for right in rights for verb in right.verbs for resource in right.resources
    }
    asked = {(verb, group, resource) for verb, group, resource, _ in controlled.asked()}
    assert asked - granted == set()
    assert granted - asked == set()
    named = {(right.group, resource): right.names for right in rights if right.names for resource in right.resources}
    for verb, group, resource, name in controlled.asked():
        if (group, resource) in named and verb != "create":
            assert name in named[group, resource]
