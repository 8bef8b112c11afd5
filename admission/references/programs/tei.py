"""Text Embeddings Inference: `text-embeddings-router`.

Read: text-embeddings-inference 1.8, `router/src/main.rs` (clap: exact names with `-`, values behind a space or `=`, a
flag before its variable; a flag given twice is an error, so that each is a reference). The image keeps the hub's files
in /data. `--served-model-name` only names, and `--dense-path` is a folder of the model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.commands import behind, hidden, may_start_itself, told_nothing, unfollowed
from admission.references.container import Revision
from admission.references.options import flag_names, given_or_variable, read_options, untold
from admission.references.program import Program
from admission.references.reference import ModelReference, Role

if TYPE_CHECKING:
    from admission.references.container import Container

__all__ = ["PROGRAM"]

_IMAGE: Final = re.compile(r"text-embeddings-inference|(?:^|-)tei(?:$|-gaudi$)")
_ROUTER: Final = "text-embeddings-router"
_FLAGS: Final = ("model-id", "revision", "huggingface-hub-cache")
_VALUED: Final = flag_names(
    "api-key default-prompt default-prompt-name device-id dtype hf-api-token hf-token hostname max-batch-requests"
    " max-batch-tokens max-client-batch-size max-concurrent-requests otlp-endpoint otlp-service-name payload-limit"
    " pooling port prometheus-port served-model-name tokenization-workers uds-path"
) | {"-p"}
_HOMES: Final = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
_DATA: Final = "/data"


def _starts(container: Container) -> bool:
    is_image = not container.is_hook and _IMAGE.search(container.image_name) is not None and may_start_itself(container)
    return is_image or behind(container.words, _ROUTER) is not None or bool(hidden(container, _ROUTER))


def _loads(container: Container) -> list[ModelReference]:
    found = unfollowed(container, _ROUTER)
    words = behind(container.words, _ROUTER) or container.words
    given = read_options(words, _meant)
    folders = [item.value for item in given if item.name == "huggingface-hub-cache"]
    moved = bool(folders) or any(name in container.environment.variables for name in _HOMES)
    container = container.downloading_to(folders if moved else [_DATA])
    revision = Revision.of(item.value for item in given_or_variable(container, given, "revision", "REVISION"))
    found += [
        container.reference(Role.MODEL, item.value, item.path, written=item.text, revision=revision)
        for item in given_or_variable(container, given, "model-id", "MODEL_ID")
    ]
    found += untold(container, words, found, valued=_VALUED)
    return found or [told_nothing(container, "TEI is told no model here, and takes the one that the image names")]


def _meant(written: str) -> tuple[str, ...]:
    return (written[2:],) if written.startswith("--") and written[2:] in _FLAGS else ()


PROGRAM: Final = Program(
    "Text Embeddings Inference", "text-embeddings-inference 1.8 router/src/main.rs", _starts, _loads
)
