"""How a gate is, as far as its files tell: its snapshot, its journal, its certificate; or asked of the gate itself.

From files it is one JSON document, `dbom.dev/admission-status/v1`, in which null is what isn't known. What a running
webhook serves at `/status` (`admission.status`) is passed on as it is.
"""

from __future__ import annotations

import ssl
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.error import URLError
from urllib.request import HTTPSHandler, build_opener

from admission.decision import Verdict
from admission.journal.reporting import Window, read_journals
from attest.files import read_file
from attest.revocation.status import Revocations
from dbom.canonical import json_object
from dbom.errors import DocumentError, StoreError
from dbom.model import Unknown
from dbom.names import schema_name
from dbom.printable import printable
from dbom.rules.admission import SERVER_SETUP
from dbom.rules.journals import STATUS_UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.evidence import Evidence
    from admission.policy import Policy
    from dbom.canonical import Json, JsonObject

__all__ = ["Status", "certificate_end", "read_status", "recorded_status"]

_LONGEST: Final = 4 * 1024 * 1024
_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known of a gate at `at`; a part that isn't is None. `decisions` are counts by verdict.

    `snapshot` is its digest, sequence and time; `last_error` when and what; `cache` its hits, misses and entries.
    """

    at: datetime
    policies: Sequence[Policy] | None = None
    evidence: Evidence | None = None
    snapshot: tuple[str, int, datetime] | None = None
    certificate_end: datetime | None = None
    last_error: tuple[datetime, str] | None = None
    decisions: Mapping[str, int] | None = None
    denied: int | None = None
    dry_runs: int | None = None
    cache: Mapping[str, int] | None = None
    journal: JsonObject | None = None

    def to_json(self) -> JsonObject:
        """Return the document."""
        error = self.last_error
        return {
            "schema": schema_name("admission-status"),
            "at": _instant(self.at),
            "policies": None if self.policies is None else [_policy(item) for item in self.policies],
            "evidence": None if self.evidence is None else self._evidence(self.evidence),
            "snapshot": None if self.snapshot is None else self._snapshot(*self.snapshot),
            "revocations": None if self.evidence is None else self._revocations(self.evidence),
            "certificate": None if self.certificate_end is None else self._certificate(self.certificate_end),
            "lastError": None if error is None else {"at": _instant(error[0]), "what": printable(error[1], limit=2000)},
            "decisions": None if self.decisions is None else dict(self.decisions),
            "denied": self.denied,
            "dryRuns": self.dry_runs,
            "cache": None if self.cache is None else dict(self.cache),
            "journal": self.journal,
        }

    def _evidence(self, evidence: Evidence) -> JsonObject:
        read = evidence.synced_at
        return {
            "digest": evidence.digest,
            "bundles": evidence.read,
            "syncedAt": None if read is None else _instant(read),
            "ageSeconds": None if read is None else self._since(read),
        }

    def _snapshot(self, digest: str, sequence: int, made_at: datetime) -> JsonObject:
        return {"digest": digest, "sequence": sequence, "madeAt": _instant(made_at), "ageSeconds": self._since(made_at)}

    def _revocations(self, evidence: Evidence) -> list[Json]:
        heads: list[Json] = []
        for name, item in sorted(evidence.policies.items()):
            if isinstance(item.revocations, Unknown):
                heads.append({"policy": name, "unknown": printable(item.revocations.reason)})
            elif isinstance(item.revocations, Revocations):
                heads += [{"policy": name, "unknown": printable(doubt.message)} for doubt in item.revocations.doubts]
                for statement, head in item.revocations.current:
                    age = self._since(head.issued)
                    by = printable(str(statement.signer))
                    heads.append({"policy": name, "by": by, "sequence": head.sequence, "ageSeconds": age})
        return heads

    def _certificate(self, end: datetime) -> JsonObject:
        return {"notAfter": _instant(end), "secondsLeft": -self._since(end)}

    def _since(self, moment: datetime) -> int:
        return int((self.at - moment).total_seconds())


def recorded_status(paths: Iterable[Path]) -> tuple[JsonObject, dict[str, int], int, int]:
    """Return what journals say: the newest chain, decisions by verdict, how many were denied, and the dry runs.

    Raises `PathError` as `read_journals` does.
    """
    journals = read_journals(paths, Window())
    ends = [(chain.files[-1].last, chain) for chain in journals.chains]
    last, chain = max(ends, key=lambda item: (item[0] is not None, item[0].at.timestamp() if item[0] else 0.0))
    found = Counter(item.verdict for item in journals.decisions)
    dry = sum(item.counts(lambda _: True).get("dryRuns", 0) for chain in journals.chains for item in chain.files)
    document: JsonObject = {
        "replica": chain.replica,
        "chain": chain.name,
        "number": chain.last_number,
        "head": chain.files[-1].check.head,
        "at": None if last is None else _instant(last.at),
        "holds": not journals.faults and all(item.holds for item in journals.chains),
    }
    counts = {str(verdict): found[verdict] for verdict in Verdict}
    return document, counts, sum(not item.allowed for item in journals.decisions), dry


def certificate_end(path: Path) -> datetime:
    """Return until when a serving certificate (PEM, its own first) holds. Raises `PathError`, `DocumentError`."""
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415  heavy

    where = printable(str(path))
    try:
        found = load_pem_x509_certificates(read_file(path, limit=_LONGEST, what="certificate"))
    except ValueError as error:
        raise DocumentError(SERVER_SETUP, "not a certificate in PEM", where=where) from error
    return found[0].not_valid_after_utc


def read_status(url: str, *, ca_cert: Path | None) -> JsonObject:
    """Return the status that a running webhook serves at `url` (https), vouched for by `ca_cert` where it is given.

    Raises `StoreError` where it can't be had, `DocumentError` where what comes isn't one.
    """
    where = printable(url)
    if not url.startswith("https://"):
        raise StoreError(STATUS_UNREADABLE, "it is asked over TLS only", where=where, expected="https://HOST:PORT")
    address = url if url.endswith("/status") else f"{url.rstrip('/')}/status"
    try:
        context = ssl.create_default_context(cafile=None if ca_cert is None else str(ca_cert))
        with build_opener(HTTPSHandler(context=context)).open(address, timeout=_SECONDS) as answer:
            data = answer.read(_LONGEST)
    except (URLError, OSError, ssl.SSLError, ValueError) as error:
        raise StoreError(STATUS_UNREADABLE, f"can't be had: {printable(str(error))}", where=where) from error
    document = json_object(data, where=where)
    if document.get("schema") != schema_name("admission-serve-status"):
        raise DocumentError(STATUS_UNREADABLE, "what answers there isn't a gate's status", where=where)
    return document


def _policy(item: Policy) -> JsonObject:
    return {"name": item.name, "namespace": item.namespace, "mode": str(item.mode), "digest": item.digest}


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
