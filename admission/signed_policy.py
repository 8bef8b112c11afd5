"""Signed policies: who may write them, when that isn't whoever can write the file.

A policy file is signed by a statement about its bytes whose predicate (`https://dbom.dev/policy/v1`) names each policy
in it with its digest, and so all roots and keys that it uses. The bundle lies in the file's sidecar, or beside it as
`FILE.sigstore.json` (a mounted ConfigMap holds no folders).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from admission.policy_reading import MAX_POLICY_BYTES, parse_policies, refuse_twins
from attest.files import read_file
from attest.publishing import SignedStatement
from attest.statement import Statement, Subject
from attest.stores.sidecar import Sidecar
from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle
from attest.verified import Rejection
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind
from dbom.names import BUNDLE_SUFFIX, PREDICATE_POLICY
from dbom.printable import printable
from dbom.rules.admission import POLICY_UNSIGNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from admission.policy import Policy
    from attest.authority import Authority
    from attest.signers.signing import Signer
    from attest.verified import VerifiedStatement
    from dbom.canonical import JsonObject

__all__ = ["SIGNATURE_SUFFIX", "load_signed_policies", "sign_policies"]

SIGNATURE_SUFFIX: Final = BUNDLE_SUFFIX
_MOST_REASONS: Final = 3


def sign_policies(path: Path, signer: Signer) -> tuple[tuple[Policy, ...], Path]:
    """Sign the policies of a file as they are now; return them, and the bundle in the file's sidecar.

    Raises `DocumentError` for a file with faults, `SigningError` where a signature can't be had, `UsageError` where the
    file has no place for a sidecar.
    """
    data = read_file(path, limit=MAX_POLICY_BYTES, what="policy")
    policies = parse_policies(data, where=str(path), base=path.parent)
    statement = Statement.build(Subject.of(path.name, _digest(data)), PREDICATE_POLICY, _predicate(policies))
    sidecar = Sidecar.of(path)
    sidecar.demand_place()
    signed = SignedStatement(statement, signer.sign(statement))
    return policies, sidecar.add_bundle(signed.bundle, statement)


def load_signed_policies(
    paths: Iterable[Path], signers: Sequence[Authority], *, now: datetime
) -> tuple[tuple[Policy, ...], tuple[VerifiedStatement, ...]]:
    """Read the policies of files, each signed by one of `signers`; return them and what says so, file by file.

    The bytes that were verified are those that are read. Raises `EvidenceError` for a file that none of them signed as
    it is; otherwise as `load_policies`.
    """
    policies: list[Policy] = []
    proofs: list[VerifiedStatement] = []
    for path in paths:
        data = read_file(path, limit=MAX_POLICY_BYTES, what="policy")
        found = parse_policies(data, where=str(path), base=path.parent)
        proofs.append(_proof(path, data, found, signers, now))
        policies += found
    refuse_twins(policies, where=", ".join(sorted({policy.where for policy in policies})))
    return tuple(policies), tuple(proofs)


def _proof(
    path: Path, data: bytes, policies: Sequence[Policy], signers: Sequence[Authority], now: datetime
) -> VerifiedStatement:
    reasons: list[str] = []
    for raw, where in _bundles(path):
        answer = verify_bundle(raw, signers, where=where, now=now)
        why = answer.reason if isinstance(answer, Rejection) else _unfit(answer, data, policies)
        if not isinstance(answer, Rejection) and not why:
            return answer
        reasons.append(f"{printable(Path(where).name)}: {printable(why)}")
    raise EvidenceError(
        POLICY_UNSIGNED,
        "no accepted statement signs this policy",
        where=printable(str(path)),
        got="; ".join(reasons[:_MOST_REASONS]) or "no bundle beside it",
        expected=f"one by {' or '.join(item.expects for item in signers)}",
    )


def _unfit(answer: VerifiedStatement, data: bytes, policies: Sequence[Policy]) -> str:
    """Return why a verified statement doesn't sign these policies, empty where it does."""
    statement = answer.statement
    if statement.predicate_type != PREDICATE_POLICY:
        return "not a policy statement"
    if _digest(data) not in [subject.digest for subject in statement.subjects]:
        return "about other bytes"
    if statement.predicate != _predicate(policies):
        return "about these bytes with other roots or keys"
    return ""


def _bundles(path: Path) -> Iterator[tuple[bytes, str]]:
    beside = path.with_name(path.name + SIGNATURE_SUFFIX)
    if beside.is_file():
        yield read_file(beside, limit=MAX_BUNDLE_BYTES, what="bundle"), str(beside)
    for item in Sidecar.of(path).entries():
        if isinstance(item, StoredBundle):
            yield item.raw, item.where


def _digest(data: bytes) -> Digest:
    return Digest(Kind.FILE, hashlib.sha256(data).hexdigest())


def _predicate(policies: Sequence[Policy]) -> JsonObject:
    listed: list[JsonObject] = [{"name": item.name, "digest": {"sha256": item.digest}} for item in policies]
    return {"policies": [*listed]}
