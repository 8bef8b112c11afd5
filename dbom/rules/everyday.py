"""Rules about usage, settings and the installation (DBOM-9nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

USAGE = Rule(
    "DBOM-901",
    "usage",
    "The command can't be carried out as it was written.",
    "see --help of the command",
)
EXTRA_MISSING = Rule(
    "DBOM-902",
    "optional package missing",
    "This needs a package that only some users need, so a plain installation leaves it out.",
    "install the named extra",
)
FOREIGN_PACKAGE = Rule(
    "DBOM-903",
    "foreign package in place of ours",
    "Another distribution has put its own `attest` or `lineage` where ours belong (both names exist on the public"
    " index, and installing them overwrites our files). A verdict computed with a stranger's code is none.",
    "uninstall the other distribution and install dbom again, best in an environment of its own",
)
INTERNAL = Rule(
    "DBOM-999",
    "internal error",
    "Something happened that dbom didn't foresee. Nothing was decided, which is never a yes.",
    "run again with --debug and report what it prints",
)
CANCELLED = Rule("DBOM-990", "interrupted", "The work was stopped before it was done.", "run the command again")
