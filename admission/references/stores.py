"""What the programs load that take a path or the URI of a bucket, and know neither hub names nor object versions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.places import is_path, uri_target
from admission.references.reference import ModelReference, Pinning, Role, Target
from dbom.model import Unknown

if TYPE_CHECKING:
    from admission.references.container import Container
    from admission.references.environment import Environment

__all__ = ["NO_DIGEST", "stored", "stored_target"]

NO_DIGEST: Final = "a program that fetches it checks no digest: mount it as an image volume"
_BUCKETS: Final = ("s3", "gs", "az")
_S3_SERVERS: Final = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "S3_ENDPOINT", "STORAGE_EMULATOR_HOST")
_AMAZON: Final = re.compile(r"(?:https?://)?s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com/?")


def stored(
    container: Container, role: Role, value: str | Unknown, path: str, *, written: str | None = None
) -> ModelReference:
    """Return the reference that a value is to a program that takes paths and the URIs of buckets."""
    if isinstance(value, Unknown) or "://" not in value or is_path(value):
        return container.path_reference(role, value, path, written=written)
    because = _other_server(value, container.environment)
    return ModelReference(role, value, path, Target.opaque(because) if because else stored_target(value))


def stored_target(uri: str) -> Target:
    """Return what a URI comes to for a program that reads neither object version nor digest: it loads what is there."""
    scheme, _, rest = uri.partition("://")
    if scheme in _BUCKETS and (not rest or ":" in rest.partition("/")[0]):
        return Target.opaque("its bucket is one of another server")
    target = uri_target(uri)
    if target.base.startswith("oci://"):
        return Target.opaque(NO_DIGEST)
    if scheme in _BUCKETS and target.pinning is not Pinning.UNPINNED:
        return Target.unpinned(uri.partition("?")[0], "who loads it reads no object version")
    return target


def _other_server(uri: str, environment: Environment) -> str:
    if not uri.startswith(("s3://", "gs://")):
        return ""
    for name in _S3_SERVERS:
        value = environment.value(name)
        if value and not (isinstance(value, str) and _AMAZON.fullmatch(value)):
            return f"{name} names another server of buckets"
    return ""
