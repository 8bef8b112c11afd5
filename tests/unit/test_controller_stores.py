"""A controller whose stores can't be read: policies reach the webhooks all the same, and evidence grows no better."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from judging import MODEL, NOW, bom, located
from memory_api import MemoryApi
from snapshot_samples import POD, Bundles, source

from admission.controller.controlling import Controller, ControllerSettings
from admission.controller.policies import kept_policy
from admission.controller.publishing import Publisher
from admission.gate import decide
from admission.review import Review
from dbom.errors import StoreError
from dbom.rules.artifacts import STORE_UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from admission.decision import Decision
    from admission.snapshot import Snapshot
    from attest.statement import Statement
    from attest.stores.store import StoredBundle

SYSTEM = "dbom-system"
POLICY_PATH = f"/apis/dbom.dev/v1alpha1/namespaces/{SYSTEM}/provenancepolicies/p"
LATER = NOW + timedelta(minutes=5)


@dataclass
class Away:
    """A store that can be away."""

    bundles_of: Bundles
    is_away: bool = False
    url: str = field(default="s3://evidence", init=False)

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield the bundles."""
        return self.entries()

    def entries(self) -> Iterator[StoredBundle]:
        """Yield the bundles, or say that nobody answers."""
        if self.is_away:
            raise StoreError(STORE_UNREACHABLE, "nobody answers", where=self.url)
        return self.bundles_of.entries()

    def add(self, raw: bytes, statement: Statement) -> str:
        """Take nothing."""
        raise NotImplementedError(raw, statement)


class Told:
    """A controller in memory, its cluster and its store."""

    def __init__(self) -> None:
        self.api, self.lines = MemoryApi(), list[dict[str, Any]]()
        self.store = Away(Bundles((located(MODEL), bom(MODEL, what="model"))))
        self.restart()

    def restart(self) -> None:
        """Begin with another controller at the same cluster."""
        settings = ControllerSettings("me", SYSTEM, makes_certificates=False, sync_every=0.0, judge_every=0.0)
        self.made = Controller(self.api, [self.store], settings, log=self.lines.append)
        self.made._lead.attempt()  # noqa: SLF001  as its thread does

    def apply(self, **spec: object) -> None:
        """Have a policy object, as the API server and a watch have it."""
        document = json.loads(source("p", SYSTEM).data)
        document["spec"] |= spec
        self.api.put(POLICY_PATH, document)
        self.made._policies._take({(SYSTEM, "p"): kept_policy(document)}, set(), is_there=True)  # noqa: SLF001  the same

    def handed(self) -> Snapshot:
        """Return what a webhook would read."""
        found = Publisher(self.api, SYSTEM, lambda: None, lambda: 0.0).read()
        assert found is not None
        return found

    def decision(self) -> Decision:
        """Return what a webhook would say to a pod of the model."""
        found = self.handed()
        return decide(Review.of_object(POD, where="pod"), found.policies, found.evidence, now=LATER)

    def condition(self) -> tuple[str, str, str]:
        """Return status, reason and message of the policy."""
        (found,) = self.api.at(POLICY_PATH)["status"]["conditions"]
        return found["status"], found["reason"], found["message"]


@pytest.fixture(name="told")
def make_told() -> Told:
    """Hand over a policy with its evidence; then the store is away."""
    told = Told()
    told.apply()
    told.made.tick(NOW)
    assert ("verified", True) == (told.decision().verdict, told.decision().allowed)
    told.store.is_away = True
    return told


def test_a_policy_that_is_loosened_or_tightened_does_not_wait_for_a_store(told: Told) -> None:
    before = told.handed()
    told.apply(mode="audit", licenses={"allow": ["MIT"]})
    told.made.tick(LATER)
    assert ("can't tell", True) == (told.decision().verdict, told.decision().allowed)
    assert told.handed().evidence.synced_at == before.evidence.synced_at
    told.apply(mode="enforce")
    told.made.tick(LATER)
    assert ("verified", True) == (told.decision().verdict, told.decision().allowed)
    assert "sync" in {line.get("what") for line in told.lines}
    assert told.condition() == ("True", "InForce", "read, and handed to the webhooks")


def test_a_policy_that_trusts_others_has_no_yes_until_the_store_is_read(told: Told) -> None:
    """Also where it asks for nothing of theirs: nobody has verified anything for it."""
    authorities = json.loads(source("p", SYSTEM).data)["spec"]["authorities"][:1]
    bom_only = [{"predicateType": "https://cyclonedx.org/bom", "authorities": ["signer"]}]
    told.apply(authorities=authorities, attestations=bom_only)
    told.made.tick(LATER)
    assert ("can't tell", False) == (told.decision().verdict, told.decision().allowed)
    told.store.is_away = False
    told.apply(authorities=authorities, attestations=bom_only, mode="warn")
    told.made.tick(LATER)
    assert ("verified", True) == (told.decision().verdict, told.decision().allowed)


def test_a_controller_that_starts_while_the_store_is_away_changes_no_answer(told: Told) -> None:
    before = told.handed()
    told.restart()
    told.apply()
    told.made.tick(LATER)
    assert before.manifest == told.handed().manifest
    assert told.condition()[1] == "InForce"
    told.apply(mode="audit")
    told.made.tick(LATER)
    assert [str(policy.mode) for policy in told.handed().policies] == ["audit"]
    assert told.decision().verdict == "verified"


def test_before_anything_was_ever_read_policies_are_handed_over_and_verify_nothing() -> None:
    told = Told()
    told.store.is_away = True
    told.apply()
    told.made.tick(LATER)
    assert ("can't tell", False) == (told.decision().verdict, told.decision().allowed)
    assert told.handed().evidence.synced_at is None


def test_a_policy_that_cannot_be_handed_over_is_not_called_in_force(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner hears that webhooks go on with the policies of before, and why."""
    told.store.is_away = False
    with monkeypatch.context() as limited:
        limited.setattr("admission.snapshot.MAX_PIECES", 0)
        told.apply(mode="audit")
        told.made.tick(LATER)
        status, reason, message = told.condition()
    assert (status, reason) == ("False", "NotHandedOver")
    assert message.startswith("read, but webhooks don't have it yet: ")
    assert "more pieces than a snapshot holds" in message
    assert [str(policy.mode) for policy in told.handed().policies] == ["enforce"]
    told.apply(mode="warn")
    told.made.tick(LATER)
    assert told.condition()[1] == "InForce"
