"""Parts of the controller where a real API server shows them too seldom: answers that aren't any, watches that end."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from judging import MODEL, NOW, bom, located
from memory_api import MemoryApi
from sigstore_keys import certificate_pem, self_signed, serving_certificate
from snapshot_samples import POD, Bundles, source

from admission.cached import CachedGate
from admission.controller.certificates import Certificates
from admission.controller.client import Api, collection
from admission.controller.controlling import Controller, ControllerSettings
from admission.controller.metrics import ControllerMetrics
from admission.controller.policies import PolicyState, kept_policy, observe_policies, status_patch
from admission.controller.reporting import MOST_EVENTS, Reporter
from admission.controller.running import Outcome, RunningJudge, kept_workload, told_of
from admission.controller.starting import ControllerFlags, run_controller
from admission.controller.status_server import StatusPages
from admission.controller.watching import Watcher, backed_off
from admission.policy_sources import PolicySource
from admission.syncing import load_evidence
from attest.http_server import Request
from dbom.errors import DbomError, UndecidedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from admission.controller.watching import Watched

THINGS = "/api/v1/things"


def thing(name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  an object's fields
    return {"kind": "Thing", "metadata": {"name": name, "namespace": "ns"}, **fields}


# What is watched


class Watching:
    """A watcher over an API in memory, until `check` is so."""

    def __init__(self, api: Api, most: int = 100) -> None:
        self.failed: list[DbomError] = []
        self.moved = threading.Event()
        self.watcher = Watcher(
            api,
            THINGS,
            keeps=lambda item: item,
            changed=self.moved.set,
            failed=self._fail,
            most=most,
        )

    def _fail(self, path: str, error: DbomError) -> None:
        assert path == THINGS
        self.failed.append(error)
        self.moved.set()

    def until(self, check: Callable[[Watched], bool]) -> Watched:
        """Follow until what is known is so."""
        self.watcher.start()
        try:
            for _ in range(100):
                if check(self.watcher.now()):
                    return self.watcher.now()
                self.moved.wait(0.2)
                self.moved.clear()
        finally:
            self.watcher.stop()
        raise AssertionError("it never was")


def test_a_collection_is_listed_page_by_page_and_followed() -> None:
    api = MemoryApi()
    for number in range(5):
        api.put(f"{THINGS}/{number}", thing(str(number)))
    api.state["pages"] = 2
    api.state["events"] = [
        [
            {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
            {"type": "ADDED", "object": thing("new")},
            {"type": "MODIFIED", "object": thing("0", spec=1)},
            {"type": "DELETED", "object": thing("1")},
            {"type": "ADDED", "object": "nonsense"},
        ]
    ]
    found = Watching(api).until(lambda known: ("ns", "new") in known.objects and ("ns", "1") not in known.objects)
    assert ["0", "2", "3", "4", "new"] == sorted(name for _, name in found.objects)
    assert found.objects["ns", "0"]["spec"] == 1
    assert found.objects["ns", "2"]["kind"] == "Thing"


def test_a_version_that_is_gone_is_listed_again_and_another_fault_is_told() -> None:
    api = MemoryApi()
    api.put(f"{THINGS}/a", thing("a"))
    gone = {"type": "ERROR", "object": {"code": 410}}
    other = {"type": "ERROR", "object": {"code": 500, "message": "no luck"}}
    api.state["events"] = [[gone], [other], [{"type": "ADDED", "object": thing("b")}]]
    watching = Watching(api)
    watching.until(lambda known: ("ns", "b") in known.objects)
    assert "no luck" in str(watching.failed[0])


@pytest.mark.parametrize("body", [b'{"kind":"ThingList","items":[', b'{"kind":"Status"}', b'{"kind":"ThingList"}', b""])
def test_half_a_list_or_none_is_not_an_empty_one(tmp_path: Path, body: bytes) -> None:
    with answering(tmp_path, 200, body) as api:
        watching = Watching(api)
        watching.watcher.start()
        assert watching.moved.wait(30)
        watching.watcher.stop()
    assert not watching.watcher.is_listed
    assert isinstance(watching.failed[0], UndecidedError)


def test_a_kind_that_is_not_there_is_nothing_and_says_so() -> None:
    api = MemoryApi()
    api.state["kinds_gone"].add("things")
    found = Watching(api).until(lambda known: known.is_listed)
    assert (False, {}) == (found.is_there, dict(found.objects))


def test_what_is_beyond_the_bound_is_counted() -> None:
    api = MemoryApi()
    for number in range(5):
        api.put(f"{THINGS}/{number}", thing(str(number)))
    found = Watching(api, most=3).until(lambda known: known.is_listed)
    assert (3, 2) == (len(found.objects), found.left_out)


def test_one_waits_longer_each_time_but_never_long() -> None:
    assert [0.5, 1.0, 2.0, 30.0, 30.0] == [backed_off(item) for item in (0, 1, 2, 9, 10_000)]


# What is asked


@contextlib.contextmanager
def answering(folder: Path, status: int, body: bytes, *, length: int | None = None) -> Iterator[Api]:
    """Serve one answer to everything, over TLS."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = self_signed("made-up cluster", key)
    (folder / "ca.pem").write_bytes(certificate_pem(own))
    for name, data in serving_certificate("api", key, own, ("127.0.0.1",)).items():
        (folder / name).write_bytes(data)
    (folder / "token").write_text("the-token\n")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer the-token"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "api.pem", folder / "api.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Api.open(f"https://127.0.0.1:{server.server_port}", folder / "token", folder / "ca.pem", timeout=5)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_answer_that_is_no_object_is_no_yes_by_itself(tmp_path: Path) -> None:
    with answering(tmp_path, 403, b"<html>no</html>") as api:
        with pytest.raises(UndecidedError, match="403: <html>no</html>"):
            api.get("/x").demanded()
        with pytest.raises(UndecidedError, match="403"):
            list(api.watch("/x", "1", seconds=1))


def test_an_answer_that_breaks_off_is_none(tmp_path: Path) -> None:
    with answering(tmp_path, 200, b'{"a": 1}', length=100) as api:
        with pytest.raises(UndecidedError, match="no answer"):
            api.get("/x")
        with pytest.raises(UndecidedError, match=r"within an event|no answer"):
            list(api.watch("/x", "1", seconds=1))


def test_events_come_line_by_line(tmp_path: Path) -> None:
    with answering(tmp_path, 200, b'{"type":"ADDED"}\n[]\n{"type":"DELETED"}\n') as api:
        assert [{"type": "ADDED"}, {"type": "DELETED"}] == list(api.watch("/x", "1", seconds=1))


@pytest.mark.parametrize("server", ["http://h", "https://", "https://h/path", "h:443"])
def test_what_is_no_address_of_an_api_server_is_refused(tmp_path: Path, server: str) -> None:
    with pytest.raises(UsageError):
        Api.open(server, tmp_path / "t", tmp_path / "c")


def test_an_authority_that_cannot_be_read_and_a_token_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Api.open("https://h", tmp_path / "t", tmp_path / "c")
    with answering(tmp_path, 200, b"{}") as api:
        (tmp_path / "token").write_text("two words\nX-Header: more")
        with pytest.raises(UsageError, match="not a token"):
            api.get("/x")
        (tmp_path / "token").unlink()
        with pytest.raises(DbomError):
            api.get("/x")


def test_a_server_of_another_authority_is_not_asked(tmp_path: Path) -> None:
    with answering(tmp_path, 200, b"{}") as api:
        stranger = replace(api, tls=ssl.create_default_context())
        with pytest.raises(UndecidedError, match="certificate"):
            stranger.get("/x")


def test_names_are_escaped_in_paths() -> None:
    assert (
        collection("apps/v1", "things", "a/b", "../x", "status")
        == "/apis/apps/v1/namespaces/a%2Fb/things/..%2Fx/status"
    )


# What is said


def outcome(number: int, **fields: Any) -> Outcome:  # noqa: ANN401  an outcome's fields
    made = Outcome(
        api_version="v1",
        kind="Pod",
        namespace="ns",
        name=f"p{number}",
        uid=f"u{number}",
        made_by="",
        verdict="refused",
        mode="enforce",
        rules=("DBOM-1",),
        policies=("p",),
        message="no",
    )
    return replace(made, **fields)


def test_events_are_bounded_at_a_time_and_none_is_forgotten() -> None:
    api = MemoryApi()
    reporter = Reporter(api, lambda: None, "me")
    outcomes = [outcome(number) for number in range(MOST_EVENTS + 5)]
    said = [(reporter.tell_outcomes(outcomes, NOW), reporter.told) for _ in range(3)]
    assert [(False, MOST_EVENTS), (True, MOST_EVENTS + 5), (True, MOST_EVENTS + 5)] == said
    # What is good again and then bad again is said once by the API server.
    reporter.tell_outcomes([], NOW)
    reporter.tell_outcomes(outcomes[:1], NOW)
    assert reporter.told == MOST_EVENTS + 5
    assert MOST_EVENTS + 5 == len(api.state["objects"])


@pytest.mark.parametrize("fields", [{"mode": ""}, {"is_excused": True}, {"verdict": "verified"}])
def test_what_no_policy_judges_is_excused_or_good_is_not_told(fields: dict[str, Any]) -> None:
    assert list(told_of([outcome(1, **fields)])) == []


def test_a_pod_is_told_of_at_its_workload_where_that_is_told_of() -> None:
    made = outcome(1, kind="Deployment", name="d", uid="d1")
    cron, job = (outcome(2, kind="CronJob", uid="c"), outcome(3, kind="Job", uid="j", made_by="c"))
    pods = [outcome(4, made_by="Deployment/d"), outcome(5, made_by="j"), outcome(6, made_by="d1", namespace="other")]
    assert ["d1", "c", "u6"] == [item.uid for item in told_of([made, cron, job, *pods])]
    # The same of a workload that passes, or that isn't judged: somebody must hear of its pods.
    assert ["j", "u4"] == [item.uid for item in told_of([replace(made, verdict="verified"), job, *pods[:2]])]


def test_no_owner_that_a_pod_names_keeps_it_from_being_told_of() -> None:
    """A pod is told of though it names an owner that isn't there, or two pods name each other."""
    one, two = outcome(1, made_by="u2"), outcome(2, made_by="u1")
    assert ["u1", "u2", "u3"] == [item.uid for item in told_of([one, two, outcome(3, made_by="ReplicaSet's")])]


def test_who_made_an_object_is_read_of_its_owner() -> None:
    owner = {"kind": "ReplicaSet", "name": "web-7d9", "uid": "r", "controller": True}
    labels = {"pod-template-hash": "7d9"}
    said: list[dict[str, Any]] = [
        {"ownerReferences": [{**owner, "controller": False}]},
        {"ownerReferences": [owner]},
        {"ownerReferences": [owner], "labels": labels},
        {"ownerReferences": [{**owner, "kind": "Job"}], "labels": labels},
        {"ownerReferences": "nonsense", "labels": "nonsense"},
    ]
    assert ["", "r", "Deployment/web", "r", ""] == [kept_workload({"metadata": item})["madeBy"] for item in said]


def test_a_long_message_is_cut_and_shows_it() -> None:
    api = MemoryApi()
    reporter = Reporter(api, lambda: None, "me")
    reporter.tell_outcomes([outcome(1, message="x" * 5000)], NOW)
    (event,) = api.state["objects"].values()
    reporter.write_reports([outcome(1, message="x" * 5000)], NOW)
    (result,) = api.at(report_of("ns"))["results"]
    for said in (event["message"], result["message"]):
        assert (1000, "…") == (len(said), said[-1])


def test_reports_are_left_alone_where_there_is_no_such_kind() -> None:
    api = MemoryApi()
    api.state["kinds_gone"].add("policyreports")
    reporter = Reporter(api, lambda: None, "me")
    assert reporter.write_reports([outcome(1)], NOW) == 0
    assert api.state["written"] == []
    api.state["kinds_gone"].clear()
    assert [1, 0, 1] == [reporter.write_reports(items, NOW) for items in ([outcome(1)], [outcome(1)], [])]
    assert api.at(report_of("ns"))["summary"]["fail"] == 0
    # The kind is taken away, and comes again.
    api.state["kinds_gone"].add("policyreports")
    assert [0, 0] == [reporter.write_reports(items, NOW) for items in ([outcome(1)], [])]
    api.state["kinds_gone"].clear()
    assert reporter.write_reports([outcome(1)], NOW) == 1


def report_of(namespace: str) -> str:
    return collection("wgpolicyk8s.io/v1alpha2", "policyreports", namespace, "dbom")


ENDING: dict[str, tuple[int, dict[str, Any]]] = {
    "gone": (404, {"kind": "Status", "message": "not found", "details": {"name": "b", "kind": "namespaces"}}),
    "ending": (403, {"kind": "Status", "details": {"causes": ["?", {"reason": "NamespaceTerminating"}]}}),
}


@pytest.mark.parametrize("how", ENDING)
def test_a_namespace_that_ends_keeps_no_other_from_its_report(how: str) -> None:
    """What is wrong in one namespace once stopped the reports of all that come after it in the alphabet."""
    api = MemoryApi()
    reporter = Reporter(api, lambda: None, "me")
    outcomes = [outcome(number, namespace=name) for number, name in enumerate("abc")]
    for kind in ("events", "policyreports"):
        group = "v1" if kind == "events" else "wgpolicyk8s.io/v1alpha2"
        api.state["refused"][collection(group, kind, "b")] = ENDING[how]
    assert reporter.write_reports(outcomes, NOW) == 2
    assert reporter.tell_outcomes(outcomes, NOW)
    assert [report_of(name) in api.state["objects"] for name in "abc"] == [True, False, True]
    # Nor is it tried again while nothing else is to be said.
    written = len(api.state["written"])
    assert (2, 0) == (reporter.told, reporter.write_reports(outcomes, NOW))
    assert written == len(api.state["written"])


def test_what_is_refused_in_one_namespace_is_told_and_the_others_hear_of_theirs() -> None:
    """Also with more objects than are told of in one go: a tenant's quota takes nobody else's turn."""
    api = MemoryApi()
    reporter = Reporter(api, lambda: None, "me")
    quota: tuple[int, dict[str, Any]] = (403, {"kind": "Status", "message": "exceeded quota", "details": {}})
    api.state["refused"] = {
        collection("v1", "events", "a"): quota,
        collection("wgpolicyk8s.io/v1alpha2", "policyreports", "a"): quota,
    }
    outcomes = [outcome(number, namespace="a") for number in range(MOST_EVENTS + 1)] + [outcome(9999, namespace="b")]
    with pytest.raises(UndecidedError, match="exceeded quota"):
        reporter.tell_outcomes(outcomes, NOW)
    with pytest.raises(UndecidedError, match="exceeded quota"):
        reporter.write_reports(outcomes, NOW)
    assert (1, 1) == (reporter.told, reporter.reported)
    assert report_of("b") in api.state["objects"]


def test_an_api_server_that_is_away_is_not_asked_for_each_of_them() -> None:
    api = MemoryApi()
    api.state["writes_left"] = 0
    outcomes = [outcome(number) for number in range(5)]
    asked: list[int] = []
    with pytest.raises(UndecidedError, match="gone"):
        Reporter(api, lambda: asked.append(1), "me").tell_outcomes(outcomes, NOW)
    assert len(asked) == 1


def test_reports_of_before_say_no_longer_what_no_longer_runs() -> None:
    """Of a controller before this one, or of another that led meanwhile."""
    api = MemoryApi()
    first, second = (Reporter(api, lambda: None, name) for name in ("first", "second"))
    first.write_reports([outcome(1), outcome(2, namespace="other")], NOW)
    assert second.write_reports([outcome(2, namespace="other")], NOW) == 2
    assert [0, 1] == [api.at(report_of(name))["summary"]["fail"] for name in ("ns", "other")]
    # The first leads again: what it wrote last isn't what is there.
    first.forget()
    first.write_reports([outcome(1), outcome(2, namespace="other")], NOW)
    assert api.at(report_of("ns"))["summary"]["fail"] == 1


def test_what_cannot_be_read_is_an_error_in_the_report_and_what_does_not_enforce_a_warning() -> None:
    api = MemoryApi()
    found = [outcome(1, verdict="can't tell"), outcome(2, mode="audit")]
    Reporter(api, lambda: None, "me").write_reports(found, NOW)
    (report,) = api.state["objects"].values()
    assert {"pass": 0, "fail": 0, "warn": 1, "error": 1, "skip": 0} == report["summary"]


def test_a_policy_that_was_deleted_meanwhile_is_told_nothing() -> None:
    Reporter(MemoryApi(), lambda: None, "me").tell_policies([PolicyState("ns", "p", "u", 1, "bad")], {}, NOW)


def test_a_status_that_says_it_already_is_not_written_and_others_conditions_stay() -> None:
    state = PolicyState("ns", "p", "u", 1)
    first = status_patch(state, {"status": {"conditions": [{"type": "Theirs", "status": "True"}]}}, NOW)
    assert first is not None
    assert status_patch(state, first, NOW) is None
    second: Any = status_patch(replace(state, generation=2), first, NOW + timedelta(days=1))
    theirs, ours = second["status"]["conditions"]
    assert ("Theirs", NOW.strftime("%Y-%m-%dT%H:%M:%SZ")) == (theirs["type"], ours["lastTransitionTime"])


def test_a_bad_policy_that_never_was_good_is_not_in_force_and_the_others_are() -> None:
    good = json.loads(source("good", "dbom-system").data)
    bad = {**good, "metadata": {"name": "bad", "namespace": "dbom-system", "generation": "x"}, "spec": 7}
    objects = {("dbom-system", "good"): kept_policy(good), ("dbom-system", "bad"): kept_policy(bad)}
    found = observe_policies(objects, {}, own_namespace="dbom-system")
    assert ["ProvenancePolicy dbom-system/good"] == [item.where for item in found.sources]
    assert ["it is not in force", "read, and handed to the webhooks"] == [
        state.message.partition(":")[0] for state in found.states
    ]


# What runs


def test_pods_that_ended_and_excluded_namespaces_are_not_judged_and_what_cannot_be_read_is() -> None:
    ended = kept_workload({**POD, "status": {"phase": "Succeeded"}})
    objects = {("prod", "a"): kept_workload(POD), ("prod", "b"): ended, ("kube-system", "c"): kept_workload(POD)}
    found = judged(RunningJudge(), [objects, {("prod", "x"): {}}], gate_of(source("p")))
    assert [("a", "verified"), ("x", "can't tell")] == [(item.name, item.verdict) for item in found]


def gate_of(*sources: PolicySource, at: datetime = NOW) -> CachedGate:
    policies = [policy for item in sources for policy in item.policies()]
    return CachedGate(policies, load_evidence([Bundles([located(MODEL), bom(MODEL, what="model")])], policies, at))


def judged(
    judge: RunningJudge,
    objects: list[dict[tuple[str, str], Any]],
    gate: CachedGate,
    *,
    by: str = "",
    at: datetime = NOW,
) -> tuple[Outcome, ...]:
    return judge.judge(objects, gate, by=by, excluded=frozenset(("kube-system",)), now=at)


def test_what_did_not_change_is_not_judged_again() -> None:
    """Not when the stores were read again, and not when the API server lists the same objects anew."""
    judge, gate = RunningJudge(), gate_of(source("p"))

    def listed(**more: Any) -> list[dict[tuple[str, str], Any]]:  # noqa: ANN401  a pod's fields
        pods = {("prod", "a"): kept_workload(POD), ("prod", "b"): kept_workload(POD | more)}
        return [{key: json.loads(json.dumps(item)) for key, item in pods.items()}]

    counts = []
    found = first = judged(judge, listed(), gate)
    for objects, by in ((listed(), ""), (listed(spec={}), ""), (listed(spec={}), "other"), (listed(spec={}), "other")):
        found = judged(judge, objects, gate, by=by, at=NOW + timedelta(seconds=1))
        counts.append(judge.judged)
    assert [2, 3, 5, 5] == counts
    assert first[0] == found[0]


def test_what_an_answer_holds_until_is_judged_then() -> None:
    """Evidence that is too old is told by the clock alone; so is an answer that another clock gave."""
    judge, gate = RunningJudge(), gate_of(fresh_source())
    objects: list[dict[tuple[str, str], Any]] = [{("prod", "a"): kept_workload(POD)}]
    moments = [timedelta(), timedelta(minutes=9), timedelta(minutes=11), timedelta(minutes=-1)]
    verdicts = [judged(judge, objects, gate, at=NOW + moment)[0].verdict for moment in moments]
    assert (["verified", "verified", "can't tell", "verified"], 3) == (verdicts, judge.judged)


def fresh_source() -> PolicySource:
    document = json.loads(source("p").data)
    document["spec"]["evidence"] = {"notOlderThan": "10m"}
    return PolicySource(json.dumps(document).encode(), "p")


# The whole, in memory: what is wrong in one step leaves the others


def controller(api: MemoryApi, bundles: tuple[bytes, ...] = ()) -> tuple[Controller, list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    settings = ControllerSettings("me", makes_certificates=True)
    return Controller(api, [Bundles(bundles)], settings, log=lines.append), lines


def test_a_step_that_fails_is_told_counted_and_the_others_go_on() -> None:
    api = MemoryApi()
    made, lines = controller(api)
    made.tick(NOW)
    assert "certificates" in {line.get("what") for line in lines}
    assert b'dbom_controller_failures_total{step="certificates"} 1' in made.metrics.text()


def test_without_the_kind_of_policies_the_last_ones_stay() -> None:
    api = MemoryApi()
    api.state["kinds_gone"].add("provenancepolicies")
    made, lines = controller(api)
    made._policies._take({}, set(), is_there=False)  # noqa: SLF001  as its watcher finds it
    made.tick(NOW)
    assert "policies" in {line["event"] for line in lines}
    assert not any("configmaps" in item for item in api.state["written"])


def test_certificates_that_somebody_else_changes_meanwhile_are_left_for_the_next_time() -> None:
    api = MemoryApi()
    secrets = "/api/v1/namespaces/ns/secrets"
    config = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/dbom"
    api.put(f"{secrets}/dbom-ca", {"metadata": {"name": "dbom-ca", "annotations": {"dbom.dev/rotate": "soon"}}})
    api.put(f"{secrets}/dbom-tls", {"metadata": {"name": "dbom-tls"}, "data": {"tls.crt": "?", "tls.key": "?"}})
    ours = {"clientConfig": {"service": {"name": "dbom", "namespace": "ns"}}}
    others = [{"clientConfig": {"url": "https://x"}}, {"clientConfig": {"service": {"name": "x", "namespace": "ns"}}}]
    api.put(config, {"webhooks": [ours, *others, "nonsense"]})
    kept = Certificates(api, "ns", lambda: None)
    ends, done = kept.keep(NOW)
    assert ends is not None
    assert ("a new authority", "the bundle of authorities", "a new serving certificate") == done
    assert [True, False, False] == ["caBundle" in item["clientConfig"] for item in api.at(config)["webhooks"][:3]]
    assert (ends, ()) == kept.keep(NOW)
    writing = Certificates(api, "ns", lambda: api.put(f"{secrets}/dbom-tls", api.at(f"{secrets}/dbom-tls")))
    with pytest.raises(UndecidedError, match="somebody else"):
        writing.keep(NOW + timedelta(days=25))


# Its pages, and how it is started


def test_its_pages_say_what_is_so() -> None:
    made, _ = controller(MemoryApi())
    pages = StatusPages(made)

    def status(method: str, path: str) -> int:
        found = pages.at_once(Request(method, path))
        assert found is not None
        return found.status

    asked = [("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/x"), ("POST", "/healthz")]
    assert [200, 503, 200, 404, 405] == [status(*item) for item in asked]
    made._policies._take({}, set(), is_there=True)  # noqa: SLF001  as its watcher finds it
    assert status("GET", "/readyz") == 200
    made._ticked -= 10_000  # noqa: SLF001  a quarter of an hour ago
    assert status("GET", "/healthz") == 503
    assert [404, 503] == [
        pages.answer(Request("GET", "/"), lambda: False).status,
        pages.gave_up(Request("GET", "/"), "late").status,
    ]


def test_numbers_are_shown_once_they_are_known() -> None:
    metrics = ControllerMetrics()
    assert b"\ndbom_controller_running 3" not in metrics.text()
    metrics.numbers.running = 3
    assert b"\ndbom_controller_running 3\n" in metrics.text()


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        (ControllerFlags(), {}, "no pod of a cluster"),
        (ControllerFlags(certificates="magic"), {}, "nobody known"),
        (ControllerFlags(), {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "authority"),
        (ControllerFlags(), {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, "authority"),
    ],
)
def test_it_does_not_start_without_a_cluster(flags: ControllerFlags, environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run_controller(flags, environment, log=lambda _: None)
