"""An OCI image of a model folder, as an image layout on disk: what a registry would hold, without a registry.

Layout, manifest and config follow the OCI image specification 1.1; the digest of the manifest is the pin that a
container runtime enforces.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

from dbom.canonical import canonical_json

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject

__all__ = ["write_image"]

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def write_image(model: Path, layout: Path) -> str:
    """Write the files of `model` as a one-layer image to the folder `layout`; return the digest of its manifest.

    The same files give the same digest: no times, owners or modes of this machine go in.
    """
    layer = _tar(model)
    config = canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        }
    )
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _blob(layout, config, _CONFIG),
            "layers": [_blob(layout, layer, _LAYER)],
        }
    )
    index: JsonObject = {"schemaVersion": 2, "manifests": [_blob(layout, manifest, _MANIFEST)]}
    (layout / "index.json").write_bytes(canonical_json(index))
    (layout / "oci-layout").write_bytes(canonical_json({"imageLayoutVersion": "1.0.0"}))
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


def _blob(layout: Path, data: bytes, media_type: str) -> JsonObject:
    digits = hashlib.sha256(data).hexdigest()
    folder = layout / "blobs" / "sha256"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / digits).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digits}", "size": len(data)}


def _tar(model: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(item for item in model.rglob("*") if item.is_file()):
            member = tarfile.TarInfo(path.relative_to(model).as_posix())
            data = path.read_bytes()
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
