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
BUNDLE_MALFORMED = Rule(
    "DBOM-304",
    "malformed bundle",
    "The file isn't a Sigstore bundle (v0.1 to v0.3) with one signed DSSE envelope that every program reads alike, so"
    " it is evidence of nothing. A cut-off download, a hand edit and an attack look the same here.",
    "fetch the bundle again from whoever signed it, or sign again",
)
SIGNATURE_INVALID = Rule(
    "DBOM-305",
    "signature does not hold",
    "The signature in the bundle isn't one of this payload by the key or certificate that the bundle names: payload,"
    " signature or certificate was changed after signing.",
    "fetch the bundle again from whoever signed it, or sign again",
)
SIGNER_UNEXPECTED = Rule(
    "DBOM-306",
    "signed by somebody nobody asked for",
    "The bundle is well formed, but none of the expected identities or keys signed it. That somebody signed these bytes"
    " says nothing; what counts is whether it was somebody you expect.",
    "check --identity and --issuer, or --key; see who claims to have signed with `dbom attest show`",
)
ISSUER_OUT_OF_SCOPE = Rule(
    "DBOM-307",
    "issuer that this root may not vouch for",
    "A trust root of an embedded local Sigstore vouches for its own issuer alone. A certificate under it that names"
    " another issuer was minted by whoever holds that machine, not by the issuer.",
    "verify with the trust root of the issuer that the certificate names",
)
MATERIAL_INVALID = Rule(
    "DBOM-308",
    "certificate, log entry or time stamp does not hold",
    "Beside the signature, a keyless bundle carries a short-lived certificate, its SCT, a transparency log entry and"
    " times. One of them doesn't hold under the expected authority's own trust root, so nobody vouches for the signer.",
    "fetch the bundle again from whoever signed it, and check that the trust root is that signer's",
)
TRUST_ROOT_EXPIRED = Rule(
    "DBOM-309",
    "trust root expired",
    "The validity that the trust root gives its certificate authorities and logs doesn't reach to now, or to the time"
    " of this signature. An old root can't say what has been revoked or replaced since, so nothing is decided.",
    "get the authority's present trusted_root.json",
)
TRUST_ROOT_MALFORMED = Rule(
    "DBOM-310",
    "malformed trust root",
    "The file isn't a Sigstore trusted root (trusted_root.json, version 0.1) with certificate authorities and logs, or"
    " it mixes a local Sigstore with others.",
    "give the trusted_root.json that `dbom trust export` or the authority's TUF repository wrote",
)
NOBODY_EXPECTED = Rule(
    "DBOM-311",
    "nobody to expect",
    "Verifying needs to know whose signature would do. Without an expected identity, key or policy any signature would"
    " pass, an attacker's among them.",
    "give --identity and --issuer with --trusted-root, or --key, or --local",
)
NO_EVIDENCE = Rule(
    "DBOM-312",
    "no evidence",
    "No bundle was found beside the artifact, in the given files or in the given stores. Nothing was decided.",
    "sign the artifact, or say where its bundles are with --bundle or --store",
)
NOT_ABOUT_THESE_BYTES = Rule(
    "DBOM-313",
    "statement about other bytes",
    "No subject of the statement is this artifact by kind and sha256. A name that matches is no match: names can be"
    " given to any bytes.",
    "compare the digests; if the artifact was changed on purpose, describe and sign it again",
)
KINDS_DIFFER = Rule(
    "DBOM-314",
    "kinds differ",
    "The digits of the digest are the same, but one is the digest of a file and the other of a tree. A signed manifest"
    " file says nothing about a directory, nor a signed tree about a file.",
    "ask the signer for a statement whose subject is of the artifact's kind",
)
BYTES_CHANGED = Rule(
    "DBOM-315",
    "bytes differ from what was signed",
    "An expected signer stated the digest of this artifact, and the bytes that are here now have another. They were"
    " changed after signing, or they are another artifact.",
    "restore the signed bytes; if the change is meant, sign again",
)
BOM_DIFFERS = Rule(
    "DBOM-316",
    "BOM file differs from the signed BOM",
    "The BOM file beside the artifact isn't the document that an expected signer signed about these bytes, so whoever"
    " reads it reads something unsigned.",
    "restore the signed BOM, or sign again with the one that is meant",
)
NO_CONTENT_STATEMENT = Rule(
    "DBOM-317",
    "no statement of content",
    "Bundles were found, but none of them is a BOM, provenance or OMS statement by an expected signer about these"
    " bytes. A statement of where the bytes can be had says nothing about what they are.",
    "see what was found and why it doesn't count; sign the artifact, or name the signer to expect",
)
KEY_UNUSABLE = Rule(
    "DBOM-318",
    "key not usable for verifying",
    "The file isn't a public key in PEM that signatures are checked with here: ECDSA on P-256, P-384 or P-521, Ed25519,"
    " or RSA of at least 3072 bits.",
    "give the public key (a file such as dbom.pub), not the private one",
)
SIDECAR_PLACE = Rule(
    "DBOM-319",
    "no place for a sidecar",
    "Evidence lies beside the artifact, in a folder of the artifact's name with .dbom behind it. A root, a bucket or a"
    " read-only parent has no place for it.",
    "use --store to say where the evidence is",
)
TRUST_ROOT_MISSING = Rule(
    "DBOM-320",
    "no trust root at hand",
    "A keyless signature is checked against the trust root of the authority that vouches for the signer. There is none"
    " at hand for it, so nothing can be said.",
    "give it with --trusted-root, or have this machine make a local identity with `dbom sign --local`",
)
IGNORED_PRESENT = Rule(
    "DBOM-321",
    "ignored and yet there",
    "The signed statement leaves these paths out of the tree's digest, so nothing vouches for their bytes. Whatever"
    " loads the artifact may read them all the same.",
    "look at them, or remove them before the artifact is used",
)
SUBJECT_UNUSABLE = Rule(
    "DBOM-322",
    "no usable subject",
    "The statement names its subjects by no sha256 of 64 lower-case hex digits, so it identifies no bytes.",
    "ask the signer for a statement whose subject has a sha256",
)
BYTES_NOT_CHECKED = Rule(
    "DBOM-323",
    "bytes not checked",
    "Only the signature and the digest it speaks of were checked. Whether some bytes have that digest is for whoever"
    " has them to check.",
    "run `dbom verify` on the artifact itself",
)
STORED_BUNDLE_BROKEN = Rule(
    "DBOM-324",
    "broken bundle in a shared store",
    "A store is written by many, so a bundle in it that doesn't hold is reported and counts for nothing; it doesn't"
    " make the verdict no.",
    "tell whoever keeps the store",
)
BUNDLE_NAME = Rule(
    "DBOM-325",
    "bundle is not the one that its name says",
    "Bundles are kept under a name that holds the first digits of their sha256. This file's bytes have another digest:"
    " it was changed after it was put there, be it in a place that no signature covers.",
    "fetch the bundle again from whoever signed it, or sign again",
)
CERTIFICATE_UNTRUSTED = Rule(
    "DBOM-326",
    "certificate not issued by the expected authority",
    "A signer's certificate counts where one of the trust root's certificate authorities issued it, for signing code."
    " This one wasn't, or its chain doesn't hold.",
    "check that the trust root is that of the signer's authority",
)
CERTIFICATE_EXPIRED = Rule(
    "DBOM-327",
    "certificate not valid when this was signed",
    "The time that the authority vouches for lies outside the certificate's validity: the certificate had expired, or"
    " wasn't valid yet. Whoever got hold of its key later could have signed this.",
    "ask the signer to sign again with a valid certificate",
)
CERTIFICATE_TIMESTAMP = Rule(
    "DBOM-328",
    "certificate timestamp missing or wrong",
    "A certificate of a keyless signer carries exactly one signed certificate timestamp (SCT), by which a certificate"
    " log vouches that it was published. Without it a certificate could have been issued in secret.",
    "check that the trust root is that of the signer's authority, and sign again",
)
LOG_ENTRY_MISSING = Rule(
    "DBOM-329",
    "no entry in a transparency log",
    "The authority demands that signatures are in a transparency log, and the bundle shows no entry, or one without the"
    " proof that it is there.",
    "sign again with a log, or say that this authority demands none",
)
LOG_PROOF_INVALID = Rule(
    "DBOM-330",
    "log entry isn't proven to be in the log",
    "An entry is proven to be in a log by a path of hashes to the log's root hash. This one leads elsewhere, or names"
    " an index that nothing binds.",
    "fetch the bundle again from whoever signed it, or sign again",
)
CHECKPOINT_INVALID = Rule(
    "DBOM-331",
    "the log's checkpoint does not hold",
    "A checkpoint is the log's signed word on its size and root hash. This one isn't signed by a log that the trust"
    " root names, or speaks of another size or root hash than the proof.",
    "check that the trust root is that of the signer's authority; fetch the bundle again",
)
PROMISE_INVALID = Rule(
    "DBOM-332",
    "the log's promise does not hold",
    "A signed entry timestamp is the log's promise that an entry is or will be in it, with the time and the index. This"
    " one isn't the log's, or is about another entry, time or index.",
    "fetch the bundle again from whoever signed it, or sign again",
)
LOG_ENTRY_DIFFERS = Rule(
    "DBOM-333",
    "log entry about something else",
    "What the log recorded isn't this payload, this signature and this key or certificate: an entry was borrowed from"
    " another bundle, or it is of a kind that doesn't say what was signed.",
    "fetch the bundle again from whoever signed it, or sign again",
)
TIME_MISSING = Rule(
    "DBOM-334",
    "nothing says when this was signed",
    "The authority demands a time that somebody vouches for: an RFC 3161 time stamp, or a log's promise. Without one"
    " nobody can tell whether a short-lived certificate was valid.",
    "sign again with a time stamp",
)
TIME_STAMP_INVALID = Rule(
    "DBOM-335",
    "time stamp does not hold",
    "A time stamp in the bundle isn't one over this signature by a time-stamp authority that the trust root names. Each"
    " that is there must hold.",
    "check that the trust root names the time-stamp authority; fetch the bundle again",
)
TIME_IN_FUTURE = Rule(
    "DBOM-336",
    "signed in the future",
    "The time that the authority vouches for is later than this machine's clock. Either clock is wrong, and no question"
    " of age or validity can be answered.",
    "set this machine's clock; if it is right, tell whoever runs the time-stamp authority",
)
CERTIFICATE_IDENTITY = Rule(
    "DBOM-337",
    "certificate without one clear identity",
    "A signer's certificate names exactly one identity, and a keyless one exactly one issuer. This one names none or"
    " several, or they can't be read.",
    "ask whoever runs the certificate authority",
)
LOG_UNKNOWN = Rule(
    "DBOM-338",
    "log that the trust root doesn't name",
    "The entry is in a log whose key isn't in the expected authority's trust root, so nobody that you trust vouches for"
    " it.",
    "check that the trust root is that of the signer's authority, and up to date",
)
DEMAND_UNMEETABLE = Rule(
    "DBOM-339",
    "demand that nobody could meet",
    "What an authority must show has to be something that its trust root can vouch for: a log entry needs a log in the"
    " root, a time needs a log or a time-stamp authority, an SCT a certificate and a certificate log.",
    "give a trust root that names them, or leave the demand out",
)
LOCAL_LOCKED = Rule(
    "DBOM-340",
    "the local log is busy",
    "The embedded local Sigstore's log has one writer at a time, and another program has held it for too long. Nothing"
    " was signed.",
    "wait for the other dbom to end, then sign again",
)
LOCAL_LOG_DAMAGED = Rule(
    "DBOM-341",
    "the local log is damaged",
    "A transparency log only grows. This one no longer holds what it acknowledged (cut short, changed, or an older"
    " copy was put back), so a new entry would prove nothing. Bundles that are out already verify as before.",
    "restore the folder from its newest copy, or move it away to start a new local identity",
)
LOCAL_STATE = Rule(
    "DBOM-342",
    "the local Sigstore isn't usable",
    "The folder with the embedded local Sigstore's keys and certificates is unreadable, incomplete, open to other"
    " users, or its parts don't belong together. Signing with it would make evidence that nobody can verify.",
    "restore the folder from its newest copy, or move it away to start a new local identity",
)
CLOCK_BEFORE_AUTHORITY = Rule(
    "DBOM-343",
    "the clock is outside the authority's lifetime",
    "The local authority's certificates are valid from its first use for ten years. A signature made at another time"
    " would be refused by every client.",
    "set this machine's clock, or move the folder away to start a new local identity",
)
SELF_CHECK = Rule(
    "DBOM-344",
    "the new bundle doesn't verify",
    "Each bundle is read again and verified before it leaves. This one wasn't accepted, so it was thrown away.",
    "run again with --debug and report what it prints",
)
SIGNING_KEY_UNUSABLE = Rule(
    "DBOM-345",
    "key not usable",
    "A signing key is a PKCS#8 PEM file with an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key; or a URI of one"
    " in a device or a service.",
    "make one with `dbom keys generate`",
)
KEY_PASSWORD = Rule(
    "DBOM-346",
    "the key's password",
    "The signing key is encrypted, and its password is missing or wrong.",
    "set DBOM_KEY_PASSWORD, or run in a terminal to be asked",
)
KEY_EXISTS = Rule(
    "DBOM-347",
    "a key is never overwritten",
    "There is a file in this place already. Overwriting a key makes what it signed unverifiable or unrepeatable.",
    "choose another name with --out",
)
SIGNER_UNNAMED = Rule(
    "DBOM-348",
    "nobody named to sign",
    "The embedded local identity is chosen by itself only on a person's machine. In CI, in a pod, or where another"
    " identity is configured or has failed, it must be asked for: one missing permission must not sign a release with"
    " a throw-away authority.",
    "name a signer: --signing-key, --trust-config, or --local",
)
SIGNER_AMBIGUOUS = Rule(
    "DBOM-349",
    "several signers named",
    "One signer signs: a key, an identity with one token, or this machine's. Beside a key, --trust-config, --local or"
    " --timestamp-url may say who logs or dates what it signs, one of them.",
    "keep one of them",
)
REMOTE_SIGNING = Rule(
    "DBOM-350",
    "remote signing failed",
    "A certificate, a log entry or a time stamp could not be had from the services of the trust configuration: one of"
    " them can't be reached, refused, or took too long. Nothing was written.",
    "check that the services can be reached and that the token is still valid",
)
IDENTITY_TOKEN = Rule(
    "DBOM-351",
    "identity token not usable",
    "Keyless signing needs an OIDC identity token for the audience `sigstore`: it is missing, malformed, or expired.",
    "give one with --identity-token or SIGSTORE_ID_TOKEN, or let the CI job ask for one (id-token: write)",
)
TRUST_CONFIG_MALFORMED = Rule(
    "DBOM-352",
    "malformed trust configuration",
    "A client trust configuration is one JSON document with the trusted root and the signing services of a Sigstore.",
    "ask whoever runs that Sigstore for its ClientTrustConfig",
)
BOM_OF_OTHER_BYTES = Rule(
    "DBOM-353",
    "the BOM is about other bytes",
    "The BOM names a digest, and it isn't that of the artifact. Signing it would vouch for a description of something"
    " else.",
    "generate the BOM again with `dbom generate`, or leave --bom out",
)
PUBLIC_UNASKED = Rule(
    "DBOM-355",
    "the public Sigstore only where asked for",
    "An identity token alone doesn't say which Sigstore is to vouch for it. The public one writes every statement,"
    " names and digests of private artifacts included, into a log that everybody reads and nobody can delete from.",
    "name a private Sigstore with --trust-config, or say --public",
)
SIGNING_OFFLINE = Rule(
    "DBOM-354",
    "remote signing while offline",
    "Keyless signing asks the services of a Sigstore over the network, and --offline forbids that.",
    "leave --offline out, or sign with --signing-key or --local",
)
TOKEN_EXPIRED = Rule(
    "DBOM-356",
    "identity token outside its lifetime",
    "An identity token holds for some minutes. This one has ended, or hasn't begun, so no authority would certify whom"
    " it names. Nothing was sent anywhere.",
    "get a fresh token; a mounted file (--identity-token-file) is read anew for each signature",
)
TOKEN_AUDIENCE = Rule(
    "DBOM-357",
    "identity token for another audience",
    "A token says for whom it was made. Sent to somebody else, it would let them act as its owner there, so it isn't"
    " sent.",
    "ask the issuer for a token with the audience `sigstore`",
)
CERTIFICATE_FOREIGN = Rule(
    "DBOM-358",
    "certificate for somebody else",
    "The authority answered with a certificate for another key, or for another identity or issuer than the token"
    " names. Whoever verified the bundle would see a signer who didn't sign.",
    "ask whoever runs that Sigstore; nothing was written",
)
LOG_ENTRY_FOREIGN = Rule(
    "DBOM-359",
    "log entry about something else",
    "The transparency log answered with an entry that doesn't speak of this signature, this statement and this key,"
    " or that can't be read.",
    "ask whoever runs the log; nothing was written",
)
TIME_STAMP_FOREIGN = Rule(
    "DBOM-360",
    "time stamp missing or not about this signature",
    "Each time-stamp authority that was asked for must stamp the sha256 of this signature. One didn't answer, refused,"
    " stamped something else, or answered an older question.",
    "ask whoever runs the time-stamp authority; nothing was written",
)
PUBLIC_SERVICE = Rule(
    "DBOM-361",
    "a trust configuration that leads to a public log",
    "The trust configuration names a service of the public Sigstore. It writes every statement into a log that"
    " everybody reads and nobody can delete from, and a file alone isn't a word to do that.",
    "say --public as well, or take the trust configuration of a private Sigstore",
)
KEY_DEVICE = Rule(
    "DBOM-362",
    "key in a device or service not usable",
    "The key that the URI names can't be reached or found, needs a PIN, is of a kind that doesn't sign here, or gave a"
    " signature that its own public key doesn't verify.",
    "check the URI with `dbom keys export URI`, and the credentials of the device or service",
)
CERTIFICATE_CHAIN = Rule(
    "DBOM-363",
    "certificate chain not usable for signing",
    "A certificate of one's own authority signs here where its key is the signing key, it is valid now, names exactly"
    " one identity, may sign code, and each certificate of the chain was issued by the next.",
    "give the PEM chain, the signer's certificate first and the root last",
)
KEY_RECORD = Rule(
    "DBOM-364",
    "no log or time for this key",
    "A certificate that ends needs a time that says when it signed, and some logs can't take every kind of key: Rekor 2"
    " sees only digests, and Ed25519 signs whole messages.",
    "add --timestamp-url, --trust-config or --local; for Rekor 2 take an ECDSA key",
)
