"""Verification summaries: a verdict as a statement, `https://slsa.dev/verification_summary/v1`.

After the specification of SLSA 1.1; what stands in each field here is written down in docs/formats/vsa.md.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attest.revocation.selector import instant_text
from attest.statement import Statement, Subject
from attest.verification import Verdict
from dbom.canonical import canonical_json
from dbom.errors import UndecidedError, UsageError
from dbom.model import Kind
from dbom.names import PREDICATE_VSA, TREE_MEDIA_TYPE, VERIFIER_ID, VSA_EXPECTED_POLICY
from dbom.printable import printable
from dbom.rules.attestations import NO_EVIDENCE
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from datetime import datetime

    from attest.authority import Authority
    from attest.judging import Requirement
    from attest.revocation.verdict import RevocationCheck
    from attest.verification import Verification
    from dbom.canonical import Json, JsonObject
    from dbom.model import Digest

__all__ = ["BYTES_SIGNED", "DIGEST_SIGNED", "Asking", "summary_statement"]

SLSA_VERSION: Final = "1.1"

UNEVALUATED: Final = "SLSA_BUILD_LEVEL_UNEVALUATED"
"""What is said of the build: nothing. No verdict of ours looks at how something was built."""

BYTES_SIGNED: Final = "DBOM_BYTES_SIGNED"
"""All bytes were read, and an expected signer says what they are."""

DIGEST_SIGNED: Final = "DBOM_DIGEST_SIGNED"
"""An expected signer says what the digest is of; the bytes weren't read, or not all of them are covered."""

_FAILED: Final = "FAILED"


@dataclass(frozen=True, slots=True)
class Asking:
    """What the verdict rests on: whom to expect, what they must say, and what is asked of revocations.

    `policy` is the sha256 in hex of the policy file that says so, empty where flags or settings do.
    """

    authorities: tuple[Authority, ...]
    requirements: tuple[Requirement, ...]
    revocations: RevocationCheck
    policy: str = ""

    def document(self) -> JsonObject:
        """Return it as JSON: what the verdict was asked by, and no more than that."""
        check = self.revocations
        document: JsonObject = {
            "authorities": [_authority(item) for item in self.authorities],
            "requirements": [
                {"predicateType": item.predicate_type, "authorities": list(item.authorities)}
                for item in self.requirements
            ],
            "revokers": [{**_authority(item.authority), "scope": str(item.scope)} for item in check.revokers],
            "requireRevocations": check.required,
        }
        if self.policy:
            document["policyFile"] = {"sha256": self.policy}
        return document


def summary_statement(
    result: Verification, asking: Asking, *, resource_uri: str | None, version: str, now: datetime
) -> Statement:
    """Return the verdict as a statement about the artifact. `version` is dbom's own.

    PASSED is said of what is verified alone, FAILED of what is refused. Raises `UndecidedError` where neither is known,
    since the specification has no word for that, and `UsageError` for a `resource_uri` that is none.
    """
    if result.verdict is Verdict.UNDECIDED or result.digest is None:
        raise UndecidedError(
            NO_EVIDENCE, "no verification summary: it has no word for what can't be told", where=result.where
        )
    digest = result.digest
    uri = str(digest) if resource_uri is None else resource_uri
    if ":" not in uri or any(char.isspace() or not char.isprintable() for char in uri):
        raise UsageError(USAGE, "not a URI", got=printable(uri), expected="such as oci://registry.example.org/model")
    asked = canonical_json(asking.document())
    passed = result.verdict is Verdict.VERIFIED
    predicate: JsonObject = {
        "verifier": {"id": VERIFIER_ID, "version": {"dbom": version}},
        "timeVerified": instant_text(now),
        "resourceUri": uri,
        "policy": {
            "uri": VSA_EXPECTED_POLICY,
            "digest": {"sha256": hashlib.sha256(asked).hexdigest()},
            "content": base64.b64encode(asked).decode(),
        },
        "inputAttestations": _inputs(result),
        "verificationResult": "PASSED" if passed else _FAILED,
        "verifiedLevels": [UNEVALUATED, _level(result)] if passed else [_FAILED],
        "slsaVersion": SLSA_VERSION,
    }
    return Statement.build(_subject(result, digest), PREDICATE_VSA, predicate)


def _level(result: Verification) -> str:
    return BYTES_SIGNED if result.bytes_checked and not result.uncovered else DIGEST_SIGNED


def _inputs(result: Verification) -> list[Json]:
    """Return every bundle that the verdict rests on, those that count and those that say what is revoked, once each."""
    refused = [item.answer.result.bundle_sha256 for item in result.uncounted if item.answer.statement is not None]
    counted = [item.bundle_sha256 for item in (*result.counted, *result.consulted)]
    used = counted if result.verdict is Verdict.VERIFIED else [*counted, *refused]
    return [{"digest": {"sha256": sha256}} for sha256 in sorted(set(filter(None, used)))]


def _subject(result: Verification, digest: Digest) -> Subject:
    """Return the artifact as a subject: a tree with the ignore list that it was signed with, where it was."""
    signed = (item.statement.about(digest) for item in result.counted)
    ignores = next((found.ignores() for found in signed if found is not None), None)
    if ignores is not None:
        return Subject.of(result.name or "artifact", digest, ignores=ignores)
    return Subject(result.name or "artifact", digest, TREE_MEDIA_TYPE if digest.kind is Kind.TREE else "")


def _authority(item: Authority) -> JsonObject:
    shows = item.must_show
    document: JsonObject = {
        "name": item.name,
        "expects": item.expects,
        "mustShow": {"log": shows.log, "sct": shows.sct, "time": shows.time},
    }
    if item.key_pem is not None:
        document["keyPemSha256"] = hashlib.sha256(item.key_pem).hexdigest()
    if item.root is not None:
        document["trustRootSha256"] = item.root.sha256
    return document
