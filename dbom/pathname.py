"""Which paths a manifest and a store can hold, each without ambiguity."""

from __future__ import annotations

__all__ = ["path_fault", "path_order", "segment_fault"]

_ESCAPED_BY_SHA256SUM = {"\n": "a newline", "\r": "a carriage return", "\\": "a backslash"}


def segment_fault(name: str) -> str | None:
    """Return why a manifest can't hold a path with this segment, or None where it can.

    sha256sum escapes newlines, carriage returns and backslashes, in-toto's `dirHash` doesn't; and statements are JSON,
    which holds Unicode text only (a name that isn't UTF-8 arrives here with surrogates).
    """
    if name in ("", ".", ".."):
        return "is an empty, . or .. segment"
    for char, called in _ESCAPED_BY_SHA256SUM.items():
        if char in name:
            return f"holds {called}"
    if "\0" in name or "/" in name:
        return "holds a NUL or a slash"
    return None if _is_utf8(name) else "is not UTF-8"


def path_fault(path: str) -> str | None:
    """Return why a manifest can't hold `path`, relative and with `/` between segments, or None where it can.

    `-` alone is refused too: `sha256sum -c` would read its standard input.
    """
    if path == "-":
        return "is -, which sha256sum reads as its standard input"
    if path.startswith("/"):
        return "is not relative"
    return next((fault for segment in path.split("/") if (fault := segment_fault(segment)) is not None), None)


def path_order(path: str) -> bytes:
    """Return the key that orders paths as the C locale does: by their bytes."""
    return path.encode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
