"""Fetching a Sigstore's trust root from the TUF repository that publishes it.

python-tuf's client follows the specification (root rotation, versions, expiry, hashes) from a root that is already
trusted: one that was given, the one of the last update, or for the public Sigstore the one that sigstore-python brings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from dbom.canonical import JsonObject, canonical_json, json_object
from dbom.errors import TrustError, UsageError
from dbom.names import CLIENT_TRUST_CONFIG_V01
from dbom.printable import printable
from dbom.rules.local import TRUST_UPDATE

if TYPE_CHECKING:
    from pathlib import Path

    from tuf.ngclient.updater import Updater

__all__ = ["PUBLIC_REPOSITORY", "FetchedTrust", "fetch_trust"]

PUBLIC_REPOSITORY: Final = "https://tuf-repo-cdn.sigstore.dev"
"""Where the public Sigstore publishes its trust root."""

_ROOT_TARGET: Final = "trusted_root.json"
_SIGNING_TARGET: Final = "signing_config.v0.2.json"


@dataclass(frozen=True, slots=True)
class FetchedTrust:
    """What a repository publishes: the trusted root's bytes, and the signing services' where it names them."""

    url: str
    trusted_root: bytes = field(repr=False)
    signing_config: bytes | None = field(repr=False)

    def trust_config(self) -> bytes:
        """Return the client trust configuration. Raises `TrustError` where the repository names no services."""
        if self.signing_config is None:
            raise TrustError(
                TRUST_UPDATE, "the repository names no signing services", where=self.url, expected=_SIGNING_TARGET
            )
        document: JsonObject = {
            "mediaType": CLIENT_TRUST_CONFIG_V01,
            "trustedRoot": json_object(self.trusted_root, where=_ROOT_TARGET),
            "signingConfig": json_object(self.signing_config, where=_SIGNING_TARGET),
        }
        return canonical_json(document) + b"\n"


def fetch_trust(url: str, *, home: Path, root: bytes | None = None) -> FetchedTrust:
    """Fetch what the TUF repository at `url` publishes; `home` keeps its metadata from one update to the next.

    `root` is the repository's root metadata, of whatever version, by a way that can be trusted; it may be left out for
    the public Sigstore and for a repository that was met before. Raises `TrustError` where the repository can't be
    reached, where what it serves doesn't hold or where there is nothing to start from, and `UsageError` for an address
    that isn't one.
    """
    from tuf.api.exceptions import DownloadError, RepositoryError  # noqa: PLC0415  heavy

    address, where = _checked(url), printable(url)
    folder = home / "tuf" / quote(address, safe="")
    start = root if root is not None else _start(address, folder)
    try:
        for part in ("metadata", "targets"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        updater = _updater(address, folder, start)
        updater.refresh()
        return FetchedTrust(where, _required(updater, where), _target(updater, _SIGNING_TARGET))
    except (DownloadError, RepositoryError) as error:
        raise TrustError(TRUST_UPDATE, _said(error), where=where) from error
    except OSError as error:
        raise TrustError(TRUST_UPDATE, f"can't be updated: {error.strerror or error}", where=where) from error


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("https", "http") and parts.hostname is not None and not parts.query
    except ValueError:
        good = False
    if not good:
        raise UsageError(TRUST_UPDATE, "not the address of a TUF repository", where=printable(url))
    return url.rstrip("/")


def _start(address: str, folder: Path) -> bytes | None:
    """Return the root to start from; None where the last update left one."""
    if (folder / "metadata" / "root.json").exists():
        return None
    if address == PUBLIC_REPOSITORY:
        brought = files("sigstore") / "_store" / quote(address, safe="") / "root.json"
        if brought.is_file():
            return brought.read_bytes()
    raise TrustError(
        TRUST_UPDATE,
        "nothing to trust it by: this repository was never met before",
        where=printable(address),
        hint="give its root metadata with --root, by a way that you trust",
    )


def _updater(address: str, folder: Path, start: bytes | None) -> Updater:
    from tuf.ngclient.config import UpdaterConfig  # noqa: PLC0415  heavy
    from tuf.ngclient.updater import Updater  # noqa: PLC0415  heavy

    return Updater(
        metadata_dir=str(folder / "metadata"),
        metadata_base_url=f"{address}/",
        target_dir=str(folder / "targets"),
        target_base_url=f"{address}/targets/",
        config=UpdaterConfig(app_user_agent="dbom"),
        bootstrap=start,
    )


def _required(updater: Updater, where: str) -> bytes:
    found = _target(updater, _ROOT_TARGET)
    if found is None:
        raise TrustError(TRUST_UPDATE, "the repository publishes no trust root", where=where, expected=_ROOT_TARGET)
    return found


def _target(updater: Updater, name: str) -> bytes | None:
    """Return a target's bytes; what was kept from the last update is checked against the metadata again."""
    info = updater.get_targetinfo(name)
    if info is None:
        return None
    from pathlib import Path  # noqa: PLC0415  the client answers with a text

    data = Path(updater.find_cached_target(info) or updater.download_target(info)).read_bytes()
    info.verify_length_and_hashes(data)
    return data


def _said(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"the repository doesn't hold: {printable(text[0]) if text else type(error).__name__}"
