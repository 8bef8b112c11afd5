"""Making revocations, and publishing them under a signed head. What `dbom attest revoke` and its sisters call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from attest.authority import Authority
from attest.identity import Identity
from attest.publishing import SignedStatement
from attest.revocation.head import MAX_SEQUENCE, Head, publisher_name, seen_head
from attest.revocation.reading import read_revocations
from attest.revocation.revokers import Revoker
from attest.revocation.statement import Revocation
from attest.stores.store import FolderStore
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError, SigningError, StoreError, UsageError
from dbom.model import Finding, Severity
from dbom.names import PREDICATE_REVOCATION
from dbom.printable import printable
from dbom.rules.attestations import NOBODY_EXPECTED, SELF_CHECK
from dbom.rules.everyday import USAGE
from dbom.rules.revocations import REVOCATIONS_INCOMPLETE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from attest.revocation.head import SeenHead
    from attest.signers.signing import Signer
    from attest.statement import Statement
    from attest.stores.copying import Target
    from attest.stores.store import Store

__all__ = ["MadeRevocation", "PublishedHead", "own_authority", "publish_head", "publish_revocation"]

MAX_DAYS: Final = 366
"""The longest that a head may hold, in days: what is revoked after it is signed can be held back until it expires."""

_WHERE: Final = "the new head"


@dataclass(frozen=True, slots=True)
class MadeRevocation:
    """A revocation that was signed, and where its bundle was put: each place's URL, and the name there."""

    signed: SignedStatement
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """A head that was signed and put into its store under `name`; `findings` say what it couldn't list."""

    head: Head
    signed: SignedStatement
    name: str
    by: VerifiedStatement
    findings: tuple[Finding, ...] = ()

    @property
    def remember(self) -> Mapping[str, SeenHead]:
        """What to remember of it."""
        return {publisher_name(self.by.signer): seen_head(self.by, self.head)}


def publish_revocation(statement: Statement, signer: Signer, targets: Sequence[Target]) -> MadeRevocation:
    """Sign a revocation and put its bundle into each target.

    Raises `UsageError` where there is none, `SigningError` where a signature can't be had, `StoreError` where a target
    can't be written.
    """
    if not targets:
        raise UsageError(USAGE, "no place for the revocation", hint="name the store that others read with --store")
    signed = SignedStatement(statement, signer.sign(statement))
    return MadeRevocation(signed, tuple((target.url, target.add(signed.bundle, statement)) for target in targets))


def publish_head(
    store: Store,
    signer: Signer,
    authority: Authority,
    *,
    days: int,
    now: datetime,
    seen: Mapping[str, SeenHead],
) -> PublishedHead:
    """Sign a head that lists every revocation in `store` by `authority`, whose own signer signs it, and add it there.

    Its sequence is the next one after those in the store and after what was `seen`. `days` is how long it holds.
    Raises `UsageError` for a life that is none, `StoreError` where an earlier head or what it lists isn't there,
    `SigningError` where the new head isn't one by `authority`.
    """
    if not 1 <= days <= MAX_DAYS:
        raise UsageError(USAGE, "a head holds for days", got=str(days), expected=f"1 to {MAX_DAYS}")
    is_new = isinstance(store, FolderStore) and not store.folder.exists()
    found = read_revocations([] if is_new else [store], [Revoker(authority)], now=now)
    listed, heads, findings = _sorted(found.listed)
    who = {publisher_name(item.signer) for item in found.listed} | _named(authority, signer)
    known = [seen[name].sequence for name in who if name in seen]
    _check_whole(store, listed, heads, known)
    sequence = max([head.sequence for head in heads] + known, default=0) + 1
    if sequence > MAX_SEQUENCE:
        raise UsageError(USAGE, "no sequence is left after that of the newest head", got=str(sequence - 1))
    issued = now.replace(microsecond=0)
    head = Head(sequence, issued, issued + timedelta(days=days), tuple(sorted({item.bundle_sha256 for item in listed})))
    statement = head.statement()
    signed = SignedStatement(statement, signer.sign(statement))
    by = _checked(signed, authority, listed, now)
    return PublishedHead(head, signed, store.add(signed.bundle, statement), by, findings)


def own_authority(signer: Signer) -> Authority:
    """Return the authority that accepts what `signer` signs: by its key, or as this machine's local identity.

    Raises `UsageError` where it can't be told from the signer who vouches for it.
    """
    from attest.expecting import local_authority  # noqa: PLC0415  only who publishes as this machine pays for it
    from attest.local.signer import LocalSigner  # noqa: PLC0415  heavy
    from attest.signers.key_signing import KeySigner, RecordedKeySigner  # noqa: PLC0415  as above
    from attest.signers.keys import public_pem  # noqa: PLC0415  heavy

    if isinstance(signer, KeySigner) or (isinstance(signer, RecordedKeySigner) and signer.certificate is None):
        return Authority("publisher", key_pem=public_pem(signer.key))
    if isinstance(signer, LocalSigner):
        return local_authority()
    raise UsageError(
        NOBODY_EXPECTED,
        "which revocations are the publisher's can't be told",
        hint="say as whom others expect you: --revoker-identity, --revoker-issuer and --revoker-trusted-root",
    )


def _sorted(
    found: Sequence[VerifiedStatement],
) -> tuple[list[VerifiedStatement], list[Head], tuple[Finding, ...]]:
    """Return the revocations, the heads, and what is neither."""
    listed: list[VerifiedStatement] = []
    heads: list[Head] = []
    findings: list[Finding] = []
    for item in found:
        try:
            if item.statement.predicate_type == PREDICATE_REVOCATION:
                Revocation.of(item)
                listed.append(item)
            else:
                heads.append(Head.of(item))
        except EvidenceError as error:
            findings.append(Finding(error.rule.id, Severity.WARNING, error.what, printable(item.where)))
    return listed, heads, tuple(findings)


def _check_whole(
    store: Store, listed: Sequence[VerifiedStatement], heads: Sequence[Head], known: Sequence[int]
) -> None:
    """Refuse a head that would leave out what an earlier one lists. Raises `StoreError`."""
    where = printable(store.url)
    if max(known, default=0) > max((head.sequence for head in heads), default=0):
        what = f"the newest head, of sequence {max(known)}, isn't in this store"
        raise StoreError(REVOCATIONS_INCOMPLETE, what, where=where)
    there = {item.bundle_sha256 for item in listed}
    absent = sorted({sha256 for head in heads for sha256 in head.revocations} - there)
    if absent:
        what = f"{len(absent)} that an earlier head lists, such as {absent[0]}, can't be read here"
        raise StoreError(REVOCATIONS_INCOMPLETE, what, where=where)


def _named(authority: Authority, signer: Signer) -> set[str]:
    """Return the publisher's name where it is known before anything is signed."""
    names = {publisher_name(signer.identity)} if signer.identity is not None else set()
    for pattern in authority.identities:
        if not pattern.subject.is_expression and not pattern.issuer.is_expression:
            names |= {publisher_name(Identity(pattern.subject.text, pattern.issuer.text))}
    return names


def _checked(
    signed: SignedStatement, authority: Authority, listed: Sequence[VerifiedStatement], now: datetime
) -> VerifiedStatement:
    """Return the new head as others verify it. Raises `SigningError` where they wouldn't take it."""
    result = verify_bundle(signed.bundle, [authority], where=_WHERE, now=now + timedelta(minutes=1))
    if not isinstance(result, VerifiedStatement):
        raise SigningError(SELF_CHECK, f"others wouldn't take the head as the publisher's: {printable(result.reason)}")
    strange = next((item for item in listed if item.signer != result.signer), None)
    if strange is not None:
        raise SigningError(
            SELF_CHECK,
            "the store holds revocations by somebody else whom the same words accept",
            got=str(strange.signer),
            expected=str(result.signer),
        )
    return result
