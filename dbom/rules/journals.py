"""Rules about journals of decisions: their chains, heads, replays and what they are reconciled with (DBOM-600 on)."""

from __future__ import annotations

from dbom.rules.rule import Rule

JOURNAL_GAP = Rule(
    "DBOM-600",
    "records of the journal are missing",
    "The numbers of the records, or the digest by which each names the one before, show that some are not there: a file"
    " wasn't given, or was removed, or lines were cut out. What they said isn't known.",
    "give every file of the journal (FILE and FILE.000001, …); what is lost for good stays a gap",
)
JOURNAL_FORKED = Rule(
    "DBOM-601",
    "the journal has two versions",
    "Two files, or a file and a signed head, hold different records under the same number of the same chain. At most"
    " one of them is what the gate wrote.",
    "compare both with a signed head; keep each, and ask who could write to the folder",
)
JOURNAL_FOREIGN = Rule(
    "DBOM-602",
    "a file of another replica's journal",
    "The file stands where this replica's journal continues, and it belongs to another chain.",
    "keep each replica's files in a folder of their own, and give all of them",
)
JOURNAL_TAIL_LOST = Rule(
    "DBOM-603",
    "the end of the journal is lost",
    "A signed head names a record that isn't there: what was written up to that head has been cut off.",
    "look for the rest of the file; decisions after its end aren't proven by anything here",
)
HEAD_UNPROVEN = Rule(
    "DBOM-604",
    "a head that proves nothing",
    "A line of the heads isn't a head signed by whom you expect. Without signed heads nobody can tell whether the end"
    " of a journal was cut off.",
    "say whom to expect (--key, --identity with --issuer, --local), as the webhook was started",
)
REPLAY_DIFFERS = Rule(
    "DBOM-605",
    "a replay comes to another verdict",
    "Under the very policies and evidence that the record names, at the time that it names, the verdict isn't the one"
    " that was recorded. Either the record is wrong, or the gate was another version.",
    "compare the version in the start record with this one; else treat the decision as wrong",
)
REPLAY_INPUT_MISSING = Rule(
    "DBOM-606",
    "an input of the decision isn't at hand",
    "A decision is replayed only with the policies and the evidence that its record names by digest, and the object"
    " that it holds. One of them wasn't given, so that nothing can be said of it.",
    "give --policy and --store (or --snapshot) as they were then; keep snapshots as long as journals",
)
EVENT_UNRECORDED = Rule(
    "DBOM-607",
    "an admitted request without a record",
    "The API server's audit log shows a request that the webhook is registered for and that was let in, and no journal"
    " that was given holds a decision on it.",
    "give the journals of every replica; else the webhook was not asked: look at its configuration's history",
)
RECORD_UNASKED = Rule(
    "DBOM-608",
    "a record without a request",
    "The journal holds a decision within the time of the audit log on a request that the log doesn't show.",
    "check that the audit policy logs pods and workloads, and that every API server's log was given",
)
POD_UNDECIDED = Rule(
    "DBOM-609",
    "a running pod that nobody decided on",
    "The pod runs, and no journal that was given holds a decision that let in this pod with this content.",
    "look at how it came: a static pod, one older than the webhook, an excluded namespace, or a silence",
)
STATUS_UNREADABLE = Rule(
    "DBOM-562",
    "the webhook's status can't be read",
    "What answers there isn't the webhook, or can't be reached, or isn't vouched for by the authority that you named.",
    "check the address, and give the authority of its certificate with --ca-cert",
)
AUDIT_LOG_MALFORMED = Rule(
    "DBOM-563",
    "not an audit log or a list of pods",
    "To reconcile with, an API server's audit log is needed (audit.k8s.io/v1, a JSON event a line), or a list of pods"
    " as `kubectl get pods -A -o json` prints it.",
    "give the file as it was written; look at the line that is named",
)
JOURNAL_IN_USE = Rule(
    "DBOM-564",
    "another gate writes to this journal",
    "A journal is one chain of one gate. Two that write to one file would each break the other's chain.",
    "give each replica a journal of its own",
)
