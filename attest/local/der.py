"""The little DER that X.690 needs for time stamps: values to bytes, and nothing back.

`cryptography` writes certificates; it has no writer for RFC 3161. What is read again is read by others' parsers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.x509 import ObjectIdentifier

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "explicit",
    "generalized_time",
    "integer",
    "null",
    "object_identifier",
    "octet_string",
    "sequence",
    "set_of",
    "set_of_members",
    "utc_time",
    "utf8_string",
]

_SHORT_FORM = 0x80


def _tagged(tag: int, contents: bytes) -> bytes:
    length = len(contents)
    if length < _SHORT_FORM:
        return bytes([tag, length]) + contents
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, _SHORT_FORM | len(digits)]) + digits + contents


def sequence(*items: bytes) -> bytes:
    """Return SEQUENCE of values that are DER already."""
    return _tagged(0x30, b"".join(items))


def set_of(*items: bytes) -> bytes:
    """Return SET OF; DER orders its members by their bytes (X.690, 11.6)."""
    return _tagged(0x31, set_of_members(*items))


def set_of_members(*items: bytes) -> bytes:
    """Return the members of a SET OF in DER's order, without tag and length."""
    return b"".join(sorted(items))


def explicit(number: int, contents: bytes) -> bytes:
    """Return a constructed context-specific tag around `contents`; implicit where they have no tag of their own."""
    return _tagged(0xA0 | number, contents)


def integer(value: int) -> bytes:
    """Return INTEGER of a number that isn't negative."""
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(value: bytes) -> bytes:
    """Return OCTET STRING."""
    return _tagged(0x04, value)


def null() -> bytes:
    """Return NULL."""
    return _tagged(0x05, b"")


def utf8_string(value: str) -> bytes:
    """Return UTF8String."""
    return _tagged(0x0C, value.encode())


def object_identifier(dotted: str) -> bytes:
    """Return OBJECT IDENTIFIER from its dotted form. Raises `ValueError` where that is none."""
    first, second, *rest = (int(arc) for arc in ObjectIdentifier(dotted).dotted_string.split("."))
    return _tagged(0x06, b"".join(_base128(arc) for arc in (40 * first + second, *rest)))


def _base128(number: int) -> bytes:
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(0x80 | (number & 0x7F))
    return bytes(reversed(digits))


def generalized_time(at: datetime) -> bytes:
    """Return GeneralizedTime of a UTC time, in whole seconds."""
    return _tagged(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())


def utc_time(at: datetime) -> bytes:
    """Return UTCTime of a UTC time, in whole seconds; CMS wants it for the years 1950 to 2049."""
    return _tagged(0x17, at.strftime("%y%m%d%H%M%SZ").encode())
