"""Heads: the signed list of all revocations that somebody has made, with a sequence and an expiry.

Specified in docs/formats/revocation.md. A head is what tells "nothing is revoked" from "somebody holds it back".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from attest.identity import Identity, KeyIdentity
from attest.revocation.selector import instant_text, read_instant
from attest.statement import Statement, Subject
from dbom.canonical import canonical_json
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_REVOCATION_HEAD, REVOCATION_LIST_MEDIA_TYPE
from dbom.rules.revocations import REVOCATION_MALFORMED

if TYPE_CHECKING:
    from datetime import datetime

    from attest.verified import VerifiedStatement
    from dbom.canonical import JsonObject

__all__ = ["MAX_SEQUENCE", "Head", "SeenHead", "publisher_name", "seen_head"]

MAX_SEQUENCE: Final = 2**53 - 1
"""The highest sequence: what every JSON reader holds exactly."""

_NAME: Final = "revocations"
_HEX64: Final = re.compile(r"[0-9a-f]{64}")
_KEYS: Final = frozenset({"sequence", "issued", "expires", "revocations"})


@dataclass(frozen=True, slots=True)
class SeenHead:
    """What is remembered of a head: its sequence, and the sha256 in hex of the statement's bytes."""

    sequence: int
    content: str


@dataclass(frozen=True, slots=True)
class Head:
    """All revocations that one publisher has made, by the sha256 in hex of their bundles, in order."""

    sequence: int
    issued: datetime
    expires: datetime
    revocations: tuple[str, ...]

    @classmethod
    def of(cls, item: VerifiedStatement) -> Self:
        """Read a verified statement of a head. Raises `EvidenceError` where it isn't made as specified."""
        predicate, where = item.statement.predicate, item.where
        sequence, listed = predicate.get("sequence"), predicate.get("revocations")
        if set(predicate) != _KEYS:
            raise _malformed(f"a head has the keys {', '.join(sorted(_KEYS))} and no others", where)
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 1 <= sequence <= MAX_SEQUENCE:
            raise _malformed("a head's sequence is a whole number from 1", where)
        if not isinstance(listed, list):
            raise _malformed("a head's revocations are a list", where)
        texts = tuple(text for text in listed if isinstance(text, str) and _HEX64.fullmatch(text) is not None)
        if len(texts) != len(listed) or list(texts) != sorted(set(texts)):
            raise _malformed("a head lists each revocation once, by its sha256 in hex, in order", where)
        issued, expires = (read_instant(predicate[key], key, where) for key in ("issued", "expires"))
        if issued is None or expires is None or issued >= expires:
            raise _malformed("a head is issued before it expires", where)
        head = cls(sequence, issued, expires, texts)
        stated = [(subject.digest, subject.media_type) for subject in item.statement.subjects]
        if stated != [(head._digest(), REVOCATION_LIST_MEDIA_TYPE)]:
            raise _malformed("the subject isn't the list that the head holds", where)
        return head

    def statement(self) -> Statement:
        """Return the statement to be signed; its subject is the digest of the list."""
        subject = Subject(_NAME, self._digest(), REVOCATION_LIST_MEDIA_TYPE)
        predicate: JsonObject = {
            "sequence": self.sequence,
            "issued": instant_text(self.issued),
            "expires": instant_text(self.expires),
            "revocations": list(self.revocations),
        }
        return Statement.build(subject, PREDICATE_REVOCATION_HEAD, predicate)

    def _digest(self) -> Digest:
        return Digest(Kind.FILE, hashlib.sha256(canonical_json(list(self.revocations))).hexdigest())


def publisher_name(signer: Identity | KeyIdentity) -> str:
    """Return the name under which a publisher is remembered: its canonical JSON, so that no two share one."""
    if isinstance(signer, KeyIdentity):
        return canonical_json({"key": signer.spki_sha256}).decode()
    return canonical_json({"identity": signer.subject, "issuer": signer.issuer}).decode()


def seen_head(item: VerifiedStatement, head: Head) -> SeenHead:
    """Return what is remembered of a verified head."""
    return SeenHead(head.sequence, hashlib.sha256(item.statement.payload).hexdigest())


def _malformed(what: str, where: str) -> EvidenceError:
    return EvidenceError(REVOCATION_MALFORMED, what, where=where)
