"""Which digests a reading may take over: those of a saved fingerprint whose digest a verified statement is about.

The digests then come from the statement, since the files of a saved fingerprint make its digest. Which file was in
which state comes from the saved fingerprint alone, which nobody signed: it is worth as much as the account it lies in.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from attest.checking import verify_digest
from attest.files import read_file
from attest.judging import CONTENT_PREDICATES
from attest.stores.sidecar import Sidecar
from attest.verification import Verdict
from dbom.errors import EvidenceError, NoEvidenceError, PathError, UsageError
from dbom.fingerprinting import is_url, source_name
from dbom.fingerprints import MAX_FINGERPRINT_BYTES, read_states
from dbom.model import Basis, Known
from dbom.names import short_predicate
from dbom.printable import printable
from dbom.reuse import Reuse
from dbom.rules.artifacts import REUSE_FOREIGN, REUSE_UNVERIFIED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from attest.authority import Authority
    from attest.stores.store import Store, StoredBundle
    from attest.verification import Verification
    from attest.verified import VerifiedStatement

__all__ = ["reuse_of"]

_SHOWN = 16


def reuse_of(
    saved: str | os.PathLike[str],
    source: str | os.PathLike[str],
    authorities: Sequence[Authority],
    *,
    now: datetime,
    bundles: Sequence[StoredBundle] = (),
    stores: Sequence[Store] = (),
) -> tuple[Reuse, VerifiedStatement]:
    """Return what a reading of `source` may take over from the fingerprint `saved`, and the statement it rests on.

    The digest in `saved` must be the subject of a statement of content by one of `authorities`; evidence is gathered as
    in `verify_artifact`, from the sidecar of `source` where that is a path, from `bundles` and `stores`. It is called
    before anything of `source` is listed, `now` being that time.

    Raises `EvidenceError` where the evidence doesn't hold or is about something else, `NoEvidenceError` where there is
    none, `UsageError` for a fingerprint of another source or without states, or where nobody is expected, `PathError`
    for one that others could have written, `DocumentError` for one that is malformed.
    """
    place = Path(saved)
    where = printable(str(place))
    _demand_ours(place, where)
    earlier, states = read_states(read_file(place, limit=MAX_FINGERPRINT_BYTES, what="saved fingerprint"), where=where)
    name = source_name(source)
    if states is None:
        what = "says no states of files, so nothing can be taken over"
        raise UsageError(REUSE_FOREIGN, what, where=where, hint="write it with dbom fingerprint --save")
    if states.source != name:
        what = "is the fingerprint of another source"
        raise UsageError(REUSE_FOREIGN, what, where=where, got=printable(states.source), expected=printable(name))
    found = verify_digest(
        earlier.digest, authorities, now=now, bundles=(*_beside(source, name), *bundles), stores=stores
    )
    statement = _statement(found, where)
    who = f"{short_predicate(statement.statement.predicate_type)} signed by {printable(str(statement.signer))}"
    known = Known(Basis.DERIVED, f"from {who}, bundle sha256:{statement.bundle_sha256[:_SHOWN]}")
    return Reuse.begin(now, earlier, states, known=known), statement


def _beside(source: str | os.PathLike[str], name: str) -> tuple[StoredBundle, ...]:
    if is_url(os.fspath(source)) or not Path(name).name:
        return ()
    return tuple(Sidecar.of(source).bundles())


def _statement(found: Verification, where: str) -> VerifiedStatement:
    """Return the statement of content that the digests rest on, or say why there is none."""
    content = [item for item in found.counted if item.statement.predicate_type in CONTENT_PREDICATES]
    if found.verdict is Verdict.VERIFIED and content:
        return content[0]
    reasons = tuple(printable(f"{finding.message} ({finding.rule})") for finding in found.reasons)
    kind = NoEvidenceError if found.verdict is Verdict.UNDECIDED else EvidenceError
    what = "no verified statement is about its digest" + (f": {reasons[0]}" if reasons else "")
    raise kind(REUSE_UNVERIFIED, what, where=where, got=str(found.digest), faults=reasons[1:])


def _demand_ours(path: Path, where: str) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return  # reading it says what is wrong
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & stat.S_IWOTH:
        raise PathError(REUSE_FOREIGN, "is another user's, or others may write to it", where=where)
