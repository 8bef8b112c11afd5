"""`loadTimeProof`: whether init containers that demand a digest count, and the images whose word they must be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.allowance import ALLOWANCE, read_allowance
from dbom.printable import printable

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.load_time import LoadTimeProof
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["LoadTimeRule"]

_IMAGE: Final = re.compile(r"(?:[^\s@]+@)?(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class LoadTimeRule:
    """Which load-time proofs count: those by images with these digests (`sha256:…`).

    `allows_shared` takes proofs about volumes that others than the pod can write to: what was checked once could be
    other bytes when it is loaded, and nothing in the pod's object shows it.
    """

    KEY: ClassVar[str] = "loadTimeProof"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "required": ["images"],
        "properties": {
            "images": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "pattern": "^([^\\s@]+@)?sha256:[0-9a-f]{64}$"},
            },
            "sharedVolumes": ALLOWANCE,
        },
    }

    images: tuple[str, ...]
    allows_shared: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:  # noqa: ARG003  it names no authority
        """Read which proofs count; none does where the key is missing."""
        if not node.is_there:
            return None
        node.only("images", "sharedVolumes")
        images = node.get("images")
        found: list[str] = []
        for item in images.items():
            text = item.required()
            match = _IMAGE.fullmatch(text)
            if match is not None:
                found.append(match[1])
            elif text:
                item.fault(f"got '{printable(text)}', expected an image of dbom by digest: IMAGE@sha256:…")
        if not found and not list(images.items()):
            images.fault("missing: at least one image, by digest")
        shared = read_allowance(node.get("sharedVolumes"))
        return cls(tuple(found), allows_shared=shared)

    def against(self, proof: LoadTimeProof) -> str:
        """Return why a proof doesn't count, empty where it does."""
        if proof.because:
            return proof.because
        if proof.image not in self.images:
            return f"its image {proof.image} is none of those whose word counts"
        if proof.is_shared and not self.allows_shared:
            return (
                "others than this pod can write to the volume: copy from it to an emptyDir with --copy-from, or set"
                " sharedVolumes: allow"
            )
        return ""

    def judge(self, case: Case) -> list[Reason]:  # noqa: ARG002  asked by the gate before an artifact is known
        """Return nothing: it says which references have an artifact, and asks nothing of one."""
        return []

    def explain(self) -> list[str]:
        """Return what is accepted, in plain sentences."""
        shown = ", ".join(self.images)
        lines = [f"What lies on a volume counts where an init container with one of these images proves it: {shown}."]
        if self.allows_shared:
            lines.append("That others could write to the volume afterwards is accepted.")
        return lines
