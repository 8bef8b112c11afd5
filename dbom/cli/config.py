"""`dbom config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.cli.session import current_settings
from dbom.printable import printable
from dbom.settings import KEYS, Settings

if TYPE_CHECKING:
    from dbom.canonical import Json

__all__ = ["show"]

_OriginOption = Annotated[bool, typer.Option("--origin", help="Say where each setting comes from.")]


def show(origin: _OriginOption = False, format_: FormatOption = TextOrJson.TEXT, output: OutputOption = None) -> None:
    """Show each setting, and with --origin where it comes from.

    The strongest comes first: a flag, a DBOM_ variable, the file given by --config, the project's dbom.toml or
    [tool.dbom] in pyproject.toml, the user's config.toml. A project's file may never say whom to trust.

    Example: dbom config show --origin
    """
    settings = current_settings()
    if format_ is TextOrJson.JSON:
        json_result("config", {"settings": {key.name: _document(settings, key.name) for key in KEYS}}, output)
    else:
        write_result("\n".join(_line(settings, key.name, origin=origin) for key in KEYS), output)


def _document(settings: Settings, name: str) -> dict[str, Json]:
    value, origin = settings.value(name), settings.origin(name)
    shown: Json = list(value) if isinstance(value, tuple) else value
    return {"value": shown, "origin": str(origin.level), "where": origin.where}


def _line(settings: Settings, name: str, *, origin: bool) -> str:
    value = settings.value(name)
    shown = ", ".join(map(printable, value)) if isinstance(value, tuple) else printable(str(value))
    if value is None or value == ():
        shown = "(not set)"
    return f"{name} = {shown}" + (f"    {settings.origin(name)}" if origin else "")
