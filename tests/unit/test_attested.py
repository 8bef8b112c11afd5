"""What counts as a store's word on content: a digest of the whole, and nothing that merely looks like one."""

from __future__ import annotations

import base64
import hashlib

import pytest

from dbom.storage.attested import attested_by_hub, attested_by_s3

_DIGEST = hashlib.sha256(b"content")
_BASE64 = base64.b64encode(_DIGEST.digest()).decode()


def test_a_full_object_sha256_is_taken() -> None:
    assert _DIGEST.hexdigest() == attested_by_s3({"ChecksumSHA256": _BASE64, "ChecksumType": "FULL_OBJECT"})


@pytest.mark.parametrize(
    "head",
    [
        {"ChecksumSHA256": f"{_BASE64}-2", "ChecksumType": "COMPOSITE"},
        {"ChecksumSHA256": _BASE64, "ChecksumType": "COMPOSITE"},
        {"ChecksumSHA256": _BASE64, "ChecksumType": "SOMETHING_NEW"},
        {"ChecksumSHA256": _BASE64},
        {"ChecksumSHA256": f"{_BASE64}-2", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumSHA256": base64.b64encode(b"short").decode(), "ChecksumType": "FULL_OBJECT"},
        {"ChecksumSHA256": None, "ChecksumType": "FULL_OBJECT"},
        {"ChecksumCRC64NVME": _BASE64, "ChecksumType": "FULL_OBJECT", "ETag": '"ab"'},
        {},
    ],
)
def test_anything_else_is_read(head: dict[str, object]) -> None:
    """A composite, unknown or missing type, a malformed digest, a CRC, an ETag: none is the digest of the bytes."""
    assert attested_by_s3(head) is None


@pytest.mark.parametrize("said", [None, "", "A" * 64, "ab" * 20, 7, "ab" * 32 + "\n"])
def test_a_hub_attests_with_sixty_four_hex_digits_only(said: object) -> None:
    assert attested_by_hub(said) is None
    assert "ab" * 32 == attested_by_hub("ab" * 32)
