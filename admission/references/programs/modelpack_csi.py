"""ModelPack's CSI driver: volumes that hold an OCI model artifact.

Followed: model-csi-driver 0.3 `pkg/service/node.go` and `node_static_inline.go`: the attribute
`model.csi.modelpack.org/reference` names the artifact, which the driver pulls and mounts as a plain folder. Without
it the volume is the driver's working folder, in which the pod may mount any model while it runs. A digest holds what
is loaded only where nobody in the pod can write to the folder: where the volume itself says `readOnly` (which the
kubelet applies to every mount of it).

Not to be told: claims (`PersistentVolumeClaim`) of the driver's storage class stay claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.references.places import image_target
from admission.references.program import Program
from admission.references.reference import ModelReference, Pinning, Role, Target

if TYPE_CHECKING:
    from admission.documents import Node

__all__ = ["PROGRAM"]

_DRIVER: Final = "model.csi.modelpack.org"
_REFERENCE: Final = f"{_DRIVER}/reference"


def _volume(volume: Node) -> ModelReference | None:
    csi = volume.get("csi")
    if not csi.is_there or csi.get("driver").text() != _DRIVER:
        return None
    reference = csi.at("volumeAttributes", _REFERENCE)
    text = reference.text()
    if not text:
        because = "its driver lets the pod mount any model while it runs"
        return ModelReference(Role.VOLUME, _DRIVER, csi.get("driver").path, Target.opaque(because))
    target = image_target(text)
    if target.pinning is Pinning.ENFORCED and not csi.get("readOnly").flag():
        target = Target.opaque("its driver mounts a folder that the pod can write to: set readOnly on the volume")
    if any(key not in ("name", "csi") and node.is_there for key, node in volume.members()):
        target = Target.opaque("the volume has two sources")
    return ModelReference(Role.VOLUME, text, reference.path, target)


PROGRAM: Final = Program("ModelPack CSI", "model-csi-driver 0.3 pkg/service/node_static_inline.go", volume=_volume)
