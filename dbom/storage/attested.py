"""What a store attests of an object's content, where that is a digest of the content and nothing else.

ETags, CRCs, MD5s, `fs.checksum()` and `fs.ukey()` are never looked at here: they are hints that something changed.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["attested_by_hub", "attested_by_s3"]

_HEX64 = re.compile(r"[0-9a-f]{64}")
_SHA256_BYTES = 32


def attested_by_s3(head: Mapping[str, object]) -> str | None:
    """Return the sha256 in hex that an answer to HeadObject with ChecksumMode attests, or None.

    Only the type FULL_OBJECT is the digest of the bytes: that of a COMPOSITE checksum is the digest of the digests of
    the parts, and a missing or unknown type could be one. (Amazon S3 API, HeadObject, ChecksumType.)
    """
    said, kind = head.get("ChecksumSHA256"), head.get("ChecksumType")
    if kind != "FULL_OBJECT" or not isinstance(said, str):
        return None
    try:
        digest = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == _SHA256_BYTES else None


def attested_by_hub(said: object) -> str | None:
    """Return the sha256 in hex that a hub lists for a large file (`lfs.sha256`), or None for anything else."""
    return said if isinstance(said, str) and _HEX64.fullmatch(said) is not None else None
