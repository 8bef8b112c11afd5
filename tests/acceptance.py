"""The acceptance matrix: what each way to sign gives, who reads it, and why not where somebody can't.

`ROWS` are the ways to sign, `PEERS` who else signs and verifies. `THEY_READ` says of each pair whether the peer takes
what dbom signs that way, `THEY_WRITE` whether dbom takes what the peer signs that way. A cell is `YES` or a `No` with
the reason, and the peer's own words by which a test sees that it is so. docs/guide/acceptance.md shows the same.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OMS", "PEERS", "ROWS", "THEY_READ", "THEY_WRITE", "YES", "No", "as_markdown"]

PEERS = ("cosign", "sigstore-python", "sigstore-js", "model_signing")

OMS = "OMS, "
"""What a row begins with where it is a model that is signed, by a statement of OpenSSF Model Signing."""

_WAYS = {
    "keyless, local": "the embedded local Sigstore; others sign against one that `dbom trust serve` offers",
    "keyless, private": "Fulcio, CT log, Rekor v2 and time stamps of one's own",
    "key": "a bare key",
    "key + log": "a key, with an entry in a transparency log",
    "certificate": "a certificate of one's own authority, with a time stamp",
}

ROWS = (*_WAYS, *(f"{OMS}{way}" for way in _WAYS))
"""What is signed, and how."""


@dataclass(frozen=True, slots=True)
class No:
    """A peer can't: why, and a regular expression of what it says when asked to."""

    reason: str
    said: str


YES = None
"""The peer can, and nothing remains to be said."""

_OMS_READER = No("it reads OMS statements alone; see the rows below", "Predicate type mismatch")
_OMS_SIGNER = No("it makes OMS statements alone; see the rows below", "No such option '--predicate_type'")
_NEEDS_CERTIFICATE = No("it reads no bundle without a certificate", "expected certificate in bundle")
_NEEDS_LOG = No("it works under no trusted root without a log", "trusted root contains no transparency log")
_KEYLESS_ONLY = No("it signs keyless alone", "unrecognized arguments: --key")
_SLSA_ONLY = No("its command line makes statements of SLSA provenance alone", "argument --predicate-type: invalid")
_DSSE_ENTRY = No(
    "version 5.0 logs a statement as a `dsse` entry, and Rekor v2 takes `hashedrekord` alone",
    r"invalid type, must be hashedrekord",
)
_UNLOGGED = No("what it signs with a key it has no way to log", "No such option '--trust_config'")
_CHAINS = "bundles of version 0.3 hold a certificate alone, but model_signing reads them with a chain alone"

THEY_READ: dict[tuple[str, str], No | None] = {
    ("keyless, local", "cosign"): YES,
    ("keyless, local", "sigstore-python"): YES,
    ("keyless, local", "sigstore-js"): YES,
    ("keyless, local", "model_signing"): _OMS_READER,
    ("keyless, private", "cosign"): YES,
    ("keyless, private", "sigstore-python"): YES,
    ("keyless, private", "sigstore-js"): YES,
    ("keyless, private", "model_signing"): _OMS_READER,
    ("key", "cosign"): YES,
    ("key", "sigstore-python"): _NEEDS_CERTIFICATE,
    ("key", "sigstore-js"): YES,
    ("key", "model_signing"): _OMS_READER,
    ("key + log", "cosign"): YES,
    ("key + log", "sigstore-python"): _NEEDS_CERTIFICATE,
    ("key + log", "sigstore-js"): YES,
    ("key + log", "model_signing"): _OMS_READER,
    ("certificate", "cosign"): YES,
    ("certificate", "sigstore-python"): _NEEDS_LOG,
    ("certificate", "sigstore-js"): YES,
    ("certificate", "model_signing"): No(_CHAINS, "'NoneType' object has no attribute 'certificates'"),
    ("OMS, keyless, local", "cosign"): YES,
    ("OMS, keyless, local", "sigstore-python"): YES,
    ("OMS, keyless, local", "sigstore-js"): YES,
    ("OMS, keyless, local", "model_signing"): YES,
    ("OMS, keyless, private", "cosign"): YES,
    ("OMS, keyless, private", "sigstore-python"): YES,
    ("OMS, keyless, private", "sigstore-js"): YES,
    ("OMS, keyless, private", "model_signing"): YES,
    ("OMS, key", "cosign"): YES,
    ("OMS, key", "sigstore-python"): _NEEDS_CERTIFICATE,
    ("OMS, key", "sigstore-js"): YES,
    ("OMS, key", "model_signing"): YES,
    ("OMS, key + log", "cosign"): YES,
    ("OMS, key + log", "sigstore-python"): _NEEDS_CERTIFICATE,
    ("OMS, key + log", "sigstore-js"): YES,
    ("OMS, key + log", "model_signing"): YES,
    ("OMS, certificate", "cosign"): YES,
    ("OMS, certificate", "sigstore-python"): _NEEDS_LOG,
    ("OMS, certificate", "sigstore-js"): No(_CHAINS, "invalid bundle"),
    ("OMS, certificate", "model_signing"): YES,
}
"""Whether the peer takes what dbom signs."""

THEY_WRITE: dict[tuple[str, str], No | None] = {
    ("keyless, local", "cosign"): YES,
    ("keyless, local", "sigstore-python"): YES,
    ("keyless, local", "sigstore-js"): YES,
    ("keyless, local", "model_signing"): _OMS_SIGNER,
    ("keyless, private", "cosign"): YES,
    ("keyless, private", "sigstore-python"): YES,
    ("keyless, private", "sigstore-js"): _DSSE_ENTRY,
    ("keyless, private", "model_signing"): _OMS_SIGNER,
    ("key", "cosign"): YES,
    ("key", "sigstore-python"): _KEYLESS_ONLY,
    ("key", "sigstore-js"): YES,
    ("key", "model_signing"): _OMS_SIGNER,
    ("key + log", "cosign"): YES,
    ("key + log", "sigstore-python"): _KEYLESS_ONLY,
    ("key + log", "sigstore-js"): _DSSE_ENTRY,
    ("key + log", "model_signing"): _UNLOGGED,
    ("certificate", "cosign"): YES,
    ("certificate", "sigstore-python"): _KEYLESS_ONLY,
    ("certificate", "sigstore-js"): YES,
    ("certificate", "model_signing"): _OMS_SIGNER,
    ("OMS, keyless, local", "cosign"): YES,
    ("OMS, keyless, local", "sigstore-python"): _SLSA_ONLY,
    ("OMS, keyless, local", "sigstore-js"): YES,
    ("OMS, keyless, local", "model_signing"): YES,
    ("OMS, keyless, private", "cosign"): YES,
    ("OMS, keyless, private", "sigstore-python"): _SLSA_ONLY,
    ("OMS, keyless, private", "sigstore-js"): _DSSE_ENTRY,
    ("OMS, keyless, private", "model_signing"): YES,
    ("OMS, key", "cosign"): YES,
    ("OMS, key", "sigstore-python"): _KEYLESS_ONLY,
    ("OMS, key", "sigstore-js"): YES,
    ("OMS, key", "model_signing"): YES,
    ("OMS, key + log", "cosign"): YES,
    ("OMS, key + log", "sigstore-python"): _KEYLESS_ONLY,
    ("OMS, key + log", "sigstore-js"): _DSSE_ENTRY,
    ("OMS, key + log", "model_signing"): _UNLOGGED,
    ("OMS, certificate", "cosign"): YES,
    ("OMS, certificate", "sigstore-python"): _KEYLESS_ONLY,
    ("OMS, certificate", "sigstore-js"): YES,
    ("OMS, certificate", "model_signing"): YES,
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

    ways = [f"- **{way}**: {what}" for way, what in _WAYS.items()]
    ways += [f"- **{OMS}…**: the same, where a model is signed, by a statement of OpenSSF Model Signing"]
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
