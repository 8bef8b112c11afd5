"""A container as its object tells it: what it starts with, where its files come from, and what a name in it means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from admission.references.environment import read_environment
from admission.references.hub import cached_elsewhere, other_hub
from admission.references.mounts import read_mounts
from admission.references.places import is_path, uri_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.words import basename, read_hooks, read_words, unwrapped
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from admission.documents import Node
    from admission.references.environment import Environment
    from admission.references.mounts import Mounts, Volume
    from admission.references.words import Script, Started, Word

__all__ = ["NO_REVISION", "Container", "Revision"]


@dataclass(frozen=True, slots=True)
class Revision:
    """The revision that a hub name is loaded at, or why that can't be told."""

    commit: str | None = None
    because: str = ""

    @classmethod
    def of(cls, values: Iterable[str | Unknown]) -> Self:
        """Return the one revision among the values that are given."""
        given = list(values)
        unknown = next((value for value in given if isinstance(value, Unknown)), None)
        if unknown is not None:
            return cls(because=f"its revision can't be told: {unknown.reason}")
        texts = {value for value in given if isinstance(value, str)}
        if len(texts) > 1:
            return cls(because="it is given two revisions")
        return cls(next(iter(texts), None))


NO_REVISION: Final = Revision()
_ALTERED: Final = "another command of its script, a hook or a probe may put other files in their place"


@dataclass(frozen=True, slots=True)
class Container:
    """A container, read.

    `words` are those of `command` and `args` with variables put in and simple shell scripts taken apart, `scripts` the
    scripts that can't be followed. `folders` are where a program is told to download to. `is_hook` is set where the
    words are those of a hook or a probe, which start another program beside the container's own; `is_completed` where a
    controller adds to its words. `image` is its image reference as it is written, `image_name` the last part of that
    name, in lower case, without tag and digest (`vllm-openai`); both are empty where there is none.
    """

    node: Node
    words: tuple[Word, ...]
    scripts: tuple[Script, ...]
    environment: Environment
    mounts: Mounts
    folders: tuple[str | Unknown, ...] = ()
    is_hook: bool = False
    altered: str = ""
    saves: bool = False
    script: str = ""
    is_completed: bool = False
    image: str = ""
    image_name: str = ""

    @classmethod
    def read(cls, node: Node, volumes: Mapping[str, Volume], filled: tuple[str, ...] = ()) -> Self:
        """Return a container of a pod with these volumes; a controller fills the folders `filled` in it."""
        return cls.started(node, volumes, filled)[0]

    @classmethod
    def started(cls, node: Node, volumes: Mapping[str, Volume], filled: tuple[str, ...] = ()) -> list[Self]:
        """Return everything that is started in a container, each as a container of those words, its program first.

        Besides, these are the other commands of its script, and what the kubelet starts (hooks and probes).
        """
        environment = read_environment(node)
        # Every program asks for the image: it is read once.
        image = node.get("image").text() or ""
        name = image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()
        mounts = read_mounts(node, volumes, filled)
        whole = cls(node, (), (), environment, mounts, image=image, image_name=name)
        own = unwrapped(read_words(node, environment), environment)
        hooks = [each for hook in read_hooks(node) for each in unwrapped(hook, environment, is_expanded=False)]
        by_hook = any(each.may_write for each in hooks)
        return [
            whole._starting(each, is_hook=number > 0, altered=_ALTERED if by_hook or each.is_later else "")
            for number, each in enumerate((*own, *hooks))
        ]

    def _starting(self, started: Started, *, is_hook: bool, altered: str) -> Self:
        return replace(
            self,
            words=started.words,
            scripts=started.scripts,
            environment=self.environment.changed(started.variables, started.path),
            mounts=self.mounts.started_in(started.folder, altered),
            is_hook=is_hook,
            altered=altered,
            saves=started.saves,
            script=started.path,
        )

    def downloading_to(self, folders: Iterable[str | Unknown]) -> Self:
        """Return the container, its program told to download to these folders."""
        told = tuple(folders)
        return self if told == self.folders else replace(self, folders=told)

    @property
    def has_command(self) -> bool:
        """Whether the object says which program starts; else the image does, and takes the words as arguments."""
        return any(word.is_command for word in self.words)

    @property
    def untold(self) -> str:
        """Why a word of its script can't be told, empty where all can: a shell makes any words of a variable."""
        reasons = (
            word.value.reason for word in self.words if isinstance(word.value, Unknown) and word.path == self.script
        )
        return next(reasons, "")

    @property
    def program(self) -> str:
        """The file name of the program that the command names, empty where the image decides or it can't be told."""
        return basename(self.words[0]) if self.words and self.words[0].is_command else ""

    def reference(
        self,
        role: Role,
        value: str | Unknown,
        path: str,
        *,
        written: str | None = None,
        revision: Revision = NO_REVISION,
    ) -> ModelReference:
        """Return the reference that a value is, resolved against what is mounted and where the hub is.

        A path is what is mounted there; `org/name` is the hub's; a URI what its scheme says. `written` is what is
        shown where the value can't be told.
        """
        if isinstance(value, Unknown):
            return ModelReference(role, written or "", path, Target.opaque(value.reason))
        return ModelReference(role, value, path, self._target(value, revision))

    def path_reference(
        self, role: Role, value: str | Unknown, path: str, *, written: str | None = None
    ) -> ModelReference:
        """Return the reference that a value is to a program that takes nothing but paths."""
        if isinstance(value, Unknown):
            return ModelReference(role, written or "", path, Target.opaque(value.reason))
        return ModelReference(role, value, path, self.mounts.resolve(value))

    def opaque(self, role: Role, text: str, path: str, because: str) -> ModelReference:
        """Return a reference of which it can't be told what it loads."""
        return ModelReference(role, text, path, Target.opaque(because))

    def _target(self, text: str, revision: Revision) -> Target:
        if is_path(text):
            return self.mounts.resolve(text)
        target = uri_target(text, revision.commit)
        if target.base.startswith("oci://"):
            return Target.opaque("a program that fetches it checks no digest: mount it as an image volume")
        because = self._misleading(target, text, revision)
        return Target.opaque(because) if because else target

    def _misleading(self, target: Target, text: str, revision: Revision) -> str:
        """Return why a name may not mean the place that it seems to mean, empty where it does."""
        is_hub = target.base.startswith("hf://")
        if is_hub and (because := revision.because or other_hub(self.environment)):
            return because
        if target.location is None:
            return ""
        if self.mounts.shadows(text):
            return "it could be a path on a volume, which a loader prefers; set workingDir, and mount nothing over it"
        return self.altered or cached_elsewhere(self.environment, self.mounts, self.folders) if is_hub else ""
