"""The table of commands, and the program that finds one, runs it and turns its end into an exit code."""

from __future__ import annotations

import importlib
import inspect
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperGroup

from dbom.cli.failure import own_words, show_crash, show_error
from dbom.cli.session import with_session_flags
from dbom.errors import CancelledError, DbomError, InputError
from dbom.rules.everyday import CANCELLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COMMANDS", "Group", "Leaf", "leaves", "run"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A command: the module and function that carry it out, and its line in the overview."""

    target: str
    line: str
    panel: str = "Commands"


@dataclass(frozen=True, slots=True)
class Group:
    """A command that holds commands."""

    line: str
    commands: Mapping[str, Leaf | Group]
    panel: str = "Commands"


_PIPELINE, _CLUSTER, _EVERYDAY = "In a pipeline", "In a cluster, and for auditors", "Every day"

COMMANDS: Mapping[str, Leaf | Group] = {
    "fingerprint": Leaf(
        "fingerprint:fingerprint", "Digest files and trees so that anybody can reproduce it.", _PIPELINE
    ),
    "generate": Leaf("generate:generate", "Describe a dataset or a model in a CycloneDX data BOM.", _PIPELINE),
    "sign": Leaf("sign:sign", "Sign what an artifact is, and put the evidence beside it.", _PIPELINE),
    "verify": Leaf("verify:verify", "Check an artifact's bytes against signed evidence.", _PIPELINE),
    "diff": Leaf(
        "diff:diff", "Name the files that differ between two artifacts, or from what a document says.", _PIPELINE
    ),
    "run": Leaf("run:run", "Run a command and record its inputs and outputs as signed provenance.", _PIPELINE),
    "attest": Group(
        "Make, look at and move signed statements.",
        {
            "attach": Leaf("attest_stores:attach", "Attach a bundle to the artifact that it is about."),
            "create": Leaf("attest_create:create", "Sign any predicate about an artifact."),
            "list": Leaf("attest_stores:list_", "List the bundles of a sidecar, a store or a registry."),
            "pull": Leaf("attest_stores:pull", "Pull evidence from a registry or a store."),
            "push": Leaf("attest_stores:push", "Push evidence to a registry or a store."),
            "revoke": Leaf("revoke:revoke", "Sign that an artifact or a signer counts no more."),
            "revocations": Group(
                "Publish what is revoked, and see whether it is all.",
                {
                    "publish": Leaf("revoke:publish", "Sign a new head over your revocations in a store."),
                    "status": Leaf("revoke:status", "Show what is revoked by whom, and whether that is all."),
                },
            ),
            "show": Leaf("attest:show", "Say who signed what and when, before anyone trusts it."),
        },
        _PIPELINE,
    ),
    "keys": Group(
        "Make signing keys, and show what others verify with.",
        {
            "generate": Leaf("keys:generate", "Make a key pair to sign with."),
            "export": Leaf("keys:export", "Print the public half of a key, wherever the key is."),
        },
        _PIPELINE,
    ),
    "trust": Group(
        "Trust roots, and the keys and logs of this machine's own identity.",
        {
            "export": Leaf("trust:export", "Write the trust root that verifies what this machine signs."),
            "show": Leaf("trust:show", "Say who vouches in a trust root, and when."),
            "rotate": Leaf("trust:rotate", "Give this machine's local identity new keys."),
            "update": Leaf("trust:update", "Fetch a Sigstore's trust root from its TUF repository."),
            "serve": Leaf("trust_serve:serve", "Serve a Sigstore of your own to unmodified clients."),
            "log": Group(
                "Look into this machine's own transparency logs.",
                {
                    "verify": Leaf("trust_log:verify", "Check the whole of this machine's logs."),
                    "entries": Leaf("trust_log:entries", "List what this machine's logs hold."),
                },
            ),
        },
        _PIPELINE,
    ),
    "lineage": Group(
        "Ask what came from what, and how we know.",
        {
            "ancestors": Leaf("lineage:ancestors", "Show everything that an artifact came from."),
            "descendants": Leaf("lineage:descendants", "Show everything that came from an artifact."),
            "why": Leaf("lineage:why", "Show each path, and its proof, from an artifact to an ancestor."),
        },
        _CLUSTER,
    ),
    "policy": Group(
        "Write and check provenance policies.",
        {
            "init": Leaf("policy:init", "Write a policy to start from."),
            "check": Leaf("policy:check", "Report every fault of a policy file."),
            "explain": Leaf("policy_explain:explain", "Say in plain sentences what policies mean."),
            "test": Leaf(
                "policy_test:try_cases", "Try policies on cases: objects with the verdict that is expected of each."
            ),
            "sign": Leaf("policy_sign:sign", "Sign policies, so that a gate can load no others."),
        },
        _CLUSTER,
    ),
    "admission": Group(
        "Decide which pods may start.",
        {
            "review": Leaf("admission:review", "Judge pods, workloads and serving resources as the webhook would."),
            "serve": Leaf("admission:serve", "Serve the validating admission webhook over TLS."),
            "status": Leaf(
                "admission_status:status",
                "Say how a gate is: its policies, its evidence's age, its certificate, its decisions.",
            ),
            "report": Leaf("admission_report:report", "Say what the gate decided, and what it couldn't see."),
            "break-glass": Leaf("break_glass:break_glass", "Sign that what the gate refuses may start, for a time."),
            "controller": Leaf(
                "controller:controller", "Hand policies and verified evidence to the webhooks of a cluster."
            ),
            "snapshot": Leaf("snapshot:snapshot", "Write policies and verified evidence as a snapshot for webhooks."),
            "manifests": Leaf("admission_manifests:manifests", "Print what installs the gate in a cluster."),
        },
        _CLUSTER,
    ),
    "audit": Group(
        "Reports for people who don't have to trust us.",
        {"report": Leaf("audit:report", "Write one page about every artifact and bundle of a store.")},
        _CLUSTER,
    ),
    "demo": Leaf("demo:demo", "Watch the whole chain work, offline, in a minute.", _EVERYDAY),
    "doctor": Leaf("doctor:doctor", "Say what is installed, what is trusted and who would sign.", _EVERYDAY),
    "explain": Leaf("explain:explain", "Explain a rule such as DBOM-101.", _EVERYDAY),
    "config": Group(
        "Look at the settings in force.",
        {"show": Leaf("config:show", "Show each setting, and with --origin where it comes from.")},
        _EVERYDAY,
    ),
    "version": Leaf("version:version", "Print the version.", _EVERYDAY),
}


def leaves() -> list[tuple[tuple[str, ...], Leaf]]:
    """Return every command with the words that call it."""
    return _leaves(COMMANDS)


def _leaves(table: Mapping[str, Leaf | Group]) -> list[tuple[tuple[str, ...], Leaf]]:
    found: list[tuple[tuple[str, ...], Leaf]] = []
    for name, entry in table.items():
        if isinstance(entry, Leaf):
            found.append(((name,), entry))
        else:
            found.extend(((name, *words), leaf) for words, leaf in _leaves(entry.commands))
    return found


class _Commands(TyperGroup):
    """A group that shows its commands from the table and imports only the one that is called."""

    def __init__(self, name: str | None, line: str, table: Mapping[str, Leaf | Group], panel: str = "Commands") -> None:
        super().__init__(name=name, help=line, no_args_is_help=True, rich_help_panel=panel)
        for word, entry in table.items():
            self.add_command(_shown(word, entry))
        self._table = table

    def invoke(self, ctx):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  typer keeps the types of its click private
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # typer would make an exit code of it, and a child that ended with 130 does that too.
            raise CancelledError(CANCELLED, "interrupted", hint="") from None

    def resolve_command(self, ctx, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  typer keeps the types of its click private
        name, command, rest = super().resolve_command(ctx, args)
        entry = self._table.get(name) if name is not None else None
        if name is not None and isinstance(entry, Leaf):
            command = _loaded(name, entry)
        return name, command, rest


def _shown(word: str, entry: Leaf | Group) -> TyperCommand | TyperGroup:
    if isinstance(entry, Group):
        return _Commands(word, entry.line, entry.commands, entry.panel)
    return TyperCommand(word, help=entry.line, rich_help_panel=entry.panel)


def _loaded(name: str, leaf: Leaf) -> TyperCommand | TyperGroup:
    module, _, function = leaf.target.partition(":")
    command = with_session_flags(getattr(importlib.import_module(f"dbom.cli.{module}"), function))
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name, no_args_is_help=False, help=_reflowed(inspect.getdoc(command) or ""))(command)
    return typer.main.get_command(single)  # type: ignore[return-value]  # it returns what typer.core defines


def _reflowed(docstring: str) -> str:
    """Join the lines of each paragraph, which typer would keep, so that they wrap as wide as the terminal is."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


def _root() -> _Commands:
    holder = typer.Typer(add_completion=True, pretty_exceptions_enable=False)

    @holder.callback(invoke_without_command=True)
    def dbom() -> None:
        """Stand-in that gives the root its completion options."""

    options = [param for param in typer.main.get_command(holder).params if "completion" in str(param.name)]
    root = _Commands(
        "dbom",
        "Provenance for data and models: fingerprints, data BOMs, signatures, lineage, and a gate for pods.\n\n"
        "Start with `dbom demo`. Exit codes: 0 checked and true, 1 checked and false,"
        " 2 usage or input, 3 could not tell.",
        COMMANDS,
    )
    root.params.extend(options)
    return root


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name and return its exit code. No exception leaves, whatever happens."""
    try:
        result = _root().main(args=list(arguments), prog_name="dbom", standalone_mode=False)
    except SystemExit as left:
        # typer's: shell completion has answered, or the reader of a pipe went away before the result was written.
        result = InputError.exit_code if isinstance(left.__context__, BrokenPipeError) else left.code
    except typer.Abort:
        return show_error(CancelledError(CANCELLED, "interrupted", hint=""), arguments)
    except DbomError as error:
        _show_traceback(arguments)
        return show_error(error, arguments)
    except Exception as error:  # noqa: BLE001  nothing unforeseen may leave as a yes
        _show_traceback(arguments)
        return show_crash(error, arguments)
    return result if isinstance(result, int) else 0


def _show_traceback(arguments: Sequence[str]) -> None:
    if "--debug" in own_words(arguments):
        traceback.print_exc()
