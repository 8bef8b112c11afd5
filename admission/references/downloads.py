"""What a container downloads before it loads it: the command lines of well-known tools, as their own help words them.

Here are the tool of each name, the hub's own clients (huggingface_hub 0.35: `hf download`, `huggingface-cli download`),
git 2.51 and the tools of other hubs. Which downloads are a model's, `admission.references.telling` says. A pin counts
only where nothing can lead elsewhere: no other endpoint, no flag that isn't known, and no folder that may hold files
already.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from admission.references.container import Revision
from admission.references.download_buckets import aws, gcloud, gsutil, named_store, s5cmd
from admission.references.download_images import crane, kit, oras, skopeo
from admission.references.download_lines import DownloadLine, named, taken_apart
from admission.references.download_urls import aria2c, curl, wget
from admission.references.hub_places import hub_target, url_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.telling import role_of
from admission.references.words import Word, basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from admission.references.container import Container

__all__ = ["download_references"]

_BY_LFS: Final = "a repository of files by git LFS can't be pinned"
_IMAGES: Final = {"aws-cli": "aws", "git": "git", "kitops": "kit", "google-cloud-cli": "gcloud"}


def download_references(container: Container) -> list[ModelReference]:
    """Return what the words of a container download, where that is a model's or a dataset's."""
    words = container.words
    for number, word in enumerate(words):
        tool = _TOOLS.get(basename(word))
        if tool is not None:
            return tool(container, words[number + 1 :])
    if container.has_command or container.is_hook:
        return []
    tool = _TOOLS.get(_IMAGES.get(container.image_name, container.image_name))
    if tool is None and "/skopeo/" in container.image:
        tool = skopeo
    return tool(container, words) if tool is not None else []


def _hub_client(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    valued = [
        "repo-type",
        "revision",
        "include",
        "exclude",
        "cache-dir",
        "local-dir",
        "token",
        "max-workers",
        "local-dir-use-symlinks",
    ]
    line = _unabbreviated(taken_apart(words, [*valued, *_beginnings(valued)]), valued)
    if line.text(0) != "download" or len(line.positionals) < 2:  # noqa: PLR2004  the command and what it downloads
        return []
    kinds = line.values("repo-type")
    kind = {"dataset": "datasets/", "space": "spaces/"}.get(str(kinds[-1]) if kinds else "", "")
    role = {"datasets/": Role.DATASET, "spaces/": Role.CODE}.get(kind, Role.MODEL)
    word = line.positionals[1]
    if isinstance(word.value, Unknown) or any(isinstance(value, Unknown) for value in kinds) or len(kinds) > 1:
        return [named(role, word, Target.opaque("what kind of repository it is can't be told"))]
    folders = [*line.values("local-dir"), *line.values("cache-dir")]
    revision = Revision.of(line.values("revision"))
    return [named(role, word, hub_target(container, word.value, revision, kind=kind, folders=folders))]


def _beginnings(names: Iterable[str]) -> list[str]:
    # argparse takes any unambiguous beginning of a flag.
    return [name[:length] for name in names for length in range(2, len(name))]


def _unabbreviated(line: DownloadLine, names: Sequence[str]) -> DownloadLine:
    flags = [
        (next((full for full in names if full.startswith(name) and name), name), word) for name, word in line.flags
    ]
    return replace(line, flags=tuple(flags))


def _git(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    line = taken_apart(
        words, ["branch", "depth", "config", "origin", "filter", "jobs", "reference", "C", "c", "b", "o", "j"]
    )
    if line.text(0) != "clone" or len(line.positionals) < 2:  # noqa: PLR2004  the command and what it clones
        return []
    word, to = line.positionals[1], line.text(2)
    at_hub = url_target(container, word.value if isinstance(word.value, str) else word.text, is_plain=False)
    if at_hub is not None:
        return [named(at_hub[0], word, at_hub[1])]
    # A repository of code may be called anything: only the folder that it goes to tells.
    role = role_of("", to)
    return [] if role is None else [named(role, word, Target.opaque(_BY_LFS))]


def _always(*commands: tuple[str, ...]) -> Callable[[Container, Sequence[Word]], list[ModelReference]]:
    """Return a tool that fetches models alone, from places that can't be pinned."""

    def tool(container: Container, words: Sequence[Word]) -> list[ModelReference]:
        del container
        line = taken_apart(words, ())
        for command in commands:
            if tuple(line.text(number) for number in range(len(command))) == command:
                places = line.positionals[len(command) : len(command) + 1] or line.positionals[:1]
                return [named(Role.MODEL, places[0], Target.opaque("places of this tool can't be pinned"))]
        return []

    return tool


_TOOLS: Final[dict[str, Callable[[Container, Sequence[Word]], list[ModelReference]]]] = {
    "hf": _hub_client,
    "huggingface-cli": _hub_client,
    "aws": aws,
    "gsutil": gsutil,
    "gcloud": gcloud,
    "s5cmd": s5cmd,
    "rclone": named_store,
    "mc": named_store,
    "azcopy": named_store,
    "curl": curl,
    "wget": wget,
    "wget2": wget,
    "aria2c": aria2c,
    "oras": oras,
    "kit": kit,
    "crane": crane,
    "skopeo": skopeo,
    "git": _git,
    "modelscope": _always(("download",)),
    "ngc": _always(("registry", "model", "download-version")),
    "kaggle": _always(("models", "instances", "versions", "download"), ("datasets", "download")),
}
