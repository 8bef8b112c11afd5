"""What the gate keeps of a verified statement: little, since it keeps many, and all that a policy may ask."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from sys import intern
from typing import TYPE_CHECKING, Self

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

    from admission.facts import BomFacts, ProvenanceFacts
    from attest.verified import SignedTime, VerifiedStatement
    from dbom.canonical import JsonObject
    from dbom.model import Digest

__all__ = ["Attested", "pack"]


@dataclass(frozen=True, slots=True)
class Attested:
    """A verified statement: what it is about, who signed it when, and what it says.

    `subjects` are the artifacts that it identifies. `authority` is the name of the accepted authority, `signer` who
    signed, in words, `root` the sha256 of the trust root (empty for a bare key). `facts` is what was read of the
    predicate, None where nothing is read of its type; `packed` is the predicate itself. `holds_until` is the last
    moment at which it counts, where the clock alone ends that.
    """

    predicate_type: str
    subjects: tuple[Digest, ...]
    authority: str
    signer: str
    root: str
    time: SignedTime
    bundle_sha256: str
    where: str
    facts: BomFacts | ProvenanceFacts | None = None
    packed: bytes = field(default=b"", repr=False)
    holds_until: datetime | None = None

    @classmethod
    def of(cls, item: VerifiedStatement, facts: BomFacts | ProvenanceFacts | None = None) -> Self:
        """Return what is kept of a statement; texts that many share are kept once."""
        statement = item.statement
        digests = dict.fromkeys(subject.digest for subject in statement.subjects if subject.digest is not None)
        return cls(
            intern(statement.predicate_type),
            tuple(digests),
            intern(item.authority),
            intern(str(item.signer)),
            intern(item.root),
            replace(item.time, by=intern(item.time.by)),
            item.bundle_sha256,
            item.where,
            facts,
            pack(msgspec.json.encode(statement.predicate)),
            item.holds_until,
        )

    def predicate(self) -> JsonObject:
        """Return the predicate, read anew."""
        document: JsonObject = msgspec.json.decode(zlib.decompress(self.packed))
        return document


def pack(predicate: bytes) -> bytes:
    """Return a predicate (its JSON) as it is kept: a zlib stream (RFC 1950).

    It is packed quickly, and in a small window: most are of a few kilobytes, of which more effort saves hundredths.
    """
    packer = zlib.compressobj(level=1, wbits=12, memLevel=5)
    return packer.compress(predicate) + packer.flush()
