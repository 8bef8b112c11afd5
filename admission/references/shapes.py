"""Pods as they are read: frozen types that declare every field from which a verdict can be made, and no other.

Field names are Kubernetes' own (API reference v1.36, `core/v1`). What is only passed on, or has a shape that drivers
choose, stays as the JSON that it is. A field that isn't declared here doesn't reach the extractors.
"""

from __future__ import annotations

from functools import cache
from typing import cast

from msgspec import UNSET, Raw, Struct, UnsetType, defstruct, field
from msgspec.structs import force_setattr

from admission.references.finding import READ_ANNOTATIONS
from admission.references.kinds import WORKLOADS

__all__ = ["Container", "Metadata", "Mount", "Part", "PodSpec", "Variable", "object_type"]


class Variable(Struct, frozen=True, omit_defaults=True, gc=False):
    """`EnvVar`."""

    name: str | None = None
    value: str | None = None
    valueFrom: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name


class Mount(Struct, frozen=True, omit_defaults=True, gc=False):
    """`VolumeMount`."""

    name: str | None = None
    mountPath: str | None = None  # noqa: N815  Kubernetes' name
    subPath: str | None = None  # noqa: N815  Kubernetes' name
    subPathExpr: str | None = None  # noqa: N815  Kubernetes' name
    readOnly: bool | None = None  # noqa: N815  Kubernetes' name


class Container(Struct, frozen=True, omit_defaults=True, gc=False):
    """`Container` and `EphemeralContainer`."""

    name: str | None = None
    image: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: tuple[Variable, ...] | None = None
    envFrom: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    volumeMounts: tuple[Mount, ...] | None = None  # noqa: N815  Kubernetes' name
    volumeDevices: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    workingDir: str | None = None  # noqa: N815  Kubernetes' name
    restartPolicy: str | None = None  # noqa: N815  Kubernetes' name
    lifecycle: Raw | UnsetType = UNSET
    livenessProbe: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    readinessProbe: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    startupProbe: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    resources: Raw | UnsetType = UNSET
    securityContext: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    terminationMessagePath: str | None = None  # noqa: N815  Kubernetes' name
    targetContainerName: str | None = None  # noqa: N815  Kubernetes' name


class PodSpec(Struct, frozen=True, omit_defaults=True, gc=False):
    """`PodSpec`. A volume is a driver's, so that any key of it can be read."""

    volumes: tuple[dict[str, Raw], ...] | None = None
    initContainers: tuple[Container, ...] | None = None  # noqa: N815  Kubernetes' name
    containers: tuple[Container, ...] | None = None
    ephemeralContainers: tuple[Container, ...] | None = None  # noqa: N815  Kubernetes' name
    restartPolicy: str | None = None  # noqa: N815  Kubernetes' name
    serviceAccountName: str | None = None  # noqa: N815  Kubernetes' name
    hostPID: bool | None = None  # noqa: N815  Kubernetes' name
    hostIPC: bool | None = None  # noqa: N815  Kubernetes' name
    hostNetwork: bool | None = None  # noqa: N815  Kubernetes' name
    shareProcessNamespace: bool | None = None  # noqa: N815  Kubernetes' name
    securityContext: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name
    resourceClaims: Raw | UnsetType = UNSET  # noqa: N815  Kubernetes' name


_Annotations = defstruct(
    "Annotations",
    [(f"read_{number}", str | None, field(default=None, name=key)) for number, key in enumerate(READ_ANNOTATIONS)],
    frozen=True,
    omit_defaults=True,
    gc=False,
)
_NONE_READ = _Annotations()


class Metadata(Struct, frozen=True, omit_defaults=True, gc=False):
    """`ObjectMeta`: nothing but the annotations that references are read from."""

    annotations: _Annotations | None = None  # type: ignore[valid-type]  # made from the list of what is read

    def __post_init__(self) -> None:
        """Take annotations of which none is read for none at all."""
        read: object = self.annotations
        if read == _NONE_READ:
            force_setattr(self, "annotations", None)


class Part(Struct, frozen=True, omit_defaults=True, gc=False):
    """`TypeMeta`: what any object says of its own kind."""

    apiVersion: str | None = None  # noqa: N815  Kubernetes' name
    kind: str | None = None


@cache
def object_type(group: str, kind: str) -> type[Part] | None:
    """Return the type of a workload's object: its pod specification and its metadata; None for any other kind."""
    path = WORKLOADS.get((group, kind))
    if path is None:
        return None
    keys = path.split(".")
    inner: type[Struct] = PodSpec
    for key in reversed(keys[1:]):
        inner = defstruct(f"With_{key}", _fields(key, inner), frozen=True, omit_defaults=True, gc=False)
    found = defstruct(kind, _fields(keys[0], inner), bases=(Part,), frozen=True, omit_defaults=True, gc=False)
    return cast("type[Part]", found)


def _fields(key: str, inner: type[Struct]) -> list[tuple[str, object, None]]:
    """Return the fields of an object with `inner` under a key, and metadata of its own."""
    return [("metadata", Metadata | None, None), (key, inner | None, None)]
