"""Policies from files and folders, signed ones where signers of policies are expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.policy_reading import load_policies
from admission.signed_policy import SIGNATURE_SUFFIX, load_signed_policies
from dbom.errors import DocumentError, PathError, UsageError
from dbom.printable import printable
from dbom.rules.admission import POLICY_MALFORMED
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from admission.policy import Policy
    from attest.authority import Authority

__all__ = ["policies_at", "policy_files"]

_SUFFIXES: Final = (".yaml", ".yml", ".json")


def policies_at(
    paths: Iterable[Path], *, signers: Sequence[Authority] = (), now: datetime | None = None
) -> tuple[Policy, ...]:
    """Read the policies of files, and of the YAML and JSON files of folders.

    With `signers`, each file must be signed by one of them, as it is at `now`. Raises `PathError` for what is missing
    or can't be read, `DocumentError` for a policy that is malformed, two of one name, or a folder that holds none,
    `EvidenceError` for a file that no accepted signer signed.
    """
    files = policy_files(paths)
    if not signers:
        return load_policies(files)
    if now is None:
        raise UsageError(USAGE, "signatures are judged at a time, and none is given")
    return load_signed_policies(files, signers, now=now)[0]


def policy_files(paths: Iterable[Path]) -> list[Path]:
    """Return the policy files that paths come to; a folder gives its own, not those of folders in it."""
    return [file for path in paths for file in _policy_files(path)]


def _policy_files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        # A mounted ConfigMap keeps its bytes in folders that begin with dots, and links to them.
        inside = sorted(item for item in path.iterdir() if _is_policy(item.name))
    except OSError as error:
        where = printable(str(path))
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=where) from error
    if not inside:
        raise DocumentError(POLICY_MALFORMED, "no policy file in this folder", where=printable(str(path)))
    return inside


def _is_policy(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.endswith(SIGNATURE_SUFFIX) and not name.startswith(".")
