"""A second reader: sigstore-python's verifier, through its public API, on keyless bundles that it can read.

Our own verifier takes the same steps on every kind of bundle. Before a new bundle leaves, sigstore-python must accept
it too, and the tests hold the two against each other; see docs/adr/0012-own-verifier.md for why it isn't asked about
every bundle that is verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from attest.certificates import identity_of
from dbom.errors import EvidenceError, TrustError
from dbom.printable import printable
from dbom.rules.attestations import MATERIAL_INVALID, TRUST_ROOT_MALFORMED

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

    from attest.identity import Identity
    from attest.trust import TrustRoot

__all__ = ["check_by_sigstore"]

_WRAPPED: Final = (
    b'{"mediaType":"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json","trustedRoot":',
    b',"signingConfig":{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}}',
)


def check_by_sigstore(raw: bytes, root: TrustRoot, signer: Identity, *, where: str) -> bytes:
    """Return the payload of a keyless bundle that sigstore-python accepts as one by `signer` under `root`.

    Raises `EvidenceError` where it doesn't, `TrustError` where it can't read the root.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  heavy
    from cryptography.x509 import ExtensionNotFound  # noqa: PLC0415  heavy
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import Bundle  # noqa: PLC0415  heavy

    verifier = _verifier(root.raw)
    try:
        _, payload = verifier.verify_dsse(Bundle.from_json(raw), _SameSigner(signer, where))
    except (Error, EvidenceError, ExtensionNotFound, UnsupportedAlgorithm, ValueError, ArithmeticError) as error:
        raise EvidenceError(MATERIAL_INVALID, _first_line(error), where=where) from error
    return payload


@dataclass(frozen=True, slots=True)
class _SameSigner:
    """sigstore's policy protocol: the certificate that its verifier checks names the signer that we read."""

    signer: Identity
    where: str

    def verify(self, cert: Certificate) -> None:
        """Raise `EvidenceError` where the certificate names another signer."""
        if identity_of(cert, where=self.where) != self.signer:
            raise EvidenceError(MATERIAL_INVALID, "two readers see two signers", where=self.where)


@lru_cache(maxsize=16)
def _verifier(raw_root: bytes) -> Verifier:
    """Return sigstore's verifier for a trust root. Raises `TrustError` where sigstore can't read the root.

    The public reader of trusted roots takes a file; the one of client trust configs takes bytes, so the root goes in
    as part of one.
    """
    from sigstore.errors import Error  # noqa: PLC0415  heavy
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415  heavy
    from sigstore.verify import Verifier  # noqa: PLC0415  heavy

    try:
        config = ClientTrustConfig.from_json((_WRAPPED[0] + raw_root + _WRAPPED[1]).decode())
        return Verifier(trusted_root=config.trusted_root)
    except (Error, ValueError) as error:
        raise TrustError(TRUST_ROOT_MALFORMED, f"not a usable trust root: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return printable(text[0]) if text else type(error).__name__
