"""YAML, read so that it means one thing.

What comes out is JSON (`dbom.canonical.Json`), built from the parser's events without any constructor, so nothing is
ever executed. Refused, because two programs would read it as two things or because it costs without bound: duplicate
keys, keys that aren't strings, merge keys (`<<`), tags beyond JSON's types, aliases that multiply, recursion, deep
nesting, large documents. A plain word that YAML 1.1 and YAML 1.2 read differently (`no`, `2024-01-02`, `0644`, `1_000`,
`12:30:00`) stays the text that was written, and so do `.nan` and `.inf`, which JSON can't hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from dbom.canonical import MAX_DEPTH
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.documents import YAML_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import Json

__all__ = ["MAX_YAML_BYTES", "MAX_YAML_NODES", "load_yaml", "load_yaml_documents", "load_yaml_placed"]

MAX_YAML_BYTES = 4 * 1024 * 1024
"""The largest YAML text that is read, in bytes."""

MAX_YAML_NODES = 500_000
"""The most values that a text may come to once its aliases are written out."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAG = "tag:yaml.org,2002:"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,307})")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,64}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")


def load_yaml(data: bytes, *, where: str, limit: int = MAX_YAML_BYTES) -> Json:
    """Read a YAML text that holds one document; an empty text is null.

    Raises `DocumentError` where the text is malformed, ambiguous or too large (see above), or holds several documents.
    """
    documents = load_yaml_documents(data, where=where, limit=limit)
    if len(documents) > 1:
        raise DocumentError(
            YAML_MALFORMED, "several documents", where=where, got=str(len(documents)), expected="one document"
        )
    return documents[0] if documents else None


def load_yaml_documents(data: bytes, *, where: str, limit: int = MAX_YAML_BYTES) -> list[Json]:
    """Read every document of a YAML text; documents without content (a trailing `---`) are left out.

    Raises `DocumentError` where the text is malformed, ambiguous or too large.
    """
    return [document for document, _ in load_yaml_placed(data, where=where, limit=limit)]


def load_yaml_placed(data: bytes, *, where: str, limit: int = MAX_YAML_BYTES) -> list[tuple[Json, int]]:
    """Read every document as `load_yaml_documents` does, each with the line of the text that it begins in, from 1."""
    if len(data) > limit:
        raise DocumentError(
            YAML_MALFORMED, "too large", where=where, got=f"{len(data)} bytes", expected=f"at most {limit}"
        )
    try:
        reader = _Reader()
        for event in yaml.parse(data.decode("utf-8-sig"), Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DocumentError(YAML_MALFORMED, f"not YAML: {printable(str(error.problem))}{line}", where=where) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DocumentError(YAML_MALFORMED, f"not YAML: {printable(str(error))}", where=where) from error
    except _RefusedError as error:
        raise DocumentError(YAML_MALFORMED, printable(str(error)), where=where) from error
    return list(zip(reader.documents, reader.lines, strict=True))


class _RefusedError(ValueError):
    """Something that this reader won't take; only ever seen by `load_yaml_documents`."""

    def __init__(self, what: str, event: yaml.Event) -> None:
        mark = event.start_mark
        super().__init__(f"{what}, line {mark.line + 1}" if mark is not None else what)


@dataclass(slots=True)
class _Node:
    """A value with its weight: how many values it comes to with its aliases written out, and how deep it goes."""

    value: Json
    weight: int = 1
    height: int = 0


@dataclass(slots=True)
class _Open:
    """A collection that is being read, and the key that waits for its value."""

    node: _Node
    anchor: str | None
    key: str | None = None


@dataclass(slots=True)
class _Reader:
    """Builds documents from parser events, keeping its own stack so that no input can exhaust Python's."""

    documents: list[Json] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    _line: int = 1
    _stack: list[_Open] = field(default_factory=list)
    _anchors: dict[str, _Node] = field(default_factory=dict)
    _weight: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the text."""
        if not self._stack and isinstance(event, yaml.NodeEvent) and event.start_mark is not None:
            self._line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._anchors = {}
        elif isinstance(event, yaml.ScalarEvent):
            node = _Node(_scalar(event))
            self._remember(event.anchor, node)
            if self._stack or not _is_empty(event):
                self._add(node, event)
        elif isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(str(event.anchor), _Node(None, 0))
            if not node.weight:
                raise _RefusedError(f"the alias *{event.anchor} has no anchor before it", event)
            self._add(node, event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            opened = self._stack.pop()
            self._remember(opened.anchor, opened.node)
            self._add(opened.node, event, counted=True)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        expected = "map" if is_mapping else "seq"
        if event.tag not in (None, "!", _TAG + expected):
            raise _RefusedError(f"the tag {event.tag} is not one of JSON's types", event)
        if len(self._stack) >= MAX_DEPTH:
            raise _RefusedError(f"nested more than {MAX_DEPTH} levels deep", event)
        if self._stack and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].key is None:
            raise _RefusedError("a key that is not a string", event)
        self._count(1, event)
        self._stack.append(_Open(_Node({} if is_mapping else []), event.anchor))

    def _add(self, node: _Node, event: yaml.Event, *, counted: bool = False) -> None:
        if not counted:
            self._count(node.weight, event)
        if not self._stack:
            self.documents.append(node.value)
            self.lines.append(self._line)
            return
        if len(self._stack) + node.height > MAX_DEPTH:
            raise _RefusedError(f"nested more than {MAX_DEPTH} levels deep", event)
        top = self._stack[-1]
        if isinstance(top.node.value, list):
            top.node.value.append(node.value)
        elif isinstance(top.node.value, dict):
            if top.key is None:
                top.key = _key(node.value, top.node.value, event)
                return
            top.node.value[top.key] = node.value
            top.key = None
        top.node.weight += node.weight
        top.node.height = max(top.node.height, node.height + 1)

    def _count(self, weight: int, event: yaml.Event) -> None:
        self._weight += weight
        if self._weight > MAX_YAML_NODES:
            raise _RefusedError(f"more than {MAX_YAML_NODES} values once aliases are written out", event)

    def _remember(self, anchor: str | None, node: _Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node


def _key(value: Json, mapping: dict[str, Json], event: yaml.Event) -> str:
    if not isinstance(value, str):
        raise _RefusedError(f"the key {value!r} is not a string; put it in quotes", event)
    if value == "<<":
        raise _RefusedError("merge keys (<<) are not read; write the values out", event)
    if value in mapping:
        raise _RefusedError(f"the key {value!r} stands twice in one mapping", event)
    return value


def _is_empty(event: yaml.ScalarEvent) -> bool:
    return not event.value and event.style in (None, "") and event.tag is None and event.anchor is None


def _scalar(event: yaml.ScalarEvent) -> Json:
    text: str = event.value
    if _SURROGATE.search(text) is not None:
        raise _RefusedError("half of a character (a lone surrogate)", event)
    if event.tag in (None, "!"):
        is_plain = event.style in (None, "") and event.tag is None
        return _plain(text) if is_plain else text
    if event.tag == _TAG + "str":
        return text
    value = _plain(text)
    names = {type(None): ("null",), bool: ("bool",), int: ("int", "float"), float: ("float",)}
    if event.tag.removeprefix(_TAG) not in names.get(type(value), ()):
        raise _RefusedError(f"the tag {event.tag} does not fit {text!r} or is not one of JSON's types", event)
    return value


def _plain(text: str) -> Json:
    if text in _NULLS:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    return text


def _finite(text: str) -> Json:
    number = float(text)
    return number if number not in (float("inf"), float("-inf")) else text
