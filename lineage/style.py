"""How edges and nodes look: a colour and a line of its own for each status, so that neither is needed alone."""

from __future__ import annotations

from typing import Final

from lineage.graph import EdgeStatus

__all__ = ["DASHES", "MEANING", "PICTURE_STYLE"]

MEANING: Final = {
    EdgeStatus.VERIFIED: "signed by an expected signer",
    EdgeStatus.UNTRUSTED: "signed, but by nobody expected",
    EdgeStatus.ASSERTED: "asserted by an importer, not signed",
    EdgeStatus.INVALID: "claimed by a broken bundle",
    EdgeStatus.REVOKED: "revoked by its signer or a revoker",
    EdgeStatus.MISSING: "parent named without a digest",
}
"""Each status in words, for legends and tables."""

DASHES: Final = {
    EdgeStatus.VERIFIED: "",
    EdgeStatus.UNTRUSTED: "8 5",
    EdgeStatus.ASSERTED: "10 4 2 4",
    EdgeStatus.INVALID: "2 4",
    EdgeStatus.REVOKED: "12 3 2 3 2 3",
    EdgeStatus.MISSING: "4 7",
}
"""The dash pattern of each status's line."""

_LIGHT: Final = {
    "paper": "#ffffff",
    "box": "#ffffff",
    "rim": "#d0d7de",
    "ink": "#1f2328",
    "dim": "#59636e",
    "focus": "#0969da",
    "chip": "#eef1f4",
    "verified": "#1a7f37",
    "untrusted": "#9a6700",
    "asserted": "#0969da",
    "invalid": "#cf222e",
    "revoked": "#8250df",
    "missing": "#6e7781",
}
_DARK: Final = {
    "paper": "#0d1117",
    "box": "#151b23",
    "rim": "#3d444d",
    "ink": "#f0f6fc",
    "dim": "#9198a1",
    "focus": "#4493f8",
    "chip": "#262c36",
    "verified": "#3fb950",
    "untrusted": "#d29922",
    "asserted": "#4493f8",
    "invalid": "#f85149",
    "revoked": "#ab7df8",
    "missing": "#9198a1",
}


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--lg-{name}:{value}" for name, value in colours.items())


_STATUSES = "".join(
    f".lg .{status} .ln{{stroke:var(--lg-{status});stroke-dasharray:{DASHES[status] or 'none'}}}"
    f".lg .{status} .rel{{fill:var(--lg-{status})}}"
    f".lg .tip-{status}{{fill:var(--lg-{status})}}"
    for status in EdgeStatus
)

PICTURE_STYLE: Final = (
    f".lg{{{_variables(_LIGHT)};"
    "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif}"
    f"@media (prefers-color-scheme:dark){{.lg{{{_variables(_DARK)}}}}}"
    f"@media print{{.lg{{{_variables(_LIGHT)}}}}}"
    ".lg .paper{fill:var(--lg-paper)}"
    ".lg text{fill:var(--lg-ink)}"
    ".lg .title{font-size:17px;font-weight:650}"
    ".lg .sub,.lg .key{font-size:12px;fill:var(--lg-dim)}"
    ".lg .box{fill:var(--lg-box);stroke:var(--lg-rim);stroke-width:1.25}"
    ".lg .bar{fill:var(--lg-missing)}"
    ".lg .attested .bar{fill:var(--lg-verified)}"
    ".lg .claimed .bar{fill:var(--lg-untrusted)}"
    ".lg .claimed .box,.lg .unattested .box{stroke-dasharray:6 4}"
    ".lg .named .box{stroke-dasharray:2 4;stroke:var(--lg-missing)}"
    ".lg .focus .box{stroke:var(--lg-focus);stroke-width:2.5}"
    ".lg .kind{font-size:9.5px;letter-spacing:.08em;fill:var(--lg-dim)}"
    ".lg .name{font-size:14px;font-weight:600}"
    ".lg .digest{font-family:ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "font-size:10.5px;fill:var(--lg-dim)}"
    ".lg .state{font-size:11px;fill:var(--lg-missing)}"
    ".lg .attested .state{fill:var(--lg-verified)}"
    ".lg .claimed .state{fill:var(--lg-untrusted)}"
    ".lg .chip{fill:var(--lg-chip)}"
    ".lg .chiptext{font-size:9.5px;fill:var(--lg-dim)}"
    ".lg .ln{fill:none;stroke-width:1.8;stroke-linecap:butt}"
    ".lg .rel{font-size:10.5px;font-weight:550}"
    ".lg .relback{fill:var(--lg-paper);opacity:.92}" + _STATUSES
)
"""The style sheet of a picture; every rule is bound to the class `lg`, so that a page can hold it too."""
