"""RFC 3161 time stamps of other people's authorities: asked for, and checked before anything rests on them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from dbom.errors import SigningError
from dbom.printable import printable
from dbom.rules.attestations import TIME_STAMP_FOREIGN

if TYPE_CHECKING:
    from datetime import datetime

    from rfc3161_client import TimeStampRequest, TimeStampResponse

    from attest.signers.transport import Transport

__all__ = ["stamp_remotely"]

_QUERY: Final = "application/timestamp-query"
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_GRANTED: Final = 0
_DRIFT_SECONDS: Final = 600


def stamp_remotely(url: str, signature: bytes, transport: Transport, *, now: datetime) -> bytes:
    """Return the time stamp (DER) of the authority at `url` over the sha256 of `signature`.

    Raises `SigningError` where the authority can't be reached or refuses, or stamps something else, or another time
    than about `now`. Whether it is an authority that somebody trusts isn't known here.
    """
    from rfc3161_client import TimestampRequestBuilder, decode_timestamp_response  # noqa: PLC0415  heavy
    from rfc3161_client.base import HashAlgorithm  # noqa: PLC0415  heavy

    where = printable(url)
    query = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256).data(signature).nonce(nonce=True).build()
    answer = transport.post(url, query.as_bytes(), content_type=_QUERY)
    try:
        response = decode_timestamp_response(answer.body)
        _check_answer(response, query, signature, now)
    except ValueError as error:
        raise SigningError(
            TIME_STAMP_FOREIGN, f"the time stamp won't do: {printable(str(error))}", where=where
        ) from error
    return answer.body


def _check_answer(response: TimeStampResponse, query: TimeStampRequest, signature: bytes, now: datetime) -> None:
    """Check what RFC 3161, section 2.4.2, has a requester check. Raises `ValueError` where something is amiss."""
    if response.status != _GRANTED:
        raise ValueError(f"it wasn't granted (status {response.status})")
    info = response.tst_info
    imprint = info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256 or imprint.message != hashlib.sha256(signature).digest():
        raise ValueError(
            f"it stamps {imprint.message.hex()}, and the signature's sha256 is {hashlib.sha256(signature).hexdigest()}"
        )
    if info.nonce != query.nonce:
        raise ValueError("it answers another question")
    if abs((info.gen_time - now).total_seconds()) > _DRIFT_SECONDS:
        raise ValueError(f"it says that it is {info.gen_time.isoformat()}, and here it is {now.isoformat()}")
