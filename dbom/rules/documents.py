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
YAML_MALFORMED = Rule(
    "DBOM-202",
    "malformed YAML",
    "The document isn't YAML that every program reads alike: it is cut off, too large, nested too deeply, not UTF-8,"
    " gives one key twice, has a key that isn't a string, a merge key, a tag beyond JSON's types, or aliases that"
    " multiply without bound.",
    "write each key once and in quotes where it isn't a word, and write merged values out",
)
