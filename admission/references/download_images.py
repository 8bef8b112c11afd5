"""What is pulled of a registry to a folder: `oras` 1.3, `kit` 1.7, `crane`, `skopeo` 1.20."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.download_lines import DownloadLine, named, shown, taken_apart
from admission.references.places import image_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.telling import role_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["crane", "kit", "oras", "skopeo"]

_CHANGED: Final = "what is fetched to a folder can be changed before it is loaded: mount it as an image volume"


def oras(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `oras pull|copy` brings."""
    del container
    line = taken_apart(words, ["output", "config", "username", "password", "platform", "o", "u", "p"])
    return _artifact(line, ("pull", "copy"), ("output", "o"))


def kit(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `kit unpack|pull` brings."""
    del container
    line = taken_apart(words, ["dir", "filter", "d", "f", "config"])
    return _artifact(line, ("unpack", "pull"), (), is_model=True)


def crane(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `crane pull|export` brings."""
    del container
    return _artifact(taken_apart(words, ["platform", "format"]), ("pull", "export"), ())


def _artifact(
    line: DownloadLine, commands: tuple[str, ...], outputs: tuple[str, ...], *, is_model: bool = False
) -> list[ModelReference]:
    if line.text(0) not in commands or len(line.positionals) < 2:  # noqa: PLR2004  the command and what it pulls
        return []
    to = next((value for value in line.values(*outputs) if isinstance(value, str)), "")
    word = line.positionals[1]
    role = Role.MODEL if is_model else role_of(_repository(shown(word)), to)
    return [] if role is None else [named(role, word, _image(shown(word)))]


def _repository(text: str) -> str:
    return "/" + text.partition("@")[0].partition("/")[2]


def _image(text: str) -> Target:
    target = image_target(text)
    return Target.opaque(_CHANGED) if target.location is not None else target


def skopeo(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `skopeo copy` brings to a folder."""
    del container
    line = taken_apart(
        words, ["src-creds", "dest-creds", "authfile", "override-arch", "override-os", "src-tls-verify", "policy"]
    )
    if line.text(0) != "copy" or len(line.positionals) < 3:  # noqa: PLR2004  the command, from, to
        return []
    word, to = line.positionals[1], line.text(2)
    kind, separator, place = shown(word).partition("://")
    if kind != "docker" or not separator or to.startswith("docker://"):
        return []
    role = role_of(_repository(place), to.partition(":")[2])
    return [] if role is None else [named(role, word, _image(place))]
