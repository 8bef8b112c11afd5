"""The flags by which inference servers are told what to load.

vLLM's are followed closely: it reads `_` as `-`, takes any unambiguous beginning of a flag, and the last of two wins.
Which of its flags take a value is listed, since a word behind any other flag may be the model (`--enforce-eager m`).
Flags of other servers that mean the same (`--model-path`, `--model-id`, …) are read alike; whichever program it is, a
word that names a model is a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.references.reference import Role
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.words import Word

__all__ = [
    "CONFIG",
    "DOWNLOADS",
    "JSON_FLAGS",
    "LIST_FLAGS",
    "LOADER",
    "NAMING_FLAGS",
    "ROLES",
    "Given",
    "positionals",
    "read_flags",
]

ROLES: Final = {
    "model": Role.MODEL,
    "model-id": Role.MODEL,
    "model-path": Role.MODEL,
    "model-dir": Role.MODEL,
    "hf-config-path": Role.MODEL,
    "tokenizer": Role.TOKENIZER,
    "tokenizer-path": Role.TOKENIZER,
    "speculative-model": Role.DRAFT_MODEL,
    "spec-model": Role.DRAFT_MODEL,
    "speculative-draft-model-path": Role.DRAFT_MODEL,
    "speculative-config": Role.DRAFT_MODEL,
    "lora-modules": Role.ADAPTER,
    "lora-paths": Role.ADAPTER,
    "prompt-adapters": Role.ADAPTER,
    "default-mm-loras": Role.ADAPTER,
    "qlora-adapter-name-or-path": Role.ADAPTER,
}
"""Flags that name something to load, and what it is."""

JSON_FLAGS: Final = ("speculative-config", "default-mm-loras")
LIST_FLAGS: Final = ("lora-modules", "lora-paths", "prompt-adapters")
CONFIG: Final = "config"
DOWNLOADS: Final = "download-dir"
LOADER: Final = "model-loader-extra-config"
REVISIONS: Final = ("revision", "model-revision", "tokenizer-revision")
NAMING_FLAGS: Final = tuple(ROLES)

_ALL: Final = (*ROLES, *REVISIONS, CONFIG, DOWNLOADS, LOADER)
_SHORT: Final = {"sc": "speculative-config"}
_SHORTEST_BEGINNING: Final = 2
_VALUED: Final = frozenset(
    """
    api-key api-server-count block-size chat-template chat-template-content-format code-revision compilation-config
    config-format cpu-offload-gb data-parallel-address data-parallel-backend data-parallel-rank
    data-parallel-rpc-port data-parallel-size data-parallel-size-local data-parallel-start-rank device
    distributed-executor-backend dtype generation-config gpu-memory-utilization guided-decoding-backend hf-overrides
    hf-token host kv-cache-dtype kv-events-config kv-transfer-config limit-mm-per-prompt load-format
    logits-processor-pattern long-lora-scaling-factors lora-dtype lora-extra-vocab-size max-cpu-loras max-log-len
    max-logprobs max-lora-rank max-loras max-model-len max-num-batched-tokens max-num-partial-prefills max-num-seqs
    max-parallel-loading-workers max-seq-len-to-capture mm-processor-cache-gb mm-processor-kwargs model-impl
    num-gpu-blocks-override num-lookahead-slots num-scheduler-steps num-speculative-tokens optimization-level
    otlp-traces-endpoint override-generation-config override-pooler-config pipeline-parallel-size pooler-config port
    quantization reasoning-parser response-role root-path rope-scaling rope-theta runner scheduler-delay-factor
    scheduling-policy seed speculative-disable-by-batch-size speculative-draft-tensor-parallel-size ssl-ca-certs
    ssl-certfile ssl-keyfile stream-interval structured-outputs-config swap-space task tensor-parallel-size
    tokenizer-mode tool-call-parser uvicorn-log-level tp pp dp q dcp dpn dpl dpa dpp dpb
    """.split()  # noqa: SIM905  a list of ninety words is read more easily so
)
_LISTS: Final = frozenset({*LIST_FLAGS, "served-model-name"})


@dataclass(frozen=True, slots=True)
class Given:
    """A flag that was given: its name, the rest of a dotted name (`--speculative-config.model`), its value."""

    flag: str
    dotted: str
    word: Word
    values: tuple[Word, ...]
    value: str | Unknown


def read_flags(words: Sequence[Word], *, abbreviated: bool) -> list[Given]:
    """Return the flags of the tables above that the words give; `abbreviated` takes beginnings of flags for them."""
    found: list[Given] = []
    for number, word in enumerate(words):
        text = _written(word)
        if not text.startswith("-"):
            continue
        name, equals, written = text.lstrip("-").partition("=")
        value = word.value if isinstance(word.value, Unknown) else written
        stem, dot, dotted = name.replace("_", "-").partition(".")
        is_short = not text.startswith("--")
        meant = _short(stem, abbreviated=abbreviated) if is_short else _meant(stem, abbreviated=abbreviated)
        following = tuple(_following(words, number)) if meant else ()
        for flag in meant:
            if equals:
                found.append(Given(flag, dotted if dot else "", word, (), value))
            else:
                first = following[0].value if following else Unknown("it has no value")
                found.append(Given(flag, dotted if dot else "", word, following, first))
    return found


def positionals(words: Sequence[Word]) -> list[Word]:
    """Return the words that may be vLLM's one positional, its model.

    The first word is, where it is no flag. Else it may be any word that isn't known to be the value of a flag.
    """
    if words and not _is_flag(words[0]):
        return [words[0]]
    found: list[Word] = []
    takes_one = takes_many = False
    for word in words:
        if _is_flag(word):
            name, equals, _ = _written(word).lstrip("-").partition("=")
            stem, dot, _ = name.partition(".")
            stem = stem.replace("_", "-")
            takes_many = not equals and stem in _LISTS
            takes_one = not equals and (bool(dot) or stem in _VALUED or stem in _ALL or stem in _SHORT)
        elif takes_one or takes_many:
            takes_one = False
        else:
            found.append(word)
    return found


def _is_flag(word: Word) -> bool:
    text = _written(word)
    return len(text) > 1 and text.startswith("-")


def _written(word: Word) -> str:
    # `--port=$(PORT)` is about the port, whatever PORT is.
    return word.text if isinstance(word.value, Unknown) else word.value


def _following(words: Sequence[Word], number: int) -> list[Word]:
    values: list[Word] = []
    for index in range(number + 1, len(words)):
        if _is_flag(words[index]):
            break
        values.append(words[index])
    return values


def _short(stem: str, *, abbreviated: bool) -> list[str]:
    return [_SHORT[stem]] if abbreviated and stem in _SHORT else []


def _meant(stem: str, *, abbreviated: bool) -> list[str]:
    if stem in _ALL:
        return [stem]
    if not abbreviated or len(stem) < _SHORTEST_BEGINNING:
        return []
    if "model".startswith(stem):
        return ["model"]
    return [flag for flag in _ALL if flag.startswith(stem)]
