"""What services answered, looked at in the finished bundle before it leaves: whether it is about this signature.

A log entry or a time stamp about something else has its own rule here, where verifying would only say that the bundle
doesn't hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.bundle import Bundle
from attest.verifier.log_body import Signer, check_entry_body
from attest.verifier.log_proof import check_entry_logged
from attest.verifier.signed_content import SignedContent
from attest.verifier.time_stamps import check_time_stamp
from dbom.errors import EvidenceError, SigningError, TrustError
from dbom.rules.attestations import LOG_ENTRY_FOREIGN, TIME_STAMP_FOREIGN

if TYPE_CHECKING:
    from attest.trust import TrustRoot
    from dbom.errors import DbomError
    from dbom.rules import Rule

__all__ = ["check_answers"]

_WHERE = "the new bundle"


def check_answers(raw: bytes, *, signer: Signer, root: TrustRoot | None, logs: int, time_stamps: int) -> None:
    """Check the log entries and time stamps of a new bundle, of which there must be so many.

    Where `root` is None nobody is known who vouches for them, and only what entries are about is checked. Raises
    `SigningError`.
    """
    bundle = Bundle.parse(raw, where=_WHERE)
    content = SignedContent.of_envelope(bundle.payload_type, bundle.payload, bundle.signature)
    try:
        for stamp in bundle.time_stamps:
            if root is not None:
                check_time_stamp(stamp, bundle.signature, root, where=_WHERE)
    except (EvidenceError, TrustError) as error:
        raise _refused(TIME_STAMP_FOREIGN, error) from error
    if len(bundle.time_stamps) != time_stamps:
        raise _miscounted(TIME_STAMP_FOREIGN, "time stamps", len(bundle.time_stamps), time_stamps)
    try:
        for entry in bundle.log_entries:
            check_entry_body(entry, content, signer, where=_WHERE)
            if root is not None:
                check_entry_logged(entry, root, where=_WHERE, is_oldest=False)
    except (EvidenceError, TrustError) as error:
        raise _refused(LOG_ENTRY_FOREIGN, error) from error
    if len(bundle.log_entries) != logs:
        raise _miscounted(LOG_ENTRY_FOREIGN, "log entries", len(bundle.log_entries), logs)


def _refused(rule: Rule, error: DbomError) -> SigningError:
    return SigningError(rule, error.what, where=_WHERE, got=error.got, expected=error.expected)


def _miscounted(rule: Rule, what: str, got: int, expected: int) -> SigningError:
    return SigningError(
        rule, f"not as many {what} as were asked for", where=_WHERE, got=str(got), expected=str(expected)
    )
