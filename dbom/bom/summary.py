"""A BOM in a few lines that a person reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbom.bom.reading import objects, property_value
from dbom.model import Unknown
from dbom.printable import printable

if TYPE_CHECKING:
    from dbom.bom.document import Bom

__all__ = ["bom_summary"]

_NUMBER = re.compile(r"[0-9]{1,30}")


def bom_summary(bom: Bom) -> tuple[str, ...]:
    """Return what the BOM says, a fact a line; what it doesn't know is said to be unknown."""
    version = f" {printable(bom.version)}" if bom.version else ""
    identity = f"unknown ({bom.artifact.reason})" if isinstance(bom.artifact, Unknown) else str(bom.artifact)
    return (
        f"{printable(bom.name)}{version}: {bom.kind_word}, {identity}",
        f"licence: {_licences(bom)}",
        *_parameters(bom),
        *_tables(bom),
        *_parents(bom),
    )


def _licences(bom: Bom) -> str:
    if isinstance(bom.licenses, Unknown):
        return f"unknown ({bom.licenses.reason})"
    return f"{', '.join(printable(item) for item in bom.licenses)}; {printable(str(bom.licenses_known))}"


def _parameters(bom: Bom) -> list[str]:
    card = bom.component.get("modelCard")
    prefix = "dbom:parameters:"
    counts = [
        f"{int(value):,} {printable(name.removeprefix(prefix))}"
        for item in objects(card, "properties")
        if (name := str(item.get("name"))).startswith(prefix) and _NUMBER.fullmatch(value := str(item.get("value")))
    ]
    return [f"parameters: {', '.join(counts)}"] if counts else []


def _tables(bom: Bom) -> list[str]:
    lines = []
    for entry in objects(bom.component, "data"):
        contents = entry.get("contents")
        columns, rows = (property_value(contents, f"dbom:table:{name}") for name in ("columns", "rows"))
        if columns:
            lines.append(f"table {printable(str(entry.get('name')))}: {rows or 'unknown'} rows, {columns} columns")
    return lines


def _parents(bom: Bom) -> list[str]:
    return [
        f"{item.relation} {printable(item.name)}: "
        + (f"digest unknown, {item.parent.reason}" if isinstance(item.parent, Unknown) else str(item.parent))
        + f"; {printable(str(item.known))}"
        for item in bom.derivations
    ]
