"""Objects for tests of what programs load, and what is found in them, in short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.references import find_references

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["COMMIT", "DIGEST", "image_volume", "mount", "pod", "read", "read_container", "variables"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64
_CONTAINER = "spec.containers[0]."


def pod(*containers: JsonObject, volumes: Sequence[Json] = (), **spec: Json) -> JsonObject:
    """Return a pod with these containers and volumes."""
    whole: Json = {"containers": list(containers), "volumes": list(volumes), **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": whole}


def mount(path: str, name: str = "m") -> JsonObject:
    """Return where a volume is mounted in a container."""
    return {"name": name, "mountPath": path}


def image_volume(name: str = "m") -> JsonObject:
    """Return a volume that is an image by its digest, `oci://r.example/m@sha256:aaa…`."""
    return {"name": name, "image": {"reference": f"r.example/m@{DIGEST}"}}


def variables(**values: str) -> list[Json]:
    """Return environment variables as a container lists them."""
    return [{"name": name, "value": value} for name, value in values.items()]


def read(document: JsonObject) -> list[str]:
    """Return each reference that is found as `ROLE PINNING [PLACE] at PATH`, in the order of the object."""
    group, kind = str(document["apiVersion"]).rpartition("/")[0], str(document["kind"])
    found: list[str] = []
    for item in find_references(document, group=group, kind=kind, where="test"):
        place = str(item.target.location) if item.target.location is not None else item.target.base
        words = [str(item.role), str(item.pinning), *([place] if place else []), "at", item.path]
        found.append(" ".join(words).replace(DIGEST, "DIGEST").replace(COMMIT, "COMMIT"))
    return found


def read_container(container: JsonObject, *volumes: Json) -> list[str]:
    """Return what is found in a pod of one container, with paths that start in it."""
    found = read(pod({"name": "c", **container}, volumes=volumes))
    return [text.replace(_CONTAINER, "") for text in found if not text.startswith("image volume ")]
