"""CycloneDX `component.data` for the tables of a dataset: rows, columns and types, and no value of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.model import Unknown

if TYPE_CHECKING:
    from dbom.bom.facts import Facts
    from dbom.canonical import Json, JsonObject
    from dbom.content.tables import TableFacts

__all__ = ["MAX_COLUMNS", "table_data"]

MAX_COLUMNS = 1000
"""The most columns of one table that are written out."""


def table_data(facts: Facts) -> list[Json]:
    """Return one entry for each table, by path; one without contents for a dataset that has none we can read."""
    if not facts.tables:
        return [{"type": "dataset", "name": facts.name}]
    return [_entry(path, table) for path, table in sorted(facts.tables.items())]


def _entry(path: str, table: TableFacts) -> JsonObject:
    pairs = [("dbom:table:format", str(table.format))]
    if isinstance(table.rows, Unknown):
        pairs.append(("dbom:table:rows:unknown", table.rows.reason))
    else:
        pairs.append(("dbom:table:rows", str(table.rows)))
    pairs.append(("dbom:table:columns", str(len(table.columns))))
    pairs.append(("dbom:table:types", "inferred" if table.inferred else "declared"))
    pairs += [(f"dbom:table:column:{column.name}", column.type) for column in table.columns[:MAX_COLUMNS]]
    properties: list[Json] = [{"name": name, "value": value} for name, value in pairs]
    return {"type": "dataset", "name": path, "contents": {"properties": properties}}
