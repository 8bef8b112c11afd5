"""Options that several commands share, each defined once so that it means the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "FormatOption",
    "IgnoreOption",
    "JobsOption",
    "NoDefaultIgnoresOption",
    "OutputOption",
    "StoreOption",
    "TextOrJson",
]


class TextOrJson(StrEnum):
    """The formats that every command which reports something has."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[TextOrJson, typer.Option("-f", "--format", help="How to write the result.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Where to write the result; - is stdout.", show_default="-"),
]
JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs",
        min=0,
        metavar="N",
        help="Threads or processes to read with; 0 is what suits: one for each core, one for tiny files, 8 for a URL.",
    ),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="PATTERN",
        help="Leave out of a tree: /path (from its root), name (at any depth), a trailing / for folders, * and ?.",
    ),
]
NoDefaultIgnoresOption = Annotated[
    bool,
    typer.Option("--no-default-ignores", help="Don't leave out .git, .DS_Store, the hub's cache folder and sidecars."),
]
StoreOption = Annotated[
    list[str] | None,
    typer.Option("--store", metavar="URL", help="A store of attestations: a folder, any fsspec URL, or oci://…."),
]
