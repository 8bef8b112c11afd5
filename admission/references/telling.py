"""Which texts tell that a file or a folder is a model's or a dataset's, and not anything else that is downloaded.

The rule, in full. A place is a model's
- where it is a repository or a file of a hub of models (`HUB_HOSTS`, `MODEL_HOSTS`);
- where its file has an ending that only models have (`MODEL_ENDINGS`);
- where a part of its path, or of the path that it is saved to, is a word for models (`model`, `checkpoint`, `weights`,
  …) or begins with the name of a well-known family (`llama`, `qwen`, …), and its file hasn't an ordinary ending.
It is a dataset's where the part is `dataset`, or the repository is one. Names of hosts and of queries don't count.
Ordinary things of such a name (a folder `models` of table definitions, say) are taken for models: that is the price,
unless the download is told to take nothing but files of ordinary endings.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from admission.references.reference import Role

__all__ = ["HUB_HOSTS", "is_model_file", "is_model_host", "is_ordinary_file", "role_of"]

HUB_HOSTS: Final = ("huggingface.co", "www.huggingface.co", "hf.co")
"""The hosts of the hub whose repositories `hf://` names."""

_MODEL_HOSTS: Final = (
    "hf-mirror.com",
    "modelscope.cn",
    "www.modelscope.cn",
    "modelscope.ai",
    "civitai.com",
    "tfhub.dev",
    "api.ngc.nvidia.com",
    "registry.ollama.ai",
    "download.pytorch.org",
    "dl.fbaipublicfiles.com",
)
_MODEL_ENDINGS: Final = re.compile(
    r"\.(?:safetensors|gguf|ggml|onnx|pt|pth|ckpt|keras|h5|tflite|mlmodel|engine|plan|mar|nemo|llamafile|pdparams"
    r"|caffemodel|torchscript|bin\.index\.json|joblib|ubj|cbm)(?:\.(?:zst|gz|xz|bz2))?$"
)
_ORDINARY_ENDINGS: Final = re.compile(
    r"\.(?:conf|cfg|ini|ya?ml|toml|sql|dump|txt|md|html?|css|js|ts|py|sh|rb|go|java|jar|war|whl|deb|rpm|apk|exe|xml"
    r"|properties|png|jpe?g|svg|mp4|mov|pdf|mbtiles|csv|log|service|tpl|lock)$"
)
_LONGEST: Final = 8192
_WORD: Final = re.compile(r"[a-z0-9]+")
_MODEL_WORDS: Final = frozenset(
    {"model", "models", "checkpoint", "checkpoints", "ckpt", "ckpts", "weights", "llm", "llms", "lora", "loras", "gguf"}
)
_DATASET_WORDS: Final = frozenset({"dataset", "datasets", "imagenet", "traindata", "finetuning"})
_FAMILIES: Final = ("llama", "mistral", "mixtral", "qwen", "gemma", "deepseek", "whisper", "yolov", "resnet", "sdxl")


def is_model_host(host: str) -> bool:
    """Return whether a host serves models (and other things of the trade) alone."""
    return host.lower().partition(":")[0] in _MODEL_HOSTS


def is_model_file(text: str) -> bool:
    """Return whether a path or URL has an ending that only models have."""
    return _MODEL_ENDINGS.search(_path(text)) is not None


def is_ordinary_file(text: str) -> bool:
    """Return whether a path, or a pattern of paths, has an ending that models don't have."""
    return _ORDINARY_ENDINGS.search(text.lower()) is not None


def role_of(source: str, saved_to: str = "") -> Role | None:
    """Return what a download is to a model, None where nothing tells that it is any part of one."""
    path = _path(source)
    words = _words(path)
    if words & _DATASET_WORDS and not is_model_file(source):
        return Role.DATASET
    if is_model_file(source) or is_model_file(saved_to):
        return Role.MODEL
    if _ORDINARY_ENDINGS.search(path) or _ORDINARY_ENDINGS.search(_path(saved_to)):
        return None
    words |= _words(_path(saved_to))
    return Role.MODEL if words & _MODEL_WORDS or any(word.startswith(_FAMILIES) for word in words) else None


def _words(path: str) -> set[str]:
    return set(_WORD.findall(path))


def _path(text: str) -> str:
    """Return the path of a URL or of a bucket's object, the bucket included, in lower case."""
    # (Its beginning has the host, its end the name of the file; between them is room to hide neither.)
    text = unquote(text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}{text[-_LONGEST // 2 :]}")
    if "://" not in text:
        return text.lower()
    try:
        parts = urlsplit(text)
    except ValueError:
        return text.lower()
    place = parts.path if parts.scheme in ("http", "https", "ssh", "git") else f"{parts.netloc}{parts.path}"
    return place.lower()
