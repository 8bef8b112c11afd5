"""From the text of a reference to the place it means: OCI images, hub repositories, objects in a bucket."""

from __future__ import annotations

import re
from typing import Final

from admission.references.reference import Target
from attest.location import Location
from dbom.errors import UsageError

__all__ = ["PATH_SCHEMES", "image_target", "is_path", "uri_target"]

PATH_SCHEMES: Final = ("file://",)

_IMAGE = re.compile(
    r"(?:(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)/)?"
    r"(?P<path>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+:[A-Za-z0-9]+))?"
)
_DOCKER_HUB: Final = ("docker.io", "index.docker.io")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?", re.ASCII)
_HUB_URI = re.compile(r"hf://(?P<id>[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?)(?:[@:](?P<revision>[\w./-]+))?", re.ASCII)
_LONGEST: Final = 2048
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BUCKETS: Final = ("s3", "gs", "az")
_PINNED_BUCKET = re.compile(r"[^?#]+\?(?:versionId|generation)=[^&#]+")


def is_path(text: str) -> bool:
    """Return whether a text means a place in the container's own file system."""
    return text.startswith(("/", "./", "../", *PATH_SCHEMES)) or text in (".", "..")


def image_target(text: str) -> Target:
    """Return what an OCI image reference comes to, its repository written as a container runtime would resolve it."""
    match = _IMAGE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return Target.opaque("it is not an image reference")
    base = f"oci://{_repository(match['host'] or '', match['path'])}"
    digest = match["digest"]
    if digest is None:
        return Target.unpinned(base, "a tag can be moved to other bytes" if match["tag"] else "it names no digest")
    if _DIGEST.fullmatch(digest) is None:
        return Target.opaque("its digest is not a sha256")
    return Target.at(Location(base, digest))


def uri_target(text: str, revision: str | None = None) -> Target:
    """Return what a model's name or URI comes to, other than a path; `revision` is what stands beside it, if anything.

    A name without a scheme is one of the hub's. Spellings: `org/name` with a revision, `hf://org/name@COMMIT` (or
    `:COMMIT`, as KServe writes it), `oci://…@sha256:…`, `s3://…?versionId=…` and its kin.
    """
    scheme, separator, rest = text.partition("://")
    if len(text) > _LONGEST or not (separator or _HUB_ID.fullmatch(text)):
        return Target.opaque("it is neither a path nor the name of a hub repository")
    if not separator:
        return _hub_target(text, revision)
    if scheme == "oci":
        return image_target(rest)
    if scheme in _BUCKETS:
        return _object_target(scheme, rest)
    match = _HUB_URI.fullmatch(text)
    if match is not None:
        return _hub_target(match["id"], match["revision"] or revision)
    because = "it is not hf://ORG/NAME@COMMIT" if scheme == "hf" else f"places of the kind {scheme}:// can't be pinned"
    return Target.opaque(because)


def _repository(host: str, path: str) -> str:
    # distribution/reference: a first part without dot or colon that isn't localhost belongs to Docker Hub's path.
    if host and host.lower() not in _DOCKER_HUB and ("." in host or ":" in host or host == "localhost"):
        return f"{host.lower()}/{path}"
    path = f"{host}/{path}" if host and host.lower() not in _DOCKER_HUB else path
    return f"docker.io/{path if '/' in path else 'library/' + path}"


def _hub_target(name: str, revision: str | None) -> Target:
    base = f"hf://{name}"
    if revision is None:
        return Target.unpinned(base, "no revision is given, so the newest is loaded")
    if _COMMIT.fullmatch(revision) is None:
        return Target.unpinned(base, "its revision is not a commit of 40 hex digits, and can move")
    return Target.at(Location(base, revision))


def _object_target(scheme: str, rest: str) -> Target:
    text = f"{scheme}://{rest}"
    if _PINNED_BUCKET.fullmatch(text):
        try:
            return Target.at(Location.parse(text))
        except UsageError:
            return Target.opaque("its version can't be read")
    return Target.unpinned(text.partition("?")[0].partition("#")[0], "it names no object version")
