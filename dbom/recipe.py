"""The shell line with which anybody reproduces a digest, without dbom."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from dbom.ignores import IgnorePattern
from dbom.model import Fingerprint, Kind
from dbom.rules.artifacts import CHOICE_OF_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["shell_line"]

_ASCII_END = 0x7F


def shell_line(path: str, fingerprint: Fingerprint) -> str:
    """Return the line for the artifact at `path`, absolute and without links, that has this fingerprint.

    It needs a shell (bash, zsh, ksh, or any of POSIX 2024) and GNU findutils and coreutils, and prints the digest's hex
    and `  -`. It names what is ignored and there rather than the patterns, so that it says the same as they do. Of a
    choice of files, `path` is the folder that holds them, and the line names each.
    """
    if fingerprint.kind is Kind.FILE:
        return f"sha256sum < {_quoted(path)}"
    if any(finding.rule == CHOICE_OF_FILES.id for finding in fingerprint.findings):
        return _of_choice(path, fingerprint)
    left_out = list(_tests(fingerprint))
    # In the C locale find compares names byte by byte, whatever the person's own locale is.
    find = f"LC_ALL=C find -L . \\( {' -o '.join(left_out)} \\) -prune -o" if left_out else "find -L ."
    return (
        f"(cd -- {_quoted(path)} && {find} -type f -printf '%P\\0'"
        " | LC_ALL=C sort -z | xargs -0r sha256sum -- | sha256sum)"
    )


def _of_choice(path: str, fingerprint: Fingerprint) -> str:
    """Return the line for some files of the folder at `path`, which names each: a shell's own patterns differ."""
    names = " ".join(_quoted(entry.path) for entry in fingerprint.entries)
    return f"(cd -- {_quoted(path)} && printf '%s\\0' {names} | xargs -0r sha256sum -- | sha256sum)"


def _tests(fingerprint: Fingerprint) -> Iterator[str]:
    """Yield the tests of find that are true of what is ignored, and of nothing else."""
    patterns = (IgnorePattern.parse(text) for text in fingerprint.ignores)
    names = {pattern.text for pattern in patterns if pattern.is_literal_name}
    paths = [path.removesuffix("/") for path in fingerprint.ignored]
    yield from (f"-name {_glob(name)}" for name in sorted({path.rpartition("/")[2] for path in paths} & names))
    yield from (f"-path {_glob('./' + path)}" for path in paths if path.rpartition("/")[2] not in names)


def _glob(text: str) -> str:
    """Return a quoted pattern that find matches with `text` alone."""
    return _quoted("".join(f"\\{char}" if char in "*?[\\" else char for char in text))


def _quoted(text: str) -> str:
    r"""Quote for the shell; what a terminal might obey, or isn't UTF-8, is written as `$'\ooo'`."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_octal_unless_plain, os.fsencode(text))) + "'"


def _octal_unless_plain(byte: int) -> str:
    char = chr(byte)
    return char if byte < _ASCII_END and char.isprintable() and char not in "\\'" else f"\\{byte:03o}"
