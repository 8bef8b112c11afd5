"""What a person says is to be revoked: an artifact by its digest or path, or a signer by identity or key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.cli.progress import progress_bar
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from datetime import datetime

    from attest.revocation.selector import Selector
    from attest.statement import Statement
    from attest.stores.copying import Target

__all__ = ["StatedSigner", "stated_revocation"]


@dataclass(frozen=True, slots=True)
class StatedSigner:
    """The signer that flags name, the trust root's file and the time window, as they were typed."""

    identity: str | None = None
    issuer: str | None = None
    key: Path | None = None
    root: Path | None = None
    from_: str | None = None
    until: str | None = None

    def selector(self) -> Selector:
        """Return what it selects. Raises `UsageError` for what isn't one signer, `PathError`, `DocumentError`."""
        from attest.files import read_file
        from attest.identity import Identity, KeyIdentity
        from attest.revocation.selector import Selector
        from attest.trust import MAX_TRUST_ROOT_BYTES, TrustRoot
        from attest.verifier.key_verifying import VerifyingKey

        self._check()
        who: Identity | KeyIdentity = Identity(self.identity or "", self.issuer or "")
        if self.key is not None:
            pem = read_file(self.key, limit=MAX_TRUST_ROOT_BYTES, what="public key")
            who = VerifyingKey.parse(pem, where=printable(str(self.key))).identity
        under = None
        if self.root is not None:
            raw = read_file(self.root, limit=MAX_TRUST_ROOT_BYTES, what="trust root")
            under = TrustRoot.parse(raw, where=printable(str(self.root))).sha256
        start, end = _instant(self.from_, "--from"), _instant(self.until, "--until")
        if start is not None and end is not None and start >= end:
            raise UsageError(
                USAGE, "the window ends before it begins", got=printable(f"--from {self.from_} --until {self.until}")
            )
        return Selector(who, under, start, end)

    def _check(self) -> None:
        by_identity = bool(self.identity and self.issuer)
        is_half = bool(self.identity or self.issuer) and not by_identity
        if is_half or by_identity is (self.key is not None):
            raise UsageError(USAGE, "one signer to revoke", expected="--identity with --issuer, or --key")
        if self.key is not None and self.until is not None:
            raise UsageError(
                USAGE,
                "of a key, no end can be told",
                got="--until",
                hint="a time stamp shows that a signature isn't younger, never that it isn't older: leave --until out",
            )
        if self.key is not None and self.root is not None:
            raise UsageError(USAGE, "a key rests on no trust root", got="--under", hint="leave --under out")


def stated_revocation(
    artifact: str | None, selector: Selector | None, reason: str, *, jobs: int
) -> tuple[Statement, list[Target]]:
    """Return the revocation, and the sidecar of an artifact that is at hand. Raises `UsageError` for a place."""
    from attest.revocation.statement import artifact_revocation, signer_revocation
    from attest.stores.sidecar import Sidecar
    from dbom.model import Digest
    from dbom.tree import fingerprint_path

    if selector is not None:
        return signer_revocation(selector, reason), []
    assert artifact is not None
    if not Path(artifact).exists() and artifact.startswith(("sha256:", "tree:")):
        try:
            digest = Digest.parse(artifact)
        except ValueError as error:
            raise UsageError(
                USAGE, "not a digest", got=printable(artifact), expected="sha256:<64 lower-case hex> or tree:sha256:<…>"
            ) from error
        return artifact_revocation(digest, "revoked", reason), []
    if "://" in artifact:
        raise UsageError(
            USAGE,
            "a place can't be revoked, since other bytes may be there tomorrow",
            got=printable(artifact),
            expected="the digest of what is there",
            hint="dbom fingerprint shows it",
        )
    with progress_bar(f"reading {printable(artifact)}") as progress:
        found = fingerprint_path(artifact, jobs=jobs, progress=progress)
    sidecar = Sidecar.writable(artifact)
    return artifact_revocation(found.digest, found.name, reason), [sidecar] if sidecar is not None else []


def _instant(text: str | None, flag: str) -> datetime | None:
    from attest.revocation.selector import read_instant
    from dbom.errors import EvidenceError

    try:
        return read_instant(text, flag, "")
    except EvidenceError as error:
        raise UsageError(
            USAGE, "no instant", got=printable(f"{flag} {text}"), expected="2026-06-01T12:00:00Z"
        ) from error
