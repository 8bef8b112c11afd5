"""The one door to a fingerprint, wherever the data lives and whoever reads it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from dbom.errors import UsageError
from dbom.ignores import Ignores
from dbom.printable import printable
from dbom.rules.everyday import USAGE
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from dbom.cache import Cache
    from dbom.engine import Journal
    from dbom.hashing import Files
    from dbom.items import Progress
    from dbom.model import Entry, Fingerprint
    from dbom.reuse import Reuse

__all__ = ["fingerprint", "is_url", "open_journal", "source_name"]


def fingerprint(
    source: str | os.PathLike[str],
    *,
    ignores: Sequence[str] | None = None,
    follow_links: bool = False,
    jobs: int = 0,
    engine: str | None = None,
    ray_address: str | None = None,
    executor: Executor | None = None,
    journal: str | os.PathLike[str] | None = None,
    cache: Cache | None = None,
    computed: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
    reuse: Reuse | None = None,
    forked: bool = False,
) -> Fingerprint:
    """Return what the artifact at `source`, a path, a URL or a pattern of one, is: its digest, and its files.

    A pattern has `*` and names nothing as it stands; its files are a tree below the folder before the first `*` or `?`.

    `ignores` are patterns to leave out of a tree (None: the default ones), `jobs` the threads to read with (0: what
    suits). `engine` is `threads` or `ray`, on the cluster at `ray_address`; or any `executor` of `concurrent.futures`,
    whose workers find the same files at the same paths.

    A killed run resumes from its `journal`, a file. A path may be read with `follow_links` that lead out of it, and a
    `cache` of what was read before. Of a URL, all is read with `computed`; otherwise a store's word is taken where
    it is a digest of the content. `offline` forbids the network. `reuse` takes over what an earlier, verified statement
    vouches for, and notes the states of the files (`attest.reusing.reuse_of` makes it, after checking the statement).
    `forked` lets many small local files be read by forked processes: for programs that have nothing else going on.

    Raises `UsageError` for words that don't go together, otherwise as `tree.fingerprint_path` and
    `remote.fingerprint_url` do.
    """
    if executor is not None and (engine is not None or ray_address is not None):
        raise UsageError(USAGE, "an executor and an engine are two answers to one question")
    if computed and reuse is not None and reuse.known:
        raise UsageError(USAGE, "to read all and to re-use what is known are two answers to one question")
    text = os.fspath(source)
    with ExitStack() as opened:
        if executor is None and (engine is not None or ray_address is not None or journal is not None):
            from dbom.engine import open_engine  # noqa: PLC0415  only who asks for it pays for it

            executor = opened.enter_context(open_engine(engine or "threads", ray_address=ray_address, jobs=jobs))
        if is_url(text):
            from dbom.remote import fingerprint_url  # noqa: PLC0415  only who names a URL pays for it

            _demand_for_urls(text, cache=cache, follow_links=follow_links)
            log = None if journal is None else opened.enter_context(open_journal(journal, text, ignores))
            return fingerprint_url(
                text,
                ignores=ignores,
                computed=computed,
                jobs=jobs,
                executor=executor,
                progress=progress,
                journal=log,
                offline=offline,
                reuse=reuse,
            )
        log = None if journal is None else opened.enter_context(open_journal(journal, text, ignores))
        read = None if executor is None else partial(_read, executor=executor, journal=log, progress=progress)
        return fingerprint_path(
            text,
            ignores=ignores,
            follow_links=follow_links,
            jobs=jobs,
            progress=progress,
            cache=cache,
            read=read,
            reuse=reuse,
            globs=True,
            forked=forked and executor is None,
        )


def is_url(source: str) -> bool:
    """Return whether a text is a URL rather than a path."""
    protocol, separator, _ = source.partition("://")
    return bool(separator) and protocol.isalnum()


def source_name(source: str | os.PathLike[str]) -> str:
    """Return what a source is called where a later reading must be of the same: a resolved path, or a URL.

    A URL's password, query and fragment are left out: they may be secrets, and a document says this.
    """
    text = os.fspath(source)
    if text.startswith(("file://", "local://")):
        return _resolved(unquote(urlsplit(text).path))
    if is_url(text):
        parts = urlsplit(text)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    return _resolved(text)


def _resolved(path: str) -> str:
    # A path that isn't UTF-8 can't stand in a document as it is.
    return os.fsencode(os.path.realpath(path)).decode(errors="backslashreplace")


def _demand_for_urls(url: str, *, cache: Cache | None, follow_links: bool) -> None:
    for given, what in ((cache is not None, "a cache"), (follow_links, "following links")):
        if given:
            raise UsageError(USAGE, f"{what} is for local paths", where=printable(url))


def open_journal(path: str | os.PathLike[str], source: str, ignores: Sequence[str] | None) -> Journal:
    """Open the journal at `path` of a run over `source`, a path or a URL. Raises as `Journal.open` does."""
    from dbom.engine import Journal  # noqa: PLC0415  only who asks for it pays for it

    tree = source if is_url(source) else os.path.realpath(source)
    return Journal.open(path, tree=tree, ignores=Ignores.of(ignores).texts)


def _read(items: Files, *, executor: Executor, journal: Journal | None, progress: Progress | None) -> list[Entry]:
    """Read items on the executor's workers; the entries come back in any order, and are put into the items' order."""
    from dbom.engine import digest_items  # noqa: PLC0415  only who asks for it pays for it

    found = {entry.path: entry for entry in digest_items(items, executor, journal=journal, progress=progress)}
    return [found[item.path] for item in items]
