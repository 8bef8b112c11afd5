"""What the webhook answers to what can't be read: a no in the form that API servers expect, wherever there is a uid."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from admission.evidence import Evidence
from admission.journal import Journal
from admission.policy import Match, Mode, Policy
from admission.review import Review
from admission.webhook import Webhook

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, tzinfo=UTC)
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
BEGINNING = f'{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"{UID}",'
REST = '"kind":{"group":"","version":"v1","kind":"Pod"},"operation":"CREATE","namespace":"n","object":'


def webhook(mode: Mode = Mode.ENFORCE) -> Webhook:
    return Webhook((Policy("p", mode, Match(), (), (), (), "0" * 64),), Evidence(), lambda: NOW)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (BEGINNING + REST + "[" * 100_000 + "]" * 100_000 + "}}", "nested too deeply"),
        (BEGINNING + REST + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}}", "nested too deeply"),
        (BEGINNING + REST + "{", "not JSON"),
        (BEGINNING + '"operation":"MAKE"}}', "request.operation: got 'MAKE'"),
        (BEGINNING + '"operation":"MAKE"}}', "request.kind.kind: missing"),
        (BEGINNING + REST + "null}}", "request.object: missing"),
        (BEGINNING + REST + '{"kind":"Pod","kind":"Pod","spec":{"containers":[]},"metadata":3}}}', "stands twice"),
        (BEGINNING + REST + '{"kind":"Secret"}}}', "got 'Secret', and the request is about 'Pod'"),
    ],
)
def test_a_broken_review_with_a_uid_is_refused_with_every_fault(body: str, fault: str) -> None:
    answered = webhook().answer(body.encode())
    response = json.loads(answered.body)["response"]
    assert (200, UID, False, 400) == (
        answered.status,
        response["uid"],
        response["allowed"],
        response["status"]["code"],
    )
    assert fault in response["status"]["message"]
    assert "DBOM-511" in response["status"]["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"request":{}}', b'{"request":{"uid":3}}', b"[" * 100_000])
def test_what_has_no_uid_gets_a_400(body: bytes) -> None:
    assert 400 == webhook().answer(body).status
    assert 400 == webhook().gave_up(body, "late").status


def test_where_all_policies_only_listen_a_broken_review_blocks_nothing() -> None:
    body = (BEGINNING + REST + "null}}").encode()
    assert json.loads(webhook(Mode.AUDIT).answer(body).body)["response"]["allowed"] is True
    assert json.loads(webhook(Mode.WARN).answer(body).body)["response"]["allowed"] is False


def said(hook: Webhook, operation: str, new: str, old: str = "null", kind: str = "Pod") -> bool:
    body = BEGINNING + REST.replace("CREATE", operation).replace('"Pod"', f'"{kind}"') + f'{new},"oldObject":{old}}}}}'
    return bool(json.loads(hook.answer(body.encode()).body)["response"]["allowed"])


def test_where_there_is_nothing_to_decide_by_what_is_there_already_may_still_be_deleted() -> None:
    hook = Webhook((), Evidence(), lambda: NOW, missing="no policies and evidence yet")
    pod = '{"metadata":{},"spec":{"containers":[{"args":["a"]}]}}'
    other = pod.replace('"a"', '"b"')
    held = pod.replace('"metadata":{}', '"metadata":{"finalizers":["batch.kubernetes.io/job-tracking"]}')
    assert said(hook, "DELETE", "null", pod)
    assert said(hook, "CONNECT", '{"kind":"PodExecOptions"}', kind="PodExecOptions")
    assert said(hook, "UPDATE", pod, held)
    assert not said(hook, "UPDATE", other, pod)
    assert not said(hook, "CREATE", pod)
    assert not said(hook, "UPDATE", pod, pod, kind="Widget")


def test_a_delete_is_not_held_up_by_a_journal_that_can_not_be_written_nor_by_being_late(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal", at=NOW, facts={})
    journal.close(at=NOW)
    hook = replace(webhook(), journal=journal)
    assert said(hook, "DELETE", "null", "{}")
    assert not said(hook, "CREATE", '{"spec":{"containers":[{}]}}')
    review = hook.read((BEGINNING + REST.replace("CREATE", "DELETE") + 'null,"oldObject":{}}}').encode())
    assert isinstance(review, Review)
    assert json.loads(hook.gave_up(review, "late").body)["response"]["allowed"] is True


def test_an_object_that_is_not_what_its_kind_says_is_judged_and_refused() -> None:
    body = BEGINNING + REST + '{"kind":"Pod","spec":{"containers":3}}}}'
    response = json.loads(webhook().answer(body.encode()).body)["response"]
    assert (False, 403) == (response["allowed"], response["status"]["code"])
    assert "spec.containers: got a number, expected a list" in response["status"]["message"]


def test_two_webhooks_one_after_the_other_may_share_a_cache() -> None:
    before = webhook()
    after = Webhook(before.policies, before.evidence, before.now, cache=before.cache)
    body = (BEGINNING + REST + '{"kind":"Pod","spec":{"containers":[{"image":"i"}]}}}}').encode()
    assert before.answer(body).body == after.answer(body.replace(UID.encode(), UID.encode())).body
    assert 1 == len(after.cache)
