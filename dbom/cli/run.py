"""`dbom run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import IgnoreOption, JobsOption, NoDefaultIgnoresOption, StoreOption
from dbom.cli.output import say
from dbom.cli.session import current_session, current_settings
from dbom.cli.signers import SignerFlags, current_time, with_signer_flags
from dbom.errors import DbomError, UndecidedError, UsageError
from dbom.printable import printable
from dbom.rules.everyday import RUN_NOT_RECORDED, RUN_USAGE

if TYPE_CHECKING:
    from dbom.capture.recording import Recorded

__all__ = ["run"]

_MESSAGE_LIMIT = 2000


@with_signer_flags
def run(
    command: Annotated[list[str] | None, typer.Argument(metavar="COMMAND", help="What to run, after --.")] = None,
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="[RELATION=]PATH", help="What it reads, such as trained-on=data/; repeatable."),
    ] = None,
    outputs: Annotated[
        list[Path] | None, typer.Option("--out", metavar="PATH", help="What it writes; repeatable.")
    ] = None,
    no_command: Annotated[
        bool, typer.Option("--no-command", help="Leave the command's words out of what is signed.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 3 where the run could not be recorded.")] = False,
    store: StoreOption = None,
    ignore: IgnoreOption = None,
    no_default_ignores: NoDefaultIgnoresOption = False,
    jobs: JobsOption = 0,
    signer_flags: SignerFlags,
) -> None:
    """Run a command and record its inputs and outputs as signed provenance.

    Inputs are read before and after, outputs after; the command's own streams, signals and exit status pass through.
    What is signed for each output: the inputs by digest, the command, the git commit, the Python and its packages, and
    the times. Arguments are recorded as they are: keep secrets in the environment, or give --no-command.

    Example: dbom run --in trained-on=data/ --out model/ -- python train.py
    """
    if not command:
        raise UsageError(RUN_USAGE, "no command to run", expected="-- and the command")
    from attest.stores.store import open_store
    from dbom.capture.recording import InputPath, prepare, record_command
    from dbom.ignores import chosen_ignores

    settings = current_settings(store=tuple(store or ()), ignore=tuple(ignore or ()), jobs=jobs or None)
    prepared = prepare(
        inputs=[InputPath.parse(text) for text in inputs or ()],
        outputs=outputs or (),
        signer=signer_flags.signer(),
        stores=[open_store(url, offline=current_session().offline) for url in settings.store],
        ignores=chosen_ignores(settings.ignore, defaults=not no_default_ignores),
        jobs=settings.jobs,
    )

    status, recorded = record_command(prepared, command, clock=current_time, with_command=not no_command)
    code = _told(status, recorded, strict=strict)
    if code:
        raise typer.Exit(code)


def _told(status: int, recorded: Recorded | DbomError | None, *, strict: bool) -> int:
    """Say on stderr what was recorded, and return the exit code."""
    if recorded is None:
        say(f"the command ended with {status}: nothing is recorded")
        return status
    if isinstance(recorded, DbomError):
        error = UndecidedError(
            RUN_NOT_RECORDED, f"the command ended well but was not recorded: {recorded}", hint=recorded.hint
        )
        if strict:
            raise error from recorded
        sys.stderr.write(f"warning: {printable(str(error), limit=_MESSAGE_LIMIT)}\n")
        sys.stderr.write(f"  hint: {error.hint} ({recorded.rule.id}); --strict makes this an error\n")
        return status
    for finding in recorded.findings:
        say(f"{finding.severity}: {finding.where}: {finding.message} ({finding.rule})")
    for output, bundle in zip(recorded.run.outputs, recorded.bundles, strict=True):
        say(f"recorded {printable(output.name)} {output.digest} in {printable(bundle)}")
    return status
