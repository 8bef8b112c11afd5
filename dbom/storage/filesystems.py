"""From a URL to fsspec's file system: which package it needs, what its backends raise, how it may be shown."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from dbom.errors import MissingExtraError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import STORE_URL_REFUSED
from dbom.rules.everyday import EXTRA_MISSING
from dbom.storage.faults import unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fsspec import AbstractFileSystem

__all__ = ["close_filesystem", "open_filesystem", "open_own_filesystem", "service_errors", "shown_url", "wait_for"]

_Result = TypeVar("_Result")

_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "adl": "azure",
    "hf": "hf",
}

# fsspec's backends let some errors of their client libraries through that aren't OSErrors.
_SERVICE_ERRORS = (
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("http.client", "HTTPException"),
    ("httpx", "HTTPError"),
    ("httpx2", "HTTPError"),
)


def open_filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL and the path in it.

    Raises `MissingExtraError` where its package isn't installed, `UsageError` for what isn't an address, `StoreError`
    where it can't be reached.
    """
    if "::" in url:
        raise UsageError(STORE_URL_REFUSED, "chained URLs are not taken", where=shown_url(url))
    return _opened(url, {})


def open_own_filesystem(url: str, **options: object) -> tuple[AbstractFileSystem, str]:
    """Return a file system that nobody else in this process uses, without a cache of listings, and the path in it.

    Whoever opened it closes it with `close_filesystem`. It raises what `open_filesystem` raises.
    """
    return _opened(url, {**options, "skip_instance_cache": True, "use_listings_cache": False})


def close_filesystem(filesystem: AbstractFileSystem) -> None:
    """Close the connections of a file system of one's own, each library's in its way.

    (s3fs closes them when the last reference goes; gcsfs and adlfs leave them to the end of the process.)
    """
    for name in ("session", "service_client"):
        close = getattr(getattr(filesystem, name, None), "close", None)
        if close is not None:
            with suppress(*service_errors()):
                wait_for(filesystem, close)


def wait_for(filesystem: AbstractFileSystem, call: Callable[..., Awaitable[_Result]], *arguments: object) -> _Result:
    """Run a coroutine of an asynchronous file system's library to its end and return what it returns."""
    from fsspec.asyn import sync  # noqa: PLC0415  only who names a URL pays for it

    result: _Result = sync(filesystem.loop, call, *arguments)
    return result


def _opened(url: str, options: dict[str, object]) -> tuple[AbstractFileSystem, str]:
    import fsspec  # noqa: PLC0415  only who names a URL pays for it

    protocol = url.partition("://")[0]
    try:
        filesystem, root = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        hint = f"pip install 'dbom[{extra}]'" if extra else f"install fsspec's package for {printable(protocol)}://"
        raise MissingExtraError(
            EXTRA_MISSING,
            f"{printable(protocol)}:// needs a package that isn't installed",
            where=shown_url(url),
            hint=hint,
        ) from error
    except ValueError as error:
        raise UsageError(STORE_URL_REFUSED, "not an address of a store", where=shown_url(url)) from error
    except service_errors() as error:
        raise unreachable("can't be opened", shown_url(url), error) from error
    return filesystem, str(root)


def shown_url(url: str) -> str:
    """Return a URL without what may be a secret: user, password, query and fragment."""
    parts = urlsplit(url)
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/"))


def service_errors() -> tuple[type[BaseException], ...]:
    """Return what the backends may raise: OSError and the base errors of those client libraries that are loaded."""
    loaded = ((sys.modules.get(module), name) for module, name in _SERVICE_ERRORS)
    found = (getattr(module, name, None) for module, name in loaded if module is not None)
    return (OSError, *(error for error in found if isinstance(error, type) and issubclass(error, Exception)))
