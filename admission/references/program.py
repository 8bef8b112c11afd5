"""What a program that loads models is to the gate: how it is recognised, and what it then loads.

Each program is one module of `admission.references.programs` that defines `PROGRAM`. Nothing else names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from admission.documents import Node
    from admission.references.container import Container
    from admission.references.reference import ModelReference

__all__ = ["Addition", "Program", "Resource", "known_programs", "known_resources", "read_volume"]

_HOME: Final = "admission.references.programs"


def _never(_: Container) -> bool:
    return False


def _nothing(_: Container | Node) -> list[ModelReference]:
    return []


def _unknown(_: Node) -> ModelReference | None:
    return None


def _empty(_: Node, __: Node) -> tuple[str, ...]:
    return ()


def _no_additions(_: Node, __: Node) -> Mapping[str, Addition]:
    return {}


@dataclass(frozen=True, slots=True)
class Addition:
    """What a controller adds to a container: a command where it has no words of its own, and variables."""

    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object that a program brings to the cluster.

    `pods` are the paths at which specifications of pods stand, `[]` for every item of a list
    (`spec.workers[].template.spec`), `{}` for every member of an object; what isn't there is no fault. `reads` returns
    what the object itself names.

    `fills` returns the folders that its controller fills in the containers of one of the pods (the object and that pod
    are given) with what `reads` names: a path there, where nothing is mounted, is no reference of its own. `completes`
    are the names of the containers to whose words the controller adds, so that what these words leave out isn't left to
    the program. `adds` returns what its controller adds to containers of one of the pods, by the containers' names: a
    command where they have no words of their own (their images then start nothing), and variables. `plural` is what the
    API calls objects of the kind, where that isn't the kind in lower case and an `s`.
    """

    pods: tuple[str, ...] = ()
    reads: Callable[[Node], list[ModelReference]] = _nothing
    fills: Callable[[Node, Node], tuple[str, ...]] = _empty
    completes: tuple[str, ...] = ()
    adds: Callable[[Node, Node], Mapping[str, Addition]] = _no_additions
    plural: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that loads models.

    `source` names the version and the file whose parser or types are followed. `starts` tells whether it is what a
    container starts; `loads` returns what it then loads, read from the container. `resources` are its own kinds, by
    API group and kind. `volume` returns the reference that a volume of a driver of its own is, None for any other
    volume.
    """

    name: str
    source: str
    starts: Callable[[Container], bool] = _never
    loads: Callable[[Container], list[ModelReference]] = _nothing
    resources: Mapping[tuple[str, str], Resource] = field(default_factory=dict)
    volume: Callable[[Node], ModelReference | None] = _unknown


@cache
def known_programs() -> tuple[Program, ...]:
    """Return the programs that are known, by the names of their modules."""
    package = import_module(_HOME)
    names = sorted(item.name for item in iter_modules(package.__path__) if not item.name.startswith("_"))
    found: list[Program] = []
    for name in names:
        program = getattr(import_module(f"{_HOME}.{name}"), "PROGRAM", None)
        if isinstance(program, Program):
            found.append(program)
    return tuple(found)


@cache
def known_resources() -> Mapping[tuple[str, str], Resource]:
    """Return the kinds that programs bring to the cluster, by API group and kind; of a kind of two, the first one's."""
    return {key: found for program in reversed(known_programs()) for key, found in program.resources.items()}


def read_volume(volume: Node) -> ModelReference | None:
    """Return the reference that a volume is to the program whose driver mounts it, None for any other volume."""
    return next((found for read in _volume_readers() if (found := read(volume)) is not None), None)


@cache
def _volume_readers() -> tuple[Callable[[Node], ModelReference | None], ...]:
    return tuple(program.volume for program in known_programs() if program.volume is not _unknown)
