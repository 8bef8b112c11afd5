"""What every command takes: the flags that mean the same everywhere, and the place they are kept."""

from __future__ import annotations

import functools
import inspect
import os
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.settings import Settings, Value

__all__ = ["Session", "current_folder", "current_session", "current_settings", "with_session_flags"]


@dataclass(frozen=True, slots=True)
class Session:
    """The flags that mean the same in every command."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    offline: bool = False
    config: Path | None = None


_SESSION: ContextVar[Session] = ContextVar("dbom_session")


def current_session() -> Session:
    """Return the flags of the command that is running."""
    return _SESSION.get(Session())


def current_settings(**flags: Value | None) -> Settings:
    """Return the settings in force, where `flags` are those of the command line: `trusted_root=…` for --trusted-root.

    None and an empty tuple are flags that weren't given.
    """
    from dbom.settings import load_settings, user_settings_file

    return load_settings(
        flags={name.replace("_", "-"): value for name, value in flags.items()},
        environment=os.environ,
        config=current_session().config,
        folder=current_folder(),
        user_file=user_settings_file(os.environ),
    )


def current_folder() -> Path | None:
    """Return the current folder, or None where somebody has removed it."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


_FLAGS = {
    "quiet": Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but the result.")],
    "verbose": Annotated[bool, typer.Option("-v", "--verbose", help="Say more of what is done.")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show a traceback where something fails.")],
    "offline": Annotated[bool, typer.Option("--offline", help="Make every use of a network an error.")],
    "config": Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Read settings from this file too.")
    ],
}


def with_session_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Return `command` with the common flags added behind its own; they reach it by `current_session`."""

    @functools.wraps(command)
    def wrapped(**values: object) -> None:
        common = {name: values.pop(name) for name in _FLAGS}
        token = _SESSION.set(Session(**common))  # type: ignore[arg-type]  # typer has checked each value's type
        try:
            command(**values)
        finally:
            _SESSION.reset(token)

    signature = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None if name == "config" else False, annotation=annotation
        )
        for name, annotation in _FLAGS.items()
    ]
    kept = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
    wrapped.__signature__ = signature.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]  # read by inspect
    wrapped.__annotations__ = {p.name: p.annotation for p in [*kept, *added]}
    return wrapped
