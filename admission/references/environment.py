"""The environment of a container as far as its object tells it, and `$(NAME)` put in as Kubernetes does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from admission.documents import Node

__all__ = ["MOST_TOGETHER", "TOO_LONG", "Environment", "Variable", "is_set", "read_environment"]

# Linux starts no program with a longer word, or more of them together (MAX_ARG_STRLEN; a quarter of the stack). Here
# they keep variables that double each other from growing without bound.
_LONGEST = 128 * 1024
MOST_TOGETHER = 2 * 1024 * 1024
TOO_LONG = Unknown("with its variables it is longer than what a program can be started with")
_OFF = ("", "0", "false", "no", "off", "n")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: its value or why that can't be told, and where it stands."""

    value: str | Unknown
    path: str


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables that a container's object names; `is_whole` is False where others come from somewhere else."""

    variables: Mapping[str, Variable]
    is_whole: bool = True

    def value(self, name: str) -> str | Unknown | None:
        """Return a variable's value, why it can't be told, or None where the object doesn't name it."""
        variable = self.variables.get(name)
        return None if variable is None else variable.value

    def expand(self, text: str, *, leaves_others: bool = False) -> str | Unknown:
        """Return `text` with every `$(NAME)` put in, or why that can't be told.

        A name that the object doesn't define is not taken to stay as it is: services define names too. In a script it
        means a command, and is left (`leaves_others`).
        """
        return _expand(text, self.variables, leaves_others=leaves_others)

    def changed(self, values: Mapping[str, str | Unknown], path: str) -> Environment:
        """Return the environment after a script at `path` has set some variables."""
        if not values:
            return self
        changes = {name: Variable(value, path) for name, value in values.items()}
        return Environment({**self.variables, **changes}, is_whole=self.is_whole)


def read_environment(container: Node) -> Environment:
    """Return the environment of a container."""
    variables: dict[str, Variable] = {}
    size = 0
    for item in container.get("env").items():
        name, value, source = item.get("name").required(), item.get("value"), item.get("valueFrom")
        text = value.text() or ""
        if source.is_there:
            kinds = ", ".join(key for key, _ in source.members())
            variables[name] = Variable(Unknown(f"its value comes from {kinds or 'somewhere else'}"), source.path)
        else:
            expanded = _expand(text, variables)
            size += 0 if isinstance(expanded, Unknown) else len(expanded)
            variables[name] = Variable(expanded if size <= MOST_TOGETHER else TOO_LONG, value.path)
    return Environment(variables, is_whole=not list(container.get("envFrom").items()))


def is_set(value: str | Unknown | None) -> bool:
    """Return whether a variable of yes or no says yes; one that can't be told does."""
    return value is not None and (isinstance(value, Unknown) or value.lower() not in _OFF)


def _expand(text: str, variables: Mapping[str, Variable], *, leaves_others: bool = False) -> str | Unknown:
    """Return a text with its variables put in, in one pass.

    Kubernetes' own grammar (third_party/forked/golang/expansion): `$$` is a dollar, `$(NAME)` a variable, the rest
    stands for itself.
    """
    found: list[str] = []
    at = size = 0
    has_ends = True
    while (start := text.find("$", at)) >= 0:
        found.append(text[at:start])
        following = text[start + 1 : start + 2]
        end = text.find(")", start + 2) if following == "(" and has_ends else -1
        if end < 0:
            has_ends = has_ends and following != "("
            found.append("$" if following == "$" else f"${following}")
            at = start + 1 + len(following)
            continue
        name, at = text[start + 2 : end], end + 1
        variable = variables.get(name)
        if variable is None and not leaves_others:
            return Unknown(f"$({name}) is not defined in the container")
        if variable is not None and isinstance(variable.value, Unknown):
            return Unknown(f"of $({name}), {variable.value.reason}")
        value = text[start:at] if variable is None else str(variable.value)
        size += 0 if variable is None else len(value)
        if size > _LONGEST:
            return TOO_LONG
        found.append(value)
    return "".join((*found, text[at:]))
