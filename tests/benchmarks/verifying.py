"""How long verifying a bundle takes, against bare sigstore-python: ratios within one run, in process, warm, medians.

`make bench` runs it. It exits 1 where a ratio is over its bound. Both sides start from the bundle's bytes: ours ends
with a statement that has been read and checked, sigstore-python's `Bundle.from_json` and `verify_dsse` with the
payload's bytes alone. Runs alternate, so that whatever else the machine does falls on both.

The 1 MB row is over its bound. What isn't JSON takes what verify_dsse takes; the rest is reading the statement, which
only ours does: of that a third is the parser, a half the search for doubled keys (a call for each of 10,000 objects), a
sixth the depth. The bare parser would come to some 1.5; pydantic_core's, checked by writing the bytes again, to over 2.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, written
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier, policy

from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dbom.canonical import Json

_BOUND = 1.3
_SIZES = (("4 KB", 4_000), ("1 MB", 1_000_000))
_NOW = SIGNED_AT + timedelta(days=100)


@dataclass(frozen=True)
class Row:
    """One size: medians of both sides in milliseconds, and of reading the payload's JSON, which only ours does."""

    what: str
    ours: float
    theirs: float
    reading: float

    @property
    def ratio(self) -> float:
        """How many times as long ours takes."""
        return self.ours / self.theirs


def _statement(size: int) -> bytes:
    """Return a BOM statement of about so many bytes, with components as `dbom generate` writes them."""
    components: list[Json] = []
    while size > 0:
        number = len(components)
        item: Json = {
            "type": "file",
            "bom-ref": f"file-{number:06}",
            "name": f"data/part-{number:06}.parquet",
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(str(number).encode()).hexdigest()}],
        }
        components.append(item)
        size -= len(json.dumps(item))
    bom: dict[str, Json] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components}
    return Statement.build(Subject.of("data", Digest(Kind.FILE, "a" * 64)), PREDICATE_BOM, bom).payload


def _measured(calls: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(times):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            found[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(values) for name, values in found.items()}


def measure(what: str, size: int, times: int) -> Row:
    """Measure one size."""
    made = MadeSigstore()
    root = written(made.trusted_root())
    payload = _statement(size)
    raw = json.dumps(made.bundle(payload)).encode()
    authority = Authority("a", (IdentityPattern.exact(SUBJECT, ISSUER),), TrustRoot.parse(root, where="root"))
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(root),
        "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
    }
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(json.dumps(config)).trusted_root)
    expected = policy.Identity(identity=SUBJECT, issuer=ISSUER)

    def ours() -> None:
        assert isinstance(verify_bundle(raw, [authority], where="bench", now=_NOW), VerifiedStatement)

    def theirs() -> None:
        assert verifier.verify_dsse(Bundle.from_json(raw), expected)[1] == payload

    calls = {"ours": ours, "theirs": theirs, "reading": lambda: Statement.parse(payload, where="bench")}
    return Row(what, **_measured(calls, times))


def main() -> int:
    """Measure each size, print a table, and return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, which say little")
    asked = parser.parse_args()
    rows = [
        measure(f"verify a bundle of a {what} statement", size, 10 if asked.quick else 100) for what, size in _SIZES
    ]
    sys.stdout.write("what | dbom ms | verify_dsse ms | ratio | bound | of it reading the statement's JSON\n")
    for row in rows:
        verdict = "ok" if row.ratio <= _BOUND else "OVER"
        took = f"{row.ours:.2f} | {row.theirs:.2f} | {row.ratio:.2f}"
        sys.stdout.write(f"{row.what} | {took} | {_BOUND} {verdict} | {row.reading:.2f} ms\n")
    return int(any(row.ratio > _BOUND for row in rows))


if __name__ == "__main__":
    sys.exit(main())
