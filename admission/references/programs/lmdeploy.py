"""LMDeploy: `lmdeploy serve api_server MODEL`, and its other commands that take a model.

Followed is LMDeploy 0.18: `lmdeploy/cli/serve.py` and `lmdeploy/cli/utils.py` (`argparse`: beginnings of flags, the
model wherever it stands among them), `get_lora_adapters` (`name=path`, or one path alone) and `add_spec_group`.

What can't be told: what a chat template's file or a converted folder refers to. `lmdeploy serve proxy`, `api_client`,
`list` and `check_env` load nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.container import NO_REVISION, Container, Revision
from admission.references.generic import script_references
from admission.references.hub import OFF
from admission.references.options import is_option
from admission.references.program import Program
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.words import Word

__all__ = ["PROGRAM"]

_NAME: Final = "lmdeploy"
_LOADING: Final = ("serve", "chat", "lite", "convert")
_GROUPS: Final = ("serve", "lite")
_WITHOUT_MODEL: Final = ("proxy", "api_client")
_OTHER_HUBS: Final = ("LMDEPLOY_USE_MODELSCOPE", "LMDEPLOY_USE_OPENMIND_HUB")
_VALUED: Final = frozenset(
    """
    async backend cache-block-seq-len cache-max-entry-count chat-template communicator cp device dist-init-addr
    distributed-executor-backend dllm-block-length dllm-confidence-threshold dllm-denoising-steps
    dllm-unmasking-strategy download-dir dp dtype ep generation-config hf-overrides kernel-block-size
    kv-transfer-config log-level logprobs-mode max-batch-size max-concurrent-requests max-log-len max-prefill-iters
    max-prefill-token-num migration-backend model-format model-name moe-a2a-backend nnodes node-rank num-gpu-blocks
    num-tokens-per-iter piecewise-cudagraph-max-tokens prefix-cache-decode-state-interval prefix-cache-state-budget
    proxy-url quant-policy reasoning-parser revision role rope-scaling-factor server-name server-port session-len
    speculative-algorithm speculative-dflash-block-size speculative-draft-model speculative-num-draft-tokens
    tool-call-parser tp vision-max-batch-size
    work-dir calib-dataset calib-samples calib-seqlen batch-size w-bits w-sym w-group-size search-scale
    model-repository session-id cap system-prompt meta-instruction temperature top-p top-k repetition-penalty
    instance-num max-input-len
    """.split()  # noqa: SIM905  a list of eighty words is read more easily so
)
_LISTS: Final = frozenset(
    """
    adapters allow-origins allow-methods allow-headers allowed-media-domains api-keys cudagraph-capture-batch-sizes
    """.split()  # noqa: SIM905  as above
)
_SWITCHES: Final = frozenset(("trust-remote-code",))
_SHORTEST_BEGINNING: Final = 2


def _starts(container: Container) -> bool:
    return _behind(container) is not None


def _loads(container: Container) -> list[ModelReference]:
    words = _behind(container) or ()
    given, positionals = _read(words)
    container = container.downloading_to(word.value for word in given.get("download-dir", ()))
    revision = Revision.of(word.value for word in given.get("revision", ()))
    found = script_references(container, always=True)
    for word in positionals or _missing(container):
        found.append(container.reference(Role.MODEL, word.value, word.path, written=word.text, revision=revision))
    for word in given.get("speculative-draft-model", ()):
        found.append(container.reference(Role.DRAFT_MODEL, word.value, word.path, written=word.text))
    for word in given.get("adapters", ()):
        path = word.value if isinstance(word.value, Unknown) else word.value.strip().partition("=")[2] or word.value
        found.append(container.reference(Role.ADAPTER, path, word.path, written=word.text, revision=NO_REVISION))
    because = "the repository's own code is run, whatever it then loads"
    for word in given.get("trust-remote-code", ()):
        found.append(ModelReference(Role.CODE, "--trust-remote-code", word.path, Target.opaque(because)))
    return [_redirected(container, reference) for reference in found]


def _behind(container: Container) -> tuple[Word, ...] | None:
    """Return the words behind the command that takes a model, None where LMDeploy isn't started to load one."""
    for number, word in enumerate(container.words):
        name = basename(word)
        rest = container.words[number + 1 :]
        if name.startswith(f"{_NAME}.serve"):
            return rest
        texts = [item.value for item in rest[:2]]
        if name != _NAME or not texts or (isinstance(texts[0], str) and texts[0] not in _LOADING):
            continue
        if texts[0] not in _GROUPS:
            return rest[1:]
        if len(texts) > 1 and texts[1] not in _WITHOUT_MODEL:
            return rest[2:]
    return None


def _missing(container: Container) -> tuple[Word, ...]:
    """Return the last word as one that should be followed by a model."""
    last = container.words[-1]
    return (type(last)(Unknown("LMDeploy is told no model here"), last.text, last.path, last.is_command),)


def _read(words: Sequence[Word]) -> tuple[dict[str, list[Word]], list[Word]]:
    """Return the words that flags are given, by the flag's name, and those that are no flag's."""
    given: dict[str, list[Word]] = {}
    positionals: list[Word] = []
    takes: list[str] = []
    is_list = False
    for number, word in enumerate(words):
        if word.value == "--":
            return given, [*positionals, *words[number + 1 :]]
        if is_option(word):
            stem, equals, value = word.spelling.lstrip("-").partition("=")
            names = _meant(stem)
            is_list = any(name in _LISTS for name in names)
            takes = [] if equals or not names or names[0] in _SWITCHES else names
            for name in names:
                if name in _SWITCHES:
                    given.setdefault(name, []).append(word)
                elif equals:
                    part = word if isinstance(word.value, Unknown) else type(word)(value, word.spelling, word.path)
                    given.setdefault(name, []).append(part)
        elif takes:
            for name in takes:
                given.setdefault(name, []).append(word)
            takes = takes if is_list else []
        else:
            positionals.append(word)
    return given, positionals


def _meant(stem: str) -> list[str]:
    names = _VALUED | _LISTS | _SWITCHES
    if stem in names:
        return [stem]
    # A beginning that several flags have stops LMDeploy before it loads anything.
    return sorted(name for name in names if name.startswith(stem)) if len(stem) >= _SHORTEST_BEGINNING else []


def _redirected(container: Container, reference: ModelReference) -> ModelReference:
    """Return a reference to the hub as one that can't be told, where another hub is asked."""
    hubs = [name for name in _OTHER_HUBS if container.environment.value(name) not in (None, *OFF)]
    if not hubs or not reference.target.base.startswith("hf://"):
        return reference
    target = Target.opaque(f"{hubs[0]} names another hub")
    return ModelReference(reference.role, reference.text, reference.path, target)


PROGRAM: Final = Program("LMDeploy", "lmdeploy 0.18 lmdeploy/cli/serve.py, lmdeploy/cli/utils.py", _starts, _loads)
