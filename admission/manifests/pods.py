"""What the pods of both programs have in common: nothing that they can do without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.manifests.naming import selected

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

__all__ = ["CONTAINER_SECURITY", "TEMPORARY_MOUNT", "TEMPORARY_VOLUME", "hardened_pod", "probe"]

_USER: Final = 65532
"""The user `nonroot` of images without a shell."""

CONTAINER_SECURITY: Final[JsonObject] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
TEMPORARY_MOUNT: Final[JsonObject] = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108  a volume of the pod's own
TEMPORARY_VOLUME: Final[JsonObject] = {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}


def hardened_pod(
    app: str, *, container: JsonObject, volumes: Json, has_token: bool, grace: int, placement: JsonObject | None = None
) -> JsonObject:
    """Return the template of a pod that the Pod Security standard `restricted` takes.

    `grace` is how many seconds it has to end in good order, `placement` where it is put among the nodes.
    """
    return {
        "metadata": {"labels": selected(app)},
        "spec": {
            "serviceAccountName": app,
            "automountServiceAccountToken": has_token,
            "enableServiceLinks": False,
            "priorityClassName": "system-cluster-critical",
            "terminationGracePeriodSeconds": grace,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **(placement or {}),
            "containers": [container],
            "volumes": volumes,
        },
    }


def probe(path: str, port: str, *, scheme: str, seconds: int, failures: int) -> JsonObject:
    """Return a probe that asks over HTTP every so many seconds."""
    asked: JsonObject = {"path": path, "port": port, "scheme": scheme}
    return {"httpGet": asked, "periodSeconds": seconds, "timeoutSeconds": 3, "failureThreshold": failures}
