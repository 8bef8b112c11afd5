"""Which command the words of a container start, and what to say where that, or its model, can't be seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.generic import script_references
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["behind", "hidden", "may_start_itself", "told_nothing", "unfollowed"]

_SCRIPT: Final = re.compile(r".*\.(?:sh|py)|(?:ba|da|a|z|k)?sh|python[0-9.]*")
_UNFOLLOWED: Final = "a script can't be followed"


def behind(words: Sequence[Word], *names: str) -> Sequence[Word] | None:
    """Return the words behind the first run of words that are these names, each the last segment of a path, or None."""
    given = [basename(word) for word in words]
    first, wanted = names[0], list(names)
    number = -1
    while first in given[number + 1 :]:
        number = given.index(first, number + 1)
        if given[number : number + len(names)] == wanted:
            return words[number + len(names) :]
    return None


def may_start_itself(container: Container) -> bool:
    """Return whether a server's image could start it: by its own entry point, or by a script that the words name."""
    if not container.has_command or container.scripts or isinstance(container.words[0].value, Unknown):
        return True
    return any(_SCRIPT.fullmatch(basename(word)) for word in container.words)


def hidden(container: Container, *names: str) -> list[ModelReference]:
    """Return the scripts that can't be followed, and the words that are whole commands, which speak of a program."""
    held = [(script.text, script.path) for script in container.scripts]
    held += [(word.text, word.path) for word in container.words if len(word.text.split()) > 1]
    spoken = [(text, path) for text, path in held if any(name in text for name in names)]
    return [container.opaque(Role.MODEL, text, path, _UNFOLLOWED) for text, path in spoken]


def unfollowed(container: Container, *names: str) -> list[ModelReference]:
    """Return every script of a container that can't be followed, and what else hides one of these programs."""
    found = [*script_references(container, always=True), *hidden(container, *names)]
    return list({item.path: item for item in found}.values())


def told_nothing(container: Container, because: str) -> ModelReference:
    """Return the reference that a server is which is told no model: the image, or what envFrom brings, decides."""
    path = container.node.get("envFrom" if not container.environment.is_whole else "image").path
    return ModelReference(Role.MODEL, container.image, path, Target.opaque(because))
