"""What sigstore-conformance asks of a signer: a bundle of a file or of an in-toto statement, by an identity token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attest.files import read_file
from dbom.canonical import canonical_json, json_object
from dbom.errors import PathError, SigningError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.attestations import REMOTE_SIGNING
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from pathlib import Path

    from sigstore.models import ClientTrustConfig

__all__ = ["sign_bundle"]

_MAX_BYTES: Final = 1 << 30
_CONFIG: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


def sign_bundle(
    artifact: Path,
    bundle: Path,
    *,
    token: str,
    is_statement: bool,
    staging: bool,
    trusted_root: Path | None,
    signing_config: Path | None,
) -> None:
    """Sign a file as it is, or as the in-toto statement that it holds, and write the bundle.

    The services are those of the signing config with its trusted root, else of the public Sigstore or its staging.
    Raises `SigningError` where they give nothing, and what reading and writing the files raises.
    """
    from sigstore.dsse import Statement  # noqa: PLC0415  heavy
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.oidc import IdentityToken  # noqa: PLC0415  heavy
    from sigstore.sign import SigningContext  # noqa: PLC0415  heavy

    data = read_file(artifact, limit=_MAX_BYTES)
    try:
        context = SigningContext.from_trust_config(_config(trusted_root, signing_config, staging=staging))
        with context.signer(IdentityToken(token)) as signer:
            signed = signer.sign_dsse(Statement(data)) if is_statement else signer.sign_artifact(data)
    except (Error, ValueError, OSError) as error:
        raise SigningError(REMOTE_SIGNING, f"not signed: {printable(str(error))}", where=str(artifact)) from error
    try:
        bundle.write_text(signed.to_json())
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be written: {error.strerror}", where=str(bundle)) from error


def _config(trusted_root: Path | None, signing_config: Path | None, *, staging: bool) -> ClientTrustConfig:
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  heavy

    if trusted_root is None and signing_config is None:
        return ClientTrustConfig.staging() if staging else ClientTrustConfig.production()
    if trusted_root is None or signing_config is None:
        raise UsageError(USAGE, "a trusted root and a signing config go together")
    parts = {
        key: json_object(read_file(path, limit=_MAX_BYTES), where=str(path))
        for key, path in (("trustedRoot", trusted_root), ("signingConfig", signing_config))
    }
    return ClientTrustConfig.from_json(canonical_json({"mediaType": _CONFIG, **parts}).decode())
