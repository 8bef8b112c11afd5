"""Checking whole logs: every entry, every stored node, the head and its signature, and what older heads vouched for.

One pass over a log, in memory that doesn't grow with it. Nothing is changed, and nothing is taken from the stored tree
that isn't computed anew from the entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import InvalidVersion, load_der_x509_certificate

from attest.local import old_log
from attest.local.certificates import party_of
from attest.local.generations import all_folders, base_of
from attest.local.log import LogReader
from attest.local.merkle import Frontier, check_consistency, leaf_hash
from attest.local.roots import log_origin
from attest.trust import TrustRoot
from attest.trust_summary import NamedLog, TrustSummary
from dbom.errors import PathError, SigningError
from dbom.printable import printable
from dbom.rules.attestations import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from attest.local.checkpoints import Checkpoint
    from attest.local.logged import LoggedBundle, LoggedEntry

__all__ = ["CheckedLog", "LocalLog", "LoggingSigstore", "check_log", "logs_of"]

_MOST_FAULTS: Final = 20

# Where the certificate stands in an entry of a certificate log (RFC 6962, sections 3.2 and 3.4): behind versions, type,
# time, the issuer's key and its own length, before two bytes for extensions.
_CERTIFICATE: Final = slice(47, -2)


@dataclass(frozen=True, slots=True)
class LocalLog:
    """One log of a local Sigstore: its folder, its name, its key as the trust root names it, and what it logs."""

    folder: Path
    generation: int
    name: str
    log_id: str
    key: ec.EllipticCurvePublicKey
    logs_certificates: bool

    @property
    def reader(self) -> LogReader:
        """Read it."""
        return LogReader(self.folder)


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """What was found in one log. It holds where `faults` is empty; there are at most 20 and a last line for the rest.

    `checkpoint` is the text of its signed head, empty where there is none; `notes` are no faults.
    """

    log: LocalLog
    size: int
    root: bytes
    checkpoint: str
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.faults


class LoggingSigstore(Protocol):
    """A Sigstore in a folder, of a local identity or a served one."""

    @property
    def folder(self) -> Path:
        """Where its keys in force are."""

    def trusted_root(self) -> bytes:
        """Return `trusted_root.json`."""


def logs_of(sigstore: LoggingSigstore) -> tuple[LocalLog, ...]:
    """Return every log of a Sigstore, oldest first: of each generation the transparency and the certificate log.

    Raises `PathError` where the trust root names no key for one of them, or doesn't say whose it is.
    """
    where = printable(str(sigstore.folder))
    root = TrustRoot.parse(sigstore.trusted_root(), where=where)
    try:
        issuer = party_of(load_der_x509_certificate(root.authorities[0].certificates[-1])).name
    except (IndexError, ValueError, InvalidVersion) as error:
        raise PathError(LOCAL_STATE, "the trust root doesn't say whose it is", where=where) from error
    summary = TrustSummary.of(root)
    found: list[LocalLog] = []
    for number, folder in enumerate(all_folders(base_of(sigstore.folder))):
        origin = log_origin(issuer, number)
        for place, name, known in (
            ("log", origin, summary.logs),
            ("ct-log", f"ct.{origin}", summary.certificate_logs),
        ):
            named = _named(known, name, folder / place)
            found.append(
                LocalLog(folder / place, number, name, named.log_id, _public(named, folder), place == "ct-log")
            )
    return tuple(found)


def check_log(log: LocalLog, *, since: Sequence[Checkpoint] = (), bundles: Sequence[LoggedBundle] = ()) -> CheckedLog:
    """Check one log as a whole. `since` are older heads of it; `bundles` must all be in it.

    A transparency log must hold the entries of the bundles, a certificate log their certificates. Raises `PathError`
    where it can't be read.
    """
    try:
        if log.reader.is_old:
            return _check_old(log, since, bundles)
        head = log.reader.head()
    except SigningError as error:
        return CheckedLog(log, 0, b"", "", (error.what,), ())
    entries = [] if log.logs_certificates else [entry for item in bundles for entry in item.entries]
    certificates = [item for item in bundles if item.certificate is not None] if log.logs_certificates else []
    run = _Pass(log, head, {item.size for item in since} | {entry.checkpoint.size for entry in entries})
    run.over(_certified(certificates))
    faults = [
        *_head_faults(log, head),
        *run.faults,
        *(fault for item in since for fault in _since_faults(log, head, item, run.roots)),
        *(fault for entry in entries for fault in _entry_faults(log, entry, run.roots)),
        *(f"the certificate of {where} isn't in it" for where in run.missing),
    ]
    return CheckedLog(log, head.size, head.root, head.text, tuple(faults), tuple(run.notes))


def _check_old(log: LocalLog, since: Sequence[Checkpoint], bundles: Sequence[LoggedBundle]) -> CheckedLog:
    """Check a log of an older dbom: its entries and its unsigned head. More can be asked once it is in today's form."""
    try:
        frontier = old_log.rebuilt(log.folder)[0]
        for _ in old_log.entries(log.folder):
            pass
    except SigningError as error:
        return CheckedLog(log, 0, b"", "", (error.what,), ())
    note = "kept by an older dbom, without a signed head; the next signature gives it one"
    asked = ("what was asked can't be told before that",) if since or bundles else ()
    return CheckedLog(log, frontier.size, frontier.root, "", asked, (note,))


def _certified(bundles: Sequence[LoggedBundle]) -> dict[bytes, str]:
    """Return what a certificate log holds of each bundle's certificate, and where the bundle was read."""
    found = {}
    for item in bundles:
        try:
            certificate = load_der_x509_certificate(item.certificate or b"")
            found[certificate.tbs_precertificate_bytes] = item.where
        except (ValueError, InvalidVersion):
            found[item.where.encode()] = item.where
    return found


class _Pass:
    """One pass over the entries of a log, computing its tree anew; `roots` are those at the sizes that were asked."""

    def __init__(self, log: LocalLog, head: Checkpoint, sizes: set[int]) -> None:
        self._log, self._head, self._sizes = log, head, sizes
        self._frontier = Frontier()
        self._more = 0
        self.roots: dict[int, bytes] = {}
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.missing: tuple[str, ...] = ()

    def over(self, wanted: dict[bytes, str]) -> None:
        """Read every entry; `wanted` are certificates, of which those that aren't met are `missing`."""
        self._note_root()
        try:
            for index, entry, leaf, nodes in self._log.reader.records():
                if (got := leaf_hash(entry)) != leaf:
                    self._fault(f"entry {index} is not what was logged: got {got.hex()}, expected {leaf.hex()}")
                if self._frontier.add(leaf)[1:] != nodes:
                    self._fault(f"the tree behind entry {index} isn't the one over the entries")
                wanted.pop(entry[_CERTIFICATE], None)
                self._note_root()
        except SigningError as error:
            self._fault(error.what)
        if self._frontier.size == self._head.size and self._frontier.root != self._head.root:
            self._fault(
                "the head isn't the root over the entries:"
                f" got {self._frontier.root.hex()}, expected {self._head.root.hex()}"
            )
        self.missing = tuple(wanted.values())
        if self._more:
            self.faults.append(f"and {self._more} more")
        if behind := self._log.reader.unacknowledged_bytes():
            self.notes.append(f"{behind} bytes behind the head were never acknowledged; the next writer clears them")

    def _note_root(self) -> None:
        if self._frontier.size in self._sizes:
            self.roots[self._frontier.size] = self._frontier.root

    def _fault(self, what: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(what)
        else:
            self._more += 1


def _head_faults(log: LocalLog, head: Checkpoint) -> Iterator[str]:
    if head.name != log.name:
        yield f"the head is of another log: got {printable(head.name)}, expected {log.name}"
    if not head.is_signed_by(log.key):
        yield "the head isn't signed by the key that the trust root names"


def _since_faults(log: LocalLog, head: Checkpoint, old: Checkpoint, roots: dict[int, bytes]) -> Iterator[str]:
    if not old.is_signed_by(log.key):
        yield f"the older head (size {old.size}) isn't signed by this log's key"
        return
    if old.size > head.size:
        yield f"the log has lost entries since: got {head.size}, expected at least {old.size}"
        return
    if roots.get(old.size) != old.root:
        got = roots.get(old.size, b"").hex()
        yield f"the log isn't a continuation of the older head (size {old.size}): got {got}, expected {old.root.hex()}"
        return
    try:
        proof = log.reader.consistency(old.size, head.size)
    except SigningError as error:
        yield error.what
        return
    if not check_consistency(old.size, head.size, old.root, head.root, proof):
        yield f"the stored tree proves no consistency from size {old.size}"


def _entry_faults(log: LocalLog, entry: LoggedEntry, roots: dict[int, bytes]) -> Iterator[str]:
    index, body, head = entry.index, entry.body, entry.checkpoint
    try:
        logged = log.reader.entry(index)
    except IndexError:
        yield f"it has no entry {index}, which the bundle names"
        return
    except SigningError as error:
        yield error.what
        return
    if logged != body:
        yield f"entry {index} isn't the bundle's: got {leaf_hash(logged).hex()}, expected {leaf_hash(body).hex()}"
    if not head.is_signed_by(log.key):
        yield "the bundle's checkpoint isn't signed by this log's key"
    elif roots.get(head.size) != head.root:
        got = roots.get(head.size, b"").hex()
        yield f"the log was never what the bundle's checkpoint says: got {got}, expected {head.root.hex()}"


def _named(known: Sequence[NamedLog], name: str, folder: Path) -> NamedLog:
    for item in known:
        if urlsplit(item.url).hostname == name:
            return item
    raise PathError(LOCAL_STATE, f"the trust root names no log {name}", where=printable(str(folder)))


def _public(named: NamedLog, folder: Path) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(named.key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PathError(LOCAL_STATE, "a log's key is malformed", where=printable(str(folder))) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise PathError(LOCAL_STATE, "a log's key isn't one of ECDSA", where=printable(str(folder)))
    return key
