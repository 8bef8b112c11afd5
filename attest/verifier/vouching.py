"""What a trust root vouches for beside a signature: the certificate, the log entry, the time. One authority at a time.

The steps are numbered as in the Sigstore client specification (sigstore/architecture-docs, client-spec.md, section 4).
The same steps serve every kind of signer: what an authority demands is checked, and what it doesn't demand isn't
looked at. The signature itself (4.5) was checked before anything here is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from attest.certificates import UNKNOWN_AUTHORITY, authority_name, identity_of, load_certificate
from attest.verified import SignedTime, TimeBasis
from attest.verifier.issuing import check_certificate_timestamp, check_issued, issuing_chains
from attest.verifier.log_body import Signer, check_entry_body
from attest.verifier.log_proof import check_entry_logged, windows_of
from attest.verifier.time_stamps import check_time_stamp
from dbom.errors import EvidenceError, TrustError
from dbom.names import BUNDLE_V01
from dbom.printable import printable
from dbom.rules.attestations import (
    ISSUER_OUT_OF_SCOPE,
    LOG_ENTRY_MISSING,
    TIME_IN_FUTURE,
    TIME_MISSING,
    TIME_STAMP_INVALID,
    TRUST_ROOT_EXPIRED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate

    from attest.bundle import BundleContent, LogEntry
    from attest.demands import Demands
    from attest.identity import Identity
    from attest.trust import TrustRoot
    from attest.verifier.signed_content import SignedContent

__all__ = ["Case", "Vouched", "check_certificate", "check_key"]

_CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far another clock may be ahead of ours before a time counts as one in the future."""


@dataclass(frozen=True, slots=True)
class Case:
    """One signed bundle, the root that is asked about it, and what it must show; `now` is the verifier's clock."""

    bundle: BundleContent
    content: SignedContent
    root: TrustRoot
    demands: Demands
    where: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a root vouches for: the signer where there is a certificate, the time, and the place in the log.

    `until` is the last moment at which it vouches for that, None where that never ends.
    """

    signer: Identity | None
    time: SignedTime
    log_index: int | None
    until: datetime | None = None


def check_certificate(case: Case, certificate: Certificate, claimed: Identity) -> Vouched:
    """Check what the root must vouch for about a signature by a certificate, and return it.

    `claimed` is the identity that the certificate names, by an issuer of its own or an unknown one. Whether that signer
    is an expected one is for the caller to say. Raises `EvidenceError` where something doesn't
    hold, `TrustError` where the root can't say (any more).
    """
    root, where = case.root, case.where
    # 4.2. Times; one is needed, since a certificate is judged at the time of the signature. Where none is demanded (of
    # one's own authority), it is judged now: an expired one then counts no more.
    entry = _entry(case)
    times = _times(case, entry)
    if case.demands.time:
        _check_some_time(times, where)
    moments = {time.at for time in times} | (set() if case.demands.time else {case.now})
    # 4.3. The certificate: its chain at each of the times, its timestamp, and whom it names.
    issued = check_issued(certificate, root, sorted(moments), where=where)
    if case.demands.sct:
        check_certificate_timestamp(certificate, issued.issuer, root, where=where, now=case.now + _CLOCK_SKEW)
    identity = claimed
    if claimed.issuer == UNKNOWN_AUTHORITY:
        own = "" if case.demands.sct else authority_name(issued.anchor)
        identity = identity_of(certificate, where=where, issued_by=own)
    _check_scope(identity, root, where)
    # 4.4. The log entry: what the log recorded is this.
    _check_entry(case, entry, times, Signer(case.bundle.certificate or b"", is_certificate=True))
    time = _signed_time(times, root) if times else SignedTime(TimeBasis.NONE)
    until = _last_moment(root, () if case.demands.time else _ends(certificate, root, where))
    return Vouched(identity, time, None if entry is None else entry.index, until)


def check_key(case: Case, spki: bytes) -> Vouched:
    """Check what the root must vouch for about a signature by a bare key (its DER SubjectPublicKeyInfo).

    Raises `EvidenceError` where something doesn't hold, `TrustError` where the root can't say (any more).
    """
    entry = _entry(case)
    times = _times(case, entry)
    if case.demands.time:
        _check_some_time(times, case.where)
    _check_entry(case, entry, times, Signer(spki, is_certificate=False))
    time = _signed_time(times, case.root) if times else SignedTime(TimeBasis.NONE)
    return Vouched(None, time, None if entry is None else entry.index, _last_moment(case.root, ()))


@dataclass(frozen=True, slots=True)
class _Time:
    """One time that somebody vouches for."""

    at: datetime
    is_stamp: bool


def _entry(case: Case) -> LogEntry | None:
    """Return the log entry where one is demanded; another that nobody asked for isn't looked at."""
    if not case.demands.log:
        return None
    entries = case.bundle.log_entries
    if len(entries) != 1:
        raise EvidenceError(
            LOG_ENTRY_MISSING,
            "the bundle doesn't show exactly one log entry",
            where=case.where,
            got=str(len(entries)),
            expected="1",
        )
    return entries[0]


def _times(case: Case, entry: LogEntry | None) -> list[_Time]:
    """Return every time that the root vouches for: each time stamp must hold, and the log's promise binds its own."""
    root, now = case.root, case.now
    if root.expired(now):
        raise TrustError(TRUST_ROOT_EXPIRED, "the trust root has expired", where=case.where, got=f"now {_shown(now)}")
    # 4.2.1. The time stamps, over the signature. A root without time stampers can't tell, and is asked only where it
    # must.
    stamps = case.bundle.time_stamps if root.time_stampers or case.demands.time else ()
    if len(set(stamps)) != len(stamps):
        raise EvidenceError(TIME_STAMP_INVALID, "a time stamp stands there twice", where=case.where)
    times = [
        _Time(check_time_stamp(der, case.content.signature, root, where=case.where), is_stamp=True) for der in stamps
    ]
    # 4.2.2. The log's word on the entry, and its time where a promise binds that.
    if entry is not None:
        is_oldest = case.bundle.media_type == BUNDLE_V01
        check_entry_logged(entry, root, where=case.where, is_oldest=is_oldest)
        if entry.promise is not None and entry.integrated_time is not None:
            times.append(_Time(datetime.fromtimestamp(entry.integrated_time, UTC), is_stamp=False))
    latest = max((time.at for time in times), default=now)
    if latest > now + _CLOCK_SKEW:
        raise EvidenceError(
            TIME_IN_FUTURE,
            "this was signed in the future",
            where=case.where,
            got=_shown(latest),
            expected=f"at most {_shown(now)}",
        )
    return times


def _ends(certificate: Certificate, root: TrustRoot, where: str) -> list[datetime]:
    """Return the last moments of a certificate, and of all that could stand between it and the root."""
    chains = issuing_chains(certificate, root)
    issuers = [load_certificate(der, where=where) for chain in chains for der in chain.certificates]
    windows = [chain.window.end for chain in chains if chain.window.end is not None]
    return [*windows, *(item.not_valid_after_utc for item in (certificate, *issuers))]


def _last_moment(root: TrustRoot, ends: Iterable[datetime]) -> datetime | None:
    of_root = root.last_moment
    return min((*ends, *((of_root,) if of_root is not None else ())), default=None)


def _check_some_time(times: Sequence[_Time], where: str) -> None:
    if not times:
        raise EvidenceError(TIME_MISSING, "nobody that the trust root names says when this was signed", where=where)


def _check_entry(case: Case, entry: LogEntry | None, times: Sequence[_Time], signer: Signer) -> None:
    if entry is not None:
        check_entry_body(entry, case.content, signer, where=case.where)
        _check_log_in_force(case, entry, times)


def _check_scope(identity: Identity, root: TrustRoot, where: str) -> None:
    """Check that a scoped root vouches for its own issuer alone."""
    if root.issuer_scope is not None and identity.issuer != root.issuer_scope:
        raise EvidenceError(
            ISSUER_OUT_OF_SCOPE,
            "a local root minted another issuer's identity",
            where=where,
            got=str(identity),
            expected=f"issuer {printable(root.issuer_scope)}",
        )


def _check_log_in_force(case: Case, entry: LogEntry, times: Sequence[_Time]) -> None:
    windows = windows_of(case.root.logs, entry.log_id)
    for time in times:
        if not any(window.holds(time.at) for window in windows):
            raise TrustError(
                TRUST_ROOT_EXPIRED,
                "the log wasn't in force when this was signed",
                where=case.where,
                got=_shown(time.at),
            )


def _signed_time(times: Sequence[_Time], root: TrustRoot) -> SignedTime:
    """Return the latest time that was shown: a signature is no younger than that by anybody's word."""
    stamps = [time.at for time in times if time.is_stamp]
    by = "time stamp authority" if stamps else "transparency log"
    if root.is_local:
        return SignedTime(TimeBasis.SELF_ASSERTED, max(time.at for time in times), "this signer's own " + by)
    return SignedTime(TimeBasis.TRUSTED, max(stamps or [time.at for time in times]), by)


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
