"""The S3 client of a process: botocore's own, set up as s3fs would set up its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbom.errors import MissingExtraError, UsageError
from dbom.printable import printable
from dbom.rules.artifacts import STORE_URL_REFUSED
from dbom.rules.everyday import EXTRA_MISSING
from dbom.storage.faults import unreachable
from dbom.storage.filesystems import service_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ClientOptions", "client_options", "open_client"]

_CONNECTIONS = 64
"""More than the requests that are under way at once: eight objects, or the ranges of one."""

# No checksum beside the sha256 that we compute of every byte. (One way of asking again, ours, is set below: botocore
# writes into what it is given for that.)
_QUIET: dict[str, object] = {
    "connect_timeout": 10,
    "max_pool_connections": _CONNECTIONS,
    "response_checksum_validation": "when_required",
}

_CREDENTIALS = {
    "key": "aws_access_key_id",
    "username": "aws_access_key_id",
    "secret": "aws_secret_access_key",
    "password": "aws_secret_access_key",
    "token": "aws_session_token",
}

_KNOWN = frozenset({"anon", "client_kwargs", "config_kwargs", "endpoint_url", "profile", "requester_pays", "use_ssl"})

# What s3fs takes and what says nothing of how objects are found and read.
_NOT_OURS = frozenset(
    {
        "cache_regions",
        "default_block_size",
        "default_cache_type",
        "default_fill_cache",
        "fixed_upload_size",
        "listings_expiry_time",
        "local_expiry_check",
        "max_concurrency",
        "max_paths",
        "skip_instance_cache",
        "use_listings_cache",
        "version_aware",
    }
)


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What a client is made from: a profile, botocore's arguments, its configuration, and what goes with each call."""

    profile: str | None
    anonymous: bool
    arguments: Mapping[str, object]
    config: Mapping[str, object]
    calls: Mapping[str, object]


def client_options(settings: Mapping[str, object]) -> ClientOptions:
    """Read what fsspec's configuration says of `s3`, as s3fs reads it; nothing is the usual case.

    Raises `UsageError` for a setting that isn't known here: left out in silence, it could lead to another bucket.
    """
    if unknown := sorted(settings.keys() - _CREDENTIALS.keys() - _KNOWN - _NOT_OURS):
        raise UsageError(
            STORE_URL_REFUSED,
            "fsspec's configuration has a setting for s3 that isn't known here",
            got=printable(unknown[0]),
            hint="set it by AWS's own environment variables or configuration file",
        )
    arguments = {_CREDENTIALS[name]: value for name, value in settings.items() if name in _CREDENTIALS}
    if settings.get("endpoint_url"):
        arguments["endpoint_url"] = settings["endpoint_url"]
    if "use_ssl" in settings:
        arguments["use_ssl"] = _is_set(settings["use_ssl"])
    profile = settings.get("profile")
    return ClientOptions(
        profile=None if profile is None else str(profile),
        anonymous=_is_set(settings.get("anon")),
        arguments=arguments | _table(settings, "client_kwargs"),
        config=_table(settings, "config_kwargs") | _QUIET | {"retries": {"total_max_attempts": 1}},
        calls={"RequestPayer": "requester"} if _is_set(settings.get("requester_pays")) else {},
    )


def open_client(where: str) -> tuple[Any, Mapping[str, object]]:
    """Return a client of S3, and what goes with each call of it.

    Credentials, region, endpoint, proxies and certificates come from where botocore looks for them, and from fsspec's
    configuration for `s3`. It may be used from any thread. Raises `MissingExtraError` where botocore isn't installed,
    `StoreError` where those settings can't be used.
    """
    try:
        from botocore import UNSIGNED  # noqa: PLC0415  only who names an S3 URL pays for it
        from botocore.config import Config  # noqa: PLC0415  the same
        from botocore.session import Session  # noqa: PLC0415  the same
    except ImportError as error:
        raise MissingExtraError(
            EXTRA_MISSING, "s3:// needs a package that isn't installed", where=where, hint="pip install 'dbom[s3]'"
        ) from error
    options = client_options(_fsspec_settings())
    unsigned = {"signature_version": UNSIGNED} if options.anonymous else {}
    try:
        session = Session(profile=options.profile)
        client = session.create_client("s3", config=Config(**options.config, **unsigned), **options.arguments)
    except _errors() as error:
        raise unreachable("S3's client can't be set up", where, error) from error
    return client, options.calls


def _fsspec_settings() -> dict[str, object]:
    from fsspec.config import conf  # noqa: PLC0415  only who names an S3 URL pays for it

    return {**conf.get("s3", {}), **conf.get("s3a", {})}


def _errors() -> tuple[type[BaseException], ...]:
    # botocore says ValueError for an endpoint that is no URL, TypeError for an argument that it doesn't know.
    return (*service_errors(), TypeError, ValueError)


def _table(settings: Mapping[str, object], name: str) -> dict[str, object]:
    found = settings.get(name)
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}


def _is_set(value: object) -> bool:
    # INI files and FSSPEC_S3_ANON hold words.
    return value.strip().lower() not in ("", "0", "false", "no") if isinstance(value, str) else bool(value)
