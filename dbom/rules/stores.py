"""Rules about stores and registries of evidence (DBOM-375 to DBOM-384)."""

from __future__ import annotations

from dbom.rules.rule import Rule

REGISTRY_REFERENCE = Rule(
    "DBOM-375",
    "not a reference to an artifact in a registry",
    "An artifact in an OCI registry is named by the registry's host, the repository, and a digest or a tag. A digest"
    " names the same bytes for ever; a tag is resolved once, and what it meant is said.",
    "write oci://HOST/REPOSITORY@sha256:<64 hex> or oci://HOST/REPOSITORY:TAG",
)
MANIFEST_MALFORMED = Rule(
    "DBOM-376",
    "malformed manifest in a registry",
    "What the registry holds under this reference isn't an OCI image manifest or index that every program reads alike,"
    " so nobody can say which files it stands for.",
    "push the artifact again with a current client",
)
REGISTRY_DIGEST = Rule(
    "DBOM-377",
    "the registry sent other bytes",
    "Everything in a registry is asked for by its sha256, and each byte that comes is hashed. These bytes have another"
    " digest or length: the registry, a proxy or somebody between changed them.",
    "ask again without the proxy; if it stays, tell whoever runs the registry",
)
PLATFORM_NEEDED = Rule(
    "DBOM-378",
    "an index of several platforms",
    "The reference names an index, which holds one artifact for each platform. Each of them has its own bytes, its own"
    " digest and its own location.",
    "say which one with --platform, such as --platform linux/amd64, or name its manifest's digest",
)
LAYER_REFUSED = Rule(
    "DBOM-379",
    "a layer that has no single reading",
    "The files of this layer can't be told without doubt: it is of an unknown kind, has no name, is damaged, leads out"
    " of its folder, or would unpack to far more than an honest archive could.",
    "pack the artifact again as plain files, with ORAS or ModelPack",
)
REGISTRY_LOGIN = Rule(
    "DBOM-380",
    "the registry wants a login",
    "The registry refuses the request, or no usable credentials are at hand. They are read from where docker and podman"
    " keep them (config.json, auth.json, credential helpers), and from nowhere else.",
    "log in with `docker login HOST`, `podman login HOST` or `oras login HOST`",
)
BUNDLE_ELSEWHERE = Rule(
    "DBOM-381",
    "the bundle is about something else",
    "No subject of the bundle's statement is this artifact by kind and sha256. Evidence beside an artifact that it"
    " isn't about misleads whoever looks there.",
    "attach it where it belongs; see what it is about with `dbom attest show`",
)
PREDICATE_MALFORMED = Rule(
    "DBOM-382",
    "malformed predicate",
    "The predicate doesn't have the form that its type's specification asks for. Signed, it would be evidence that"
    " nobody can read, so it isn't signed.",
    "mend what is listed, then sign again",
)
LOCATION_ELSEWHERE = Rule(
    "DBOM-383",
    "the location holds other bytes",
    "The location was read in full, and what it holds has another digest than the artifact. A statement that binds the"
    " two would be false, so nothing is signed.",
    "push these very bytes, and give the location that they then have",
)
REFERRERS_BUSY = Rule(
    "DBOM-384",
    "the list of referrers is busy",
    "The registry has no referrers API, so the list of an artifact's evidence is one tag that every writer rewrites."
    " Others rewrote it again and again, and the entry was lost each time. The bundle itself lies in the registry.",
    "push again when fewer write at once",
)
