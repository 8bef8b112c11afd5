"""The report as JSON: what the page says, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.audit.report import Result
from lineage.document import graph_document, node_document

if TYPE_CHECKING:
    from dbom.audit.report import BundleRecord, Expected, Report
    from dbom.canonical import Json, JsonObject

__all__ = ["report_document"]


def report_document(report: Report) -> JsonObject:
    """Return the report; `artifacts` and `bundles` hold each of theirs once."""
    graph = graph_document(report.graph)
    artifacts: list[Json] = [
        {
            **node_document(artifact.node),
            "bundles": {"verified": artifact.verified, "notVerified": artifact.unverified},
        }
        for artifact in report.artifacts
    ]
    summary: JsonObject = {
        "bundles": len(report.bundles),
        **{str(result): report.count(result) for result in Result},
        "artifacts": len(report.artifacts),
        "artifactsWithVerifiedEvidence": report.attested,
    }
    return {
        "at": report.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "dbomVersion": report.version,
        "stores": list(report.stores),
        "expected": [_expected(each) for each in report.expected],
        "summary": summary,
        "artifacts": artifacts,
        "bundles": [_bundle(bundle) for bundle in report.bundles],
        "lineage": {"complete": report.graph.complete, "edges": graph["edges"], "edgeCounts": graph["edgeCounts"]},
        "findings": graph["findings"],
        "blindSpots": list(report.blind_spots),
    }


def _expected(expected: Expected) -> JsonObject:
    return {
        "authority": expected.name,
        "signers": expected.signers,
        "trustRoot": expected.root or None,
        "local": expected.is_local,
        "demands": expected.demands,
    }


def _bundle(bundle: BundleRecord) -> JsonObject:
    return {
        "sha256": bundle.sha256 or None,
        "places": list(bundle.places),
        "result": str(bundle.result),
        "predicateType": bundle.predicate_type or None,
        "subjects": [{"name": subject.name, "digest": subject.digest or None} for subject in bundle.subjects],
        "signer": bundle.signer or None,
        "authority": bundle.authority or None,
        "trustRoot": bundle.root or None,
        "time": bundle.time or None,
        "logIndex": bundle.log_index,
        "rule": bundle.rule or None,
        "reason": bundle.reason or None,
        "remarks": list(bundle.remarks),
    }
