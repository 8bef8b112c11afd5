"""The cache of digests, as the commands that may use it open and speak of it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.output import say
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbom.cache import Cache

__all__ = ["NoCacheOption", "TrustCacheOption", "opened_cache"]

NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Read files even if they haven't changed.")]
TrustCacheOption = Annotated[
    bool,
    typer.Option("--trust-cache", help="Don't read files that haven't changed since this user read them, and say so."),
]


@contextmanager
def opened_cache(*, wanted: bool) -> Iterator[Cache | None]:
    """Give the user's cache, or None where it isn't wanted; say behind it what was taken from it, or what is wrong."""
    if not wanted:
        yield None
        return
    from dbom.cache import Cache, cache_file

    cache = Cache(cache_file(os.environ))
    yield cache
    if cache.trouble:
        say(f"the cache isn't used: {printable(cache.trouble)}")
    elif cache.hits:
        say(f"{cache.hits} files are as they were when they were read before, and were not read again", verbose=True)
