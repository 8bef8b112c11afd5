"""Metrics in Prometheus' text format: what a scraper reads is what was counted."""

from __future__ import annotations

from admission.metrics import Metrics


def test_a_counter_counts_by_its_labels() -> None:
    metrics = Metrics()
    found = metrics.counter("asked_total", "How often.", ("verdict", "mode"))
    found.add("refused", "enforce")
    found.add("can't tell", 'a "b"\\\n')
    found.add("refused", "enforce", by=2)
    expected = (
        "# HELP asked_total How often.\n# TYPE asked_total counter\n"
        'asked_total{verdict="can\'t tell",mode="a \\"b\\"\\\\\\n"} 1\n'
        'asked_total{verdict="refused",mode="enforce"} 3\n'
    )
    assert expected.encode() == metrics.text()
    assert 4 == found.total


def test_a_counter_without_labels_begins_at_nought() -> None:
    metrics = Metrics()
    metrics.counter("failed_total", "Failures.")
    assert b"# HELP failed_total Failures.\n# TYPE failed_total counter\nfailed_total 0\n" == metrics.text()


def test_a_gauge_is_read_when_asked_and_may_be_unknown() -> None:
    metrics, values = Metrics(), iter([None, 1.5])
    metrics.gauge("age_seconds", "Age.", lambda: next(values))
    assert b"# HELP age_seconds Age.\n# TYPE age_seconds gauge\n" == metrics.text()
    assert metrics.text().endswith(b"age_seconds 1.5\n")


def test_a_histogram_is_cumulative_and_a_bound_belongs_to_its_bucket() -> None:
    metrics = Metrics()
    found = metrics.histogram("took_seconds", "Time.", (0.1, 1))
    for value in (0.05, 0.1, 0.5, 7):
        found.observe(value)
    lines = metrics.text().decode().splitlines()[2:]
    assert [
        'took_seconds_bucket{le="0.1"} 2',
        'took_seconds_bucket{le="1"} 3',
        'took_seconds_bucket{le="+Inf"} 4',
        "took_seconds_sum 7.65",
        "took_seconds_count 4",
    ] == lines


def test_no_metrics_are_an_empty_page() -> None:
    assert b"" == Metrics().text()
