"""`dbom admission status`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import write_result
from dbom.cli.session import current_session
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["status"]

_HOUR, _DAY = 3600, 86400


def status(
    *,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Ask a running webhook (https://HOST:PORT).")
    ] = None,
    ca_cert: Annotated[
        Path | None, typer.Option("--ca-cert", metavar="FILE", help="Who vouches for its certificate, in PEM.")
    ] = None,
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", metavar="DIR", help="The snapshot that a webhook decides by.")
    ] = None,
    journal: Annotated[
        list[Path] | None, typer.Option("--journal", metavar="FILE", help="Its journal; a folder, or several times.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="Its serving certificate, in PEM.")
    ] = None,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Say how a gate is: its policies, its evidence's age, its certificate, its decisions.

    From the running webhook with --url, else from files. What isn't known is left out, in JSON it is null.

    Exit codes: 0 told; 1 the journal is broken or the certificate has ended; 2 a file can't be read; 3 the webhook
    can't be reached.

    Example: dbom admission status --snapshot /etc/dbom/snapshot --journal journals/ --tls-cert tls.crt
    """
    files = snapshot or journal or tls_cert
    if (url is None) == (not files):
        raise UsageError(USAGE, "say which gate", expected="--url, or --snapshot, --journal and --tls-cert")
    found = _asked(url, ca_cert) if url is not None else _of_files(snapshot, journal or [], tls_cert)
    text = json.dumps(found, indent=2, ensure_ascii=False) if format_ is TextOrJson.JSON else "\n".join(_lines(found))
    write_result(text, output)
    kept, certificate = found.get("journal"), found.get("certificate")
    is_broken = isinstance(kept, dict) and kept.get("holds") is False
    has_ended = isinstance(certificate, dict) and _has_ended(certificate, found.get("at"))
    raise typer.Exit(1 if is_broken or has_ended else 0)


def _asked(url: str, ca_cert: Path | None) -> JsonObject:
    from admission.status_reading import read_status

    if current_session().offline:
        raise UsageError(USAGE, "--url asks over the network, and --offline forbids it")
    return read_status(url, ca_cert=ca_cert)


def _of_files(snapshot: Path | None, journals: list[Path], tls_cert: Path | None) -> JsonObject:
    from admission.snapshot import read_snapshot
    from admission.status_reading import Status, certificate_end, recorded_status

    found = None if snapshot is None else read_snapshot(snapshot)
    recorded = recorded_status(journals) if journals else (None, None, None, None)
    return Status(
        at=datetime.now(UTC),
        policies=None if found is None else found.policies,
        evidence=None if found is None else found.evidence,
        snapshot=None if found is None else (found.digest, found.sequence, found.made_at),
        certificate_end=None if tls_cert is None else certificate_end(tls_cert),
        journal=recorded[0],
        decisions=recorded[1],
        denied=recorded[2],
        dry_runs=recorded[3],
    ).to_json()


def _lines(document: JsonObject) -> list[str]:
    lines = [f"not ready: {printable(str(document['notReady']))}"] if document.get("notReady") else []
    lines += [
        f"policy {_text(item, 'name')}: mode {_text(item, 'mode')}, sha256:{_text(item, 'digest')}"
        for item in _items(document.get("policies"))
    ]
    for key in ("source", "evidence", "snapshot", "certificate", "decisions", "cache", "journal", "lastError"):
        value = document.get(key)
        if isinstance(value, dict):
            lines.append(f"{key}: " + ", ".join(_pair(name, item) for name, item in value.items()))
    for title, key in (("decisions", "decisions"), ("revocations", "revocations")):
        listed = [", ".join(_pair(name, value) for name, value in item.items()) for item in _items(document.get(key))]
        lines += [f"{title}: {text}" for text in listed]
    counts = (("denied", "denied"), ("dryRuns", "dry runs"))
    lines += [f"{name}: {document[key]}" for key, name in counts if document.get(key) is not None]
    return lines or ["nothing is known"]


def _items(value: Json) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(item: JsonObject, key: str) -> str:
    return printable(str(item.get(key)))


def _pair(name: str, value: Json) -> str:
    if name in ("ageSeconds", "secondsLeft") and isinstance(value, int | float):
        return f"{'age' if name == 'ageSeconds' else 'left'} {_length(int(value))}"
    if name == "unknown":
        return f"can't be told: {printable(str(value))}"
    if isinstance(value, dict):
        return f"{printable(name)} ({', '.join(_pair(key, item) for key, item in value.items())})"
    if value == "":
        return f"{printable(name)} none"
    known = {None: "unknown", True: "yes", False: "no"}
    shown = known[value] if value is None or isinstance(value, bool) else printable(str(value))
    return f"{printable(name)} {shown}"


def _length(seconds: int) -> str:
    if abs(seconds) >= 2 * _DAY:
        return f"{seconds // _DAY} days"
    return f"{seconds // _HOUR} hours" if abs(seconds) >= 2 * _HOUR else f"{seconds} seconds"


def _has_ended(certificate: JsonObject, at: Json) -> bool:
    """Return whether a certificate has ended by the clock that says `at`; not where nobody says when it ends."""
    end = certificate.get("notAfter")
    if not isinstance(end, str) or not isinstance(at, str):
        return False
    return datetime.fromisoformat(end) <= datetime.fromisoformat(at)
