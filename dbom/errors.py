"""Every error that dbom raises, each family with the exit code it ends a command with.

DbomError
├── RefusedError (1)            checked, and false
│   ├── MismatchError               the bytes are not those that the evidence speaks of
│   ├── EvidenceError               a bundle, statement or signature that does not hold
│   └── DeniedError                 a policy says no
├── InputError (2)              usage, or something missing or unreadable; nothing was checked
│   ├── UsageError                  flags that don't go together, nobody to expect named
│   ├── PathError                   a path that is missing, unreadable or of a special kind
│   ├── NameRefusedError            a file name or link that a manifest can't hold
│   ├── ChangedError                the bytes changed while they were read
│   ├── DocumentError               a malformed BOM, policy, pod, trust root, key or settings file
│   ├── InstallationError           a foreign package where one of ours belongs
│   └── MissingExtraError           an optional package that isn't installed
├── UndecidedError (3)          could not tell, which is never a yes
│   ├── NoEvidenceError             nothing was found that speaks of these bytes
│   ├── StoreError                  a store or service that can't be reached
│   ├── TrustError                  no trust root at hand, or an expired one
│   ├── SigningError                a signature, time stamp or log entry that could not be had
│   └── TruncatedError              a budget ended the work before the answer was known
└── CancelledError (130)        stopped by the person at the keyboard
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbom.rules import Rule

__all__ = [
    "CancelledError",
    "ChangedError",
    "DbomError",
    "DeniedError",
    "DocumentError",
    "EvidenceError",
    "InputError",
    "InstallationError",
    "MismatchError",
    "MissingExtraError",
    "NameRefusedError",
    "NoEvidenceError",
    "PathError",
    "RefusedError",
    "SigningError",
    "StoreError",
    "TruncatedError",
    "TrustError",
    "UndecidedError",
    "UsageError",
]


class DbomError(Exception):
    """What went wrong, where, what was found, what was expected, and one thing to do about it.

    `rule` is the registered rule that was broken; `dbom explain RULE` tells its whole story. `hint` defaults to the
    rule's own. `faults` lists every fault of a document when there are several; the message then names their number.
    """

    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        rule: Rule,
        what: str,
        *,
        where: str | None = None,
        got: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        super().__init__(what)
        self.rule = rule
        self.what = what
        self.where = where
        self.got = got
        self.expected = expected
        self.hint = rule.hint if hint is None else hint
        self.faults = tuple(faults)

    def __reduce__(self) -> tuple[Callable[..., DbomError], tuple[object, ...]]:
        """Come back whole from another process: an exception is otherwise made again from its message alone."""
        texts = {"where": self.where, "got": self.got, "expected": self.expected, "hint": self.hint}
        return _restored, (type(self), self.rule, self.what, texts, self.faults)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        sides = [
            f"{label} {side}" for label, side in (("got", self.got), ("expected", self.expected)) if side is not None
        ]
        return place + self.what + (": " + ", ".join(sides) if sides else "")


def _restored(
    kind: type[DbomError], rule: Rule, what: str, texts: Mapping[str, str | None], faults: Sequence[str]
) -> DbomError:
    return kind(rule, what, **texts, faults=faults)


class RefusedError(DbomError):
    """It was checked, and the answer is no."""

    exit_code = 1


class MismatchError(RefusedError):
    """The bytes are not those that the evidence speaks of."""


class EvidenceError(RefusedError):
    """A bundle, statement or signature that does not hold, or that is about something else."""


class DeniedError(RefusedError):
    """A policy was evaluated and says no."""


class InputError(DbomError):
    """Nothing was checked: the command or one of its inputs is not usable."""

    exit_code = 2


class UsageError(InputError):
    """Flags that don't go together, or nothing said of whom to expect."""


class PathError(InputError):
    """A path that is missing, unreadable or of a kind that holds no bytes."""


class NameRefusedError(InputError):
    """A file name, object key or link that a manifest can't hold without ambiguity."""


class ChangedError(InputError):
    """The bytes changed while they were read, so no digest would be true of them."""


class DocumentError(InputError):
    """A document that is malformed: BOM, policy, pod, trust root, key or settings."""


class InstallationError(InputError):
    """A foreign package stands where one of ours belongs."""


class MissingExtraError(InputError):
    """An optional package is needed and isn't installed; the message names the extra."""


class UndecidedError(DbomError):
    """The question could not be answered, which is never a yes."""

    exit_code = 3


class NoEvidenceError(UndecidedError):
    """Nothing was found that speaks of these bytes."""


class StoreError(UndecidedError):
    """A store or service that can't be reached or read."""


class TrustError(UndecidedError):
    """No trust root is at hand for this authority, or the one that is has expired."""


class SigningError(UndecidedError):
    """A signature, time stamp or log entry could not be had."""


class TruncatedError(UndecidedError):
    """A budget ended the work before the answer was known."""


class CancelledError(DbomError):
    """Stopped by the person at the keyboard."""

    exit_code = 130
