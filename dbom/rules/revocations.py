"""Rules about revocations and the heads that they are published under (DBOM-392 to DBOM-399)."""

from __future__ import annotations

from typing import Final

from dbom.rules.rule import Rule

__all__ = [
    "HEAD_EQUIVOCAL",
    "HEAD_EXPIRED",
    "HEAD_MISSING",
    "HEAD_ROLLED_BACK",
    "REVOCATIONS_INCOMPLETE",
    "REVOCATION_MALFORMED",
    "REVOKED",
    "REVOKER_OUT_OF_SCOPE",
]

REVOKED: Final = Rule(
    "DBOM-392",
    "revoked",
    "Somebody who may do so has revoked this artifact, or whoever signed what is said about it. What was signed by a"
    " revoked identity or key counts for nothing, unless a trusted time shows that it was signed outside the time that"
    " was revoked; a time that the signer alone asserts shows nothing.",
    "read who revoked it and why; take another artifact, or have this one signed again by somebody else",
)
REVOCATION_MALFORMED: Final = Rule(
    "DBOM-393",
    "malformed revocation",
    "A revocation names what it revokes by one digest: that of a file or a tree, or that of the canonical selector that"
    " it holds. A head names its sequence, its times and its list. Here something is missing, is of another form, or"
    " isn't what the subject is the digest of, so nobody can say what is revoked.",
    "have it made again with `dbom attest revoke` or `dbom attest revocations publish`",
)
REVOKER_OUT_OF_SCOPE: Final = Rule(
    "DBOM-394",
    "a revocation outside its revoker's scope",
    "Each listed revoker may revoke what its scope names, and whatever it signed itself. This revocation is about"
    " something else, so it counts for nothing.",
    "widen the revoker's scope, or ask somebody who may revoke this",
)
HEAD_MISSING: Final = Rule(
    "DBOM-395",
    "no head of revocations",
    "A revoker publishes its revocations under a signed head, so that nobody can leave some out. No such head was"
    " found, so that nothing is revoked can't be told.",
    "name the store that the revoker publishes to with --revocations; the revoker makes a head with"
    " `dbom attest revocations publish`",
)
HEAD_EXPIRED: Final = Rule(
    "DBOM-396",
    "the head of revocations has expired",
    "The newest head that was found is past its expiry. Revocations may have been made since, and whoever keeps the"
    " store may hold them back.",
    "fetch the store again; the revoker publishes a new head with `dbom attest revocations publish`",
)
HEAD_ROLLED_BACK: Final = Rule(
    "DBOM-397",
    "an older head of revocations than was seen before",
    "This machine has seen a head of this revoker with a higher sequence. Somebody shows an older one, under which"
    " later revocations are missing.",
    "fetch the store again, from where it was read before",
)
HEAD_EQUIVOCAL: Final = Rule(
    "DBOM-398",
    "two heads of revocations under one sequence",
    "One revoker signed two different heads with the same sequence, so different people are shown different lists."
    " Neither is believed.",
    "ask the revoker which one holds; publishing again makes a head with the next sequence",
)
REVOCATIONS_INCOMPLETE: Final = Rule(
    "DBOM-399",
    "a listed revocation isn't there",
    "The head lists a revocation that wasn't found, or that isn't one of this revoker's. What it revokes isn't known.",
    "fetch the whole store again",
)
