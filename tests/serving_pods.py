"""Pods that start an inference server, and what is found in them, written briefly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.references import find_references

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["CLAIM", "COMMIT", "EMPTY", "IMAGE", "IMAGE_VOLUME", "PINNED", "PLACE", "found", "found_in", "pod"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLACE = "oci://registry.example.com/models/m"
IMAGE = f"registry.example.com/models/m@sha256:{'a' * 64}"
PINNED = f"oci://{IMAGE}"
IMAGE_VOLUME: JsonObject = {"image": {"reference": IMAGE}}
CLAIM: JsonObject = {"persistentVolumeClaim": {"claimName": "c"}}
EMPTY: JsonObject = {"emptyDir": {}}


def pod(
    image: str,
    *,
    command: Sequence[str] = (),
    args: Sequence[str] = (),
    env: Mapping[str, str | None] | None = None,
    mounts: Mapping[str, JsonObject] | None = None,
    **fields: Json,
) -> JsonObject:
    """Return a pod of one container; a variable of None comes from a ConfigMap, `mounts` are volumes by their paths."""
    variables: list[Json] = [
        {"name": name, "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}
        if value is None
        else {"name": name, "value": value}
        for name, value in (env or {}).items()
    ]
    volumes: list[Json] = [{"name": f"v{number}", **volume} for number, volume in enumerate((mounts or {}).values())]
    places: list[Json] = [{"name": f"v{number}", "mountPath": path} for number, path in enumerate(mounts or {})]
    container: JsonObject = {
        "name": "c",
        "image": image,
        "command": list(command),
        "args": list(args),
        "env": variables,
        "volumeMounts": places,
        **fields,
    }
    spec: JsonObject = {"containers": [container], "volumes": volumes}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def found_in(document: JsonObject) -> list[str]:
    """Return what an object names: role, where it stands, and its pinned location or place with how it is pinned."""
    group, _, _ = str(document["apiVersion"]).rpartition("/")
    references = find_references(document, group=group, kind=str(document["kind"]), where="test")
    lines: list[str] = []
    for item in references:
        if item.role == "image volume":
            continue
        path = item.path.removeprefix("spec.containers[0].")
        place = str(item.target.location) if item.target.location else item.target.base
        lines.append(" ".join(filter(None, (f"{item.role}", path, str(item.pinning), place))))
    return sorted(lines)


def found(
    image: str,
    *,
    command: Sequence[str] = (),
    args: Sequence[str] = (),
    env: Mapping[str, str | None] | None = None,
    mounts: Mapping[str, JsonObject] | None = None,
    **fields: Json,
) -> list[str]:
    """Return what a pod of one container names, its image volumes left out."""
    return found_in(pod(image, command=command, args=args, env=env, mounts=mounts, **fields))
