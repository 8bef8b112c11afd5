"""Text Generation Inference: `text-generation-launcher`, and the `text-generation-server` that it starts.

Read: text-generation-inference 3.3, `launcher/src/main.rs` (clap: exact names with `-`, values behind a space or `=`,
a flag before its variable; a flag given twice is an error, so that each is a reference), `server/…/cli.py` and
`server/…/adapters` (`LORA_ADAPTERS`: `ID`, `ID=PATH`, `ID@REVISION`, separated by commas), and the start script of the
SageMaker image (`HF_MODEL_ID`, `HF_MODEL_REVISION`). The image keeps the hub's files in /data. IBM's branch of it
(TGIS) names its model by `--model-name`.

What can't be told: the base model that an adapter or a Medusa head given as the model names in its own configuration.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.commands import behind, hidden, may_start_itself, told_nothing, unfollowed
from admission.references.container import Revision
from admission.references.environment import is_set
from admission.references.options import Option, flag_names, given_or_variable, is_option, read_options, untold
from admission.references.program import Program
from admission.references.reference import ModelReference, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["PROGRAM"]

_IMAGE: Final = re.compile(r"text-generation-inference|(?:^|-)tgi(?:$|-(?!router|client|proxy))")
_LAUNCHER: Final = "text-generation-launcher"
_SERVER: Final = "text-generation-server"
_VARIABLES: Final = {
    "model-id": "MODEL_ID",
    "revision": "REVISION",
    "lora-adapters": "LORA_ADAPTERS",
    "tokenizer-config-path": "TOKENIZER_CONFIG_PATH",
    "huggingface-hub-cache": "HUGGINGFACE_HUB_CACHE",
    "weights-cache-override": "WEIGHTS_CACHE_OVERRIDE",
    "trust-remote-code": "TRUST_REMOTE_CODE",
}
_VALUED: Final = flag_names(
    "api-key cuda-memory-fraction dtype hostname master-addr master-port max-batch-prefill-tokens max-batch-size"
    " max-batch-total-tokens max-best-of max-client-batch-size max-concurrent-requests max-input-length"
    " max-input-tokens max-stop-sequences max-total-tokens max-waiting-tokens num-shard otlp-endpoint port quantize"
    " sharded speculate validation-workers waiting-served-ratio"
)
_IBM: Final = {"model-name": "model-id"}
_HOMES: Final = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
_DATA: Final = "/data"
_ADAPTER: Final = re.compile(r"(?P<id>[^=@]+)(?:=(?P<path>[^@]+))?(?:@(?P<revision>.+))?")


def _starts(container: Container) -> bool:
    is_image = not container.is_hook and _IMAGE.search(container.image_name) is not None and may_start_itself(container)
    is_named = any(behind(container.words, name) is not None for name in (_LAUNCHER, _SERVER))
    return is_image or is_named or bool(hidden(container, _LAUNCHER, _SERVER))


def _loads(container: Container) -> list[ModelReference]:
    words = behind(container.words, _SERVER)
    if words is not None:
        return _from_server(container, words)
    found = unfollowed(container, _LAUNCHER, _SERVER)
    words = behind(container.words, _LAUNCHER) or container.words
    given = read_options(words, _meant)
    folders = [
        item for flag in ("huggingface-hub-cache", "weights-cache-override") for item in _told(container, given, flag)
    ]
    moved = bool(folders) or any(name in container.environment.variables for name in _HOMES)
    container = container.downloading_to([item.value for item in folders] if moved else [_DATA])
    found += _models(container, given)
    found += untold(container, words, found, valued=_VALUED)
    if not any(item.role is Role.MODEL for item in found):
        found.append(told_nothing(container, "TGI is told no model here, and takes the image's or its own default"))
    return [*found, *_others(container, given)]


def _meant(written: str) -> tuple[str, ...]:
    flag = written[2:] if written.startswith("--") else ""
    return (flag,) if flag in _VARIABLES else (_IBM[flag],) if flag in _IBM else ()


def _told(container: Container, given: list[Option], flag: str) -> list[Option]:
    return given_or_variable(container, given, flag, _VARIABLES[flag])


def _models(container: Container, given: list[Option]) -> list[ModelReference]:
    revision = Revision.of(item.value for item in _told(container, given, "revision"))
    found = [
        container.reference(Role.MODEL, item.value, item.path, written=item.text, revision=revision)
        for item in _told(container, given, "model-id")
    ]
    told = given_or_variable(container, (), "model-id", "HF_MODEL_ID")
    at = Revision.of(item.value for item in given_or_variable(container, (), "revision", "HF_MODEL_REVISION"))
    return found + [
        container.reference(Role.MODEL, item.value, item.path, written=item.text, revision=at) for item in told
    ]


def _others(container: Container, given: list[Option]) -> list[ModelReference]:
    found = [
        container.path_reference(Role.TOKENIZER, item.value, item.path, written=item.text)
        for item in _told(container, given, "tokenizer-config-path")
    ]
    for item in _told(container, given, "lora-adapters"):
        found += adapters(container, item)
    for item in _told(container, given, "trust-remote-code"):
        if item.flag is not None or is_set(item.value):
            because = "code of the repository is run"
            found.append(container.opaque(Role.CODE, "--trust-remote-code", item.flag_path, because))
    return found


def adapters(container: Container, item: Option) -> list[ModelReference]:
    """Return the adapters of a list: `ID`, `ID=PATH`, `ID@REVISION`."""
    if not isinstance(item.value, str):
        return [container.reference(Role.ADAPTER, item.value, item.path, written=item.text)]
    found: list[ModelReference] = []
    for text in filter(None, (part.strip() for part in item.value.split(","))):
        match = _ADAPTER.fullmatch(text)
        if match is None:
            found.append(container.opaque(Role.ADAPTER, text, item.path, "it is not ID, ID=PATH or ID@REVISION"))
        elif match["path"]:
            found.append(container.path_reference(Role.ADAPTER, match["path"], item.path))
        else:
            revision = Revision(match["revision"])
            found.append(container.reference(Role.ADAPTER, match["id"], item.path, revision=revision))
    return found


def _from_server(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `text-generation-server serve|download-weights|quantize MODEL` loads."""
    found = unfollowed(container, _LAUNCHER, _SERVER)
    container = container.downloading_to([_DATA])
    given = read_options(words, _meant)
    revision = Revision.of(item.value for item in given if item.name == "revision")
    if len(words) > 1 and not is_option(words[1]):
        word = words[1]
        found.append(container.reference(Role.MODEL, word.value, word.path, written=word.text, revision=revision))
    elif words:
        found.append(
            container.opaque(Role.MODEL, words[0].text, words[0].path, "which word is the model can't be told")
        )
    return [*found, *_others(container, given)]


PROGRAM: Final = Program(
    "Text Generation Inference", "text-generation-inference 3.3 launcher/src/main.rs", _starts, _loads
)
