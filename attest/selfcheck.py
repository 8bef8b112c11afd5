"""The last look before a bundle leaves: read again and verified by sigstore-python, against the root it claims."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from dbom.errors import SigningError
from dbom.printable import printable
from dbom.rules.attestations import SELF_CHECK

if TYPE_CHECKING:
    from attest.identity import Identity

__all__ = ["check_bundle"]


def check_bundle(bundle: bytes, payload: bytes, *, identity: Identity, trusted_root: bytes) -> None:
    """Check that others will accept `bundle` as a statement of `payload` by `identity`. Raises `SigningError`."""
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import Bundle, TrustedRoot  # noqa: PLC0415  heavy
    from sigstore.verify import Verifier, policy  # noqa: PLC0415  heavy

    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(trusted_root)
        file.flush()
        try:
            verifier = Verifier(trusted_root=TrustedRoot.from_file(file.name))
            expected = policy.Identity(identity=identity.subject, issuer=identity.issuer)
            _, signed = verifier.verify_dsse(Bundle.from_json(bundle), expected)
        except (Error, ValueError) as error:
            raise SigningError(SELF_CHECK, f"the new bundle doesn't verify: {printable(str(error))}") from error
    if signed != payload:
        raise SigningError(SELF_CHECK, "the new bundle holds other bytes than were to be signed")
