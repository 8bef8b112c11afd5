"""Asking a store again: what is worth it, how often, and what is said in the end."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dbom.errors import ChangedError, DbomError, PathError, StoreError
from dbom.printable import printable
from dbom.rules.artifacts import CHANGED_WHILE_READ, PATH_MISSING, PATH_UNREADABLE, STORE_UNREACHABLE, TRANSFER_FAILED
from dbom.storage.filesystems import service_errors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RETRIES", "Retries", "TransientError", "judged", "retrying", "status_of"]

_Result = TypeVar("_Result")

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 20.0

# Failures of a connection that aren't OSErrors, by the library that raises them.
_BROKEN_CONNECTIONS = (
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "ServiceRequestError"),
    ("azure.core.exceptions", "ServiceResponseError"),
    ("botocore.exceptions", "HTTPClientError"),
    ("botocore.exceptions", "IncompleteReadError"),
    ("botocore.exceptions", "ResponseStreamingError"),
    ("botocore.parsers", "ResponseParserError"),
    ("fsspec.exceptions", "FSTimeoutError"),
    ("http.client", "HTTPException"),
    ("httpx", "TransportError"),
    ("httpx2", "TransportError"),
    ("requests.exceptions", "RequestException"),
)


class TransientError(Exception):
    """The store could not answer this time; `after` is how many seconds it asked to be left alone, where it did."""

    def __init__(self, what: str, *, after: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.after = after


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a store is asked, and how long the first pause is; each further pause is twice as long."""

    attempts: int = 6
    first: float = 0.2

    def wait(self, attempt: int, asked: float | None) -> float:
        """Return the pause after the given attempt (from 0), in seconds, at least what the store asked for."""
        return min(max(self.first * float(2**attempt), asked or 0.0), _LONGEST_WAIT)


RETRIES = Retries()
"""Six attempts within some six seconds, unless the store asks for more time."""


def retrying(
    ask: Callable[[], _Result],
    where: str,
    *,
    retries: Retries | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> _Result:
    """Return what `ask` returns, asking again after a `TransientError`.

    Raises `StoreError` where the last attempt failed too. Every other error of a store is judged at once.
    """
    policy = RETRIES if retries is None else retries
    last: TransientError | None = None
    for attempt in range(policy.attempts):
        if last is not None:
            sleep(policy.wait(attempt - 1, last.after))
        try:
            return ask()
        except TransientError as error:
            last = error
        except DbomError:
            raise
        except service_errors() as error:
            verdict = judged(error, where)
            if isinstance(verdict, DbomError):
                raise verdict from error
            last = verdict
    what = "never answered" if last is None else last.what
    raise StoreError(
        TRANSFER_FAILED, f"{printable(what)}, in {policy.attempts} attempts", where=printable(where)
    ) from last


def judged(error: BaseException, where: str) -> DbomError | TransientError:
    """Return what an error of a client library means: something to try again, or the end.

    A failure to sign in, a refusal and a missing object are never tried again.
    """
    status = status_of(error)
    place = printable(where)
    if status in _BUSY:
        return TransientError(f"the store answers {status}", after=_asked_wait(error))
    if status in (409, 412, 416):
        return ChangedError(CHANGED_WHILE_READ, "was replaced while it was read", where=place)
    if status in (401, 403) or isinstance(error, PermissionError):
        said = f"the store answers {status}" if status else "the store refuses"
        return PathError(PATH_UNREADABLE, said, where=place)
    if status in (404, 410) or isinstance(error, FileNotFoundError):
        return PathError(PATH_MISSING, "there is nothing here", where=place)
    if status is None and _is_broken_connection(error):
        return TransientError(f"the connection failed ({type(error).__name__})")
    said = f"the store answers {status}" if status else type(error).__name__
    return StoreError(STORE_UNREACHABLE, f"can't be read: {said}", where=place)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of some client library, or one that caused it, carries."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return None
        if (status := _own_status(seen)) is not None:
            return status
        seen = seen.__cause__ or seen.__context__
    return None


def _own_status(error: BaseException) -> int | None:
    if type(error).__module__ == "aiohttp.http_exceptions":
        return None  # its parser's own, of an answer that broke off, not the server's
    response: object = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        metadata = response.get("ResponseMetadata")
        found: object = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
        return found if isinstance(found, int) else None
    for holder, name in ((error, "status"), (error, "status_code"), (response, "status_code"), (error, "code")):
        found = getattr(holder, name, None)
        if isinstance(found, int) and 100 <= found <= 599:  # noqa: PLR2004  what HTTP has
            return found
    return None


def _asked_wait(error: BaseException) -> float | None:
    response: object = getattr(error, "response", None)
    headers: object = getattr(response, "headers", None) or getattr(error, "headers", None)
    if isinstance(response, dict):
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders")
    get = getattr(headers, "get", None)
    said = None if get is None else get("retry-after") or get("Retry-After")
    # (A date instead of seconds is rare, and our own pause does as well.)
    return float(said) if isinstance(said, str) and said.isascii() and said.isdigit() else None


def _is_broken_connection(error: BaseException) -> bool:
    loaded = ((sys.modules.get(module), name) for module, name in _BROKEN_CONNECTIONS)
    kinds = tuple(getattr(module, name, None) for module, name in loaded if module is not None)
    known = tuple(kind for kind in kinds if isinstance(kind, type))
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return False
        if isinstance(seen, (ConnectionError, TimeoutError, *known)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
