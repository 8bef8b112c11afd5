"""What in a container decides where the name of a model leads: another hub, a cache that the pod brings, a redirect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.reference import ModelReference, Role, Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from admission.references.container import Container
    from admission.references.environment import Environment
    from admission.references.mounts import Mounts
    from dbom.model import Unknown

__all__ = ["OFF", "cached_elsewhere", "openings", "other_hub"]

_OTHER_HUBS: Final = {
    "HF_ENDPOINT": ("https://huggingface.co", "https://huggingface.co/"),
    "VLLM_USE_MODELSCOPE": ("", "0", "false", "False"),
}
_CACHES: Final = (
    "HF_HOME",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "TRANSFORMERS_CACHE",
    "XDG_CACHE_HOME",
    "HOME",
)
_HOMES: Final = ("/", "/root", "/home")
_OPENINGS: Final = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": (Role.ADAPTER, "whoever asks the server may load any adapter while it runs"),
    "VLLM_LORA_RESOLVER_CACHE_DIR": (Role.ADAPTER, "adapters are taken from a folder when somebody asks for them"),
    "VLLM_LORA_RESOLVER_HF_REPO_LIST": (Role.ADAPTER, "adapters are fetched when somebody asks for them"),
    "VLLM_MODEL_REDIRECT_PATH": (Role.MODEL, "a file may put any other model in its place"),
}
OFF: Final = ("", "0", "false", "False")
"""Values of a variable that leave what it is about as it is."""


def other_hub(environment: Environment) -> str:
    """Return why a hub name is one of another hub, empty where it isn't, as far as is said."""
    for name, usual in _OTHER_HUBS.items():
        value = environment.value(name)
        if value is not None and value not in usual:
            return f"{name} names another hub"
    return ""


def cached_elsewhere(environment: Environment, mounts: Mounts, folders: Iterable[str | Unknown]) -> str:
    """Return why the bytes under a hub name may be others than the hub's, empty where they aren't.

    What lies in a cache already isn't fetched, and a cache on a volume holds what the pod brings. `folders` are those
    that it is told to download to.
    """
    if not environment.is_whole:
        return "its environment comes from elsewhere (envFrom) and may name another hub"
    caches = [*folders, *(value for name in _CACHES if (value := environment.value(name)) is not None)]
    if any(not isinstance(folder, str) or mounts.reach(folder) for folder in caches):
        return "the folder that it is downloaded to can't be told, or lies on a volume that may hold other bytes"
    if any(".cache" in path.split("/") or path in _HOMES or path.startswith("/home/") for path in mounts.paths):
        return "a volume is mounted where the hub's files are cached, and may hold other bytes"
    return ""


def openings(container: Container) -> list[ModelReference]:
    """Return what lets other models into vLLM than those that are named."""
    found: list[ModelReference] = []
    for name, (role, because) in _OPENINGS.items():
        variable = container.environment.variables.get(name)
        if variable is not None and variable.value not in OFF:
            found.append(ModelReference(role, name, variable.path, Target.opaque(because)))
    if not container.environment.is_whole:
        because = "its environment comes from elsewhere (envFrom) and may put any other model in its place"
        path = container.node.get("envFrom").path
        found.append(ModelReference(Role.MODEL, "envFrom", path, Target.opaque(because)))
    return found
