"""What the tests of attacks share: pods, and whether anything could ever say yes to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.references import ModelReference, find_references

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["COMMIT", "GOOD", "HEX", "found_in", "is_found", "may_be_yes", "mount", "pod", "server", "volume"]

HEX = "a" * 64
GOOD = f"registry.example.com/models/good@sha256:{HEX}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def server(*args: str, **fields: Json) -> JsonObject:
    """Return a container of vLLM's image."""
    return {"name": "s", "image": f"vllm/vllm-openai@sha256:{HEX}", "args": list(args), **fields}


def mount(path: str, name: str = "good", **fields: Json) -> JsonObject:
    return {"name": name, "mountPath": path, **fields}


def volume(name: str = "good", reference: str = GOOD) -> JsonObject:
    return {"name": name, "image": {"reference": reference}}


def pod(*containers: Json, volumes: Json = None, annotations: Json = None, **spec: Json) -> JsonObject:
    """Return a pod with these containers; the volume `good` is an image by digest."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "annotations": annotations},
        "spec": {"containers": list(containers), "volumes": [volume()] if volumes is None else volumes, **spec},
    }


def found_in(document: JsonObject, group: str = "", kind: str = "Pod") -> tuple[ModelReference, ...]:
    return find_references(document, group=group, kind=kind, where="test")


def may_be_yes(found: tuple[ModelReference, ...]) -> bool:
    """Return whether evidence of good models could turn these references into a yes: each place is pinned and good."""
    return bool(found) and not any(map(_is_no, found))


def is_found(found: tuple[ModelReference, ...], *texts: str) -> bool:
    """Return whether each text stands in a reference that can never be a yes."""
    noes = [item for item in found if _is_no(item)]
    return all(any(text in item.text or text in item.target.base for item in noes) for text in texts)


def _is_no(reference: ModelReference) -> bool:
    # For a place of somebody evil there is no evidence.
    return reference.target.location is None or "evil" in reference.target.base
