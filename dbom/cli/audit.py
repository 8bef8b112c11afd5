"""`dbom audit report`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from dbom import __version__
from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.options import OutputOption, StoreOption
from dbom.cli.output import json_result, say, write_result
from dbom.cli.store_evidence import read_evidence
from dbom.errors import NoEvidenceError
from dbom.rules.attestations import NO_EVIDENCE

__all__ = ["report"]


class ReportFormat(StrEnum):
    """How a report can be written."""

    HTML = "html"
    JSON = "json"


@with_expected_flags
def report(
    *,
    store: StoreOption = None,
    format_: Annotated[
        ReportFormat, typer.Option("-f", "--format", help="How to write the report.")
    ] = ReportFormat.HTML,
    output: OutputOption = None,
    expected: Expected,
) -> None:
    """Write one page about every artifact and bundle of a store.

    Each stands in it once: who signed it, what wasn't verified and why, and what such a report can't say. The page
    needs nothing else: no script, no network. Exit 0 means that the report is whole, not that all in it is verified.

    Example: dbom audit report --store . -o report.html
    """
    from dbom.audit.document import report_document
    from dbom.audit.page import page_of
    from dbom.audit.report import Result, make_report
    from lineage.outline import how_many

    evidence = read_evidence(store, expected)
    if not evidence.bundles:
        raise NoEvidenceError(NO_EVIDENCE, "there is no bundle in the store", where=", ".join(evidence.stores))
    made = make_report(
        evidence.bundles,
        stores=evidence.stores,
        authorities=evidence.authorities,
        at=evidence.at,
        version=__version__,
    )
    if format_ is ReportFormat.JSON:
        json_result("audit-report", report_document(made), output)
    else:
        write_result(page_of(made), output)
    verified = f"{made.count(Result.VERIFIED)} of {how_many(len(made.bundles), 'bundle')} verified"
    say(f"{how_many(len(made.artifacts), 'artifact')}; {verified}")
    if not made.graph.complete:
        raise typer.Exit(3)
