"""Rules about the local Sigstore's upkeep and the one that is served: logs, rotation, tokens (DBOM-365 to 374)."""

from __future__ import annotations

from dbom.rules.rule import Rule

LOG_UNWRITABLE = Rule(
    "DBOM-365",
    "the local log can't be written",
    "An entry counts only when it is on disk: the disk is full, or the folder or its file system may not be written by"
    " this user. Nothing was signed, and nothing that was acknowledged before is lost.",
    "make room, or give this user the right to write there, then sign again",
)
LOG_DISAGREES = Rule(
    "DBOM-366",
    "a log doesn't hold what it vouches for",
    "A transparency log's entries, the tree over them and its signed heads must agree, and a newer head must contain"
    " what an older one did. Here something was changed, cut short or put back after it was logged.",
    "restore the folder from its newest copy, and ask who could write to it",
)
BUNDLE_NOT_LOGGED = Rule(
    "DBOM-367",
    "the bundle isn't in the log",
    "A bundle names its place in a transparency log. This log doesn't hold this entry in that place: the bundle was"
    " logged elsewhere, was never logged, or the log isn't the one that it was.",
    "look at the bundle's log index and log id with `dbom attest show`",
)
ROTATION_REFUSED = Rule(
    "DBOM-368",
    "the keys can't be rotated now",
    "New keys hold from the moment of the rotation on, and the old ones until then. That needs a clock that isn't"
    " behind the old keys' start, and logs that are whole.",
    "set this machine's clock; check the logs with `dbom trust log verify`",
)
TRUST_UPDATE = Rule(
    "DBOM-369",
    "the trust root could not be updated",
    "A Sigstore publishes its trust root in a TUF repository, whose signatures, versions and expiry are checked from a"
    " root that is already trusted. The repository could not be reached, or what it serves doesn't hold.",
    "check the address and --root; if both are right, ask whoever runs that Sigstore",
)
UPDATE_OFFLINE = Rule(
    "DBOM-370",
    "no update while offline",
    "A trust root is updated over the network, and --offline forbids that.",
    "leave --offline out, or go on with the trust root at hand",
)
TOKEN_REFUSED = Rule(
    "DBOM-371",
    "the identity token is not accepted",
    "A certificate says who somebody is, so the token that shows it is checked: that a configured issuer signed it with"
    " a key that it publishes, for this audience, for now, and about somebody whom that issuer may speak of. The answer"
    " says which of these doesn't hold.",
    "get a fresh token from a configured issuer, made for the audience that it is configured with",
)
POSSESSION_REFUSED = Rule(
    "DBOM-372",
    "the key was not shown to be the requester's",
    "Whoever asks for a certificate shows by a signature that they hold its private key: of a certificate signing"
    " request by that very key, or of the token's subject. Otherwise a key of somebody else could be certified.",
    "send one of the two, signed with the key that is to be certified",
)
ENTRY_REFUSED = Rule(
    "DBOM-373",
    "the log doesn't take this entry",
    "The log takes signatures that hold: of kind dsse or hashedrekord, by a public key, or by a certificate that this"
    " Sigstore issued and that is valid now. Anything else is not logged.",
    "sign anew, with a certificate that is valid now, and log that",
)
SERVE_SETUP = Rule(
    "DBOM-374",
    "the Sigstore can't be served like this",
    "Which issuers' tokens are taken, where it listens, and with what certificate, has to be said, and must make sense:"
    " tokens and certificates don't travel in the clear beyond this machine unless that is asked for, and nothing is"
    " issued for the local identity.",
    "see `dbom trust serve --help`",
)
