"""Pods that ask for accelerators and name no model: something of that shape is loaded, and nobody sees what.

Sources: the device plugins' own lists of resources, and Dynamic Resource Allocation (`resource.k8s.io/v1`, Kubernetes
1.35: `spec.resourceClaims`, `resources.claims`). What counts as an accelerator: an extended resource one of whose
words is that of an accelerator (`gpu`, `vgpu`, `tpu`, `npu`, `mig`, `neuron`, `gaudi`, …), whoever its vendor is; any
resource of a vendor who makes nothing else (`habana.ai/`, `gpu.intel.com/`, …); and every claim of a device, since its
class stands in another object. Amounts of zero are none. A device plugin and an exporter ask for none themselves.

A container that asks for one has its model seen where it names one itself, mounts an image volume, or shares a volume
with another container that names or downloads one. An annotation says nothing of what is loaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.reference import ModelReference, Role, Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from admission.documents import Node

__all__ = ["ACCELERATOR_PATTERN", "CONTAINER_LISTS", "asks_for_accelerator", "is_accelerator", "unseen_models"]

CONTAINER_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
"""The lists of a pod that hold containers."""

_WORDS: Final = re.compile(
    r"(?:[a-z]*gpus?|gpumem|gpucores|gpu-mem|vcuda|cuda|tpus?|npus?|xpus?|hpus?|ipus?|mlus?|dcus?|gcus?|dcunum|mig"
    r"|neuron|neuroncore|neurondevice|gaudi[0-9]?|ascend[0-9a-z]*|qaic|inferentia|trainium)"
)
_VENDORS: Final = re.compile(
    r"(?:.*\.)?(?:habana\.ai|gpu\.intel\.com|npu\.intel\.com|graphcore\.ai|cambricon\.com|iluvatar\.ai|furiosa\.ai"
    r"|rebellions\.ai|tenstorrent\.com|sambanova\.ai|cerebras\.com|groq\.com|metax-tech\.com|mthreads\.com"
    r"|enflame\.com|kunlunxin\.com|hygon\.com|neuron\.amazonaws\.com)"
)
_SPLIT: Final = re.compile(r"[^a-z0-9]+")
ACCELERATOR_PATTERN: Final = rf"^(?:{_VENDORS.pattern})/|^[^/]*/(?:.*[^a-z0-9])?(?:{_WORDS.pattern})(?:[^a-z0-9].*)?$"
"""What `is_accelerator` asks of a resource's name in lower case, as one regular expression of RE2, to search with."""

_NONE: Final = re.compile(r"[+-]?0*(?:\.0*)?(?:[eE][+-]?[0-9]+|[a-zA-Z]{0,2})")
_RAY_WORKER: Final = re.compile(r"\bray start\b[^\n;&|]*--address\b|--ray_address\b")
_LONGEST: Final = 8192
_STEP: Final = re.compile(r"[.\[]")
_MODELS: Final = (Role.MODEL, Role.VOLUME, Role.UNSEEN)
_ASKED: Final = "AI-shaped: it asks for an accelerator, and names no model that can be seen"
_CLAIMED: Final = "AI-shaped: it claims a device, and names no model that can be seen"


def is_accelerator(resource: str) -> bool:
    """Return whether a resource (`nvidia.com/gpu`) is an accelerator by its name."""
    domain, separator, name = resource.lower().partition("/")
    if not separator:
        return False
    return _VENDORS.fullmatch(domain) is not None or any(map(_WORDS.fullmatch, _SPLIT.split(name)))


def asks_for_accelerator(container: Node) -> bool:
    """Return whether a container asks for an accelerator by its resources, or for any device by a claim."""
    resources = container.get("resources")
    return bool(_items(resources, "claims")) or _asked(container, {})[0] is not None


def unseen_models(
    pod_spec: Node, found: Iterable[ModelReference], containers: Iterable[Node], *, is_alone: bool
) -> list[ModelReference]:
    """Return an opaque reference for each container that asks for an accelerator and whose model isn't seen.

    `found` are the references of the object, `containers` those of the pod wherever they stand. Where other pods stand
    in the same object (not `is_alone`), a worker that joins their Ray cluster loads what they name.
    """
    claims = {claim.get("name").text() or "": claim for claim in pod_spec.get("resourceClaims").items()}
    everyone = [(node, *_asked(node, claims)) for node in containers]
    if not claims and all(asked is None for _, asked, _ in everyone):
        return []
    known = list(found)
    joins = not is_alone and any(item.role is Role.MODEL for item in known)
    holding = {place for item in known if item.role in _MODELS for place in _places(item.path)}
    naming = [node for node, _, _ in everyone if node.path in holding]
    images = {volume.get("name").text() for volume in _items(pod_spec, "volumes") if volume.path in holding}
    shared = {name for node in naming for name in _mounted(node)} | images
    unseen: list[ModelReference] = []
    used: set[str] = set()
    for node, asked, names in everyone:
        used.update(names)
        is_seen = node.path in holding or bool(_mounted(node) & shared) or (joins and _joins(node))
        if asked is not None and not is_seen:
            unseen.append(asked)
    # A claim that no container takes is still the pod's.
    idle = [claim for name, claim in claims.items() if name not in used]
    if idle and not naming and not unseen:
        unseen.append(_claimed(idle[0]))
    return unseen


def _joins(node: Node) -> bool:
    words = [item.value for key in ("command", "args") for item in node.get(key).items() if isinstance(item.value, str)]
    return any(_RAY_WORKER.search(word[:_LONGEST]) for word in (*words, " ".join(words)))


def _items(node: Node, key: str) -> list[Node]:
    return [item for item in node.get(key).items() if isinstance(item.value, dict)]


def _places(path: str) -> list[str]:
    """Return a JSON path and every place in the object that holds it."""
    return [path, *(path[: match.start()] for match in _STEP.finditer(path))]


def _mounted(node: Node) -> set[str | None]:
    return {mount.get("name").text() for mount in _items(node, "volumeMounts")}


def _asked(node: Node, claims: dict[str, Node]) -> tuple[ModelReference | None, list[str]]:
    """Return the reference for what a container asks, and the names of the claims that it takes."""
    resources = node.get("resources")
    names = [claim.get("name").text() or "" for claim in _items(resources, "claims")]
    for kind in ("limits", "requests"):
        for resource, amount in resources.get(kind).members():
            if is_accelerator(resource) and not _is_none(amount):
                return ModelReference(Role.UNSEEN, resource, amount.path, Target.opaque(_ASKED)), names
    taken = [claims[name] for name in names if name in claims]
    return (_claimed(taken[0]) if taken else None), names


def _claimed(claim: Node) -> ModelReference:
    by = next(
        (claim.get(key) for key in ("resourceClaimTemplateName", "resourceClaimName") if claim.get(key).is_there), claim
    )
    text = by.value if isinstance(by.value, str) else "resourceClaims"
    return ModelReference(Role.UNSEEN, text, by.path, Target.opaque(_CLAIMED))


def _is_none(amount: Node) -> bool:
    return amount.value is None or (
        _NONE.fullmatch(str(amount.value)) is not None and any(c == "0" for c in str(amount.value))
    )
