"""The journal: one hash chain of what each gate decided, from its start to its end, and what can be told from it.

`writing` is the gate's side; `reading` and what rests on it (`heads`, `reporting`, `reconciling`, `replaying`) the
auditor's. docs/formats/journal.md specifies the format.
"""

from __future__ import annotations

from admission.journal.checking import JournalSummary, check_journal
from admission.journal.entries import Entry
from admission.journal.files import Rotation
from admission.journal.records import DECISION, FORMAT, GENESIS, Head
from admission.journal.writing import Journal

__all__ = ["DECISION", "FORMAT", "GENESIS", "Entry", "Head", "Journal", "JournalSummary", "Rotation", "check_journal"]
