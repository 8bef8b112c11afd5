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
BOM_MALFORMED = Rule(
    "DBOM-203",
    "malformed BOM",
    "The document isn't a CycloneDX BOM that the official schema accepts, or its references don't meet. What it says"
    " about an artifact can't be relied on.",
    "generate the BOM again, or correct the faults that are listed",
)
BOM_REF_TWICE = Rule(
    "DBOM-204",
    "bom-ref given twice",
    "Two parts of the BOM carry the same bom-ref, so a reference to it could mean either. CycloneDX wants each to be"
    " unique within its document.",
    "give each part a bom-ref of its own",
)
BOM_REF_DANGLING = Rule(
    "DBOM-205",
    "reference to nothing",
    "The BOM refers to a bom-ref that isn't in it, so part of what it says is missing.",
    "add the missing part, or refer to the other document by a BOM-Link",
)
BOM_ARTIFACT_UNIDENTIFIED = Rule(
    "DBOM-206",
    "BOM about no bytes",
    "The BOM names what it describes, and doesn't give its SHA-256: it could be about any bytes of that name, and no"
    " verdict can rest on it.",
    "generate the BOM from the artifact itself",
)
SAFETENSORS_MALFORMED = Rule(
    "DBOM-207",
    "malformed safetensors",
    "The header of the file doesn't account for its bytes: it is cut off, too long, not strict JSON, or its tensors"
    " overlap, leave holes or end elsewhere than the file. Programs would load different weights from it.",
    "download or write the file again",
)
KIND_UNKNOWN = Rule(
    "DBOM-208",
    "can't tell dataset from model",
    "The kind of an artifact is told by its content, never by its name, and this content could be either.",
    "say which it is with --as dataset or --as model",
)
CARD_UNREADABLE = Rule(
    "DBOM-209",
    "card or configuration unreadable",
    "The README's front matter or the config.json is malformed, so what it would declare (licence, base model,"
    " datasets, architecture) is left out, and is unknown.",
    "correct the file, or give --license and the inputs on the command line",
)
TABLE_UNREADABLE = Rule(
    "DBOM-210",
    "table not described",
    "The file looks like a table and its rows, columns or types could not be read (ragged rows, mixed types, too"
    " large), so the BOM says nothing about them. The digest covers its bytes all the same.",
    "correct the table if it is meant to be one",
)
