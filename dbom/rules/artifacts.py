"""Rules about files and trees: names, links, reading, digests (DBOM-1nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

PATH_MISSING = Rule(
    "DBOM-101",
    "path missing",
    "There is nothing at this path, so there is nothing to fingerprint.",
    "check the spelling, and that the data is mounted",
)
PATH_UNREADABLE = Rule(
    "DBOM-102",
    "path unreadable",
    "The operating system or the store refused to let this be read. A digest of a part would be a digest of something"
    " else, so nothing is said about the whole.",
    "give this user the right to read it",
)
