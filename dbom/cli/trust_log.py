"""`dbom trust log verify|entries`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.cli.spooled import spooled_result
from dbom.cli.trust import local_of_this_machine, served_below
from dbom.cli.trust_serve import HomeOption
from dbom.errors import RefusedError
from dbom.names import schema_name
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.local.checking import CheckedLog, LoggingSigstore
    from attest.local.listing import ListedEntry
    from dbom.canonical import JsonObject

__all__ = ["entries", "verify"]


def verify(
    *,
    since: Annotated[
        list[Path] | None,
        typer.Option("--since", metavar="FILE", help="An older signed head: a checkpoint file, or any bundle."),
    ] = None,
    bundle: Annotated[
        list[Path] | None, typer.Option("--bundle", metavar="FILE", help="A bundle that must be in the log.")
    ] = None,
    home: HomeOption = None,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Check the whole of this machine's logs.

    With --home, those of the Sigstore that `dbom trust serve` keeps there.

    Every entry's hash, every stored node of the tree, the head and its signature, in every log since the identity was
    made. With --since, that the log still begins with what an older head vouched for; with --bundle, that the bundle's
    entry is in the log, and its certificate in the certificate log. Exit code 1 says that something doesn't hold.

    Example: dbom trust log verify --bundle data.csv.dbom/bom-0123456789abcdef.sigstore.json
    """
    from attest.files import read_file
    from attest.local.auditing import audit
    from attest.local.logged import MAX_BYTES, read_checkpoint, read_logged

    older = [read_checkpoint(_bytes(path), where=printable(str(path))) for path in since or ()]
    bundles = [
        read_logged(read_file(path, limit=MAX_BYTES, what="bundle"), where=printable(str(path)))
        for path in bundle or ()
    ]
    found = audit(_sigstore(home), since=older, bundles=bundles)
    if format_ is TextOrJson.JSON:
        json_result("trust-log-verify", _document(found.logs, found.faults), output)
    else:
        write_result("\n".join(_lines(found.logs, found.faults)), output)
    if not found.holds:
        raise typer.Exit(RefusedError.exit_code)


def entries(
    *,
    certificates: Annotated[
        bool, typer.Option("--certificates", help="List the certificate logs instead: each certificate issued.")
    ] = False,
    home: HomeOption = None,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """List what this machine's logs hold.

    With --home, those of the Sigstore that `dbom trust serve` keeps there.

    Oldest first. Each rotation of the keys begins a new log, so an entry is named by its generation and its index
    there. The digest is that of what was signed; the time is by this machine's own clock.

    Example: dbom trust log entries -f json
    """
    from attest.local.checking import logs_of
    from attest.local.listing import list_entries

    logs = [log for log in logs_of(_sigstore(home)) if log.logs_certificates is certificates]
    listed = (entry for log in logs for entry in list_entries(log))
    with spooled_result(output) as file:
        for piece in _json_pieces(listed) if format_ is TextOrJson.JSON else _text_pieces(listed):
            file.write(piece.encode(errors="backslashreplace"))


def _sigstore(home: Path | None) -> LoggingSigstore:
    return local_of_this_machine() if home is None else served_below(home)


def _bytes(path: Path) -> bytes:
    from attest.files import read_file
    from attest.local.logged import MAX_BYTES

    return read_file(path, limit=MAX_BYTES, what="checkpoint")


def _lines(logs: Sequence[CheckedLog], faults: Sequence[str]) -> Iterator[str]:
    for item in logs:
        what = "certificates" if item.log.logs_certificates else "signatures"
        verdict = "holds" if item.holds else "DOES NOT HOLD"
        yield f"{item.log.name}: {item.size} {what}, {verdict}"
        yield f"  root {item.root.hex() or 'unknown'}"
        yield from (f"  fault: {fault}" for fault in item.faults)
        yield from (f"  note: {note}" for note in item.notes)
    yield from (f"fault: {fault}" for fault in faults)


def _document(logs: Sequence[CheckedLog], faults: Sequence[str]) -> JsonObject:
    return {
        "holds": not faults and all(item.holds for item in logs),
        "faults": list(faults),
        "logs": [
            {
                "name": item.log.name,
                "generation": item.log.generation,
                "logs": "certificates" if item.log.logs_certificates else "signatures",
                "logId": item.log.log_id,
                "size": item.size,
                "rootHash": item.root.hex() or None,
                "checkpoint": item.checkpoint or None,
                "holds": item.holds,
                "faults": list(item.faults),
                "notes": list(item.notes),
            }
            for item in logs
        ],
    }


def _text_pieces(listed: Iterator[ListedEntry]) -> Iterator[str]:
    for item in listed:
        at = item.at.isoformat().replace("+00:00", "Z") if item.at else "no time said"
        who = f"  {printable(item.who)}" if item.who else ""
        yield f"{item.generation}/{item.index}  {item.kind}  sha256:{item.digest}  {at}{who}\n"


def _json_pieces(listed: Iterator[ListedEntry]) -> Iterator[str]:
    """Write one document, an entry at a time: a log may be longer than memory."""
    yield f'{{\n  "schema": {json.dumps(schema_name("trust-log-entries"))},\n  "entries": ['
    between = "\n"
    for item in listed:
        yield f"{between}    {json.dumps(_entry_document(item), ensure_ascii=False)}"
        between = ",\n"
    yield "\n  ]\n}\n"


def _entry_document(item: ListedEntry) -> JsonObject:
    return {
        "generation": item.generation,
        "index": item.index,
        "kind": item.kind,
        "digest": item.digest,
        "leafHash": item.leaf,
        "at": item.at.isoformat().replace("+00:00", "Z") if item.at else None,
        "who": printable(item.who) or None,
    }
