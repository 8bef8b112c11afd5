"""Reviews that nobody wrote: objects of the fixtures and the conformance cases, changed at random, from a seed.

One number is one case: the same seed and number give the same object anywhere.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from dbom.formats.yaml_reader import load_yaml_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dbom.canonical import Json, JsonObject

__all__ = ["Case", "case_of", "with_another", "with_others_order"]

_TESTS: Final = Path(__file__).parents[1]
_MOST_CHANGES: Final = 6
_HOSTILE: Final[tuple[Json, ...]] = (
    None,
    True,
    0,
    -1,
    1e308,
    "",
    " ",
    "\x00",
    "\ud800",
    "--model",
    "--model=",
    "-",
    "--",
    "$(",
    "$(X)",
    "$$(X)",
    "${X",
    "`",
    "'",
    '"',
    "<<E",
    "sh",
    "-c",
    "vllm serve org/m && sleep 1",
    "hf download org/m --revision " + "0" * 40,
    "curl -o /m https://huggingface.co/org/m/resolve/main/m.gguf",
    "{" * 300,
    "[" * 300,
    "a" * 5000,
    "../..",
    "/proc/1/root",
    "oci://r.example.com/m@sha256:" + "1" * 64,
    "r.example.com/m@sha256:" + "1" * 64,
    "https://[",
    "s3://[/model",
    [],
    {},
    [[[]]],
    {"": {"": ""}},
)
_KEYS: Final = ("command", "args", "env", "envFrom", "image", "volumeMounts", "workingDir", "resources", "lifecycle")
_WORKLOADS: Final = ("spec.template.spec", "spec", "spec.jobTemplate.spec.template.spec", "template.spec")


@dataclass(frozen=True, slots=True)
class Case:
    """An object to review, and how it came about."""

    number: int
    document: JsonObject
    made_from: str
    changes: tuple[str, ...] = field(default=())


@cache
def _bases() -> tuple[tuple[str, str], ...]:
    """Return the objects to start from, as JSON, by name."""
    found = [
        (str(path.relative_to(_TESTS)), json.dumps(load_yaml_documents(path.read_bytes(), where=path.name)[0]))
        for path in sorted((_TESTS / "references").glob("*/*.yaml"))
    ]
    cases = sorted((_TESTS / "conformance" / "admission").glob("*/pod.json"))
    return (*found, *((str(path.relative_to(_TESTS)), path.read_text(encoding="utf-8")) for path in cases))


def case_of(seed: str, number: int) -> Case:
    """Return one case."""
    random = Random(f"{seed}/{number}")  # noqa: S311  chosen to be repeatable
    name, text = random.choice(_bases())
    document = json.loads(text)
    changes: list[str] = []
    for _ in range(random.randint(0, _MOST_CHANGES)):
        change = random.choice(_CHANGES)
        change(random, document)
        changes.append(change.__name__.strip("_"))
    return Case(number, document, name, tuple(changes))


def with_another(document: JsonObject, container: JsonObject) -> JsonObject | None:
    """Return an object with one more container in its first pod; None where it has no list of containers."""
    changed = deepcopy(document)
    spec = _pod(changed)
    containers = None if spec is None else spec.get("containers")
    if not isinstance(containers, list):
        return None
    containers.append(container)
    return changed


def with_others_order(random: Random, document: JsonObject) -> JsonObject | None:
    """Return an object with the containers of its first pod in another order; None where it has no list of them."""
    changed = deepcopy(document)
    spec = _pod(changed)
    containers = None if spec is None else spec.get("containers")
    if not isinstance(containers, list):
        return None
    random.shuffle(containers)
    return changed


def _pod(document: JsonObject) -> JsonObject | None:
    for path in _WORKLOADS:
        node: Json = document
        for key in path.split("."):
            node = node.get(key) if isinstance(node, dict) else None
        if isinstance(node, dict) and "containers" in node:
            return node
    return None


@dataclass(frozen=True, slots=True)
class _InObject:
    """A member of an object."""

    holder: JsonObject
    key: str

    def value(self) -> Json:
        return self.holder[self.key]

    def put(self, value: Json) -> None:
        self.holder[self.key] = value

    def remove(self) -> None:
        del self.holder[self.key]


@dataclass(frozen=True, slots=True)
class _InList:
    """An item of a list."""

    holder: list[Json]
    number: int
    key: str = ""

    def value(self) -> Json:
        return self.holder[self.number]

    def put(self, value: Json) -> None:
        self.holder[self.number] = value

    def remove(self) -> None:
        del self.holder[self.number]


_Place = _InObject | _InList


def _places(node: Json) -> Iterator[_Place]:
    """Yield everything in a document that can be replaced."""
    stack = [node]
    while stack:
        holder = stack.pop()
        if isinstance(holder, dict):
            yield from (_InObject(holder, key) for key in holder)
            stack += holder.values()
        elif isinstance(holder, list):
            yield from (_InList(holder, number) for number in range(len(holder)))
            stack += holder


def _somewhere(random: Random, document: Json) -> _Place | None:
    places = list(_places(document))
    return random.choice(places) if places else None


def _replaced(random: Random, document: JsonObject) -> None:
    if place := _somewhere(random, document):
        place.put(deepcopy(random.choice(_HOSTILE)))


def _removed(random: Random, document: JsonObject) -> None:
    if place := _somewhere(random, document):
        place.remove()


def _repeated(random: Random, document: JsonObject) -> None:
    place = _somewhere(random, document)
    if isinstance(place, _InList):
        place.holder.append(deepcopy(place.value()))


def _moved(random: Random, document: JsonObject) -> None:
    one, other = _somewhere(random, document), _somewhere(random, document)
    if one and other:
        other.put(deepcopy(one.value()))


def _grafted(random: Random, document: JsonObject) -> None:
    _, text = random.choice(_bases())
    source = _somewhere(random, json.loads(text))
    if source and (place := _somewhere(random, document)):
        place.put(source.value())


def _same_key_grafted(random: Random, document: JsonObject) -> None:
    _, text = random.choice(_bases())
    by_key = {place.key: place.value() for place in _places(json.loads(text)) if place.key in _KEYS}
    places = [place for place in _places(document) if place.key in by_key]
    if places:
        place = random.choice(places)
        place.put(by_key[place.key])


def _shelled(random: Random, document: JsonObject) -> None:
    lists = [place for place in _places(document) if place.key in ("command", "args")]
    if lists:
        place = random.choice(lists)
        words = place.value()
        texts = [str(word) for word in words] if isinstance(words, list) else []
        place.put(["sh", "-c", random.choice((" ", "; ", " && ", "\n", " | ")).join(texts)])


def _spelled(random: Random, document: JsonObject) -> None:
    texts = [place for place in _places(document) if isinstance(place.value(), str)]
    if texts:
        place = random.choice(texts)
        text = str(place.value())
        at = random.randint(0, len(text))
        piece = random.choice(("_", "-", "=", " ", "/", "@", "$", "\\", "'", "\u200b", "A", ":", "..", "%2F", "\n"))
        place.put(text[:at] + piece + text[at + random.randint(0, 1) :])


_CHANGES: Final[tuple[Callable[[Random, JsonObject], None], ...]] = (
    _replaced,
    _removed,
    _repeated,
    _moved,
    _grafted,
    _same_key_grafted,
    _shelled,
    _spelled,
)
