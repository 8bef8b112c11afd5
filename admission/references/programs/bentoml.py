"""BentoML: `bentoml serve`, `openllm serve`, and Yatai's kinds BentoDeployment, Bento and BentoRequest.

Read: bentoml 1.4.40, `bentoml_cli/serve.py` (click: the bento is the one word that is no option); yatai-deployment 1.1,
`apis/serving/v2alpha1` and older; yatai-image-builder 1.1, `apis/resources/v1alpha1`.

What can't be told: which models a bento loads is written in the bento (its models, and the code of its service), so
that every bento is opaque, wherever it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.commands import behind, hidden, unfollowed
from admission.references.options import is_option
from admission.references.program import Program, Resource
from admission.references.reference import ModelReference, Role, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.documents import Node
    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_COMMANDS: Final = (
    ("bentoml", "serve"),
    ("bentoml", "serve-http"),
    ("bentoml", "serve-grpc"),
    ("bentoml", "pull"),
    ("bentoml", "models", "pull"),
    ("openllm", "serve"),
    ("openllm", "start"),
    ("openllm", "run"),
)
_SWITCHES: Final = (
    "--production",
    "--development",
    "--reload",
    "--debug",
    "-q",
    "--quiet",
    "--verbose",
    "-F",
    "--force",
)
_IN_BENTO: Final = "which models it loads is written in the bento"
_OF_CLUSTER: Final = "it is another object of the cluster, and which models it loads is written in the bento"
_FETCHED: Final = "it is fetched when an image is built of it"


def _behind(container: Container) -> tuple[Word, Sequence[Word]] | None:
    """Return the last word of the command that loads a bento, and the words behind it."""
    for command in _COMMANDS:
        rest = behind(container.words, *command)
        if rest is not None:
            return container.words[len(container.words) - len(rest) - 1], rest
    return None


_HIDDEN: Final = (
    "bentoml serve",
    "openllm ",
)


def _starts(container: Container) -> bool:
    return _behind(container) is not None or bool(hidden(container, *_HIDDEN))


def _loads(container: Container) -> list[ModelReference]:
    found = unfollowed(container, *_HIDDEN)
    started = _behind(container)
    if started is None:
        return found
    command, rest = started
    word = _bento(rest) or command
    return [*found, container.opaque(Role.MODEL, word.text, word.path, _IN_BENTO)]


def _bento(words: Sequence[Word]) -> Word | None:
    """Return the word that names the bento: the first that is no option and not behind one that takes a value."""
    takes_one = False
    for word in words:
        if is_option(word):
            takes_one = "=" not in word.spelling and word.spelling not in _SWITCHES
        elif takes_one:
            takes_one = False
        else:
            return word
    return None


def _named(node: Node, because: str) -> list[ModelReference]:
    text = node.text()
    return [ModelReference(Role.MODEL, text, node.path, Target.opaque(because))] if text else []


def _deployment(root: Node) -> list[ModelReference]:
    spec = root.get("spec")
    return [item for key in ("bento", "bentoTag", "bento_tag") for item in _named(spec.get(key), _OF_CLUSTER)]


def _bento_object(root: Node) -> list[ModelReference]:
    spec = root.get("spec")
    found = [item for key in ("tag", "bentoTag") for item in _named(spec.get(key), _IN_BENTO)]
    return found + [item for model in spec.get("models").items() for item in _named(model.get("tag"), _FETCHED)]


PROGRAM: Final = Program(
    "BentoML",
    "bentoml 1.4.40 bentoml_cli/serve.py; yatai-deployment 1.1 apis/serving; yatai-image-builder 1.1 apis/resources",
    _starts,
    _loads,
    {
        ("serving.yatai.ai", "BentoDeployment"): Resource(
            pods=("spec.extraPodSpec", "spec.runners[].extraPodSpec"), reads=_deployment
        ),
        ("resources.yatai.ai", "Bento"): Resource(reads=_bento_object),
        ("resources.yatai.ai", "BentoRequest"): Resource(reads=_bento_object),
    },
)
