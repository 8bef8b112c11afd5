"""How a trust root is shown: in words, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from attest.trust import Window
    from attest.trust_summary import NamedChain, NamedLog, TrustSummary
    from dbom.canonical import JsonObject

__all__ = ["document_of", "lines_of"]


def lines_of(summary: TrustSummary, now: datetime) -> Iterator[str]:
    """Give the lines of a trust root for a person."""
    yield f"trust root sha256:{summary.sha256}"
    if summary.issuer_scope is None:
        yield "vouches for every issuer that its authorities name"
    else:
        yield f"of an embedded local Sigstore: vouches for {printable(summary.issuer_scope)} alone,"
        yield "only as good as the machine that holds its keys"
    for title, chains in (("Certificate authorities", summary.authorities), ("Time stampers", summary.time_stampers)):
        yield f"\n{title}"
        yield from _chains(chains, now)
    for title, logs in (("Certificate logs", summary.certificate_logs), ("Transparency logs", summary.logs)):
        yield f"\n{title}"
        yield from _logs(logs, now)


def document_of(summary: TrustSummary, now: datetime) -> JsonObject:
    """Return the JSON of a trust root."""
    return {
        "sha256": summary.sha256,
        "issuerScope": summary.issuer_scope and printable(summary.issuer_scope),
        "certificateAuthorities": [_chain_document(item, now) for item in summary.authorities],
        "certificateLogs": [_log_document(item, now) for item in summary.certificate_logs],
        "transparencyLogs": [_log_document(item, now) for item in summary.logs],
        "timeStampers": [_chain_document(item, now) for item in summary.time_stampers],
    }


def _chains(chains: tuple[NamedChain, ...], now: datetime) -> Iterator[str]:
    for item in chains:
        yield f"  {printable(item.organization) or 'no organisation'}: {printable(item.name) or 'no name'}"
        yield f"    {_when(item.window, now)}"
        if item.uri:
            yield f"    {printable(item.uri)}"
        for subject, fingerprint in zip(item.subjects, item.fingerprints, strict=True):
            yield f"    certificate {printable(subject) or 'without a name'}"
            yield f"      sha256:{fingerprint}"
    if not chains:
        yield "  none"


def _logs(logs: tuple[NamedLog, ...], now: datetime) -> Iterator[str]:
    for item in logs:
        yield f"  {printable(item.url) or 'no address'}"
        yield f"    {_when(item.window, now)}"
        yield f"    log id {item.log_id}, {printable(item.key_kind) or 'key of no kind said'}"


def _when(window: Window, now: datetime) -> str:
    start = _shown(window.start) or "ever"
    end = _shown(window.end)
    return f"{_state(window, now)}, from {start}" + (f" to {end}" if end else " on")


def _state(window: Window, now: datetime) -> str:
    if window.ended(now):
        return "ended"
    return "in force" if window.holds(now) else "not yet in force"


def _chain_document(item: NamedChain, now: datetime) -> JsonObject:
    return {
        "organization": printable(item.organization),
        "name": printable(item.name),
        "uri": printable(item.uri),
        "certificates": [
            {"subject": printable(subject), "sha256": fingerprint}
            for subject, fingerprint in zip(item.subjects, item.fingerprints, strict=True)
        ],
        **_window_document(item.window, now),
    }


def _log_document(item: NamedLog, now: datetime) -> JsonObject:
    return {
        "url": printable(item.url),
        "logId": item.log_id,
        "keyKind": printable(item.key_kind),
        **_window_document(item.window, now),
    }


def _window_document(window: Window, now: datetime) -> JsonObject:
    return {"start": _shown(window.start), "end": _shown(window.end), "state": _state(window, now)}


def _shown(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
