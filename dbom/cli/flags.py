"""Flags that several commands share, given to each as one value."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["with_flags"]


def with_flags(
    command: Callable[..., None],
    parameter: str,
    flags: Mapping[str, object],
    switches: Collection[str],
    made: Callable[..., object],
) -> Callable[..., None]:
    """Return `command` with `flags` in the place of `parameter`, which gets what `made` makes of them.

    `flags` are typer's annotations by the name of each flag; those of `switches` are off where nobody says them, the
    others None. A flag that the command has itself means there what the command says, and isn't one of these.
    """
    signature = inspect.signature(command, eval_str=True)
    names = [name for name in flags if name not in signature.parameters]

    @functools.wraps(command)
    def wrapped(**values: object) -> None:
        given = {name: values.pop(name) for name in names}
        command(**values, **{parameter: made(**given)})

    kept = [param for name, param in signature.parameters.items() if name != parameter]
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False if name in switches else None, annotation=flags[name]
        )
        for name in names
    ]
    wrapped.__signature__ = signature.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]  # read by inspect
    wrapped.__annotations__ = {param.name: param.annotation for param in [*kept, *added]}
    return wrapped
