"""`dbom admission report`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.options import OutputOption, StoreOption
from dbom.cli.output import write_result
from dbom.cli.ready import PolicyOption
from dbom.cli.replayed import given_library
from dbom.cli.reported_journal import JournalFormat, Told, shown_journal
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from admission.journal.heads import ProvenHead
    from admission.journal.reconciling import Reconciled
    from admission.journal.reporting import Journals, Window
    from dbom.model import Finding

__all__ = ["report"]


@with_expected_flags
def report(
    journals: Annotated[
        list[Path], typer.Argument(metavar="JOURNAL...", help="Journals of any replicas: files, or folders of them.")
    ],
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on (2026-06-01, or 2026-06-01T12:00:00Z).")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")] = None,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", metavar="NS", help="Only in this namespace; several times.")
    ] = None,
    heads: Annotated[
        list[Path] | None,
        typer.Option("--heads", metavar="FILE", help="Signed heads that were kept elsewhere; several times."),
    ] = None,
    audit_log: Annotated[
        list[Path] | None,
        typer.Option("--audit-log", metavar="FILE", help="Reconcile with an API server's audit log; several times."),
    ] = None,
    pods: Annotated[
        Path | None,
        typer.Option("--pods", metavar="FILE", help="Reconcile with `kubectl get pods -A -o json`."),
    ] = None,
    excluded: Annotated[
        list[str] | None,
        typer.Option("--excluded", metavar="NS", help="A namespace that the webhook isn't asked about; several times."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Decide again, as recorded, by the --policy and --store that are given.")
    ] = False,
    policy: PolicyOption = None,
    store: StoreOption = None,
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", metavar="DIR", help="Replay with the policies and evidence in here.")
    ] = None,
    format_: Annotated[
        JournalFormat, typer.Option("-f", "--format", help="How to write the result.")
    ] = JournalFormat.TEXT,
    output: OutputOption = None,
    expected: Expected,
) -> None:
    """Say what the gate decided, and what it couldn't see.

    It reads journals, and every file is checked: what was edited, cut out, moved, forked or is of another replica is
    named with its place. Heads that lie beside a journal (JOURNAL.heads.jsonl) prove that its end wasn't cut off,
    where you say who signs them (--key, --identity with --issuer, --local).

    With --replay and the policies of that time each verdict must come out the same. With other policies you read what
    they would have refused.

    Exit codes: 0 all holds; 1 a journal, record or verdict is false; 2 a file can't be read; 3 something is missing.

    Example: dbom admission report --since 2026-06-01 --namespace shop --key heads.pub journals/
    """
    from admission.journal.reading import journal_files
    from admission.journal.replaying import replay as play
    from admission.journal.replaying import replay_findings
    from admission.journal.reporting import Window, read_journals, report_on

    window = Window(_moment("--since", since), _moment("--until", until), tuple(namespace or ()))
    found = read_journals(journals, window)
    proven, findings = _heads([*journal_files(journals), *journals], heads or [], expected)
    reconciled = _reconciled(found, window, audit_log or [], pods, excluded)
    played = play(found, given_library(policy, store, snapshot)) if replay else ()
    findings += [item for one in reconciled for item in one.findings] + replay_findings(played)
    told = Told(report_on(found, window, heads=proven, more=findings), tuple(reconciled), played if replay else None)
    write_result(shown_journal(told, format_), output)
    raise typer.Exit(told.report.exit_code)


def _moment(flag: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            USAGE, f"{flag} is no time", got=printable(text), expected="2026-06-01 or 2026-06-01T12:00:00Z"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _heads(
    files: Iterable[Path], given: list[Path], expected: Expected
) -> tuple[list[ProvenHead] | None, list[Finding]]:
    from admission.journal.heads import heads_path, read_heads

    beside = dict.fromkeys(heads_path(path) for path in files)
    places = [*given, *(path for path in beside if path.is_file() and path not in given)]
    authorities = expected.authorities() if places or not expected.names_nobody else ()
    if not authorities:
        return None, []
    read = [read_heads(path, authorities, now=datetime.now(UTC)) for path in places]
    return [head for found, _ in read for head in found], [item for _, faults in read for item in faults]


def _reconciled(
    found: Journals, window: Window, logs: list[Path], pods: Path | None, excluded: list[str] | None
) -> list[Reconciled]:
    from admission.journal.audit_log import read_audit_log
    from admission.journal.reconciling import EXCLUDED, reconcile_events, reconcile_pods
    from attest.files import read_file

    without = tuple(excluded) if excluded else EXCLUDED
    reconciled: list[Reconciled] = []
    if logs:
        events = (event for path in logs for event in read_audit_log(path))
        reconciled.append(reconcile_events(found.decisions, events, window, excluded=without))
    if pods is not None:
        data = read_file(pods, limit=512 * 1024 * 1024, what="list of pods")
        where = printable(str(pods))
        reconciled.append(reconcile_pods(found, data, window, where=where, excluded=without))
    return reconciled
