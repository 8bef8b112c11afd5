"""Rules about the gate in a cluster: snapshots, the controller and what it finds (DBOM-6nn)."""

from __future__ import annotations

from dbom.rules.rule import Rule

SNAPSHOT_MALFORMED = Rule(
    "DBOM-620",
    "malformed snapshot",
    "A snapshot of policies and evidence is read whole or not at all. This one isn't made as docs/formats/snapshot.md"
    " says, is of a version that isn't known, or holds other bytes than its manifest names.",
    "look at what writes it; `dbom admission snapshot -o DIR` writes one anew",
)
SNAPSHOT_INCOMPLETE = Rule(
    "DBOM-621",
    "a snapshot isn't there, or not whole",
    "The manifest names pieces that aren't there. While pieces are handed over one by one that is so for a moment;"
    " where it stays so, some can't be written or mounted. The last whole snapshot goes on to be used.",
    "wait for the next hand-over; else look at the ConfigMaps named dbom-snapshot-… and at the controller's log",
)
SNAPSHOT_OLDER = Rule(
    "DBOM-622",
    "an older snapshot than the one in use",
    "A snapshot with a lower sequence, or another one of the same sequence, would take back policies, evidence or"
    " revocations that are already known. It isn't taken.",
    "look at who writes the snapshot: exactly one controller may",
)
SNAPSHOT_TOO_LARGE = Rule(
    "DBOM-623",
    "a snapshot is too large",
    "What is handed over is bounded, when it is written and when it is read: so many pieces, each of so many bytes.",
    "give the gate fewer stores, or policies that read no predicates in rules",
)
CLUSTER_REFUSED = Rule(
    "DBOM-624",
    "the API server says no",
    "The controller asked for something that it has no right to, or that the API server doesn't take.",
    "compare the controller's Role and ClusterRole with those of `dbom admission manifests`",
)
CLUSTER_UNREACHABLE = Rule(
    "DBOM-625",
    "the API server can't be reached",
    "The API server doesn't answer, or not in time. What was handed to the webhook before goes on to be used, and grows"
    " stale.",
    "look at the API server; the controller tries again by itself",
)
CLUSTER_SETUP = Rule(
    "DBOM-626",
    "nothing says which cluster this is",
    "The controller runs in a pod with a service account, whose token and certificate authority are mounted, or is"
    " given a server, a token file and an authority.",
    "run it in the cluster, or give --server, --token-file and --server-ca",
)
NO_LONGER_PASSES = Rule(
    "DBOM-627",
    "what runs would be refused now",
    "A workload was admitted, or was there before the gate, and under the policies, evidence and revocations of now it"
    " wouldn't be. It isn't stopped: that is somebody's decision.",
    "read the reasons, then update, roll back or delete the workload",
)
FOLDER_TAKEN = Rule(
    "DBOM-630",
    "a folder that can't be written as a whole",
    "A chart or a kustomize base is all that lies in its folder: a file that was there before would be installed too.",
    "name a folder that isn't there yet, or an empty one",
)
