"""Makes the cases of this folder anew, the same bytes each time: `python -P make_cases.py` with `tests` on the path.

A case is a folder: `artifact`, `evidence/` (the bundles about it), `revocations/` (a store of revocations and heads),
whom to expect and who may revoke (`trusted_root.json`, `key.pub`, `revoker.pub`) and `case.json` with what must come of
it and why. A case that ends in `_fail` must never be a yes. `seen` is the newest head seen before, by publisher.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, fixed_key, pem_of, spki_of, written

from attest.identity import Identity, KeyIdentity
from attest.revocation.head import Head
from attest.revocation.selector import Selector
from attest.revocation.statement import artifact_revocation, signer_revocation
from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_REVOCATION, REVOCATION_LIST_MEDIA_TYPE, REVOCATION_SELECTOR_MEDIA_TYPE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

    from dbom.canonical import JsonObject

__all__ = ["Case", "all_cases"]

MADE = MadeSigstore()
KEY, REVOKER, STRANGER = fixed_key("signing key"), fixed_key("revoker"), fixed_key("stranger")
BYTES = b"weights\n"
DIGEST = Digest(Kind.FILE, hashlib.sha256(BYTES).hexdigest())
OTHER = Digest(Kind.FILE, hashlib.sha256(b"other\n").hexdigest())
BOM: JsonObject = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"type": "data", "name": "artifact"}},
}
ROOT = written(MADE.trusted_root())
SIGNER = Identity(SUBJECT, ISSUER)
NOW = SIGNED_AT + timedelta(days=10)
DAY = timedelta(days=1)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return pem_of(spki_of(key.public_key()), "PUBLIC KEY")


def _key_identity(key: ec.EllipticCurvePrivateKey) -> KeyIdentity:
    return KeyIdentity(hashlib.sha256(spki_of(key.public_key())).hexdigest())


def _by_key(statement: Statement, key: ec.EllipticCurvePrivateKey) -> bytes:
    return written(MADE.bundle(statement.payload, key=key, log=False, stamps=()))


def _stamped(statement: Statement, key: ec.EllipticCurvePrivateKey) -> bytes:
    return written(MADE.bundle(statement.payload, key=key, log=False))


def _keyless(statement: Statement) -> bytes:
    return written(MADE.bundle(statement.payload))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _head(
    *revocations: bytes,
    sequence: int = 3,
    issued: datetime = NOW - DAY,
    expires: datetime = NOW + DAY,
    by: ec.EllipticCurvePrivateKey = REVOKER,
) -> bytes:
    listed = tuple(sorted(map(_sha256, revocations)))
    return _by_key(Head(sequence, issued, expires, listed).statement(), by)


def _revoked(
    target: Digest | Selector, *, by: ec.EllipticCurvePrivateKey = REVOKER, reason: str = "the key was stolen"
) -> bytes:
    if isinstance(target, Selector):
        return _by_key(signer_revocation(target, reason), by)
    return _by_key(artifact_revocation(target, "artifact", reason), by)


def _content(head: bytes) -> str:
    from attest.bundle import Bundle

    return _sha256(Bundle.parse(head, where="head").payload)


CONTENT = Statement.build(Subject.of("artifact", DIGEST), PREDICATE_BOM, BOM)
PUBLISHER = json.dumps({"key": _key_identity(REVOKER).spki_sha256}, separators=(",", ":"))


@dataclass(frozen=True)
class Case:
    """One case: its files, and what must come of it. `rule` is one that must be named."""

    why: str
    revocations: tuple[bytes, ...] = ()
    rule: str | None = None
    exit: int = 0
    evidence: tuple[bytes, ...] = (_keyless(CONTENT),)
    expect: dict[str, Any] = field(
        default_factory=lambda: {"identity": SUBJECT, "issuer": ISSUER, "trusted_root": "trusted_root.json"}
    )
    revokers: tuple[str, ...] = ("revoker.pub",)
    scope: tuple[str, ...] = ()
    required: bool = True
    seen: dict[str, Any] = field(default_factory=dict)

    def contents(self) -> dict[str, bytes]:
        """Return the case's files by name."""
        document = {
            "why": self.why,
            "exit": self.exit,
            "rule": self.rule,
            "expect": self.expect,
            "revokers": list(self.revokers),
            "scope": list(self.scope),
            "required": self.required,
            "seen": self.seen,
            "now": NOW.isoformat(),
        }
        bundles = {f"evidence/{_sha256(raw)[:16]}.sigstore.json": raw for raw in self.evidence}
        revoked = {f"revocations/{_sha256(raw)[:16]}.sigstore.json": raw for raw in self.revocations}
        return {
            "artifact": BYTES,
            "trusted_root.json": ROOT,
            "key.pub": _pem(KEY),
            "revoker.pub": _pem(REVOKER),
            "case.json": json.dumps(document, indent=2).encode() + b"\n",
            **bundles,
            **revoked,
        }


def _listed(why: str, revocation: bytes, **more: Any) -> Case:  # noqa: ANN401  a case's other fields
    return Case(why, (revocation, _head(revocation)), **more)


def _signers() -> dict[str, Case]:
    before, inside = SIGNED_AT - DAY, SIGNED_AT + DAY
    key_expected = {"expect": {"key": "key.pub"}, "evidence": (_by_key(CONTENT, KEY),)}
    stamped = {"key": "key.pub", "trusted_root": "trusted_root.json"}
    return {
        "signer_revoked_fail": _listed(
            "the signer is revoked for all times", _revoked(Selector(SIGNER)), rule="DBOM-392", exit=1
        ),
        "signed_in_the_window_fail": _listed(
            "a trusted time lies in the revoked window",
            _revoked(Selector(SIGNER, None, before, inside)),
            rule="DBOM-392",
            exit=1,
        ),
        "signed_at_the_start_fail": _listed(
            "the window begins with its start", _revoked(Selector(SIGNER, None, SIGNED_AT)), rule="DBOM-392", exit=1
        ),
        "signed_before_the_window": _listed(
            "a trusted time shows that it was signed before", _revoked(Selector(SIGNER, None, inside))
        ),
        "signed_after_the_window": _listed(
            "a trusted time shows that it was signed after", _revoked(Selector(SIGNER, None, None, before))
        ),
        "signed_at_the_end": _listed(
            "the window ends before its end", _revoked(Selector(SIGNER, None, before, SIGNED_AT))
        ),
        "untimed_key_before_the_window_fail": _listed(
            "without a time, nothing shows that it was signed before the window",
            _revoked(Selector(_key_identity(KEY), None, inside)),
            rule="DBOM-392",
            exit=1,
            **key_expected,
        ),
        "stamped_key_before_the_window": _listed(
            "a time stamp shows that the key signed before the window",
            _revoked(Selector(_key_identity(KEY), None, inside)),
            expect=stamped,
            evidence=(_stamped(CONTENT, KEY),),
        ),
        "stamped_key_after_the_window_fail": _listed(
            "a thief can have an old signature stamped later, so of a key no end is believed",
            _revoked(Selector(_key_identity(KEY), None, None, before)),
            rule="DBOM-392",
            exit=1,
            expect=stamped,
            evidence=(_stamped(CONTENT, KEY),),
        ),
        "another_signer_revoked": _listed(
            "somebody else is revoked", _revoked(Selector(Identity("other@example.org", ISSUER)))
        ),
        "another_issuers_signer_revoked": _listed(
            "the same name by another issuer is somebody else",
            _revoked(Selector(Identity(SUBJECT, ISSUER + ".evil.example"))),
        ),
        "another_root_revoked": _listed(
            "the signer is revoked under another trust root", _revoked(Selector(SIGNER, "0" * 64))
        ),
        "this_root_revoked_fail": _listed(
            "the signer is revoked under this trust root",
            _revoked(Selector(SIGNER, _sha256(ROOT))),
            rule="DBOM-392",
            exit=1,
        ),
    }


def _heads() -> dict[str, Case]:
    nothing = _head()
    older, again = _head(sequence=2), _head(sequence=3, expires=NOW + 2 * DAY)
    revocation = _revoked(OTHER)
    own = _revoked(Selector(_key_identity(REVOKER)))
    stolen = Head(3, NOW - DAY, NOW + DAY, ()).statement()
    crooked = replace(stolen.subjects[0], digest=OTHER, media_type=REVOCATION_LIST_MEDIA_TYPE)
    return {
        "nothing_revoked": Case("a current head lists nothing", (nothing,)),
        "next_head_after_one_seen": Case(
            "a newer head follows one that was seen", (nothing,), seen={PUBLISHER: [2, "0" * 64]}
        ),
        "same_head_as_seen": Case("the head is the one seen", (nothing,), seen={PUBLISHER: [3, _content(nothing)]}),
        "older_head_beside_the_newest": Case("the newest head decides", (older, nothing)),
        "head_missing_fail": Case("no head is there", (), rule="DBOM-395", exit=3),
        "head_missing_and_not_asked_for": Case(
            "no head is there, and none is asked for", (), "DBOM-395", required=False
        ),
        "head_expired_fail": Case(
            "the head has expired", (_head(issued=NOW - 3 * DAY, expires=NOW),), rule="DBOM-396", exit=3
        ),
        "head_rolled_back_fail": Case(
            "a newer head was seen before", (older,), rule="DBOM-397", exit=3, seen={PUBLISHER: [3, _content(nothing)]}
        ),
        "heads_equivocal_fail": Case("two heads have one sequence", (nothing, again), rule="DBOM-398", exit=3),
        "head_unlike_the_seen_fail": Case(
            "another head of this sequence was seen",
            (again,),
            rule="DBOM-398",
            exit=3,
            seen={PUBLISHER: [3, _content(nothing)]},
        ),
        "head_of_the_future_fail": Case(
            "the head is issued tomorrow",
            (_head(issued=NOW + DAY, expires=NOW + 2 * DAY),),
            rule="DBOM-336",
            exit=3,
        ),
        "head_lists_what_is_absent_fail": Case(
            "a listed revocation is held back", (_head(revocation),), rule="DBOM-399", exit=3
        ),
        "head_lists_anothers_fail": Case(
            "a listed revocation is signed by somebody else",
            (_revoked(OTHER, by=STRANGER), _head(_revoked(OTHER, by=STRANGER))),
            rule="DBOM-399",
            exit=3,
        ),
        "head_by_nobody_fail": Case("the head is signed by nobody listed", (_head(by=STRANGER),), "DBOM-395", 3),
        "head_by_the_revoked_fail": Case(
            "the publisher's own key is revoked", (own, _head(own)), rule="DBOM-392", exit=3
        ),
        "head_is_another_list_fail": Case(
            "the head's subject isn't its list",
            (_by_key(Statement.build(crooked, stolen.predicate_type, stolen.predicate), REVOKER),),
            rule="DBOM-393",
            exit=3,
        ),
    }


def _artifacts() -> dict[str, Case]:
    revocation = _revoked(DIGEST, reason="trained on withdrawn data")
    tree = _revoked(Digest(Kind.TREE, DIGEST.hex))
    selector = Selector(SIGNER)
    wrong = Subject("selector", OTHER, REVOCATION_SELECTOR_MEDIA_TYPE)
    mismatch = _by_key(
        Statement.build(wrong, PREDICATE_REVOCATION, {"reason": "r", "selector": selector.document()}), REVOKER
    )
    place: JsonObject = {"reason": "r", "location": "hf://org/name@" + "0" * 40}
    location = _by_key(Statement.build(Subject.of("place", OTHER), PREDICATE_REVOCATION, place), REVOKER)
    stranger = _revoked(DIGEST, by=STRANGER)
    own = _keyless(artifact_revocation(DIGEST, "artifact", "withdrawn"))
    return {
        "artifact_revoked_fail": _listed("the artifact is revoked", revocation, rule="DBOM-392", exit=1),
        "artifact_revoked_without_a_head_fail": Case(
            "a revocation counts wherever it is found", (revocation,), rule="DBOM-392", exit=1, required=False
        ),
        "artifact_revoked_beside_it_fail": Case(
            "a revocation counts among the evidence too",
            (_head(),),
            rule="DBOM-392",
            exit=1,
            evidence=(_keyless(CONTENT), revocation),
        ),
        "another_artifact_revoked": _listed("another artifact is revoked", _revoked(OTHER)),
        "tree_of_the_same_digits_revoked": _listed("a tree of the same digits is another artifact", tree),
        "revoker_out_of_scope": _listed(
            "whoever may revoke keys can't revoke artifacts", revocation, rule="DBOM-394", scope=("keys",)
        ),
        "revoker_out_of_scope_of_issuers": _listed(
            "whoever may revoke one issuer's identities can't revoke another's",
            _revoked(selector),
            rule="DBOM-394",
            scope=("issuer:https://other.example.org",),
        ),
        "revoker_in_scope_of_issuers_fail": _listed(
            "the signer's issuer is in the scope",
            _revoked(selector),
            rule="DBOM-392",
            exit=1,
            scope=(f"issuer:{ISSUER}",),
        ),
        "revocation_by_nobody": Case("the revocation is signed by nobody listed", (stranger, _head()), "DBOM-306"),
        "selector_is_not_the_subject_fail": _listed(
            "the selector doesn't hash to the subject", mismatch, rule="DBOM-393", exit=3
        ),
        "location_revoked_fail": _listed("a place can't be revoked", location, rule="DBOM-393", exit=3),
        "own_statement_revoked_fail": Case(
            "a signer may always revoke what it signed",
            (),
            rule="DBOM-392",
            exit=1,
            evidence=(_keyless(CONTENT), own),
            revokers=(),
            required=False,
        ),
        "anothers_statement_revoked": Case(
            "who isn't listed revokes nothing that others signed",
            (),
            evidence=(_by_key(CONTENT, KEY), own),
            expect={"key": "key.pub"},
            revokers=(),
            required=False,
        ),
    }


def all_cases() -> dict[str, Case]:
    """Return every case by its folder's name."""
    return {**_signers(), **_heads(), **_artifacts()}


def main() -> None:
    """Write every case into this folder, and remove those that are no more."""
    here = Path(__file__).parent
    for folder in [path for path in here.iterdir() if path.is_dir() and path.name != "__pycache__"]:
        shutil.rmtree(folder)
    for name, case in all_cases().items():
        for path, data in case.contents().items():
            (here / name / path).parent.mkdir(parents=True, exist_ok=True)
            (here / name / path).write_bytes(data)


if __name__ == "__main__":
    main()
