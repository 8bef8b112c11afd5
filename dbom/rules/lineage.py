"""Rules about lineage graphs and their edges (DBOM-4nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

ARTIFACT_UNKNOWN = Rule(
    "DBOM-401",
    "artifact unknown to the store",
    "No statement in the given stores speaks of this artifact, neither as the thing described nor as a parent of"
    " another. So nothing can be said about where it came from; that is not the same as coming from nowhere.",
    "name the stores that hold its evidence with --store, or sign the artifact first",
)
PREDICATE_MALFORMED = Rule(
    "DBOM-402",
    "predicate not readable",
    "The statement is well formed, but the BOM or the provenance in it is not, so no edge follows from it. Whoever"
    " signed it signed something that says nothing about lineage.",
    "ask the signer to describe and sign the artifact again",
)
CYCLE = Rule(
    "DBOM-403",
    "lineage runs in a circle",
    "Each of these artifacts is said to have come from the next, back to the first. Bytes can't come from bytes that"
    " were made out of them, so at least one of the statements is wrong.",
    "look at who signed each edge with `dbom lineage why`, and ask them",
)
PARENT_WITHOUT_DIGEST = Rule(
    "DBOM-404",
    "parent without a digest",
    "A parent is named, but not by the digest of its bytes. A name can mean other bytes tomorrow, so no evidence about"
    " bytes can be followed any further.",
    "generate the BOM again with --input and the parent's bytes or BOM at hand",
)
PREDICATE_ABOUT_ANOTHER = Rule(
    "DBOM-405",
    "BOM about another artifact",
    "The statement names one artifact as its subject, and the BOM in it describes another. It can't be told which of"
    " the two the parents belong to, so neither gets them.",
    "ask the signer to sign the BOM of the artifact itself",
)
LINEAGE_TRUNCATED = Rule(
    "DBOM-406",
    "lineage truncated",
    "There is more lineage than the budget allows to follow, so the answer is a part. What is missing could be just"
    " what was asked for.",
    "raise --limit, or ask about an artifact nearer to the one of interest",
)
NO_PATH = Rule(
    "DBOM-407",
    "no path to the ancestor",
    "Both artifacts are known to the store, but no chain of edges leads from the one to the other. A producer can leave"
    " a parent out, so this is no proof that there is no such origin.",
    "look at everything that is known with `dbom lineage ancestors`",
)
RELATION_UNKNOWN = Rule(
    "DBOM-408",
    "relation not known",
    "The statement says in a word that isn't one of ours how the child came from the parent. The edge is kept, as a"
    " plain input.",
    "use a relation such as trained-on, fine-tuned-from or derived-from",
)
STATEMENT_NOT_COUNTED = Rule(
    "DBOM-409",
    "statement counts for nothing",
    "A bundle of the store gave no verified statement: it is broken, or signed by nobody who was expected, or it could"
    " not be decided. What it claims is shown, marked, and no verdict follows from it.",
    "name the signer you expect, or look at the bundle with `dbom attest show`",
)
SELF_LOOP = Rule(
    "DBOM-410",
    "its own parent",
    "The artifact is said to have come from itself, which says nothing. The edge is left out.",
    "leave the output out of the inputs when describing or recording",
)
