"""`formats`: of which formats the files of the artifact may be, and whether any may run code when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

from admission.requirements.allowance import ALLOWANCE, read_allowance
from admission.requirements.described import boms_about
from dbom.formats.recognition import FileFormat
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.admission import FORMAT_DENIED, FORMAT_UNKNOWN

if TYPE_CHECKING:
    from admission.decision import Reason
    from admission.documents import Node
    from admission.facts import FileKinds
    from admission.requirements.requirement import Case, Names
    from dbom.canonical import JsonObject

__all__ = ["FormatRule"]

_RUNS: Final = frozenset({FileFormat.OPAQUE_PICKLE})
_MAY_RUN: Final = frozenset(
    {FileFormat.HDF5, FileFormat.NUMPY, FileFormat.ZIP, FileFormat.COMPRESSED, FileFormat.UNKNOWN}
)
"""HDF5 and ZIP hold Keras layers of marshalled code, NumPy arrays of objects are pickles, the rest holds anything."""
_MAY_BE_PROGRAMS: Final = frozenset({FileFormat.TEXT, FileFormat.JSON})
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class FormatRule:
    """The formats that are allowed (any, where none is listed), told by content; code that runs is denied by default.

    What runs: pickles, and files that loaders take for programs by their names. What may run and can't be told apart
    here is no yes: HDF5, NumPy, ZIP, compressed and unknown files, and text whose names the BOM doesn't list.
    """

    KEY: ClassVar[str] = "formats"
    SCHEMA: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "allow": {"type": "array", "items": {"type": "string", "enum": [*sorted(map(str, FileFormat))]}},
            "codeExecuting": ALLOWANCE,
            "unknown": ALLOWANCE,
        },
    }

    allow: frozenset[str] = frozenset()
    allows_code: bool = False
    allows_unknown: bool = False

    @classmethod
    def read(cls, node: Node, names: Names) -> Self | None:  # noqa: ARG003  the protocol's
        """Read the formats."""
        if not node.is_there:
            return None
        node.only("allow", "codeExecuting", "unknown")
        known = sorted(map(str, FileFormat))
        allow = frozenset(item.choice(known, "") for item in node.get("allow").items()) - {""}
        code, unknown = (read_allowance(node.get(key)) for key in ("codeExecuting", "unknown"))
        if code and not allow:
            node.fault("allow lists no format, and what executes code is allowed: nothing is asked")
        return cls(allow, code, unknown)

    def judge(self, case: Case) -> list[Reason]:
        """Return each format that isn't allowed; every accepted BOM about the artifact counts."""
        boms = boms_about(case)
        if not boms:
            return self._unknown(case, "no accepted BOM describes it")
        reasons: list[Reason] = []
        for files in dict.fromkeys(item.files for item in boms):
            reasons += self._unknown(case, files.reason) if isinstance(files, Unknown) else self._judged(case, files)
        return list(dict.fromkeys(reasons))

    def _judged(self, case: Case, files: FileKinds) -> list[Reason]:
        reasons = [
            case.refused(
                FORMAT_DENIED,
                f"{case.named} holds {count} {'files' if count > 1 else 'file'} of a format that isn't allowed",
                got=printable(name),
                expected=f"one of {', '.join(sorted(self.allow))}",
            )
            for name, count in files.formats
            if self.allow and name not in self.allow
        ]
        return reasons if self.allows_code else reasons + self._code(case, files)

    def _code(self, case: Case, files: FileKinds) -> list[Reason]:
        found = {name for name, count in files.formats if count}
        programs = () if isinstance(files.code, Unknown) else files.code
        runs = [*sorted(found & _RUNS), *(printable(name) for name in programs[:_MOST_NAMED])]
        reasons = [
            case.refused(FORMAT_DENIED, f"{case.named} runs code when it is loaded", got=what, expected="no code")
            for what in runs
        ]
        doubtful = sorted(name for name in found if name in _MAY_RUN or name not in set(FileFormat))
        if doubtful:
            named = ", ".join(map(printable, doubtful[:_MOST_NAMED]))
            reasons += self._unknown(case, f"files of the format {named} may run code when they are loaded")
        if isinstance(files.code, Unknown) and found & _MAY_BE_PROGRAMS:
            reasons += self._unknown(case, files.code.reason)
        return reasons

    def _unknown(self, case: Case, why: str) -> list[Reason]:
        if self.allows_unknown:
            return []
        return [case.cant_tell(FORMAT_UNKNOWN, f"the formats of {case.named} can't be told: {printable(why)}")]

    def explain(self) -> list[str]:
        """Return what is asked, in plain sentences."""
        lines = [f"Every file of the artifact must be {' or '.join(sorted(self.allow))}."] if self.allow else []
        if not self.allows_code:
            lines.append("No file of the artifact may run code when it is loaded.")
        if self.allows_unknown:
            lines.append("What can't be told of a file may pass.")
        return lines
