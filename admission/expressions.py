"""CEL expressions: compiled when a policy loads, evaluated over a document, and never a yes by accident or by delay.

The engine is cel-cpp (`cel_expr_python`), whose home is this module. It stops an evaluation after 10,000 iterations;
what could cost more than time is left out of the language here: nothing can build a text or a list that is longer than
what it was given (no `+`, `map` and `filter`). Specified in docs/formats/policy-rules.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from admission.expression_cost import MOST_STEPS, steps_of
from dbom.errors import DocumentError, MissingExtraError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.admission import RULE_UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cel_expr_python import cel

__all__ = ["MAX_EXPRESSION", "Expression"]

MAX_EXPRESSION: Final = 4096
"""The longest expression, in characters."""

_ENVIRONMENT: Final = """
name: dbom-policy-rules-v1
stdlib:
  exclude_macros: [map, filter, exists_one]
  exclude_functions:
    - name: "_+_"
variables:
  - {name: artifact, type: "map<string,dyn>"}
  - {name: ancestors, type: "list<map<string,dyn>>"}
  - {name: gaps, type: "list<string>"}
  - {name: reference, type: "map<string,dyn>"}
  - {name: now, type: timestamp}
"""


@dataclass(frozen=True, slots=True)
class Expression:
    """A CEL expression that is true or false of a document. `steps` is a bound of what evaluating it can cost."""

    text: str
    steps: int = field(compare=False)
    _compiled: cel.Expression = field(repr=False, compare=False)

    @classmethod
    def compile(cls, text: str) -> Self:
        """Compile an expression.

        Raises `DocumentError` where it isn't CEL, isn't true or false, or might cost too much, and `MissingExtraError`
        where the engine isn't installed.
        """
        if len(text) > MAX_EXPRESSION:
            raise _unusable(f"longer than {MAX_EXPRESSION} characters")
        environment = _environment()
        try:
            compiled = environment.compile(text)
            kind, serialized = repr(compiled.return_type()), compiled.serialize()
        except RuntimeError as error:  # what the engine raises for whatever is wrong with an expression
            raise _unusable(_first_fault(str(error))) from error
        if kind != "BOOL":
            raise _unusable(f"it gives {printable(kind)}, and not true or false; compare it with something")
        steps = steps_of(serialized)
        if steps > MOST_STEPS:
            raise _unusable(f"it may take {steps:,} steps, and {MOST_STEPS:,} are the most")
        return cls(text, steps, compiled)

    def evaluate(self, document: Mapping[str, object]) -> bool | Unknown:
        """Return whether the expression is true of a document, or why that can't be told."""
        try:
            answer = self._compiled.eval(data=document)
        except RuntimeError as error:  # how the engine says that it gave up
            return Unknown(_first_fault(str(error)))
        # A run-time error is a value, and true in Python: only the kind BOOL with True itself is a yes.
        value = answer.value()
        if repr(answer.type()) == "BOOL" and isinstance(value, bool):
            return value
        return Unknown(_first_fault(str(value)))


def _environment() -> cel.Env:
    try:
        from cel_expr_python import cel  # noqa: PLC0415  only policies with rules need it
    except ImportError as error:
        raise MissingExtraError(
            RULE_UNUSABLE, "no CEL engine is installed", hint="install dbom with its extra: dbom[admission]"
        ) from error
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_ENVIRONMENT))


def _unusable(what: str) -> DocumentError:
    return DocumentError(RULE_UNUSABLE, what)


def _first_fault(text: str) -> str:
    """Return the engine's first line, without its own name for the kind of error and its picture of the place."""
    line = text.strip().partition("\n")[0]
    for noise in ("INVALID_ARGUMENT: ", "ERROR: ", "INTERNAL: ", "NOT_FOUND: ", "UNKNOWN: ", "CANCELLED: "):
        line = line.removeprefix(noise)
    return printable(line.partition(" [")[0].removeprefix("<input>:"))
