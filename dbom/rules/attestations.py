"""Rules about statements, bundles, identities and trust (DBOM-3nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

STATEMENT_MALFORMED = Rule(
    "DBOM-301",
    "malformed statement",
    "The payload isn't an in-toto statement (v1 or v0.1) with at least one subject, so it says nothing about anything.",
    "sign the artifact again, or ask its signer for the original bundle",
)
IDENTITY_MALFORMED = Rule(
    "DBOM-302",
    "identity not usable",
    "An expected identity needs both the signer's name and the issuer that vouches for it: a name alone could be"
    " claimed by any issuer, an issuer alone by anybody with an account there.",
    "give --identity together with --issuer",
)
LOCATION_UNPINNED = Rule(
    "DBOM-303",
    "location without a pin",
    "A statement that binds a place to a digest needs a place that can't change its bytes: an OCI digest, a hub commit,"
    " an object version. A tag, a branch or a bare URL can serve other bytes tomorrow.",
    "give the location with its digest, commit or version",
)
