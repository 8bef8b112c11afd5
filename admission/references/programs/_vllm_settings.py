"""Objects of which an operator makes vLLM's command line: a model, words to add to it, and variables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from admission.documents import Node
from admission.references.arguments import flag_references
from admission.references.container import Container, Revision
from admission.references.flags import read_flags
from admission.references.words import Word

if TYPE_CHECKING:
    from admission.references.environment import Environment
    from admission.references.reference import ModelReference

__all__ = ["given_revision", "named_beside", "told_container"]


def told_container(words: Node, environment: Environment) -> Container:
    """Return vLLM's container as an operator starts it with the words of a list and these variables."""
    empty = Container.read(Node({}, words.path, words.faults), {})
    told = tuple(Word(text, text, item.path) for item in words.items() if (text := item.text()) is not None)
    return replace(empty, words=told, environment=environment)


def given_revision(container: Container) -> Revision:
    """Return the revision that vLLM's words give for the model."""
    flags = read_flags(container.words, abbreviated=True)
    return Revision.of(given.value for given in flags if given.flag == "revision")


def named_beside(container: Container) -> list[ModelReference]:
    """Return what vLLM's words name beside the model that the operator puts before them."""
    return flag_references(container, (), is_vllm=True)
