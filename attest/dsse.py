"""DSSE's pre-authentication encoding: the bytes that a signature over a payload really covers."""

from __future__ import annotations

__all__ = ["pre_authentication_encoding"]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return PAE(type, body) of the DSSE protocol, version 1 (secure-systems-lab/dsse, protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
