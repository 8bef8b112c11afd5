"""Rules about policies, references, reviews and the gate (DBOM-5nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

POLICY_MALFORMED = Rule(
    "DBOM-501",
    "malformed policy",
    "A policy file holds ProvenancePolicy documents and nothing else, each with known keys of the right types. A key"
    " that isn't known may be a requirement that was misspelt, so it is refused and not passed over.",
    "run `dbom policy check FILE`, and compare with docs/formats/policy.md",
)
POLICY_UNSUPPORTED = Rule(
    "DBOM-502",
    "a requirement that nothing here can check",
    "The policy asks for facts that this version doesn't produce or check. A gate that let such a requirement through"
    " would look stricter than it is.",
    "take the requirement out, or use a version that can check it",
)
POLICY_TWICE = Rule(
    "DBOM-503",
    "two policies of one name",
    "Decisions and records name policies, so that two of one name can't be told apart.",
    "give each policy a name of its own in metadata.name",
)
POLICY_UNSIGNED = Rule(
    "DBOM-504",
    "policy not signed by those who may",
    "Signers of policies are expected, and no bundle beside the policy is a policy statement by one of them over these"
    " very bytes, with the roots and keys that they name. Whoever can change a policy can open the gate.",
    "have it signed with `dbom policy sign FILE`, and keep FILE.dbom/ (or FILE.sigstore.json) beside it",
)
BUNDLE_UNPROVEN = Rule(
    "DBOM-505",
    "nobody vouches for a signer that a policy would trust",
    "A policy made from a bundle trusts whoever signed that bundle. Who that is stands in the bundle itself, so it"
    " counts only once the bundle is verified under a root or key that you have from elsewhere.",
    "give --trusted-root (or --key) that you trust, and look at `dbom attest show BUNDLE` first",
)
CASE_MALFORMED = Rule(
    "DBOM-506",
    "malformed policy case",
    "A case says an object or a review, policies, and what is expected of them. A key that isn't known may be an"
    " expectation that was misspelt, so the case doesn't count as passed.",
    "compare with docs/formats/policy.md, under cases",
)
CASE_DIFFERS = Rule(
    "DBOM-507",
    "a policy case came out otherwise",
    "The answer to a case isn't the one that the case expects: the policy, the evidence or what is known of the object"
    " has changed, or the case is wrong.",
    "look at the reasons; change the policy, or the case where the new answer is what you want",
)
OBJECT_MALFORMED = Rule(
    "DBOM-510",
    "not the object that it says it is",
    "The object isn't a pod, workload or serving resource that can be read: something required is missing, or of the"
    " wrong type. What can't be read can't be judged.",
    "validate it with `kubectl apply --dry-run=server`",
)
REVIEW_MALFORMED = Rule(
    "DBOM-511",
    "malformed admission review",
    "The request isn't an AdmissionReview of admission.k8s.io/v1 with a request, its uid, operation, kind and object.",
    "send what a Kubernetes API server sends to a validating webhook",
)
KIND_UNKNOWN = Rule(
    "DBOM-512",
    "a kind that isn't read",
    "The gate reads pods, the workloads that make pods, and the serving resources that it knows. Of any other kind it"
    " can't tell what would be loaded.",
    "take the kind out of the webhook's rules",
)
REFERENCE_OPAQUE = Rule(
    "DBOM-520",
    "can't tell what would be loaded",
    "Something in the object loads a model, and the object doesn't say which bytes: a script, a variable from"
    " elsewhere, a path on a volume that anybody may fill, or a path in the container image.",
    "mount the model as an OCI image volume by digest, and name its mount path",
)
REFERENCE_UNPINNED = Rule(
    "DBOM-521",
    "reference without a pin",
    "The place that the object names may hold other bytes tomorrow: a tag, a branch, a bucket without a version."
    " Whatever is known of it today isn't known of what will be loaded.",
    "name the digest: oci://…@sha256:…",
)
PIN_CLAIMED = Rule(
    "DBOM-522",
    "the pin is only claimed",
    "A hub commit or an object version isn't checked by whoever loads from there, and the policy wants a pin that is"
    " enforced.",
    "serve the model from an OCI image volume by digest, or allow `pinning: claimed` for this location",
)
NOT_COVERED = Rule(
    "DBOM-523",
    "no policy speaks of this reference",
    "The namespace is enforced, and no location pattern of its policies matches where the object loads from. Nobody"
    " has said who may vouch for that place.",
    "add the place to a policy's spec.locations, or load from a place that is there",
)
NO_POLICY = Rule(
    "DBOM-524",
    "no policy for this namespace",
    "The object refers to a model, and no policy matches its namespace, so nothing was judged.",
    "add the namespace to a policy's spec.match.namespaces",
)
LOCATION_UNKNOWN = Rule(
    "DBOM-530",
    "nothing known about this place",
    "No statement by anybody binds this pinned place to an artifact, so there is nothing to judge the model by.",
    "sign the model with `dbom sign MODEL --location URL@PIN --store STORE`",
)
PIN_UNKNOWN = Rule(
    "DBOM-531",
    "not one of the versions that were signed",
    "The place is known, and its accepted statements are about other pins than this one. These are other bytes.",
    "deploy a version that was signed, or sign this one with its --location",
)
LOCATION_CONFLICT = Rule(
    "DBOM-532",
    "one pin, two artifacts",
    "Accepted statements bind this one pin to different digests. One of them is false, and nobody can tell which.",
    "find out who signed the false one and remove it from the store; then look at what else they signed",
)
ATTESTATION_MISSING = Rule(
    "DBOM-533",
    "required statement missing",
    "The policy wants a statement of this type about the artifact, and the store holds none.",
    "make and sign it (`dbom sign`, `dbom run`), and put it into the store",
)
EVIDENCE_UNACCEPTED = Rule(
    "DBOM-534",
    "signed, but by nobody accepted",
    "There are statements about this, and none of them counts: they are broken, or signed by somebody whom the policy"
    " doesn't accept for it.",
    "have an accepted authority sign, or add the signer to the policy after a look with `dbom attest show`",
)
EVIDENCE_UNDECIDED = Rule(
    "DBOM-535",
    "can't tell whether the evidence holds",
    "There is a statement about this, and whether it counts can't be told: the trust root of its authority is missing"
    " or has expired.",
    "update the authority's trust root",
)
LICENSE_DENIED = Rule(
    "DBOM-540",
    "licence not allowed",
    "The artifact, or something it came from, is under a licence that the policy denies or doesn't list.",
    "use an artifact under an allowed licence, or change spec.licenses after whoever answers for it has looked",
)
LICENSE_UNKNOWN = Rule(
    "DBOM-541",
    "licence unknown",
    "No accepted BOM says under which licence this is, or says it in words that aren't an SPDX expression.",
    "state the licence when the BOM is generated (`dbom generate --license ID`) and sign it again",
)
ANCESTOR_UNSIGNED = Rule(
    "DBOM-545",
    "an ancestor is not signed",
    "The policy wants everything that the model came from to be signed by accepted authorities, and this ancestor"
    " isn't.",
    "sign the ancestor and put its statements into the store; `dbom lineage why` shows the path to it",
)
ANCESTOR_UNIDENTIFIED = Rule(
    "DBOM-546",
    "an ancestor without a digest",
    "A statement names a parent without the digest of its bytes, so nothing can be known about it.",
    "generate the BOM again with the parent's path or BOM as --input",
)
NO_INPUTS = Rule(
    "DBOM-547",
    "no inputs declared",
    "No accepted statement says what the model was made from. That is no clean origin: whoever made it may have left"
    " its parents out.",
    "record the training with `dbom run`, or state its inputs with --input",
)
LINEAGE_UNFINISHED = Rule(
    "DBOM-548",
    "lineage too large to finish",
    "The search for ancestors hit its budget, so there may be ancestors that nobody looked at.",
    "keep only the evidence of what is deployed in the gate's store",
)
SENSITIVITY_DENIED = Rule(
    "DBOM-550",
    "data of a level that isn't allowed",
    "The artifact, or data that it came from, is classified in a way that the policy denies or doesn't list, or holds"
    " sensitive data where the policy takes none.",
    "train on other data, or change spec.sensitivity after whoever answers for the data has looked",
)
SENSITIVITY_UNKNOWN = Rule(
    "DBOM-551",
    "sensitivity unknown",
    "No accepted BOM says how this data is classified, or whether it holds sensitive data. What nobody classified may"
    " be anything.",
    "have the data's owner sign a CycloneDX BOM with data[].classification (and sensitiveData)",
)
RESIDENCY_DENIED = Rule(
    "DBOM-552",
    "data in a place that isn't allowed",
    "An accepted statement says that data which the model came from lies in a place that the policy denies or doesn't"
    " list.",
    "keep the data where it may lie, or change spec.residency after whoever answers for it has looked",
)
RESIDENCY_UNKNOWN = Rule(
    "DBOM-553",
    "place of the data unknown",
    "No accepted statement says where this data lies.",
    "sign where it lies: `dbom sign DATA --location URL@PIN --store STORE`",
)
ARTIFACT_DENIED = Rule(
    "DBOM-554",
    "denied by name or digest",
    "The artifact, or something that it came from, is one of those that the policy denies, however far away.",
    "make the model again without it",
)
FORMAT_DENIED = Rule(
    "DBOM-555",
    "a file format that isn't allowed",
    "A file of the artifact is of a format that the policy doesn't list, or one that runs code when it is loaded: a "
    "pickle, or a program.",
    "convert the weights to safetensors, and leave code out of the artifact",
)
FORMAT_UNKNOWN = Rule(
    "DBOM-556",
    "file formats unknown",
    "No accepted BOM tells the format of every file of the artifact, or whether a file would run as code.",
    "generate the BOM with `dbom generate`, which tells formats by content, and sign it",
)
STATEMENT_TOO_OLD = Rule(
    "DBOM-557",
    "not signed in the time that the policy asks for",
    "The newest accepted statement of this type was signed before the time from which the policy takes statements.",
    "look at the artifact again and have it signed anew",
)
TIME_UNPROVEN = Rule(
    "DBOM-558",
    "can't tell when it was signed",
    "Only a trusted time says how old a signature is, and only with a certificate that was short-lived and logged: a "
    "signature by a bare key may be older than any time stamp on it. This machine's own time, or none, says nothing.",
    "sign with a keyless identity and a time stamp or log entry that the authority's root vouches for",
)
ARTIFACT_REVOKED = Rule(
    "DBOM-559",
    "revoked, or made of what is revoked",
    "Somebody whose revocations count has revoked the artifact or something that it came from.",
    "make the model again without what was revoked; the reason says who revoked it and why",
)
JOURNAL_BROKEN = Rule(
    "DBOM-560",
    "the journal doesn't hold together",
    "A record was changed, left out, or put in another place: its number or the digest of the record before it doesn't"
    " fit.",
    "compare with a copy that was kept elsewhere, and treat decisions from there on as unproven",
)
JOURNAL_UNWRITABLE = Rule(
    "DBOM-561",
    "the journal can't be written",
    "In enforce mode a decision is recorded durably before the yes, and it could not be.",
    "look at the disk and the rights of the journal file",
)
SERVER_SETUP = Rule(
    "DBOM-565",
    "the server can't start",
    "The address, the certificate or the key that the server was given can't be used.",
    "check --listen, --tls-cert and --tls-key",
)
MANIFEST_INPUT = Rule(
    "DBOM-570",
    "not usable in a manifest",
    "A value for the manifests isn't what Kubernetes takes there, or would weaken what is installed.",
    "give the image by digest (IMAGE@sha256:…) and names as Kubernetes writes them",
)
REVOCATIONS_UNKNOWN = Rule(
    "DBOM-571",
    "can't tell what is revoked",
    "The policy asks for revocations, and the signed head that says which there are is missing, expired, older than "
    "one seen before, or lists what isn't there.",
    "fetch the revoker's newest head into the gate's store (`dbom attest revocations publish` makes one)",
)
PROVENANCE_DENIED = Rule(
    "DBOM-572",
    "made in a way that isn't allowed",
    "There is accepted provenance, and none of it names the builder, source, ref and build type that the policy asks "
    "for.",
    "build with the builder and from the source that spec.provenance names, or change it",
)
PROVENANCE_UNKNOWN = Rule(
    "DBOM-573",
    "can't tell how it was made",
    "There is no accepted provenance about the artifact, or it doesn't say what the policy asks about.",
    "record the run with `dbom run`, or attest it in CI, and put the statement into the store",
)
LINEAGE_DEPTH = Rule(
    "DBOM-574",
    "lineage too deep or not deep enough",
    "The chain of ancestors that accepted statements tell is longer than the policy allows, or shorter than it asks "
    "for.",
    "`dbom lineage ancestors` shows the chain; sign what is missing, or change spec.lineage",
)
EDGE_UNVERIFIED = Rule(
    "DBOM-575",
    "a claim about origins that nobody accepted made",
    "The policy wants every word on what the artifact came from to be verified, and something about it or an ancestor"
    " is only claimed.",
    "`dbom lineage why` shows who claims it; have an accepted authority sign, or take it out of the store",
)
EDGE_BY_OTHERS = Rule(
    "DBOM-576",
    "an origin that no builder vouches for",
    "The policy names builders whose word on origins counts, and this hop of the lineage was said by somebody else "
    "alone.",
    "record the run where that builder signs, or add the signer to spec.lineage.builders",
)
RULE_DENIED = Rule(
    "DBOM-577",
    "a rule of the policy says no",
    "A CEL expression of the policy was evaluated over the evidence, and gave false.",
    "the rule's own message says what it wants; docs/formats/policy-rules.md says what it sees",
)
RULE_UNDECIDED = Rule(
    "DBOM-578",
    "a rule of the policy can't tell",
    "A CEL expression of the policy asked for something that isn't there, gave something other than true or false, or"
    " went on for too long.",
    "ask has(…) before a field that may be missing; docs/formats/policy-rules.md says what there is",
)
RULE_UNUSABLE = Rule(
    "DBOM-579",
    "a rule that can't be used",
    "A CEL expression doesn't compile, isn't true or false, might cost too much, or there is no engine to evaluate it.",
    "install dbom[admission]; docs/formats/policy-rules.md says what a rule may use",
)
EVIDENCE_STALE = Rule(
    "DBOM-580",
    "evidence that is too old",
    "The policy says how old the gate's copy of the stores may be, and it is older, or nobody says how old it is. What"
    " was revoked or signed since isn't known.",
    "read the stores again; `dbom admission review` does so whenever it starts",
)
EVIDENCE_LIMIT = Rule(
    "DBOM-581",
    "more evidence than is kept",
    "The stores hold more than the gate keeps in memory. What was left out could speak against a model, so nothing is"
    " verified by what was kept.",
    "give the gate stores with what it needs and nothing else, or a higher limit",
)
EVIDENCE_LAPSED = Rule(
    "DBOM-582",
    "evidence that counts no more",
    "The statement was verified when the stores were read. Since then the trust root, or the certificate that was"
    " judged by the gate's own clock, has ended.",
    "renew the trust root (`dbom trust update`), or have it signed again; then read the stores again",
)
OTHER_BYTES_FOR_POD = Rule(
    "DBOM-585",
    "not the bytes that the pod was admitted with",
    "An init container was told by digest which artifact its pod loads, and something else lies there. The pod doesn't"
    " start. Nothing is left out of such a check: a file beside the artifact's own could be loaded too.",
    "compare `dbom fingerprint --no-default-ignores` of both places, and `dbom diff` them",
)
NO_LOAD_TIME_PROOF = Rule(
    "DBOM-586",
    "no proof of what is on the volume",
    "What is loaded lies on a volume whose bytes nobody names, and no init container proves them in the way that the"
    " policy asks for: ours by digest, running `dbom verify --for-pod` as documented, on a volume that nothing else in"
    " the pod can write to.",
    "docs/guide/load-time-proof.md says what counts; or mount the model as an OCI image volume by digest",
)
PROOF_NOT_TAKEN = Rule(
    "DBOM-587",
    "a policy that takes no load-time proof",
    "The bytes on the volume would be proven when the pod starts, and this policy doesn't say that it accepts that.",
    "set spec.loadTimeProof in the policy, naming the images whose word counts",
)
BREAK_GLASS_MALFORMED = Rule(
    "DBOM-588",
    "malformed break-glass statement",
    "A break-glass statement names its projection, the findings that it waives, why, from when and until when. One that"
    " says more or less than that isn't understood, so it lets nothing in.",
    "make it with `dbom admission break-glass`; docs/formats/break-glass.md has the form",
)
BREAK_GLASS_IMPOSSIBLE = Rule(
    "DBOM-589",
    "nothing that can be waived",
    "A break-glass statement is about an object that the gate refuses for findings that can be waived, and whose"
    " containers name their images by digest: else another image could start in its place.",
    "name every image by digest; `dbom admission review FILE` shows the findings",
)
