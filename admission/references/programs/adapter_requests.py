"""Requests that have a server load an adapter while it runs: `POST /v1/load_lora_adapter` with its place as JSON.

Followed: how kserve/kserve `docs/guides/lora-serving` at d8c0b35 asks vLLM (`lora_name`, `lora_path`); the server's own
code was not read. The server is another container, so that a path is one of its own.

Not to be told: which adapter a request names whose words come out of commands, and what another client sends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.places import is_path
from admission.references.program import Program
from admission.references.reference import ModelReference, Role, Target

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_LOAD: Final = "/load_lora_adapter"
_NAMED: Final = re.compile(r"""\\?["']lora_path\\?["']\s*:\s*\\?["'](?P<place>[^"'\\]+)""")
_UNTOLD: Final = "which adapter a server is asked to load can't be told"
_ELSEWHERE: Final = "it lies in the folders of the server that is asked to load it"


def _texts(container: Container) -> list[tuple[str, str]]:
    """Return the words and scripts, each with its place; of a word that can't be told, what is written."""
    words = [(word.spelling, word.path) for word in container.words]
    return [*words, *((script.text, script.path) for script in container.scripts)]


def _starts(container: Container) -> bool:
    return any(_LOAD in text for text, _ in _texts(container))


def _loads(container: Container) -> list[ModelReference]:
    texts = _texts(container)
    found = [
        _asked(container, match["place"], path)
        for text, path in texts
        for match in _NAMED.finditer(text)
        if not any(path == script.path for script in container.scripts)
    ]
    if found:
        return found
    text, path = next((text, path) for text, path in texts if _LOAD in text)
    return [container.opaque(Role.ADAPTER, text, path, _UNTOLD)]


def _asked(container: Container, place: str, path: str) -> ModelReference:
    if is_path(place):
        return container.opaque(Role.ADAPTER, place, path, _ELSEWHERE)
    if "$" in place:
        return container.opaque(Role.ADAPTER, place, path, _UNTOLD)
    target = container.reference(Role.ADAPTER, place, path).target
    # No revision stands in a request, so that a pin there could only be one of its spelling.
    return ModelReference(Role.ADAPTER, place, path, target if target.location is None else Target.opaque(_UNTOLD))


PROGRAM: Final = Program("Requests to load an adapter", "kserve at d8c0b35 docs/guides/lora-serving", _starts, _loads)
