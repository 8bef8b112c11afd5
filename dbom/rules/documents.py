"""Rules about documents: JSON, YAML, BOMs, cards, formats (DBOM-2nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

JSON_MALFORMED = Rule(
    "DBOM-201",
    "malformed JSON",
    "The document isn't JSON that every program reads alike: it is cut off, too large, nested too deeply, not UTF-8,"
    " holds NaN or infinity, or gives one key twice.",
    "write the document again with the tool that made it",
)
