"""What a reference to a model is, and how firmly it is pinned."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from dbom.printable import printable

if TYPE_CHECKING:
    from attest.location import Location

__all__ = ["Held", "ModelReference", "Pinning", "Role", "Target"]


class Role(StrEnum):
    """What the thing referred to is to whoever loads it."""

    MODEL = "model"
    ADAPTER = "adapter"
    DRAFT_MODEL = "draft model"
    TOKENIZER = "tokenizer"
    PROCESSOR = "processor"
    DATASET = "dataset"
    CODE = "remote code"
    VOLUME = "image volume"
    ANNOTATED = "annotated model"
    UNSEEN = "unseen model"


class Pinning(StrEnum):
    """How firmly a reference holds its bytes.

    `ENFORCED`: whoever loads it checks a digest. `CLAIMED`: it names a commit or version that nobody checks.
    `UNPINNED`: other bytes may be there tomorrow. `OPAQUE`: it can't be told from the object what is loaded.
    """

    ENFORCED = "enforced"
    CLAIMED = "claimed"
    UNPINNED = "unpinned"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Held:
    """Where something lies in a volume of a pod: the volume's name, the path in it (empty for all of it), and the pod.

    `pod` is the JSON path of the pod's specification: an object may hold several, each with volumes of its own.
    """

    volume: str
    path: str = ""
    pod: str = "spec"


@dataclass(frozen=True, slots=True)
class Target:
    """What a text comes to: a pinned location, a place without a pin (`base`), or a reason why it is neither.

    `held` says in which volume it lies, where it lies in one whose bytes nobody names.
    """

    pinning: Pinning
    location: Location | None = None
    base: str = ""
    because: str = ""
    held: Held | None = None

    @classmethod
    def at(cls, location: Location) -> Self:
        """Return the target that a pinned location is."""
        return cls(Pinning.ENFORCED if location.enforced else Pinning.CLAIMED, location, location.base)

    @classmethod
    def unpinned(cls, base: str, because: str) -> Self:
        """Return the target at a place that may hold other bytes tomorrow."""
        return cls(Pinning.UNPINNED, base=base, because=because)

    @classmethod
    def opaque(cls, because: str) -> Self:
        """Return the target that can't be told."""
        return cls(Pinning.OPAQUE, because=because)


@dataclass(frozen=True, slots=True)
class ModelReference:
    """One place from which something that a model is made of would be loaded.

    `text` is what stands in the object at the JSON path `path`, as it is written there; `target` is what it comes to.
    """

    role: Role
    text: str
    path: str
    target: Target

    @property
    def pinning(self) -> Pinning:
        """How firmly the reference holds its bytes."""
        return self.target.pinning

    def __str__(self) -> str:
        because = f", because {printable(self.target.because)}" if self.target.because else ""
        return f"{self.role} '{printable(self.text)}' at {self.path} ({self.pinning}{because})"
