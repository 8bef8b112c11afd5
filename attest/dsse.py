"""DSSE's pre-authentication encoding: the bytes that a signature over a payload really covers."""

from __future__ import annotations

__all__ = ["early_model_encoding", "pre_authentication_encoding", "pre_authentication_prefix"]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return PAE(type, body) of the DSSE protocol, version 1 (secure-systems-lab/dsse, protocol.md)."""
    return pre_authentication_prefix(payload_type, payload) + payload


def early_model_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what release 0.2 of model-signing signed in place of that encoding.

    It set the Python notation of the bytes into the text, under a prefix of its own (`DSSEV1`). One payload still has
    one notation, so a signature over it binds the payload as well.
    """
    return f"DSSEV1 {len(payload_type)} {payload_type} {len(payload)} {payload!r}".encode()


def pre_authentication_prefix(payload_type: str, payload: bytes) -> bytes:
    """Return what stands before the payload in its pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d " % (len(kind), kind, len(payload))
