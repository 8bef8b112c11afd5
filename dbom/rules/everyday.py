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
SETTINGS_MALFORMED = Rule(
    "DBOM-904",
    "malformed settings",
    "A settings file or a DBOM_ variable holds something that is no setting, or a value of the wrong type. It isn't"
    " passed over: a misspelt setting would leave another one in force than you think.",
    "correct it; `dbom config show --origin` lists every setting and where it comes from",
)
SETTINGS_TRUST = Rule(
    "DBOM-905",
    "a project's file says whom to trust",
    "A dbom.toml or pyproject.toml of the current folder, or of one above it, may have come with the artifact that is"
    " being checked. If it could name the expected signer, a key, a trust root, a policy, a store, what to sign with or"
    " what to leave out of a digest, the artifact would vouch for itself.",
    "move it to the user's settings (`dbom doctor` says where they stand), a DBOM_ variable or a file for --config",
)
RULE_UNKNOWN = Rule(
    "DBOM-906",
    "unknown rule",
    "No rule has this id. Ids look like DBOM-101 and never change their meaning.",
    "`dbom explain` without an id lists every rule",
)
OUTPUT_UNWRITABLE = Rule(
    "DBOM-907",
    "result can't be written",
    "The place that the result was to go to is missing, full, closed, or not this user's to write to. A file that was"
    " there before is as it was: results are written whole or not at all.",
    "name a place that is there, has room, and that this user may write to",
)
RUN_USAGE = Rule(
    "DBOM-911",
    "run without a command",
    "`dbom run` records what a command does, so it needs that command, and at least one output to speak of.",
    "write `dbom run --in DATA --out MODEL -- COMMAND…`",
)
RUN_COMMAND_MISSING = Rule(
    "DBOM-912",
    "command can't be started",
    "The operating system has no such program, or doesn't let this user run it. Nothing ran, so nothing is recorded.",
    "check the command's spelling and that it is on PATH",
)
RUN_INPUT_CHANGED = Rule(
    "DBOM-913",
    "an input changed during the run",
    "An input has other bytes after the run than before it, so which of them the outputs came from can't be told."
    " A provenance statement would claim one of the two, so none is signed.",
    "give a copy that nothing writes to, and run again",
)
RUN_OUTPUT_MISSING = Rule(
    "DBOM-914",
    "an output was not written",
    "The command ended well but an output that was to be recorded isn't there, or can't be fingerprinted.",
    "check the path that the command writes to",
)
RUN_NOT_RECORDED = Rule(
    "DBOM-915",
    "the run was not recorded",
    "The command did its work, but its provenance could not be written or signed, so its outputs have none.",
    "mend what the message names and run again, or sign the outputs with `dbom sign`",
)
RUN_OUTPUT_UNCHANGED = Rule(
    "DBOM-916",
    "an output is as it was before the run",
    "An output was there before the command ran and has the same bytes after it. The run may have made the same bytes"
    " again, or not have touched them: that can't be told apart from here.",
    "remove old outputs before the run where the difference matters",
)
DEMO_BROKEN = Rule(
    "DBOM-921",
    "the demo's chain doesn't behave",
    "A step of the demo ended otherwise than it has to, with real data and real signatures: something in this"
    " installation doesn't work as it should.",
    "run `dbom doctor`, then `dbom demo --keep DIR`, and report what both print",
)
INTERNAL = Rule(
    "DBOM-999",
    "internal error",
    "Something happened that dbom didn't foresee. Nothing was decided, which is never a yes.",
    "run again with --debug and report what it prints",
)
CANCELLED = Rule("DBOM-990", "interrupted", "The work was stopped before it was done.", "run the command again")
