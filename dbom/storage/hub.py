"""A repository of a Hugging Face hub, at one commit, through huggingface_hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from dbom.errors import MissingExtraError, PathError, UsageError
from dbom.model import Unknown
from dbom.printable import printable
from dbom.rules.artifacts import PATH_MISSING, URL_REFUSED
from dbom.rules.everyday import EXTRA_MISSING
from dbom.storage.attested import attested_by_hub
from dbom.storage.filesystems import service_errors, shown_url
from dbom.storage.objects import Place, RemoteObject
from dbom.storage.ranges import CHUNK_BYTES, demand_range
from dbom.storage.retries import TransientError, judged, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile, RepoFolder

    _Result = TypeVar("_Result")

__all__ = ["HubSource", "hub_place"]

_TIMEOUT = 60.0
_KINDS = {"datasets": "dataset", "models": "model", "spaces": "space"}
_ADDRESS = re.compile(
    r"hf://(?:(?P<kind>datasets|models|spaces)/)?(?P<name>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/(?:convert|pr)/[^/@]+|[^/@]+))?(?:/(?P<path>.*))?",
    re.ASCII | re.DOTALL,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PARTIAL = 206


def hub_place(url: str) -> Place:
    """Return the place of `hf://[datasets/|spaces/]org/name[@revision][/path]`, its revision resolved to a commit.

    A branch is asked for once, so that everything is read at one commit, whatever is pushed meanwhile.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise UsageError(
            URL_REFUSED, "not a hub's address", where=shown_url(url), expected="hf://[datasets/]ORG/NAME[@REVISION]"
        )
    kind = "" if found["kind"] in (None, "models") else f"{found['kind']}/"
    base = f"hf://{kind}{found['name']}"
    revision = unquote(found["revision"]) if found["revision"] else None
    if revision is None or _COMMIT.fullmatch(revision) is None:
        api = _api(url)
        info = _asked(
            base,
            lambda: api.repo_info(
                found["name"], repo_type=_KINDS[found["kind"] or "models"], revision=revision, timeout=_TIMEOUT
            ),
        )
        revision = str(info.sha)
        if _COMMIT.fullmatch(revision) is None:
            raise UsageError(URL_REFUSED, "the hub names no commit", where=shown_url(base), got=printable(revision))
    return Place(f"{base}@{revision}", (found["path"] or "").rstrip("/"))


class HubSource:
    """One repository at one commit, which never changes."""

    still = True

    def __init__(self, root: str) -> None:
        self._root = root
        self._api = _api(root)
        base, _, self._commit = root.removeprefix("hf://").partition("@")
        kind, _, rest = base.partition("/")
        self._kind, self._name = (_KINDS[kind], rest) if kind in _KINDS else ("model", base)

    @property
    def host(self) -> str:
        """The hub's host."""
        return urlsplit(str(self._api.endpoint)).netloc

    def find(self, key: str) -> RemoteObject | None:
        """Ask for one file."""
        if not key:
            return None
        found = self._asked(
            key,
            lambda: self._api.get_paths_info(self._name, [key], revision=self._commit, repo_type=self._kind),
        )
        return next((item for item in _objects(found) if item.key == key), None)

    def below(self, prefix: str) -> Iterator[RemoteObject]:
        """List the files below a folder."""
        folder = prefix.rstrip("/") or None
        try:
            found = self._asked(
                prefix,
                lambda: list(
                    self._api.list_repo_tree(
                        self._name, folder, recursive=True, revision=self._commit, repo_type=self._kind
                    )
                ),
            )
        except PathError as error:
            if error.rule is PATH_MISSING and folder is not None:
                return
            raise
        yield from _objects(found)

    def fetch(self, item: RemoteObject, start: int, stop: int) -> Iterator[bytes]:
        """Read a range; the hub may send the reader to another host, to which the library sends no token."""
        if start == stop:
            return
        from huggingface_hub import get_session, hf_hub_url  # noqa: PLC0415  only who reads from a hub pays for it
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented, not declared  # noqa: PLC0415  the same
            build_hf_headers,
            hf_raise_for_status,
        )

        url = hf_hub_url(self._name, item.key, repo_type=self._kind, revision=self._commit, endpoint=self._api.endpoint)
        whole = (start, stop) == (0, item.size)
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if not whole:
            headers["Range"] = f"bytes={start}-{stop - 1}"
        try:
            with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as answer:
                hf_raise_for_status(answer)
                if not whole and answer.status_code != _PARTIAL:
                    raise TransientError("sent the whole where a range was asked for")
                if not whole:
                    demand_range(answer.headers.get("Content-Range"), start, stop, item.size)
                yield from answer.iter_bytes(CHUNK_BYTES)
        except service_errors() as error:
            raise judged(error, self.shown(item.key)) from error

    def stream(self, item: RemoteObject) -> Iterator[bytes]:
        """Read nothing: hubs know ranges."""
        raise NotImplementedError(item.key)

    def attestation(self, item: RemoteObject) -> str:
        """Return what the listing attests."""
        return item.attested

    def demand_same(self, item: RemoteObject) -> None:
        """Do nothing: a commit doesn't change."""

    def shown(self, key: str) -> str:
        """Return the file's URL at its commit."""
        return printable(f"{self._root}/{key}" if key else self._root)

    def location(self, item: RemoteObject) -> str:  # noqa: ARG002  the commit pins the whole repository
        """Return nothing: a file has no pin but its repository's."""
        return ""

    def tree_location(self, prefix: str) -> str | Unknown:
        """Return the repository at its commit, for the whole of it."""
        return Unknown("a commit pins a repository, not a folder of it") if prefix else self._root

    def close(self) -> None:
        """Do nothing: the connections are the library's, for the whole process."""

    def _asked(self, key: str, ask: Callable[[], _Result]) -> _Result:
        return _asked(self.shown(key), ask)


def _asked(where: str, ask: Callable[[], _Result]) -> _Result:
    def once() -> _Result:
        try:
            return ask()
        except service_errors() as error:
            raise judged(error, where) from error

    return retrying(once, where)


def _objects(found: Iterable[RepoFile | RepoFolder]) -> Iterator[RemoteObject]:
    from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415  only who reads from a hub pays for it

    for item in found:
        if isinstance(item, RepoFile):
            attested = attested_by_hub(getattr(item.lfs, "sha256", None)) or ""
            yield RemoteObject(item.path, int(item.size), item.blob_id, attested=attested)


def _api(url: str) -> HfApi:
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415  only who reads from a hub pays for it
    except ImportError as error:
        raise MissingExtraError(
            EXTRA_MISSING,
            "hf:// needs a package that isn't installed",
            where=shown_url(url),
            hint="pip install 'dbom[hf]'",
        ) from error
    return HfApi()
