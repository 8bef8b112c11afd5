"""`dbom verify --for-pod`: the init container's check that the named bytes are what a pod loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.session import current_session
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.canonical import JsonObject
    from dbom.model import Digest, Fingerprint

__all__ = ["CopyFromOption", "ForPodOption", "demand_alone", "verify_for_pod"]

ForPodOption = Annotated[
    str | None,
    typer.Option(
        "--for-pod",
        metavar="DIGEST",
        help="In an init container: demand that all of ARTIFACT is this digest (tree:sha256:…), nothing left out.",
    ),
]
CopyFromOption = Annotated[
    str | None,
    typer.Option(
        "--copy-from",
        metavar="SOURCE",
        help="With --for-pod: copy it from this path or URL to ARTIFACT first, and check the copy.",
    ),
]


def demand_alone(artifacts: Sequence[str], others: Mapping[str, object]) -> Path:
    """Return the one place to check. Raises `UsageError` for more of them, and for flags that would mean nothing."""
    given = [flag for flag, value in others.items() if value]
    if given:
        because = "--for-pod compares bytes with a digest, and asks nobody whose they are"
        raise UsageError(USAGE, because, got=", ".join(given), expected="none of these beside it")
    if len(artifacts) != 1:
        raise UsageError(USAGE, "--for-pod is about one place", got=str(len(artifacts)), expected="one ARTIFACT")
    return Path(artifacts[0])


def verify_for_pod(
    path: Path, expected: Digest, source: str | None, *, jobs: int, format_: TextOrJson, output: Path | None
) -> None:
    """Check, and copy first where there is a source; write what was found."""
    from admission.loading import load_for_pod

    with progress_bar(f"reading {printable(str(path))}") as progress:
        found = load_for_pod(
            path, expected, source=source, jobs=jobs, progress=progress, offline=current_session().offline
        )
    if format_ is TextOrJson.JSON:
        json_result("verify-for-pod", _document(path, found), output)
    else:
        size = f"{len(found.entries)} files, {sum(entry.size for entry in found.entries)} bytes"
        write_result(f"{printable(str(path))} is {found.digest} ({size}, nothing left out)", output)


def _document(path: Path, found: Fingerprint) -> JsonObject:
    return {
        "path": printable(str(path)),
        "digest": str(found.digest),
        "files": len(found.entries),
        "bytes": sum(entry.size for entry in found.entries),
    }
