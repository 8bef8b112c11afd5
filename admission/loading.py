"""What `dbom verify --for-pod` does in an init container: the very bytes of one digest lie there, or the pod waits.

It needs no evidence, policy or network of its own: the gate judged the digest when the pod was admitted, and this
makes sure that the digest is what is loaded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.copying import copy_artifact, staged
from dbom.errors import MismatchError, NameRefusedError
from dbom.printable import printable
from dbom.rules.admission import OTHER_BYTES_FOR_POD
from dbom.rules.artifacts import LINK_REFUSED
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from dbom.items import Progress
    from dbom.model import Digest, Fingerprint

__all__ = ["demand_bytes", "load_for_pod"]


def load_for_pod(
    path: Path,
    expected: Digest,
    *,
    source: str | None = None,
    jobs: int = 0,
    progress: Progress | None = None,
    offline: bool = False,
) -> Fingerprint:
    """Return the fingerprint of what lies at `path`, which is the artifact `expected`.

    With a `source`, it is copied from there first, checked, and only then put into its place in one step; what lies
    there already, from an earlier start of the pod, is checked and kept. Raises `MismatchError` for any other bytes,
    and as `fingerprint_path` and `copy_artifact` do.
    """
    if source is None or _is_there(path):
        return demand_bytes(path, expected, jobs=jobs, progress=progress)
    with staged(path) as beside:
        copy_artifact(source, beside, progress=progress, offline=offline)
        return demand_bytes(beside, expected, jobs=jobs, progress=progress, where=f"{path}, copied from {source}")


def demand_bytes(
    path: Path, expected: Digest, *, jobs: int = 0, progress: Progress | None = None, where: str = ""
) -> Fingerprint:
    """Return the fingerprint of all that lies at `path`, nothing left out.

    Raises `MismatchError` for other bytes, which says `where` in place of the path, and `NameRefusedError` for a link
    on the way there or in it: in the container that loads it, it may lead to other bytes.
    """
    _demand_no_links(path)
    found = fingerprint_path(path, ignores=(), jobs=jobs, progress=progress)
    if found.digest != expected:
        raise MismatchError(
            OTHER_BYTES_FOR_POD,
            "these are not the bytes that were named",
            where=printable(where or str(path)),
            got=str(found.digest),
            expected=str(expected),
        )
    return found


def _demand_no_links(path: Path) -> None:
    given = os.path.abspath(path)  # noqa: PTH100  what Path.absolute leaves of dots would look like links
    real = os.path.realpath(given)
    if real != given:
        raise _link(given, real)
    for folder, folders, files in os.walk(given):
        for name in (*folders, *files):
            item = Path(folder, name)
            if item.is_symlink():
                raise _link(str(item), str(item.readlink()))


def _link(where: str, to: str) -> NameRefusedError:
    return NameRefusedError(
        LINK_REFUSED,
        "the link may lead elsewhere in the container that loads this",
        where=printable(where),
        got=printable(to),
        expected="no links; --copy-from copies what they lead to",
    )


def _is_there(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
