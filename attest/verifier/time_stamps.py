"""RFC 3161 time stamps: whether one of the root's time stampers signed a time over a signature."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from attest.certificates import load_certificate
from dbom.errors import EvidenceError, TrustError
from dbom.printable import printable
from dbom.rules.attestations import TIME_STAMP_INVALID, TRUST_ROOT_EXPIRED

if TYPE_CHECKING:
    from rfc3161_client import Verifier

    from attest.trust import TrustedChain, TrustRoot

__all__ = ["check_time_stamp"]


def check_time_stamp(der: bytes, signature: bytes, root: TrustRoot, *, where: str) -> datetime:
    """Return the time in an RFC 3161 response that one of the root's time stampers signed over `signature`.

    The time must lie in the window of that time stamper, and of no other. Raises `EvidenceError` where no time
    stamper signed it, `TrustError` where the one who did wasn't in force at the time.
    """
    from cryptography.x509 import InvalidVersion  # noqa: PLC0415  heavy
    from rfc3161_client import VerificationError, decode_timestamp_response  # noqa: PLC0415  heavy

    fault: Exception | None = None
    for chain in root.time_stampers:
        try:
            # Decoded anew each time: the library's verifier takes parts out of what it checks.
            # It only warns of certificates in it that no standard allows; here they are refused.
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                response = decode_timestamp_response(der)
                _verifier(chain).verify_message(response, signature)
            moment: datetime = response.tst_info.gen_time
        except (VerificationError, ValueError, InvalidVersion, Warning) as error:
            fault = error
            continue
        if chain.window.holds(moment):
            return moment
        raise TrustError(
            TRUST_ROOT_EXPIRED,
            "the time stamper wasn't in force at the time",
            where=where,
            got=moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        )
    why = (
        f": {printable(str(fault).partition(chr(10))[0])}" if fault is not None else ": the root names no time stamper"
    )
    raise EvidenceError(TIME_STAMP_INVALID, f"a time stamp doesn't hold{why}", where=where) from fault


@lru_cache(maxsize=64)
def _verifier(chain: TrustedChain) -> Verifier:
    from rfc3161_client import VerifierBuilder  # noqa: PLC0415  heavy

    leaf, *others = [load_certificate(der, where="the trust root") for der in chain.certificates]
    builder = VerifierBuilder().tsa_certificate(leaf)
    for certificate in others[:-1]:
        builder = builder.add_intermediate_certificate(certificate)
    return builder.add_root_certificate(others[-1] if others else leaf).build()
