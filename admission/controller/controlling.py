"""The controller's work, over and over: whoever leads does it, in steps that each can fail and be tried again.

Every step ends with something whole in the cluster, so it may be ended at any point. What fails is said, counted and
tried again, later each time; the other steps go on.
The last good policies and evidence stay until there are better ones.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from admission.cached import CachedGate, VerdictCache
from admission.controller.carrying import carried_over
from admission.controller.certificates import Certificates
from admission.controller.client import collection
from admission.controller.leading import Leadership, LeaseTimes
from admission.controller.metrics import ControllerMetrics
from admission.controller.policies import ObservedPolicies, kept_policy, observe_policies
from admission.controller.publishing import GRACE, Publisher
from admission.controller.reporting import Reporter
from admission.controller.rotation import DEFAULT_LIFETIMES, Lifetimes
from admission.controller.running import JUDGED, RunningJudge, kept_workload
from admission.controller.watching import Watcher, backed_off
from admission.decision import Verdict
from admission.evidence import Evidence
from admission.policy_reading import OWN_NAMESPACE
from admission.policy_sources import sourced_policies
from admission.snapshot import pack_snapshot
from admission.syncing import NO_SNAPSHOT, sync_evidence
from dbom.errors import DbomError
from dbom.names import API_VERSION
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from admission.controller.client import Api
    from admission.controller.running import Outcome
    from admission.policy import Policy
    from admission.policy_sources import PolicySource
    from admission.syncing import Snapshot as Synced
    from attest.revocation.head import SeenHead
    from attest.stores.store import Store
    from dbom.canonical import JsonObject

__all__ = ["CERTIFICATES_EVERY", "Controller", "ControllerSettings"]

CERTIFICATES_EVERY: Final = 5.0
"""How often certificates are looked at: what somebody applies or deletes can leave API servers without their bundle."""

_LONGEST_SILENCE: Final = 900.0  # seconds without a turn of the loop, after which it is taken to hang
_EXCLUDED: Final = "kube-system"
_POLICIES: Final = "provenancepolicies"


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """How it works; intervals are in seconds. `identity` tells it from every other controller."""

    identity: str
    namespace: str = OWN_NAMESPACE
    makes_certificates: bool = True
    sync_every: float = 60.0
    judge_every: float = 300.0
    judge_least: float = 1.0
    certificates_every: float = CERTIFICATES_EVERY
    lease: LeaseTimes = field(default_factory=LeaseTimes)
    lifetimes: Lifetimes = DEFAULT_LIFETIMES
    grace: float = GRACE


class _Step:
    """Something that is done every so often; sooner when asked for, later each time that it fails. Times in seconds.

    `least` is how long after the last time it is done again where it is asked for, more where that took long: it takes
    a tenth of the time at most. It may be asked for in any thread.
    """

    def __init__(self, every: float, *, least: float = 0.0) -> None:
        self._every, self._least = every, least
        self._due, self._failures, self._is_asked = 0.0, 0, True
        self._began = self._took = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= self._due or (self._is_asked and time.monotonic() >= self._soonest)

    @property
    def _soonest(self) -> float:
        return self._due if self._failures else self._due - self._every + max(self._least, 9 * self._took)

    def ask(self) -> None:
        """Do it again soon, also where it is being done now: what is asked for may have come too late for that."""
        self._is_asked = True

    def ask_anew(self) -> None:
        """Do it now, though it failed until now: there is something new in it."""
        self._is_asked, self._failures, self._due = True, 0, 0.0

    def begin(self) -> None:
        self._is_asked, self._began = False, time.monotonic()

    def done(self) -> None:
        now = time.monotonic()
        self._failures, self._due, self._took = 0, now + self._every, now - self._began

    def failed(self) -> None:
        self._due = time.monotonic() + backed_off(self._failures)
        self._failures += 1


class Controller:
    """One controller of perhaps several. `run` works until it is told to stop; `log` takes a line of JSON at a time."""

    def __init__(
        self, api: Api, stores: Sequence[Store], settings: ControllerSettings, *, log: Callable[[JsonObject], None]
    ) -> None:
        self.metrics = ControllerMetrics()
        self._numbers = self.metrics.numbers
        self._api, self._stores, self._settings, self._log = api, stores, settings, log
        self._wake = threading.Event()
        self._ticked = time.monotonic()
        self._lead = Leadership(
            api, settings.namespace, settings.identity, monotonic=time.monotonic, wall=_now, times=settings.lease
        )
        demand = self._lead.demand
        self._publisher = Publisher(api, settings.namespace, demand, time.monotonic, settings.grace)
        self._certificates = Certificates(api, settings.namespace, demand, settings.lifetimes)
        self._reporter = Reporter(api, demand, settings.identity)
        self._policies = self._watcher(collection(API_VERSION, _POLICIES), kept_policy)
        self._running = [self._watcher(collection(group, resource), kept_workload) for group, resource in JUDGED]
        self._sync, self._judge = _Step(settings.sync_every), _Step(settings.judge_every, least=settings.judge_least)
        self._keep, self._tell = _Step(settings.certificates_every), _Step(settings.sync_every)
        self._forget_all()

    def _forget_all(self) -> None:
        """Begin anew, as whoever starts to lead: another controller may have written meanwhile."""
        self._is_restored = False
        self._last: dict[str, PolicySource] = {}
        self._seen: dict[str, SeenHead] = {}
        self._observed: ObservedPolicies | None = None
        self._handed: tuple[PolicySource, ...] | None = None
        self._not_handed = ""
        self._generation = -1
        self._synced: Synced = NO_SNAPSHOT
        self._gate: CachedGate | None = None
        self._gate_digest = ""
        self._cache = VerdictCache()
        self._judged = RunningJudge()
        self._reporter.forget()
        for step in (self._sync, self._judge, self._keep, self._tell):
            step.ask()
        self._publisher.forget()

    @property
    def is_ready(self) -> bool:
        """Whether it knows the policies of the cluster, so that it can lead at once."""
        return self._policies.is_listed

    @property
    def is_stuck(self) -> bool:
        """Whether nothing has moved for a quarter of an hour."""
        return time.monotonic() - self._ticked > _LONGEST_SILENCE

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then give the Lease away."""
        for watcher in (self._policies, *self._running):
            watcher.start()
        leading = threading.Thread(target=self._keep_leading, args=(stop,), name="lease", daemon=True)
        leading.start()
        was_leading = False
        while not stop.is_set():
            is_leading = self._lead.is_leading
            if is_leading and not was_leading:
                self._forget_all()
            if is_leading is not was_leading:
                self._log({"event": "leading" if is_leading else "standing by", "identity": self._settings.identity})
                self._numbers.leading = int(is_leading)
            was_leading = is_leading
            if is_leading and self.is_ready:
                self.tick(_now())
            self._ticked = time.monotonic()
            self._wake.wait(0.5)
            self._wake.clear()
        for watcher in (self._policies, *self._running):
            watcher.stop()
        leading.join(self._settings.lease.every + 1)
        self._attempted("release", self._lead.release)

    def tick(self, now: datetime) -> None:
        """Do what is due. Never raises a `DbomError`: what fails is logged, counted and tried again."""
        if self._settings.makes_certificates:
            self._do(self._keep, "certificates", lambda: self._keep_certificates(now))
        if not self._is_restored and not self._attempted("restore", self._restore):
            return
        generation = self._policies.generation
        if generation != self._generation:
            # What was written into a status, by us too, is no other policy: the stores aren't read again for that.
            if self._observe():
                self._sync.ask_anew()
            self._tell.ask()
            self._generation = generation
        self._do(self._sync, "sync", lambda: self._sync_all(now))
        self._do(self._tell, "policies", lambda: self._tell_policies(now))
        self._do(self._judge, "running", lambda: self._judge_running(now))

    def _watcher(self, path: str, keeps: Callable[[JsonObject], JsonObject]) -> Watcher:
        return Watcher(self._api, path, keeps=keeps, changed=self._changed, failed=self._watch_failed)

    def _changed(self) -> None:
        self._judge.ask()
        self._wake.set()

    def _watch_failed(self, path: str, error: DbomError) -> None:
        self._say("watch", error, path=path)

    def _keep_leading(self, stop: threading.Event) -> None:
        while not stop.is_set():
            was_leading = self._lead.is_leading
            if self._attempted("lease", self._lead.attempt) and not was_leading:
                self._wake.set()
            stop.wait(self._settings.lease.every)

    def _keep_certificates(self, now: datetime) -> None:
        ends, done = self._certificates.keep(now)
        if ends is not None:
            self._numbers.certificate_ends_at = ends.timestamp()
        for what in done:
            self._log({"event": "certificates", "what": what})

    def _restore(self) -> None:
        """Learn what was handed over before: good policies, and the newest heads of revocations that were ever seen."""
        found = self._publisher.read()
        if found is not None:
            self._last = {source.where: source for source in found.sources}
            self._handed = tuple(found.sources)
            self._seen = found.evidence.seen
            self._gate, self._gate_digest = CachedGate(found.policies, found.evidence, self._cache), found.digest
        self._is_restored = True

    def _observe(self) -> bool:
        """Read the policies of the cluster; return whether others are in force than before."""
        known = self._policies.now()
        if not known.is_there:
            # An API server that starts has no such kind for a moment; to hand over no policies would open the gate.
            self._log({"event": "policies", "message": "the cluster has no such kind; the last policies stay"})
            return False
        objects = known.objects
        found = observe_policies(objects, self._last, own_namespace=self._settings.namespace)
        is_other = self._observed is None or self._observed.sources != found.sources
        self._observed = found
        self._last = {source.where: source for source in found.sources}
        self._numbers.policies_in_force = len(found.sources)
        self._numbers.policies_refused = sum(bool(state.fault) for state in found.states)
        for state in found.states:
            if state.fault:
                place = f"{state.namespace}/{state.name}"
                self._log({"event": "policy refused", "policy": place, "message": state.message})
        return is_other

    def _sync_all(self, now: datetime) -> None:
        """Read the stores, and hand over what came of it."""
        if self._observed is None:
            return
        sources = self._observed.sources
        policies = sourced_policies(sources, own_namespace=self._settings.namespace)
        try:
            synced = sync_evidence(self._stores, policies, now, before=self._synced, seen=self._seen)
        except DbomError as error:
            self._not_handed = printable(str(error))
            self._carry_over(sources, policies, now)
            raise
        self._synced = synced
        self._seen = {**self._seen, **synced.evidence.seen}
        self._numbers.synced_at = now.timestamp()
        self._publish(sources, policies, synced.evidence, now)

    def _carry_over(self, sources: Sequence[PolicySource], policies: Sequence[Policy], now: datetime) -> None:
        """Hand over other policies though the stores can't be read, with the evidence of before."""
        before = self._gate or CachedGate((), Evidence())
        if self._gate is None or tuple(before.policies) != tuple(policies):
            self._publish(sources, policies, carried_over(before.evidence, before.policies, policies), now)

    def _publish(
        self, sources: Sequence[PolicySource], policies: Sequence[Policy], evidence: Evidence, now: datetime
    ) -> None:
        before = self._publisher.manifest
        try:
            packed = pack_snapshot(sources, evidence, own_namespace=self._settings.namespace)
            manifest = self._publisher.publish(packed, now=now)
        except DbomError as error:
            self._not_handed = printable(str(error))
            raise
        if self._handed != tuple(sources):
            self._tell.ask()
        self._handed, self._not_handed = tuple(sources), ""
        self._numbers.snapshot_sequence = manifest.sequence
        if before is None or before.digest != manifest.digest or self._gate is None:
            self._log(
                {
                    "event": "snapshot",
                    "sequence": manifest.sequence,
                    "digest": manifest.digest,
                    "policies": len(policies),
                    "bundles": evidence.read,
                    "pieces": len(manifest.pieces),
                }
            )
            self._judge.ask()
        self._gate, self._gate_digest = CachedGate(policies, evidence, self._cache), manifest.digest
        self._publisher.collect()

    def _tell_policies(self, now: datetime) -> None:
        """Say what became of each policy; nothing of what is on its way to the webhooks, unless it got stuck."""
        if self._observed is None:
            return
        states, is_handed = self._observed.states, self._handed == self._observed.sources
        if not is_handed and not self._not_handed:
            return
        if not is_handed:
            states = tuple(replace(state, not_handed=self._not_handed) for state in states)
        self._reporter.tell_policies(states, self._policies.now().objects, now)

    def _judge_running(self, now: datetime) -> bool:
        """Judge what runs by what was handed over last, as far as anything changed, and say what would be refused.

        Return whether all was said.
        """
        if self._gate is None:
            return True
        known, before = [watcher.now() for watcher in self._running], self._judged.judged
        excluded = frozenset((_EXCLUDED, self._settings.namespace))
        collections = [item.objects for item in known]
        outcomes = self._judged.judge(collections, self._gate, by=self._gate_digest, excluded=excluded, now=now)
        self.metrics.judgements.add(by=self._judged.judged - before)
        self._count(outcomes, left_out=sum(item.left_out for item in known))
        events, reports = self._reporter.told, self._reporter.reported
        is_done = self._attempted("events", lambda: self._tell_outcomes(outcomes, now))
        is_done &= self._attempted("reports", lambda: self._reporter.write_reports(outcomes, now))
        events, reports = self._reporter.told - events, self._reporter.reported - reports
        self.metrics.events.add(by=events)
        if events or reports:
            verdicts: JsonObject = {**Counter(item.verdict for item in outcomes)}
            said: JsonObject = {"judged": self._judged.judged - before, "told": events, "reports": reports}
            self._log({"event": "running", "known": len(outcomes), **said, "verdicts": verdicts})
        return is_done

    def _tell_outcomes(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        if not self._reporter.tell_outcomes(outcomes, now):
            self._judge.ask()

    def _count(self, outcomes: Sequence[Outcome], *, left_out: int) -> None:
        noes = Counter(item.verdict for item in outcomes if item.is_no)
        self._numbers.running, self._numbers.running_refused = len(outcomes), noes[Verdict.REFUSED]
        self._numbers.running_undecided, self._numbers.left_out = noes[Verdict.CANT_TELL], left_out

    def _do(self, step: _Step, what: str, work: Callable[[], object]) -> None:
        if step.is_due():
            step.begin()
            step.done() if self._attempted(what, work) else step.failed()

    def _attempted(self, what: str, work: Callable[[], object]) -> bool:
        """Return whether it was done, for `lease`: whether it leads."""
        try:
            answer = work()
        except DbomError as error:
            self._say(what, error)
            return False
        return answer is not False

    def _say(self, what: str, error: DbomError, **more: str) -> None:
        self.metrics.failures.add(what)
        self._log({"event": "failed", "what": what, "rule": error.rule.id, "message": printable(str(error)), **more})


def _now() -> datetime:
    return datetime.now(UTC)
