"""What a place at the hub comes to that a tool downloads from, and whether a script speaks of a place of models."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from admission.references.container import Revision
from admission.references.hub import cached_elsewhere, other_hub
from admission.references.places import uri_target
from admission.references.reference import Role, Target
from admission.references.telling import HUB_HOSTS, is_model_file, is_model_host, role_of
from attest.location import Location
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container

__all__ = ["NOT_PLAIN", "hub_target", "names_download", "url_target"]

NOT_PLAIN: Final = "the flags beside it, or its environment, may lead elsewhere"
"""Why a pin isn't believed that stands beside words which could lead elsewhere."""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?", re.ASCII)
_HUB_PATH: Final = re.compile(
    r"/(?P<kind>datasets/|spaces/)?(?P<id>[A-Za-z0-9][\w.-]*/[\w.-]+?)(?:\.git)?"
    r"(?:/(?:resolve|raw|blob|tree)/(?P<revision>[^/]+)(?:/.*)?)?/?",
    re.ASCII,
)
_LONGEST_SCRIPT: Final = 128 * 1024
_PLACE: Final = re.compile(r"\b(?:https?|s3|gs|oci|hf)://[^\s'\"<>|;()$`]{1,2048}")
_HUB_COMMAND: Final = re.compile(r"\b(?:hf|huggingface-cli)\s+download\s|\bsnapshot_download\b")
_COPY: Final = re.compile(
    r"\b(?:oras\s+pull|rclone\s+(?:copy|copyto|sync|move)|mc\s+(?:cp|mirror)|azcopy\s+(?:copy|cp)"
    r"|crane\s+(?:pull|export)|skopeo\s+copy)\s(?P<words>[^\n;|&]{1,2048})"
)


def names_download(text: str) -> bool:
    """Return whether a script that can't be followed names a place of a model as a plain word."""
    text = text[:_LONGEST_SCRIPT]
    if _HUB_COMMAND.search(text):
        return True
    copied = (word for match in _COPY.finditer(text) for word in match["words"].split())
    if any(role_of(word.strip("'\"").replace(":", "/")) is not None for word in copied if not word.startswith("-")):
        return True
    for match in _PLACE.finditer(text):
        place = match[0].rstrip(".,;")
        kind, _, rest = place.partition("://")
        host, _, path = rest.partition("/")
        if kind in ("http", "https"):
            at_hub = host in HUB_HOSTS and _HUB_PATH.fullmatch(f"/{path.partition('?')[0]}") is not None
            if (at_hub and not path.startswith("api/")) or is_model_file(place.partition("?")[0]):
                return True
        elif role_of(place) is not None:
            return True
    return False


def hub_target(
    container: Container, name: str, revision: Revision, *, kind: str = "", folders: Sequence[str | Unknown] = ()
) -> Target:
    """Return what a repository of the hub comes to that is downloaded to `folders` (none: to the cache)."""
    if _REPOSITORY.fullmatch(name) is None:
        return Target.opaque("it is not the name of a hub repository")
    because = revision.because or other_hub(container.environment)
    if because:
        return Target.opaque(because)
    target = uri_target(name, revision.commit)
    if kind:
        base = target.base.replace("hf://", f"hf://{kind}", 1)
        location = None if target.location is None else Location(base, target.location.pin)
        target = replace(target, base=base, location=location)
    if target.location is None:
        return target
    because = container.altered or _held_already(container, folders)
    return Target.opaque(because) if because else target


def _held_already(container: Container, folders: Sequence[str | Unknown]) -> str:
    """Return why files may lie in a folder already, which wouldn't be fetched then; empty where none can."""
    if not folders or not container.environment.is_whole:
        return cached_elsewhere(container.environment, container.mounts, ())
    is_first = container.node.path.endswith("initContainers[0]")
    for folder in folders:
        if isinstance(folder, Unknown):
            return "the folder that it is downloaded to can't be told"
        reached = [
            mount for mount in container.mounts.mounts if replace(container.mounts, mounts=(mount,)).reach(folder)
        ]
        if not all(is_first and mount.volume.kind == "emptyDir" for mount in reached):
            return "the folder that it is downloaded to lies on a volume that may hold other files already"
    return ""


def url_target(container: Container, text: str, *, is_plain: bool = True) -> tuple[Role, Target] | None:
    """Return what a URL comes to that is downloaded, None where it is no hub's; a pin needs `is_plain`."""
    text = re.sub(r"^(?:ssh://)?git@(hf\.co|huggingface\.co)[:/]", r"https://\1/", text)
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if host not in HUB_HOSTS:
        return (
            (Role.MODEL, Target.opaque("it lies at a hub whose places can't be pinned"))
            if is_model_host(host)
            else None
        )
    match = _HUB_PATH.fullmatch(parts.path)
    if match is None or match["id"].startswith(("api/", "docs/", "blog/", "settings/", "join/")):
        return None
    role = {"datasets/": Role.DATASET, "spaces/": Role.CODE}.get(match["kind"] or "", Role.MODEL)
    if parts.scheme != "https" or parts.port not in (None, 443):
        return role, Target.opaque("it isn't fetched by https, so anybody on the way may answer")
    target = hub_target(container, match["id"], Revision(match["revision"]), kind=match["kind"] or "", folders=("/",))
    if target.location is not None and not is_plain:
        target = Target.opaque(NOT_PLAIN)
    return role, target
