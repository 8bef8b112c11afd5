"""Verifying artifacts: read the bytes again, gather the evidence, and judge. What `dbom verify` calls."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.judging import Asked, judge
from attest.oms.binding import bind_models
from attest.reading_once import ReadingOnce
from attest.revocation.reading import REVOCATION_PREDICATES
from attest.revocation.status import RevocationEvidence
from attest.revocation.verdict import NOT_ASKED, refuse_revoked, without_revoked
from attest.stores.sidecar import Sidecar
from attest.stores.store import UnreadBundle, all_entries
from attest.verification import Answer, Source, Verification
from attest.verified import Rejection, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import PathError, UsageError
from dbom.model import FROM_CACHE, Finding, Kind, Severity
from dbom.printable import printable
from dbom.reading import digest_files
from dbom.rules.artifacts import BYTES_FROM_CACHE, EMPTY_TREE
from dbom.rules.attestations import BYTES_NOT_CHECKED, NOBODY_EXPECTED
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from attest.authority import Authority
    from attest.judging import Requirement
    from attest.revocation.verdict import RevocationCheck
    from attest.stores.store import Store, StoredBundle
    from dbom.cache import Cache
    from dbom.items import Progress
    from dbom.model import Digest, Fingerprint

__all__ = ["signed_ignores", "verify_artifact", "verify_digest"]

_MAX_IGNORE_LISTS: Final = 16


def verify_artifact(
    path: str | os.PathLike[str],
    authorities: Sequence[Authority],
    *,
    now: datetime,
    bundles: Sequence[StoredBundle] = (),
    stores: Sequence[Store] = (),
    requirements: Sequence[Requirement] = (),
    revocations: RevocationCheck = NOT_ASKED,
    follow_links: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
    cache: Cache | None = None,
    forked: bool = False,
) -> Verification:
    """Check the bytes at `path` against signed evidence by `authorities`, and return the verdict with its reasons.

    Evidence is gathered from the sidecar, from `bundles` and from `stores`. Where there are `requirements`, each of
    them must be met, and only who they name may say what the artifact is. Each tree is read with the ignore list
    that its statement was signed with, and no other.

    `revocations` says whose revocations count and whether all of them must be known; an expected signer may always
    revoke what it signed.

    `cache` is for those who trust one: files that haven't changed since they were read aren't read again, the bytes
    then count as not checked, and a finding says so. `forked` is as in `fingerprint_path`.

    A store that can't be reached is a warning: what lies elsewhere may be enough. Raises `UsageError` where nobody is
    expected, `PathError`, `NameRefusedError` or `ChangedError` where the bytes can't be read.
    """
    _somebody(authorities)
    place = Path(path)
    sidecar = Sidecar.of(place) if Path(os.path.realpath(place)).name else None
    beside = sidecar.bundles() if sidecar is not None else iter(())
    answers, listed = _answers(_gathered(beside, bundles, stores), authorities, revocations, now)
    answers, unlike = bind_models(path, answers, follow_links=follow_links, progress=progress)
    lists = signed_ignores(answer.result for answer in answers) if _is_folder(place) else []
    read = partial(digest_files, jobs=jobs, progress=progress, forked=forked)
    fingerprint = partial(
        fingerprint_path,
        path,
        follow_links=follow_links,
        cache=cache,
        read=ReadingOnce(read) if len(lists) > 1 else read,
        jobs=jobs,
        forked=forked,
    )
    fingerprints = _fingerprints(lists, lambda ignores: fingerprint(ignores=ignores))
    first = next(iter(fingerprints.values()))
    asked = Asked(
        printable(str(path)),
        first.name,
        first.digest,
        fingerprints,
        sidecar.bom() if sidecar is not None else None,
        sidecar.manifest() if sidecar is not None else None,
        tuple(requirements),
        unlike,
    )
    result = _judged(asked, answers, revocations, listed, now)
    return _saying_cached(result, fingerprints.values())


def verify_digest(
    digest: Digest,
    authorities: Sequence[Authority],
    *,
    now: datetime,
    bundles: Sequence[StoredBundle] = (),
    stores: Sequence[Store] = (),
    requirements: Sequence[Requirement] = (),
    revocations: RevocationCheck = NOT_ASKED,
) -> Verification:
    """Check that signed evidence by `authorities` speaks of `digest`; the bytes themselves are not looked at.

    Raises `UsageError` where nobody is expected.
    """
    _somebody(authorities)
    answers, listed = _answers(_gathered(iter(()), bundles, stores), authorities, revocations, now)
    asked = Asked(str(digest), "", digest, requirements=tuple(requirements))
    result = _judged(asked, answers, revocations, listed, now)
    note = Finding(BYTES_NOT_CHECKED.id, Severity.NOTE, "bytes not checked", str(digest))
    return replace(result, bytes_checked=False, findings=(*result.findings, note))


def _judged(
    asked: Asked, answers: Sequence[Answer], check: RevocationCheck, listed: RevocationEvidence, now: datetime
) -> Verification:
    """Return the verdict by what isn't revoked, then by what revocations say of the artifact."""
    revocations = check.settled((answer.result for answer in answers), listed, now=now)
    digests = asked.digests()
    result = judge(asked, without_revoked(answers, revocations, digests))
    return refuse_revoked(result, revocations, digests, required=check.required)


def _saying_cached(result: Verification, fingerprints: Iterable[Fingerprint]) -> Verification:
    cached = {entry.path for found in fingerprints for entry in found.entries if entry.known == FROM_CACHE}
    if not cached:
        return result
    message = f"files that were taken from the cache, and not read: {len(cached)}"
    note = Finding(BYTES_FROM_CACHE.id, Severity.WARNING, message, result.where)
    return replace(result, bytes_checked=False, findings=(*result.findings, note))


def _fingerprints(
    lists: list[tuple[str, ...]], fingerprint: Callable[[tuple[str, ...] | None], Fingerprint]
) -> dict[tuple[str, ...], Fingerprint]:
    found: dict[tuple[str, ...], Fingerprint] = {}
    for ignores in lists:
        try:
            found[ignores] = fingerprint(ignores)
        except UsageError:
            continue  # a list that can't be applied proves no bytes: its statement matches nothing
        except PathError as error:
            if error.rule is not EMPTY_TREE:
                raise
            continue  # nor does a list that leaves out all that is there
    if not found:
        usual = fingerprint(None)
        found[usual.ignores] = usual
    return found


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:
        return False  # the fingerprint will say what is wrong


def _somebody(authorities: Sequence[Authority]) -> None:
    if not authorities:
        raise UsageError(NOBODY_EXPECTED, "nobody is expected to have signed")


def _gathered(
    beside: Iterator[StoredBundle], given: Sequence[StoredBundle], stores: Sequence[Store]
) -> Iterator[tuple[StoredBundle | UnreadBundle, Source]]:
    """Yield every bundle once, from the place where it weighs most."""
    places = chain(zip(beside, repeat(Source.SIDECAR)), zip(given, repeat(Source.GIVEN)))
    seen: set[str] = set()
    for bundle, source in places:
        if bundle.sha256 not in seen:
            seen.add(bundle.sha256)
            yield bundle, source
    for store in stores:
        # A store that can't be reached is something that can't be read: what lies elsewhere may be enough.
        for entry in all_entries(store):
            if isinstance(entry, UnreadBundle):
                yield entry, Source.STORE
            elif entry.sha256 not in seen:
                seen.add(entry.sha256)
                yield entry, Source.STORE


def _answers(
    gathered: Iterator[tuple[StoredBundle | UnreadBundle, Source]],
    authorities: Sequence[Authority],
    revocations: RevocationCheck,
    now: datetime,
) -> tuple[list[Answer], RevocationEvidence]:
    """Return what the verifier makes of each bundle, and which of them are revocations by listed revokers."""
    answers: list[Answer] = []
    listed = RevocationEvidence()
    # One at a time: a bundle's bytes are let go before the next one's are read.
    for bundle, source in gathered:
        answers.append(_answer(bundle, source, authorities, now))
        if revocations.revokers and not isinstance(bundle, UnreadBundle):
            listed = listed.joined(revocations.look(bundle, now=now))
    return answers, listed


def _answer(
    bundle: StoredBundle | UnreadBundle, source: Source, authorities: Sequence[Authority], now: datetime
) -> Answer:
    if isinstance(bundle, UnreadBundle):
        return Answer(source, bundle.rejection, is_unread=True)
    result = _result(bundle, authorities, now)
    if isinstance(result, Rejection):
        return Answer(source, result)
    accepting = [
        authority.name
        for authority in authorities
        if authority.name == result.authority or isinstance(_result(bundle, [authority], now), VerifiedStatement)
    ]
    return Answer(source, result, tuple(accepting))


def _result(bundle: StoredBundle, authorities: Sequence[Authority], now: datetime) -> VerifiedStatement | Rejection:
    return verify_bundle(bundle.raw, authorities, where=bundle.where, now=now)


def signed_ignores(results: Iterable[VerifiedStatement | Rejection]) -> list[tuple[str, ...]]:
    """Return each ignore list that a verified statement about a tree was signed with, once; none stands for empty."""
    lists = [
        subject.ignores() or ()
        for result in results
        if isinstance(result, VerifiedStatement) and result.statement.predicate_type not in REVOCATION_PREDICATES
        for subject in result.statement.subjects
        if subject.digest is not None and subject.digest.kind is Kind.TREE
    ]
    return list(dict.fromkeys(lists))[:_MAX_IGNORE_LISTS]
