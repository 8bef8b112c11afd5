"""Whether a transparency log holds an entry: inclusion proof, signed checkpoint, and the log's promise. Pure.

The Merkle tree is that of RFC 9162, section 2.1; checkpoints are signed notes (C2SP tlog-checkpoint, signed-note);
the promise is Rekor's signed entry time stamp over the entry in canonical JSON.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attest.verifier.key_verifying import signature_holds
from dbom.errors import EvidenceError, TrustError
from dbom.printable import printable
from dbom.rules.attestations import (
    CHECKPOINT_INVALID,
    LOG_ENTRY_MISSING,
    LOG_PROOF_INVALID,
    LOG_UNKNOWN,
    PROMISE_INVALID,
    TRUST_ROOT_MALFORMED,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from attest.bundle import InclusionProof, LogEntry
    from attest.trust import LogKey, TrustRoot, Window

__all__ = ["check_entry_logged", "load_log_key", "root_of_path", "windows_of"]

_HINT_BYTES: Final = 4
_HASH_BYTES: Final = 32
# Those of Rekor 1; Rekor 2 puts an entry into its log before it answers, and says no time.
_PROMISED_KINDS: Final = frozenset({"dsse 0.0.1", "hashedrekord 0.0.1", "intoto 0.0.2"})
_SIGNATURE_LINE: Final = re.compile("\u2014 (?P<name>[^ \n]+) (?P<signature>[A-Za-z0-9+/=]+)")


def check_entry_logged(entry: LogEntry, root: TrustRoot, *, where: str, is_oldest: bool) -> None:
    """Check that one of the root's logs says, by its signature, that it holds the entry.

    `is_oldest` is for bundles v0.1, which must bring a promise and needn't bring a proof. What the entry is about, and
    whether the log was in force, isn't looked at here. Raises `EvidenceError` where something doesn't hold,
    `TrustError` where the log's key can't be read.
    """
    log = _log(entry, root, where)
    key = load_log_key(log.key)
    # 1. The promise, where there is one: it binds index and time to the log's key.
    if entry.promise is not None:
        if entry.kind not in _PROMISED_KINDS:
            raise EvidenceError(
                PROMISE_INVALID,
                "logs that record entries of this kind give no promises",
                where=where,
                got=printable(entry.kind),
                expected=", ".join(sorted(_PROMISED_KINDS)),
            )
        _check_promise(entry, key, where)
    elif is_oldest:
        raise EvidenceError(LOG_ENTRY_MISSING, "the log entry of a bundle v0.1 comes without a promise", where=where)
    # 2. The proof: it leads from the entry to a root hash that the log has signed.
    proof = entry.proof
    if proof is None or proof.checkpoint is None:
        if is_oldest:
            return
        what = "the log entry comes without an inclusion proof"
        if proof is not None:
            what = "the inclusion proof comes without a checkpoint"
        raise EvidenceError(LOG_ENTRY_MISSING, what, where=where)
    _check_inclusion(entry, proof, where)
    _check_checkpoint(proof, log, key, where)
    # 3. Without a promise only the proof binds the index.
    if entry.promise is None and entry.index != proof.index:
        raise EvidenceError(
            LOG_PROOF_INVALID,
            "nothing binds the log index",
            where=where,
            got=str(entry.index),
            expected=str(proof.index),
        )


@lru_cache(maxsize=64)
def load_log_key(der: bytes) -> PublicKeyTypes:
    """Read the public key of a log (SubjectPublicKeyInfo, or PKCS #1 for RSA). Raises `TrustError`."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415  heavy

    try:
        return load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError(TRUST_ROOT_MALFORMED, "a log's public key can't be read") from error


def windows_of(logs: Sequence[LogKey], log_id: bytes) -> list[Window]:
    """Return the windows of the log of this id: of the key that signatures under the id are checked with."""
    named = [log for log in logs if log.log_id == log_id]
    return [log.window for log in named if log.key == named[0].key]


def root_of_path(index: int, size: int, leaf: bytes, path: tuple[bytes, ...]) -> bytes | None:
    """Return the root hash to which a path leads, or None where its length doesn't fit (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        return None
    left, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if left & 1 or left == last:
            found = _node(step, found)
            while left and not left & 1:
                left, last = left >> 1, last >> 1
        else:
            found = _node(found, step)
        left, last = left >> 1, last >> 1
    return found if last == 0 else None


def _log(entry: LogEntry, root: TrustRoot, where: str) -> LogKey:
    known = next((log for log in root.logs if log.log_id == entry.log_id), None)
    if known is None:
        raise EvidenceError(
            LOG_UNKNOWN,
            "the trust root names no such log",
            where=where,
            got=entry.log_id.hex(),
            expected=" or ".join(log.log_id.hex() for log in root.logs) or "none",
        )
    return known


def _check_promise(entry: LogEntry, key: PublicKeyTypes, where: str) -> None:
    # RFC 8785 of four members, sorted, none of which needs an escape.
    body, time = base64.b64encode(entry.body).decode(), entry.integrated_time or 0
    said = f'"body":"{body}","integratedTime":{time},"logID":"{entry.log_id.hex()}","logIndex":{entry.index}'
    promised = f"{{{said}}}".encode()
    if not signature_holds(key, entry.promise or b"", promised):
        raise EvidenceError(PROMISE_INVALID, "the log's promise isn't one of this entry, index and time", where=where)


def _check_inclusion(entry: LogEntry, proof: InclusionProof, where: str) -> None:
    leaf = hashlib.sha256(b"\x00" + entry.body).digest()
    computed = root_of_path(proof.index, proof.tree_size, leaf, proof.hashes)
    if computed is None:
        raise EvidenceError(
            LOG_PROOF_INVALID,
            "the inclusion proof doesn't fit its index and tree size",
            where=where,
            got=f"{len(proof.hashes)} hashes for index {proof.index} of {proof.tree_size}",
        )
    if computed != proof.root_hash:
        raise EvidenceError(
            LOG_PROOF_INVALID,
            "the inclusion proof doesn't lead to its root hash",
            where=where,
            got=computed.hex(),
            expected=proof.root_hash.hex(),
        )


@dataclass(frozen=True, slots=True)
class _Checkpoint:
    """A checkpoint, read: the text that is signed, what it says, and the signatures by name and hint."""

    text: bytes
    origin: str
    size: str
    root_hash: bytes
    signatures: tuple[tuple[str, bytes], ...]


def _check_checkpoint(proof: InclusionProof, log: LogKey, key: PublicKeyTypes, where: str) -> None:
    found = _checkpoint(proof.checkpoint or "", where)
    if found.size != str(proof.tree_size):
        raise EvidenceError(
            CHECKPOINT_INVALID,
            "the checkpoint is of another size than the proof",
            where=where,
            got=printable(found.size),
            expected=str(proof.tree_size),
        )
    if found.root_hash != proof.root_hash:
        raise EvidenceError(
            CHECKPOINT_INVALID,
            "the checkpoint is of another root hash than the proof",
            where=where,
            got=found.root_hash.hex(),
            expected=proof.root_hash.hex(),
        )
    # A log signs under the name that its origin begins with (Rekor 1 adds the number of the tree); others' signatures
    # on the same checkpoint are witnesses', and say nothing here.
    name, hint = found.origin.split(" - ")[0], log.log_id[:_HINT_BYTES]
    own = [raw[_HINT_BYTES:] for named, raw in found.signatures if named == name and raw[:_HINT_BYTES] == hint]
    if not any(signature_holds(key, signature, found.text) for signature in own):
        raise EvidenceError(
            CHECKPOINT_INVALID,
            "the checkpoint isn't signed by the log, under the log's name",
            where=where,
            got=", ".join(f"{printable(named)} {raw[:_HINT_BYTES].hex()}" for named, raw in found.signatures) or "none",
            expected=f"{printable(name)} {hint.hex()}",
        )


def _checkpoint(text: str, where: str) -> _Checkpoint:
    note, separator, signatures = text.partition("\n\n")
    lines = note.split("\n")
    matches = [_SIGNATURE_LINE.fullmatch(line) for line in signatures.split("\n")[:-1]]
    try:
        if not separator or not signatures.endswith("\n") or len(lines) < 3 or not lines[0]:  # noqa: PLR2004  origin, size, root
            raise ValueError  # noqa: TRY301  one answer for all that isn't a checkpoint
        root_hash = base64.b64decode(lines[2], validate=True)
        read = tuple((match["name"], base64.b64decode(match["signature"], validate=True)) for match in matches if match)
        if len(read) != len(matches) or len(root_hash) != _HASH_BYTES:
            raise ValueError  # noqa: TRY301  the same
    except (ValueError, binascii.Error) as error:
        raise EvidenceError(CHECKPOINT_INVALID, "the checkpoint is malformed", where=where) from error
    return _Checkpoint(f"{note}\n".encode(), lines[0], lines[1], root_hash, read)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
