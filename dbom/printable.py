"""Strings from artifacts and from strangers, made harmless before a person or a terminal sees them."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]

_ASCII = 0x7F

# Control, format (bidirectional overrides, zero width), surrogate, private use, line and paragraph separators.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, *, limit: int = 300) -> str:
    r"""Return `text` with every character that could move a cursor or reorder a line written as `\xNN` or `\uNNNN`.

    At most `limit` characters of the text are kept, with `…` for the rest. The result is for reading only: it is not
    meant to be parsed back.
    """
    kept = text[:limit]
    # Most texts are plain, and told to be so at once.
    is_plain = kept.isascii() and kept.isprintable() and "\\" not in kept
    shown = kept if is_plain else "".join(_escaped(char) for char in kept)
    return shown + "…" if len(text) > limit else shown


def _escaped(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if unicodedata.category(char) not in _UNSAFE_CATEGORIES:
        return char
    return char.encode("ascii", "backslashreplace").decode() if ord(char) > _ASCII else f"\\x{ord(char):02x}"
