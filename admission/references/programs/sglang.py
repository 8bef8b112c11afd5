"""SGLang: `python -m sglang.launch_server`, `sglang serve`, and its router.

Read: sglang 0.5.23, `sglang/srt/arg_groups/fields/*.py` (flags), `sglang/srt/server_args.py` (argparse: beginnings of
flags are taken, the last of two wins, `_` is not `-`), `sglang/cli/serve.py` (the first word may be the model),
`sglang/srt/utils/server_args_config_parser.py` (`--config`); sglang-router 0.3.2, `sglang_router/router_args.py`
(there `--model-path` is the tokenizer's).

What can't be told: what a configuration file, a loader's settings, or another instance that hands over its weights
names; and what the server is asked to load while it runs (`update_weights_from_disk`, `load_lora_adapter`), of which
only `--enable-lora` shows.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.references.arguments import json_value
from admission.references.commands import hidden, may_start_itself, told_nothing, unfollowed
from admission.references.container import NO_REVISION, Revision
from admission.references.environment import is_set
from admission.references.options import Option, flag_names, is_option, last_of, read_options, untold
from admission.references.program import Program
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_ALIASES: Final = {"model": "model-path", "speculative-draft-model": "speculative-draft-model-path"}
_ROLES: Final = {
    "model-path": Role.MODEL,
    "kt-weight-path": Role.MODEL,
    "modelopt-checkpoint-restore-path": Role.MODEL,
    "decrypted-config-file": Role.MODEL,
    "tokenizer-path": Role.TOKENIZER,
    "speculative-draft-model-path": Role.DRAFT_MODEL,
    "speculative-token-map": Role.DRAFT_MODEL,
    "decrypted-draft-config-file": Role.DRAFT_MODEL,
    "uno-lora-path": Role.ADAPTER,
}
_LORA: Final = "lora-paths"
_REVISION: Final = "revision"
_DRAFT_REVISION: Final = "speculative-draft-model-revision"
_DOWNLOADS: Final = "download-dir"
_CONFIG: Final = "config"
_LOADER: Final = "model-loader-extra-config"
_OPENINGS: Final = {
    "enable-lora": (Role.ADAPTER, "whoever asks the server may have it load any adapter while it runs"),
    "trust-remote-code": (Role.CODE, "code of the repository is run"),
    "checkpoint-engine-wait-weights-before-ready": (Role.MODEL, "its weights are sent by another program"),
    "remote-instance-weight-loader-seed-instance-ip": (Role.MODEL, "its weights are sent by another server"),
    "weight-cache-socket": (Role.MODEL, "its weights are handed over by another program"),
}
_ALL: Final = (*_ALIASES, *_ROLES, _LORA, _REVISION, _DRAFT_REVISION, _DOWNLOADS, _LOADER, *_OPENINGS)
# `sglang serve` of a picture model takes a path for each of its parts.
_PART: Final = re.compile(
    r"(?:vae|unet|transformer|scheduler|(?:text|image)-encoder)(?:-\d+)?-path|transformer-weights-path"
)
_VALUED: Final = flag_names(
    "api-key attention-backend chat-template chunked-prefill-size context-length cuda-graph-max-bs data-parallel-size"
    " device disaggregation-bootstrap-port disaggregation-mode dist-init-addr dp dp-size dtype ep ep-size"
    " expert-parallel-size host kv-cache-dtype log-level max-loras-per-batch max-lora-rank max-prefill-tokens"
    " max-running-requests max-total-tokens mem-fraction-static nccl-port nnodes node-rank pipeline-parallel-size"
    " policy port pp pp-size quantization random-seed reasoning-parser schedule-policy served-model-name"
    " speculative-algorithm speculative-eagle-topk speculative-num-draft-tokens speculative-num-steps"
    " tensor-parallel-size tokenizer-mode tool-call-parser tp tp-size watchdog-timeout worker-urls"
)
_IMAGE: Final = re.compile(r"(?:^|[-_.])sglang(?:$|[-_.])(?!.*(?:router|gateway))")
_MODULE: Final = re.compile(
    r"(?:-[A-Za-z]*m)?(?:sglang\.(?:launch_server|srt\.[\w.]+|bench_[\w]+)|sglang_router\.launch_server)"
)
_CLIENT: Final = re.compile(
    r"(?:-[A-Za-z]*m)?(?:sglang\.bench_serving|sglang_router(?:\.launch_router)?)|sgl-router|sglang-router"
)
_COMMANDS: Final = {
    ("sglang", "serve"): True,
    ("sglang", "generate"): True,
    ("smg", "server"): True,
    ("smg", "launch"): False,
}
_LORA_NAMED: Final = re.compile(r"(?P<name>[^=\s]+)=(?P<path>.+)", re.DOTALL)


_HIDDEN: Final = ("sglang.launch_server", "sglang serve", "sglang_router.launch_server")


def _starts(container: Container) -> bool:
    return _is_image(container) or _found(container.words) is not None or bool(hidden(container, *_HIDDEN))


def _is_image(container: Container) -> bool:
    is_image = not container.is_hook and _IMAGE.search(container.image_name) is not None
    return is_image and may_start_itself(container)


def _found(words: Sequence[Word]) -> tuple[Sequence[Word], bool] | None:
    """Return the words behind what starts SGLang, and whether that is a server rather than a router or a client."""
    for number, word in enumerate(words):
        name = basename(word)
        pair = (name, basename(words[number + 1]) if number + 1 < len(words) else "")
        if pair in _COMMANDS:
            return words[number + 2 :], _COMMANDS[pair]
        if _CLIENT.fullmatch(name):
            return words[number + 1 :], False
        if _MODULE.fullmatch(name) or (name == "launch_server.py" and "sglang" in str(word.value)):
            return words[number + 1 :], True
    return None


def _loads(container: Container) -> list[ModelReference]:
    found = unfollowed(container, *_HIDDEN)
    words, is_server = _found(container.words) or (container.words, not found)
    given = read_options(words, _meant)
    container = container.downloading_to(item.value for item in last_of(given, _DOWNLOADS))
    if not is_server:
        return found + _from_client(container, given)
    given = [*_first_word(container, words), *given]
    found += _from_server(container, given)
    found += untold(container, words, found, valued=_VALUED)
    if not any(item.role is Role.MODEL for item in found):
        found.append(told_nothing(container, "SGLang is told no model here, and takes it from where nobody sees"))
    return [_elsewhere(container, item) for item in found]


def _meant(written: str) -> tuple[str, ...]:
    """Return the flag that argparse takes a written one for: itself, or the one flag of ours that begins so."""
    name = written[2:] if written.startswith("--") else ""
    if name == _CONFIG or _PART.fullmatch(name):
        return (name,)
    if name in _ALL:
        return (_ALIASES.get(name, name),)
    meant = {_ALIASES.get(flag, flag) for flag in _ALL if name and flag.startswith(name)}
    return tuple(meant) if len(meant) == 1 else ()


def _first_word(container: Container, words: Sequence[Word]) -> list[Option]:
    """Return the model that `sglang serve` is given without a flag: its first word, `--model-type KIND` taken out."""
    if not any(basename(word) == "serve" for word in container.words):
        return []
    rest = list(words)
    while rest and rest[0].text.startswith("--model-type"):
        rest = rest[1:] if "=" in rest[0].text else rest[2:]
    if not rest or is_option(rest[0]):
        return []
    return [Option("model-path", rest[0].value, rest[0].text, rest[0].path)]


def _from_server(container: Container, given: list[Option]) -> list[ModelReference]:
    revision = Revision.of(item.value for item in last_of(given, _REVISION))
    draft = Revision.of(item.value for item in last_of(given, _DRAFT_REVISION))
    revisions = {Role.MODEL: revision, Role.TOKENIZER: revision, Role.DRAFT_MODEL: draft}
    found: list[ModelReference] = []
    for flag in dict.fromkeys(item.name for item in given):
        (item,) = last_of(given, flag)
        if flag == _LORA:
            found += [_adapter(container, word.value, word.text, word.path) for word in item.values]
        elif flag in _OPENINGS:
            role, because = _OPENINGS[flag]
            found.append(container.opaque(role, f"--{flag}", item.flag_path, because))
        elif flag == _CONFIG:
            found.append(container.opaque(Role.MODEL, item.text, item.path, "a configuration file may name any model"))
        elif flag == _LOADER:
            found += _loader(container, item)
        elif flag in _ROLES or _PART.fullmatch(flag):
            role = _ROLES.get(flag, Role.MODEL)
            at = revisions.get(role, NO_REVISION)
            found.append(container.reference(role, item.value, item.path, written=item.text, revision=at))
    return found


def _from_client(container: Container, given: list[Option]) -> list[ModelReference]:
    """Return the tokenizer that a router or a client loads: its own, else that of the model that it asks for."""
    tokenizers = last_of(given, "tokenizer-path") or last_of(given, "model-path")
    return [container.reference(Role.TOKENIZER, item.value, item.path, written=item.text) for item in tokenizers]


def _loader(container: Container, item: Option) -> list[ModelReference]:
    settings = item.value if isinstance(item.value, Unknown) else json_value(item.value)
    if isinstance(settings, dict) and not any(isinstance(value, str | dict | list) for value in settings.values()):
        return []
    # Its strings are places, names of files or secrets: none is shown, and none is followed.
    because = "the loader is told more, which may name another place to load from"
    return [container.opaque(Role.MODEL, f"--{_LOADER}", item.path, because)]


def _adapter(container: Container, value: str | Unknown, text: str, path: str) -> ModelReference:
    if isinstance(value, str) and value.strip().startswith("{"):
        document = json_value(value.strip())
        named = document.get("lora_path") if isinstance(document, dict) else None
        value = named if isinstance(named, str) else Unknown("its JSON names no lora_path")
    elif isinstance(value, str) and (match := _LORA_NAMED.fullmatch(value)):
        value = match["path"]
    return container.reference(Role.ADAPTER, value, path, written=text)


def _elsewhere(container: Container, reference: ModelReference) -> ModelReference:
    if reference.target.base.startswith("hf://") and is_set(container.environment.value("SGLANG_USE_MODELSCOPE")):
        return replace(reference, target=Target.opaque("SGLANG_USE_MODELSCOPE names another hub"))
    return reference


PROGRAM: Final = Program("SGLang", "sglang 0.5.23 sglang/srt/arg_groups/fields, sglang-router 0.3.2", _starts, _loads)
