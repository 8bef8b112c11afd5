"""The acceptance matrix: what each way to sign gives, who reads it, and why not where somebody can't.

`ROWS` are the ways to sign, `PEERS` who else signs and verifies. `THEY_READ` says of each pair whether the peer takes
what dbom signs that way, `THEY_WRITE` whether dbom takes what the peer signs that way. A cell is `YES` or a `No` with
the reason, and the peer's own words by which a test sees that it is so. docs/guide/acceptance.md shows the same.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PEERS", "ROWS", "THEY_READ", "THEY_WRITE", "YES", "No", "as_markdown"]

PEERS = ("cosign", "sigstore-python", "sigstore-js", "model_signing")

ROWS = {
    "keyless, local": "the embedded local Sigstore",
    "keyless, private": "Fulcio, CT log, Rekor v2 and time stamps of one's own",
    "key": "a bare key",
    "key + log": "a key, with an entry in a transparency log",
    "certificate": "a certificate of one's own authority, with a time stamp",
    "OMS": "a statement of OpenSSF Model Signing about a model, by a key",
}
"""The ways to sign, and what each is."""


@dataclass(frozen=True, slots=True)
class No:
    """A peer can't, or dbom won't: why, and a regular expression of what whoever says no says when asked to."""

    reason: str
    said: str
    says_dbom: bool = False


YES = None
"""The peer can, and nothing remains to be said."""

_ONLY_OMS = No("it reads OMS statements alone; see the OMS row", r"Predicate type mismatch")
_NEEDS_CERTIFICATE = No("it reads no bundle without a certificate", "expected certificate in bundle")
_KEYLESS_ONLY = No("it signs keyless alone", "unrecognized arguments: --key")
_SLSA_ONLY = No("its command line makes statements of SLSA provenance alone", "argument --predicate-type: invalid")
_DSSE_ENTRY = No(
    "version 5.0 logs a statement as a `dsse` entry, and Rekor v2 takes `hashedrekord` alone",
    r"invalid type, must be hashedrekord",
)

THEY_READ: dict[tuple[str, str], No | None] = {
    ("keyless, local", "cosign"): YES,
    ("keyless, local", "sigstore-python"): YES,
    ("keyless, local", "sigstore-js"): YES,
    ("keyless, local", "model_signing"): _ONLY_OMS,
    ("keyless, private", "cosign"): YES,
    ("keyless, private", "sigstore-python"): YES,
    ("keyless, private", "sigstore-js"): YES,
    ("keyless, private", "model_signing"): _ONLY_OMS,
    ("key", "cosign"): YES,
    ("key", "sigstore-python"): _NEEDS_CERTIFICATE,
    ("key", "sigstore-js"): YES,
    ("key", "model_signing"): _ONLY_OMS,
    ("key + log", "cosign"): YES,
    ("key + log", "sigstore-python"): _NEEDS_CERTIFICATE,
    ("key + log", "sigstore-js"): YES,
    ("key + log", "model_signing"): _ONLY_OMS,
    ("certificate", "cosign"): YES,
    ("certificate", "sigstore-python"): No(
        "it works under no trusted root without a log", "trusted root contains no transparency log"
    ),
    ("certificate", "sigstore-js"): YES,
    ("certificate", "model_signing"): No(
        "it wants a certificate in a chain, and bundles of version 0.3 hold it alone",
        "'NoneType' object has no attribute 'certificates'",
    ),
}
"""Whether the peer takes what dbom signs."""

THEY_WRITE: dict[tuple[str, str], No | None] = {
    ("keyless, private", "cosign"): YES,
    ("keyless, private", "sigstore-python"): YES,
    ("keyless, private", "sigstore-js"): _DSSE_ENTRY,
    ("keyless, private", "model_signing"): YES,
    ("key", "cosign"): YES,
    ("key", "sigstore-python"): _KEYLESS_ONLY,
    ("key", "sigstore-js"): YES,
    ("key", "model_signing"): YES,
    ("key + log", "cosign"): YES,
    ("key + log", "sigstore-python"): _KEYLESS_ONLY,
    ("key + log", "sigstore-js"): _DSSE_ENTRY,
    ("key + log", "model_signing"): No(
        "what it signs with a key it has no way to log", "No such option '--trust_config'"
    ),
    ("certificate", "cosign"): YES,
    ("certificate", "sigstore-python"): _KEYLESS_ONLY,
    ("certificate", "sigstore-js"): YES,
    ("certificate", "model_signing"): No(
        "it has no time stamp made, and dbom takes no certificate whose signature nobody dates",
        "DBOM-334",
        says_dbom=True,
    ),
    ("OMS", "cosign"): YES,
    ("OMS", "sigstore-python"): _SLSA_ONLY,
    ("OMS", "sigstore-js"): YES,
    ("OMS", "model_signing"): YES,
}
"""Whether the peer signs so, and dbom takes it."""


def as_markdown() -> str:
    """Return the two tables and the reasons, as docs/guide/acceptance.md shows them."""
    reasons: list[str] = []

    def cell(found: dict[tuple[str, str], No | None], row: str, peer: str) -> str:
        if (row, peer) not in found:
            return "—"
        no = found[row, peer]
        if no is None:
            return "yes"
        if no.reason not in reasons:
            reasons.append(no.reason)
        return f"no ({reasons.index(no.reason) + 1})"

    def table(found: dict[tuple[str, str], No | None]) -> list[str]:
        head = [f"| signed with | {' | '.join(PEERS)} |", "|---" * (len(PEERS) + 1) + "|"]
        return head + [f"| {row} | {' | '.join(cell(found, row, peer) for peer in PEERS)} |" for row in ROWS]

    ways = [f"- **{row}**: {what}" for row, what in ROWS.items()]
    first, second = table(THEY_READ), table(THEY_WRITE)
    why = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    parts = [
        "## The ways to sign\n",
        *ways,
        "\n## What dbom signs, read by others\n",
        *first,
        "\n## What others sign, read by dbom\n",
        *second,
        "\n## Why not\n",
        *why,
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(as_markdown())
