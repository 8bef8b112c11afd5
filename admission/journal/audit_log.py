"""Events of an API server's audit log, as far as they tell what the webhook must have been asked.

audit.k8s.io/v1 `Event`, one JSON document a line, as the log backend writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qs, urlsplit

from admission.documents import Node
from admission.manifests.naming import TELLING
from dbom.canonical import json_object
from dbom.errors import DocumentError, PathError
from dbom.printable import printable
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.journals import AUDIT_LOG_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dbom.canonical import Json, JsonObject

__all__ = ["AuditEvent", "read_audit_log", "time_of"]

_OPERATIONS: Final = {"create": ("CREATE",), "update": ("UPDATE", "CREATE"), "patch": ("UPDATE", "CREATE")}
_LONGEST_LINE: Final = 32 * 1024 * 1024
_LONGEST_NAME: Final = 512
_FAILED_OPEN: Final = "failed-open.validating.webhook.admission.k8s.io/"
_RECORD: Final = "/record"
_UNCHANGED: Final = f"{TELLING}/unchanged"
_LET_IN: Final = range(200, 300)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A request as the API server saw it end; `record` is the uid by which the webhook says that it recorded it.

    `is_unchanged` says that the API server found nothing changed that is judged, and so didn't ask the webhook.
    """

    where: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    user: str
    code: int
    received: datetime
    ended: datetime
    is_dry_run: bool
    failed_open: bool
    record: str
    is_unchanged: bool

    @classmethod
    def of(cls, document: JsonObject, where: str) -> Self | None:
        """Return the event, None for a stage other than the end. Raises `DocumentError` where it is none."""
        root = Node(document)
        if document.get("kind") != "Event" or not str(document.get("apiVersion", "")).startswith("audit.k8s.io/"):
            raise DocumentError(AUDIT_LOG_MALFORMED, "not an audit event", where=where)
        if root.get("stage").text() != "ResponseComplete":
            return None
        received, ended = (time_of(document.get(key)) for key in ("requestReceivedTimestamp", "stageTimestamp"))
        if received is None or ended is None:
            raise DocumentError(AUDIT_LOG_MALFORMED, "an audit event without its times", where=where)
        about, notes = root.get("objectRef"), document.get("annotations")
        notes = notes if isinstance(notes, dict) else {}
        user = root.at("impersonatedUser", "username").text() or root.at("user", "username").text()
        status = document.get("responseStatus")
        code = status.get("code") if isinstance(status, dict) else None
        names = {key: about.get(key).text() or "" for key in ("resource", "subresource", "namespace", "name")}
        return cls(
            where,
            root.get("verb").text() or "",
            about.get("apiGroup").text() or "",
            user=printable(user or "", limit=_LONGEST_NAME),
            code=code if type(code) is int else 0,
            received=received,
            ended=ended,
            is_dry_run=_is_dry(root.get("requestURI").text() or ""),
            failed_open=any(key.startswith(_FAILED_OPEN) for key in notes),
            record=next((str(value) for key, value in notes.items() if key.endswith(_RECORD)), ""),
            is_unchanged=_UNCHANGED in notes,
            **names,
        )

    @property
    def operations(self) -> tuple[str, ...]:
        """What the webhook is asked for such a verb; an apply may create."""
        return _OPERATIONS.get(self.verb, ())

    @property
    def is_asked_about(self) -> bool:
        """Whether the webhook is registered for such a request, of a kind that it is registered for."""
        if self.subresource:
            return (self.group, self.resource, self.subresource) == ("", "pods", "ephemeralcontainers")
        return bool(self.operations)

    @property
    def is_let_in(self) -> bool:
        """Whether the API server did what was asked."""
        return self.code in _LET_IN

    @property
    def described(self) -> str:
        """What was asked, in a few words."""
        sub = f"/{self.subresource}" if self.subresource else ""
        return printable(
            f"{self.verb} {self.resource}{sub} {self.namespace}/{self.name or '(generated)'} by {self.user}"
        )


def read_audit_log(path: Path) -> Iterator[AuditEvent]:
    """Yield the events of a log, line by line.

    Raises `PathError` where it can't be read, `DocumentError` at the first line that is no event.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                where = printable(f"{path}:{number}")
                if line.strip():
                    event = AuditEvent.of(_document(line, where), where)
                    if event is not None:
                        yield event
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(str(path))) from error


def time_of(value: Json) -> datetime | None:
    """Return a moment as the API server writes it, None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _document(line: bytes, where: str) -> JsonObject:
    try:
        return json_object(line, where=where, limit=_LONGEST_LINE)
    except DocumentError as error:
        raise DocumentError(AUDIT_LOG_MALFORMED, error.what, where=where) from error


def _is_dry(uri: str) -> bool:
    try:
        return "dryRun" in parse_qs(urlsplit(uri).query, keep_blank_values=True)
    except ValueError:
        return False
