"""Rekor's API, version 1, as its clients use it: entries logged, found and proven (sigstore/rekor, openapi.yaml).

Version 1 because one signing configuration serves all clients with it: sigstore-js logs statements as `dsse` entries,
which version 2 doesn't take.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.local.ecdsa import signed
from attest.local.entries import hashedrekord_entry, log_entry
from attest.local.merkle import leaf_hash
from attest.served.proposals import read_proposal
from attest.served.refusing import Reason, RequestRefusedError
from dbom.canonical import canonical_json
from dbom.rules.local import ENTRY_REFUSED

if TYPE_CHECKING:
    from cryptography import x509

    from attest.local.log import Inclusion, MerkleLog
    from attest.served.entry_times import EntryTimes
    from dbom.canonical import JsonObject

__all__ = ["Logged", "TransparencyLog"]

_UUID: Final = re.compile(r"(?:[0-9a-f]{16})?([0-9a-f]{64})")
_TREE_BYTES: Final = 7  # the number of the tree, as in the log's checkpoints


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry that is in the log: its id, its index, its kind, and the answer that says so."""

    uuid: str
    index: int
    kind: str
    body: bytes


class TransparencyLog:
    """A log whose entries are found by index and by id. It keeps each entry's hash in memory; one program serves it.

    `authority` is whose certificates it takes: the certificate that signed theirs. `now` is the time of an entry whose
    own a crash left out. An empty log begins with an entry of its own, its key's signature over `first`: cosign leaves
    an index of 0 and an empty proof out of its bundles, and sigstore-python then can't read them.
    """

    def __init__(
        self, log: MerkleLog, times: EntryTimes, authority: x509.Certificate, *, first: bytes, now: datetime
    ) -> None:
        self._log, self._times, self._authority = log, times, authority
        self._lock = threading.Lock()
        # What an older program left in another form, or whole and unacknowledged, is in order before anything is read.
        log.migrate()
        if not log.head().size:
            signature = signed(first, log.signer.key)
            log.append(hashedrekord_entry(hashlib.sha256(first).digest(), signature, self.public_key()))
        self._found = {leaf: index for index, _, leaf, _ in log.records()}
        times.record(len(self._found) - 1, int(now.timestamp()))
        number = int.from_bytes(log.signer.log_id[:_TREE_BYTES], "big")
        self._tree, self._prefix = str(number), f"{number:016x}"

    def add(self, raw: bytes, now: datetime) -> Logged:
        """Log a proposed entry; it is on disk when this returns.

        Raises `RequestRefusedError` where it doesn't verify or is there already, `SigningError` and `PathError` where
        the log can't be written.
        """
        proposal = read_proposal(raw)
        if proposal.certificate is not None:
            self._check_certificate(proposal.certificate, now)
        leaf = leaf_hash(proposal.body)
        with self._lock:
            if leaf in self._found:
                raise self._exists(leaf)
            inclusion = self._log.append(proposal.body)
            self._times.record(inclusion.index, int(now.timestamp()))
            self._learn(inclusion.index, leaf)
        return self._logged(proposal.kind, proposal.body, inclusion)

    def entry(self, name: str) -> Logged:
        """Return the entry with this index or id. Raises `RequestRefusedError` where there is none."""
        index = self._index_of(name)
        if index is None or not 0 <= index < self._log.head().size:
            raise RequestRefusedError(ENTRY_REFUSED, Reason.ENTRY_MISSING, "there is no such entry", status=404)
        body = self._log.entry(index)
        kind = str(json.loads(body).get("kind"))
        return self._logged(kind, body, self._log.inclusion(index))

    def state(self) -> bytes:
        """Return the answer to `GET /api/v1/log`."""
        head = self._log.head()
        return canonical_json(
            {
                "rootHash": head.root.hex(),
                "treeSize": head.size,
                "signedTreeHead": head.text,
                "treeID": self._tree,
                "inactiveShards": [],
            }
        )

    def consistency(self, first: int, last: int) -> bytes:
        """Return the answer to `GET /api/v1/log/proof`. Raises `RequestRefusedError` for sizes it never had."""
        try:
            proof = self._log.consistency(first, last)
        except IndexError as error:
            raise RequestRefusedError(ENTRY_REFUSED, Reason.MALFORMED, "the log never had these sizes") from error
        return canonical_json({"rootHash": self._log.head().root.hex(), "hashes": [item.hex() for item in proof]})

    def public_key(self) -> bytes:
        """Return the key of the log, in PEM."""
        return self._log.signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _check_certificate(self, certificate: x509.Certificate, now: datetime) -> None:
        try:
            certificate.verify_directly_issued_by(self._authority)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise _unfit("the certificate isn't of this Sigstore's authority") from None
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not start <= now <= end:
            raise _unfit(f"the certificate isn't valid now, but from {start.isoformat()} to {end.isoformat()}")

    def _learn(self, index: int, leaf: bytes) -> None:
        """Remember an entry, and those before it that a crash had left unacknowledged."""
        for missed in range(len(self._found), index):
            self._found[leaf_hash(self._log.entry(missed))] = missed
        self._found[leaf] = index

    def _index_of(self, name: str) -> int | None:
        if name.isascii() and name.isdigit() and len(name) < 20:  # noqa: PLR2004  shorter than any id
            return int(name)
        found = _UUID.fullmatch(name)
        return None if found is None else self._found.get(bytes.fromhex(found[1]))

    def _exists(self, leaf: bytes) -> RequestRefusedError:
        where = f"/api/v1/log/entries/{self._prefix}{leaf.hex()}"
        return RequestRefusedError(
            ENTRY_REFUSED,
            Reason.ENTRY_EXISTS,
            f"an equivalent entry already exists in the log with UUID {self._prefix}{leaf.hex()}",
            status=409,
            headers=(("location", where),),
        )

    def _logged(self, kind: str, body: bytes, inclusion: Inclusion) -> Logged:
        taken = datetime.fromtimestamp(self._times.at(inclusion.index), UTC)
        uuid = f"{self._prefix}{leaf_hash(body).hex()}"
        entry = log_entry(body, inclusion, signer=self._log.signer, now=taken)
        answer = canonical_json({uuid: _first_version(entry, inclusion, self._log.signer.log_id, taken)})
        return Logged(uuid, inclusion.index, kind, answer)


def _first_version(entry: JsonObject, inclusion: Inclusion, log_id: bytes, taken: datetime) -> JsonObject:
    """Return what bundles say of an entry in the form of Rekor 1's answers."""
    promise = entry["inclusionPromise"]
    assert isinstance(promise, dict)
    proof: JsonObject = {
        "logIndex": inclusion.index,
        "rootHash": inclusion.root.hex(),
        "treeSize": inclusion.size,
        "hashes": [item.hex() for item in inclusion.path],
        "checkpoint": inclusion.checkpoint,
    }
    verification: JsonObject = {
        "inclusionProof": proof,
        "signedEntryTimestamp": promise["signedEntryTimestamp"],
    }
    return {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(taken.timestamp()),
        "logID": log_id.hex(),
        "logIndex": inclusion.index,
        "verification": verification,
    }


def _unfit(what: str) -> RequestRefusedError:
    return RequestRefusedError(ENTRY_REFUSED, Reason.ENTRY_CERTIFICATE, what)
