"""`dbom version`."""

from __future__ import annotations

from dbom import __version__
from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result

__all__ = ["version"]


def version(format_: FormatOption = TextOrJson.TEXT, output: OutputOption = None) -> None:
    """Print the version."""
    if format_ is TextOrJson.JSON:
        json_result("version", {"version": __version__}, output)
    else:
        write_result(f"dbom {__version__}", output)
