"""The requirement `age`: how old statements may be, by trusted time alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from evidence import authority_of, clock, local_sigstore
from judging import MADE, MODEL, NOW, World, bom, briefly, made_statement, read, refused_to_read, stated
from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, fixed_key, written

from admission.evidence import Evidence
from admission.requirements.age import AgeRule
from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.trust import TrustRoot
from attest.verified import TimeBasis, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import Json

OLD, CANT_TELL = ("DBOM-557", "no"), ("DBOM-558", "can't tell")
STATEMENT = stated(MODEL)


def rule(**bounds: Json) -> AgeRule:
    found = read(AgeRule, [{"predicateType": PREDICATE_BOM, **bounds}])
    assert isinstance(found, AgeRule)
    return found


def judged(asked: AgeRule, *bundles: bytes) -> list[tuple[str, str]]:
    return briefly(World(bundles, (asked,)).judged())


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"notOlderThan": "1d"}, []),
        ({"notOlderThan": "24h"}, []),
        ({"notOlderThan": "23h"}, [OLD]),
        ({"signedAfter": "2026-06-01T12:00:00Z"}, []),
        ({"signedAfter": "2026-06-01T14:00:00+02:00"}, []),
        ({"signedAfter": "2026-06-01T12:00:01Z"}, [OLD]),
        ({"notOlderThan": "30d", "signedAfter": "2026-06-01T12:00:01Z"}, [OLD]),
        ({"notOlderThan": "30d", "authorities": ["signer"]}, [CANT_TELL]),
    ],
)
def test_a_trusted_time_tells(bounds: dict[str, Json], expected: list[tuple[str, str]]) -> None:
    assert judged(rule(**bounds), made_statement(STATEMENT)) == expected


def test_the_newest_statement_counts() -> None:
    newer = made_statement(STATEMENT, SIGNED_AT + timedelta(hours=12))
    assert judged(rule(notOlderThan="13h"), made_statement(STATEMENT), newer) == []


def test_a_verdict_holds_until_the_statement_is_too_old() -> None:
    asked = rule(notOlderThan="2d")
    case = World((made_statement(STATEMENT),), (asked,)).case()
    assert asked.judge(case) == []
    assert case.notes.earliest == SIGNED_AT + timedelta(days=2)


def test_without_an_end_nothing_runs_out() -> None:
    asked = rule(signedAfter="2026-01-01T00:00:00Z")
    case = World((made_statement(STATEMENT),), (asked,)).case()
    assert (asked.judge(case), case.notes.earliest) == ([], None)


def test_no_statement_and_no_time_are_no_yes() -> None:
    asked = rule(notOlderThan="30d")
    assert judged(asked) == [CANT_TELL]
    assert judged(asked, bom(MODEL)) == [CANT_TELL]


def test_an_old_statement_beside_one_without_time_can_not_be_told() -> None:
    """The one without may be younger."""
    assert judged(rule(notOlderThan="1h"), made_statement(STATEMENT), bom(MODEL)) == [CANT_TELL]


def of_authority(bundle: bytes, known: Authority, now: datetime) -> list[tuple[str, str]]:
    """Return what an age of 30 days comes to under one authority alone."""
    from dataclasses import replace

    asked = rule(notOlderThan="30d", authorities=["made"])
    world = World((), (asked,), now=now)
    policy = replace(world.policy(), authorities=(known,))
    found = verify_bundle(bundle, [known], where="b", now=now)
    assert isinstance(found, VerifiedStatement)
    case = replace(world.case(evidence=Evidence.of_results([policy], {"p": [found]}).of(policy)), policy=policy)
    return briefly(asked.judge(case))


def test_a_time_stamp_on_a_bare_keys_signature_says_nothing_of_its_age() -> None:
    """Whoever has the key may have signed years ago, and have had it stamped today."""
    root = TrustRoot.parse(written(MADE.trusted_root()), where="r")
    raw = json.dumps(MADE.bundle(STATEMENT.payload, key=fixed_key("k"))).encode()
    from evidence import public_pem

    assert of_authority(raw, Authority("made", key_pem=public_pem(fixed_key("k")), root=root), NOW) == [CANT_TELL]


def test_a_time_stamp_on_a_certificate_that_nobody_logged_says_nothing_of_its_age() -> None:
    """One's own authority gives certificates of years, which a bare key is no worse than."""
    root = TrustRoot.parse(written(MADE.trusted_root(log=False, sct=False)), where="r")
    certificate = MADE.certificate(minutes=60 * 24 * 365, stamps=0)
    raw = json.dumps(MADE.bundle(STATEMENT.payload, certificate=certificate, log=False)).encode()
    from attest.demands import Demands

    known = Authority(
        "made", (IdentityPattern.exact(SUBJECT, ISSUER),), root, demands=Demands(log=False, sct=False, time=True)
    )
    assert of_authority(raw, known, NOW) == [CANT_TELL]


def test_the_time_of_this_machine_is_self_asserted_and_says_nothing(tmp_path: Path) -> None:
    local = local_sigstore(tmp_path)
    raw = local.signer(now=clock).sign(STATEMENT)
    known = authority_of(local, name="made")
    found = verify_bundle(raw, [known], where="b", now=datetime.now(UTC))
    assert isinstance(found, VerifiedStatement)
    assert found.time.basis is TimeBasis.SELF_ASSERTED
    assert of_authority(raw, known, datetime.now(UTC)) == [CANT_TELL]


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{"predicateType": PREDICATE_BOM}],
        [{"notOlderThan": "1d"}],
        [{"predicateType": PREDICATE_BOM, "notOlderThan": "1w"}],
        [{"predicateType": PREDICATE_BOM, "notOlderThan": "0d"}],
        [{"predicateType": PREDICATE_BOM, "notOlderThan": 3}],
        [{"predicateType": PREDICATE_BOM, "signedAfter": "2026-06-01"}],
        [{"predicateType": PREDICATE_BOM, "signedAfter": "soon"}],
        [{"predicateType": PREDICATE_BOM, "signedAfter": "0001-01-01T00:00:00+14:00"}],
        [{"predicateType": PREDICATE_BOM, "notOlderThan": "1d", "authorities": ["who"]}],
        {"notOlderThan": "1d"},
    ],
)
def test_what_asks_for_nothing_or_something_else_is_refused(value: Json) -> None:
    assert refused_to_read(AgeRule, value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("1d", "1 day"), ("36h", "36 hours"), ("48h", "2 days"), ("90m", "90 minutes"), ("61s", "61 seconds")],
)
def test_a_length_of_time_is_told_in_its_largest_whole_unit(text: str, shown: str) -> None:
    (line,) = rule(notOlderThan=text).explain()
    assert f"no older than {shown}," in line


def test_it_is_explained_in_sentences() -> None:
    (line,) = rule(notOlderThan="30d", signedAfter="2026-01-01T00:00:00Z").explain()
    assert "no older than 30 days and signed" in line
    assert "2026-01-01T00:00:00Z" in line
