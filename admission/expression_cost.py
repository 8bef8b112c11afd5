"""What a CEL expression can cost at most: a bound, from its checked syntax tree, before it is ever evaluated.

The engine bounds iterations alone, and one iteration may compare two documents. The tree is read as the protobuf
message `cel.expr.CheckedExpr` of https://github.com/google/cel-spec (proto/cel/expr/checked.proto and syntax.proto).
A step is about what the engine needs for one operator on scalars.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from attest.identity import Pattern
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ITEMS", "MAX_TEXT", "MAX_VALUES", "MOST_STEPS", "steps_of"]

MAX_ITEMS: Final = 400
"""The longest list of a document that rules see."""

MAX_VALUES: Final = 10_000
"""The most values that such a document holds."""

MAX_TEXT: Final = 1024
"""The longest text in it, in characters."""

MOST_STEPS: Final = 1_000_000
"""The most steps that all rules of a policy may take together."""

_ITERATIONS: Final = 10_000  # the engine's own budget for one evaluation
_STEPS_AN_INSTRUCTION: Final = 100  # of an RE2 program, to compile and run it: the engine keeps no program
_SEARCH_STEPS: Final = 200  # of looking for a text in another
_OTHER_STEPS: Final = 10
_SEARCHES: Final = frozenset({"contains", "startsWith", "endsWith"})
_SCALARS: Final = frozenset(
    {
        "authority", "base", "buildType", "builder", "commit", "depth", "digest", "dirty", "enforced", "hex", "inputs",
        "kind", "lineage", "name", "path", "pin", "predicateType", "ref", "relation", "role", "sha256", "signer",
        "source", "time", "timeBasis", "what",
    }
)  # fmt: skip
"""The fields of our document that hold one value. (In a predicate, which is a stranger's, they needn't.)"""

_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = range(3, 10)
_COMPARISONS: Final = frozenset({"_==_", "_!=_"})
_MEMBERSHIP: Final = frozenset({"@in", "in", "_in_"})
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def steps_of(checked: bytes) -> int:
    """Return how many steps evaluating a `CheckedExpr` may take at most, serialized in a `google.protobuf.Any`."""
    (message,) = [value for number, value in _fields(checked) if number == 2]  # noqa: PLR2004  Any.value
    (expression,) = [value for number, value in _fields(message) if number == 4]  # noqa: PLR2004  CheckedExpr.expr
    tree = _Node.read(expression)
    knows_scalars = b"predicate" not in _names(tree)
    return _steps(tree, 1, knows_scalars=knows_scalars)


@dataclass(frozen=True, slots=True)
class _Node:
    """An expression: its kind (the number of its field in `Expr`), its name where it has one, and its parts."""

    kind: int
    name: bytes
    parts: tuple[tuple[int, _Node], ...] = ()

    @classmethod
    def read(cls, data: bytes) -> _Node:
        """Read a message `Expr`."""
        found = [(number, value) for number, value in _fields(data) if _CONST <= number <= _LOOP]
        if not found:
            return cls(_CONST, b"")
        kind, body = found[-1]
        if kind == _CONST:
            return cls(kind, next((value for number, value in _fields(body) if number == 6), b""))  # noqa: PLR2004  Constant.string_value
        inner = list(_fields(body))
        if kind == _STRUCT:
            entries = [value for number, value in inner if number == 2]  # noqa: PLR2004  CreateStruct.entries
            values = [item for entry in entries for item in _fields(entry) if item[0] in (3, 4)]
            return cls(kind, b"", tuple((number, cls.read(value)) for number, value in values))
        at = {_IDENT: ({1}, set[int]()), _SELECT: ({2}, {1}), _CALL: ({2}, {1, 3}), _LIST: (set[int](), {1})}
        names, parts = at.get(kind, (set[int](), {2, 4, 5, 6, 7}))
        name = next((value for number, value in inner if number in names), b"")
        return cls(kind, name, tuple((number, cls.read(value)) for number, value in inner if number in parts))


def _steps(node: _Node, times: int, *, knows_scalars: bool) -> int:
    """Return the steps of a node that is evaluated `times` times."""
    if node.kind == _LOOP:
        ranged = next(part for number, part in node.parts if number == 2)  # noqa: PLR2004  Comprehension.iter_range
        length = len(ranged.parts) if ranged.kind == _LIST else MAX_ITEMS
        inside = min(times * max(length, 1), _ITERATIONS)
        return times + sum(
            _steps(part, inside if number in (5, 6) else times, knows_scalars=knows_scalars)  # condition and step
            for number, part in node.parts
        )
    own = _call_steps(node, knows_scalars=knows_scalars) if node.kind == _CALL else 1
    return times * own + sum(_steps(part, times, knows_scalars=knows_scalars) for _, part in node.parts)


def _call_steps(node: _Node, *, knows_scalars: bool) -> int:
    name, sides = node.name.decode(errors="replace"), [part for _, part in node.parts]
    is_plain = any(side.kind == _CONST or (knows_scalars and _is_scalar(side)) for side in sides)
    if name in _COMPARISONS:
        return 1 if is_plain else MAX_VALUES * min(_leaves(side) for side in sides)
    if name in _MEMBERSHIP:
        many = sides[-1]
        if many.kind in (_LIST, _STRUCT) and all(part.kind == _CONST for _, part in many.parts):
            return max(len(many.parts), 1)
        return MAX_ITEMS if is_plain and many.kind not in (_LIST, _STRUCT) else MAX_VALUES * _leaves(many)
    if name == "matches":
        return _match_steps(sides[-1])
    return _SEARCH_STEPS if name in _SEARCHES else _OTHER_STEPS


def _match_steps(pattern: _Node) -> int:
    """Return what matching costs; a pattern that isn't written out, or isn't RE2, costs more than anything may."""
    if pattern.kind != _CONST:
        return MOST_STEPS + 1
    try:
        expression = Pattern(pattern.name.decode(), is_expression=True)
    except (DocumentError, UnicodeDecodeError):
        return MOST_STEPS + 1
    return expression.size * _STEPS_AN_INSTRUCTION


def _leaves(node: _Node) -> int:
    """Return how many values of the document a literal list or map holds."""
    return sum(_leaves(part) for _, part in node.parts) if node.kind in (_LIST, _STRUCT) else 1


def _is_scalar(node: _Node) -> bool:
    return node.kind == _SELECT and node.name.decode(errors="replace") in _SCALARS


def _names(node: _Node) -> Iterator[bytes]:
    yield node.name
    for _, part in node.parts:
        yield from _names(part)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields of a message that are bytes, texts or messages, with their numbers (protobuf wire format)."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == _BYTES:
            length, place = _varint(data, place)
            yield number, data[place : place + length]
            place += length
        elif wire == _VARINT:
            _, place = _varint(data, place)
        else:
            place += 8 if wire == _EIGHT else 4


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004  the last byte of a number
            return value, place
