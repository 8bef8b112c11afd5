"""What the clients of buckets copy, each by its own command line.

AWS CLI 2.28 (`s3 cp|sync|mv`, `s3api get-object`), gsutil 5 and gcloud (`storage`), rclone 1.70, s5cmd, mc, azcopy 10.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.download_lines import DownloadLine, named, shown, taken_apart
from admission.references.hub_places import NOT_PLAIN
from admission.references.places import uri_target
from admission.references.reference import ModelReference, Target
from admission.references.telling import is_ordinary_file, role_of
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["aws", "gcloud", "gsutil", "named_store", "s5cmd"]

_BY_CONFIGURATION: Final = "what store it is stands in the tool's configuration, or it can't be pinned"
_GENERATION: Final = re.compile(r"(?P<place>gs://[^#?]+)#(?P<generation>[0-9]+)")
_ELSEWHERE: Final = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "S3_ENDPOINT_URL",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE",
    "STORAGE_EMULATOR_HOST",
)
_MAY_LEAD_ELSEWHERE: Final = ("AWS_CONFIG_FILE", "AWS_PROFILE", "BOTO_CONFIG", "BOTO_PATH", "CLOUDSDK_CONFIG")


def aws(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `aws s3 cp|sync|mv` and `aws s3api get-object` copy."""
    valued = [
        "endpoint-url",
        "profile",
        "region",
        "output",
        "query",
        "ca-bundle",
        "bucket",
        "key",
        "version-id",
        "exclude",
        "include",
        "sse",
        "acl",
    ]
    line = taken_apart(words, valued)
    is_elsewhere = line.has("endpoint-url", "no-verify-ssl", "ca-bundle")
    if (line.text(0), line.text(1)) == ("s3api", "get-object"):
        return _s3_object(container, line, is_elsewhere=is_elsewhere)
    if line.text(0) != "s3" or line.text(1) not in ("cp", "sync", "mv") or _copies_ordinary_files(line):
        return []
    return _copied(container, line.positionals[2:], ("s3://",), is_elsewhere=is_elsewhere)


def _copies_ordinary_files(line: DownloadLine) -> bool:
    """Return whether the filters of a copy leave nothing but files of ordinary endings.

    They are looked at in turn, and the last that meets a file decides: after `--exclude "*"` only what is included is
    copied. A file that is named by itself is copied whatever the filters say.
    """
    filters = [(name, word.value) for name, word in line.flags if name in ("exclude", "include") and word is not None]
    is_folder = line.text(1) == "sync" or line.has("recursive")
    return (
        is_folder
        and filters[:1] == [("exclude", "*")]
        and all(name == "exclude" or (isinstance(value, str) and is_ordinary_file(value)) for name, value in filters)
    )


def _s3_object(container: Container, line: DownloadLine, *, is_elsewhere: bool) -> list[ModelReference]:
    words = {name: word for name, word in line.flags if name in ("bucket", "key", "version-id") and word is not None}
    values = {name: word.value for name, word in words.items()}
    bucket, key, version = (values.get(name) for name in ("bucket", "key", "version-id"))
    if key is None:
        return []
    text = f"s3://{bucket}/{key}" if isinstance(bucket, str) and isinstance(key, str) else ""
    role = role_of(text, line.text(2))
    if role is None:
        return []
    if isinstance(version, Unknown) or not text:
        return [named(role, words["key"], Target.opaque("its bucket, key or version can't be told"))]
    place = text if version is None else f"{text}?versionId={version}"
    target = _stored(container, place, is_elsewhere=is_elsewhere or len(line.values("version-id")) > 1)
    return [named(role, words["key"], target)]


def _stored(container: Container, place: str, *, is_elsewhere: bool) -> Target:
    environment = container.environment
    if is_elsewhere or any(environment.value(name) is not None for name in _ELSEWHERE):
        return Target.opaque("it is asked of another endpoint, whose buckets have any name")
    target = uri_target(place)
    may = any(environment.value(name) is not None for name in _MAY_LEAD_ELSEWHERE)
    if target.location is not None and (may or not environment.is_whole):
        return Target.opaque(NOT_PLAIN)
    return target


def _copied(
    container: Container, words: Sequence[Word], schemes: tuple[str, ...], *, is_elsewhere: bool = False
) -> list[ModelReference]:
    """Return the sources of a copy that come from a bucket; the last word is where they go."""
    if len(words) < 2:  # noqa: PLR2004  from where, and where to
        return []
    *sources, last = words
    to = last.value if isinstance(last.value, str) else ""
    found: list[ModelReference] = []
    for word in sources:
        text = word.value if isinstance(word.value, str) else ""
        is_remote = text.startswith(schemes) or (isinstance(word.value, Unknown) and "://" not in to)
        role = role_of(text or word.text, to) if is_remote and not to.startswith(schemes) else None
        if role is None:
            continue
        match = _GENERATION.fullmatch(text)
        place = f"{match['place']}?generation={match['generation']}" if match else text
        found.append(named(role, word, _stored(container, place, is_elsewhere=is_elsewhere)))
    return found


def gsutil(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `gsutil cp|rsync|mv` copies."""
    line = taken_apart(words, ["o", "h", "u", "x"])
    copies = line.text(0) in ("cp", "rsync", "mv")
    return _copied(container, line.positionals[1:], ("gs://", "s3://"), is_elsewhere=line.has("o")) if copies else []


def gcloud(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `gcloud storage cp|rsync|mv` copies."""
    line = taken_apart(words, ["project", "account", "configuration", "exclude", "format"])
    copies = line.text(0) == "storage" and line.text(1) in ("cp", "rsync", "mv")
    return _copied(container, line.positionals[2:], ("gs://", "s3://")) if copies else []


def s5cmd(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `s5cmd cp|sync|mv` copies."""
    line = taken_apart(words, ["endpoint-url", "profile", "exclude", "include", "numworkers"])
    copies = line.text(0) in ("cp", "sync", "mv")
    is_elsewhere = line.has("endpoint-url")
    return _copied(container, line.positionals[1:], ("s3://",), is_elsewhere=is_elsewhere) if copies else []


def named_store(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `rclone`, `mc` and `azcopy` copy: their configuration names the store, or it can't be pinned."""
    del container
    line = taken_apart(
        words, ["config", "transfers", "checkers", "include", "exclude", "from-to", "log-level", "recursive"][:-1]
    )
    if line.text(0) not in ("copy", "copyto", "sync", "cp", "mirror", "cat", "move") or len(line.positionals) < 3:  # noqa: PLR2004  the command, from, to
        return []
    word, to = line.positionals[1], line.text(2)
    role = role_of(shown(word).replace(":", "/", 1) if "://" not in shown(word) else shown(word), to)
    is_remote = ":" in shown(word) or "/" in shown(word)
    if role is None or not is_remote or (":" in to and not to.startswith("/")):
        return []
    return [named(role, word, Target.opaque(_BY_CONFIGURATION))]
