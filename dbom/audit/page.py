"""The report as one HTML page: no script, nothing from outside, nothing that a stranger's text could start."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING, Final

from dbom.audit.report import Result
from dbom.audit.style import PAGE_STYLE
from dbom.audit.tables import artifact_id, artifact_table, bundle_table, expected_table, findings_table
from lineage.graph import EdgeStatus
from lineage.outline import how_many
from lineage.style import MEANING, PICTURE_STYLE
from lineage.svg import picture_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbom.audit.report import Report

__all__ = ["page_of"]

_SHRINKS: Final = 1800
"""A picture up to this width, in pixels, is shrunk to the page; a wider one would be too small to read and scrolls."""

_TONES: Final = {
    EdgeStatus.VERIFIED: "good",
    EdgeStatus.UNTRUSTED: "warn",
    EdgeStatus.ASSERTED: "warn",
    EdgeStatus.INVALID: "bad",
    EdgeStatus.REVOKED: "bad",
    EdgeStatus.MISSING: "none",
}


def page_of(report: Report) -> str:
    """Return the report as HTML that stands alone: it can be mailed, archived and printed."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(PAGE_STYLE, PICTURE_STYLE)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Provenance report, {_moment(report)}</title>\n"
        f"<style>{PAGE_STYLE}</style>\n<style>{PICTURE_STYLE}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#bundles">Skip to the bundles</a>\n'
        f"{_head(report)}<main>\n{_summary(report)}{_lineage(report)}{_artifacts(report)}{_bundles(report)}"
        f"{_expectations(report)}{_findings(report)}{_blind_spots(report)}</main>\n"
        f"<footer>Written by dbom {escape(report.version)}. The same stores, expectations and time give the same page."
        "</footer>\n</body>\n</html>\n"
    )


def _policy(*styles: str) -> str:
    """Allow nothing but these style sheets, by their digests (CSP level 3, section 2.3.1)."""
    digests = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in styles)
    return f"default-src 'none'; style-src {digests}; base-uri 'none'; form-action 'none'"


def _moment(report: Report) -> str:
    return report.at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _head(report: Report) -> str:
    stores = "<br>".join(f"<code>{escape(store)}</code>" for store in report.stores)
    return (
        '<header class="top">\n<p class="eyebrow">dbom · provenance report</p>\n'
        f"<h1>What is signed, by whom, and what is not</h1>\n{_lead(report)}"
        f'<dl class="facts"><dt>Evaluated at</dt><dd>{_moment(report)}</dd>'
        f"<dt>{'Store' if len(report.stores) == 1 else 'Stores'}</dt><dd>{stores}</dd></dl>\n</header>\n"
    )


def _lead(report: Report) -> str:
    total, verified = len(report.bundles), report.count(Result.VERIFIED)
    if not report.expected:
        text = f"Nobody was expected to have signed, so {_none_of(total)} here could be verified."
    elif verified == total:
        text = f"{_all_of(total)} here {_were(total)} signed by an expected signer."
    else:
        text = (
            f"{verified} of {how_many(total, 'bundle')} {_were(verified)} signed by an expected signer."
            f" {total - verified} {_were(total - verified)} not verified; each is listed below with the reason."
        )
    return f'<p class="lead">{text}</p>\n'


def _all_of(count: int) -> str:
    return "The one bundle" if count == 1 else f"All of the {count:,} bundles"


def _none_of(count: int) -> str:
    return "not even the one bundle" if count == 1 else f"none of the {count:,} bundles"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _summary(report: Report) -> str:
    bundles = [
        (report.count(Result.VERIFIED), "good", "verified"),
        (report.count(Result.UNTRUSTED), "warn", "by nobody expected"),
        (report.count(Result.UNDECIDED), "none", "could not be told"),
        (report.count(Result.BROKEN), "bad", "broken"),
    ]
    attested, artifacts = report.attested, len(report.artifacts)
    evidence = [(attested, "good", "with verified evidence"), (artifacts - attested, "none", "without")]
    edges = [(report.graph.count(status), _TONES[status], str(status)) for status in EdgeStatus]
    return (
        '<section class="cards" aria-label="Summary">\n'
        + _card("Bundles", "verified", bundles)
        + _card("Artifacts", "with verified evidence", evidence)
        + _card("Lineage edges", "verified", edges)
        + "</section>\n"
    )


def _card(what: str, first: str, parts: Iterable[tuple[int, str, str]]) -> str:
    parts = list(parts)
    total = sum(count for count, _, _ in parts)
    said = "".join(f"<li>{count:,} {words}</li>" for count, _, words in parts if count) or "<li>none</li>"
    return (
        f'<div class="card"><div class="big">{parts[0][0]:,} <small>of {total:,} {first}</small></div>'
        f'<div class="what">{what}</div>{_meter(parts, total)}<ul>{said}</ul></div>\n'
    )


def _meter(parts: Iterable[tuple[int, str, str]], total: int) -> str:
    """Draw shares as a bar; the list below it says the same in words."""
    left, bars = 0.0, []
    for count, tone, _ in parts:
        wide = 100 * count / total if total else 0
        bars.append(f'<rect class="{tone}" x="{left:.2f}" width="{wide:.2f}" height="8"/>' if wide else "")
        left += wide
    shapes = "".join(bars)
    return f'<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{shapes}</svg>'


def _lineage(report: Report) -> str:
    links = {artifact.node.key: f"#{artifact_id(artifact.node)}" for artifact in report.artifacts}
    picture = picture_of(report.graph, links=links, embedded=True)
    left_out = (
        f'<p class="note">The picture is a part: {picture.left_out:,} artifacts or edges are left out for want of room.'
        " The tables below have them all.</p>\n"
        if picture.left_out
        else ""
    )
    look = "picture whole" if picture.width <= _SHRINKS else "picture"
    return (
        '<h2 id="lineage">Lineage</h2>\n<p class="dim">What came from what, as far as the bundles say. Colour and line'
        " tell how each edge is known; a verdict follows verified edges only.</p>\n"
        f'{left_out}<div class="scroll {look}" tabindex="0" role="region" aria-label="Lineage picture">'
        f"{picture.svg}</div>\n"
    )


def _artifacts(report: Report) -> str:
    return (
        '<h2 id="artifacts">Artifacts</h2>\n<p class="dim">Everything that a statement is about or names as a parent,'
        " once each. An artifact is its digest; names are what statements call it.</p>\n"
        + artifact_table(report.artifacts, report.graph)
    )


def _bundles(report: Report) -> str:
    refused = [bundle for bundle in report.bundles if bundle.result is not Result.VERIFIED]
    verified = [bundle for bundle in report.bundles if bundle.result is Result.VERIFIED]
    parts = ['<h2 id="bundles">Bundles</h2>\n<p class="dim">Every bundle file of the stores, once each.</p>\n']
    parts.append(f"<h3>Not verified ({len(refused)})</h3>\n")
    parts.append(
        bundle_table(refused, report.stores, "What these claim counts for nothing; the reason stands in each row.")
        if refused
        else "<p>None.</p>\n"
    )
    parts.append(f"<h3>Verified ({len(verified)})</h3>\n")
    parts.append(
        bundle_table(verified, report.stores, "Signature, signer, time and log entry hold under the trust root named.")
        if verified
        else "<p>None.</p>\n"
    )
    return "".join(parts)


def _expectations(report: Report) -> str:
    lead = '<h2 id="expected">Whom this report expected</h2>\n'
    if not report.expected:
        return (
            lead + '<p class="note">Nobody: no signer was named, and this machine has no local identity. Name one with'
            " --identity and --issuer, or with --key.</p>\n"
        )
    return lead + expected_table(report.expected)


def _findings(report: Report) -> str:
    lead = f'<h2 id="findings">Findings ({len(report.graph.findings)})</h2>\n'
    if not report.graph.findings:
        return lead + "<p>None.</p>\n"
    return lead + findings_table(report.graph.findings, report.stores)


def _blind_spots(report: Report) -> str:
    spots = "".join(f"<li>{escape(spot)}</li>" for spot in report.blind_spots)
    meanings = "".join(
        f"<li><b>{status}</b>: {escape(MEANING[status])}</li>" for status in EdgeStatus if report.graph.count(status)
    )
    words = f'<h3>Words for edges</h3>\n<ul class="plain">{meanings}</ul>\n' if meanings else ""
    return f'<h2 id="blind-spots">What this report does not say</h2>\n<ul class="plain">{spots}</ul>\n{words}'
