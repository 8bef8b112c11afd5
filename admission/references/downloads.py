"""What a container downloads before it loads it: the command lines of well-known tools, as their own help words them.

huggingface_hub 0.35 (`hf download`, `huggingface-cli download`), AWS CLI 2.28 (`s3 cp|sync|mv`, `s3api get-object`),
gsutil 5 and gcloud (`storage`), rclone 1.70, s5cmd, mc, azcopy 10, wget 1.25, curl 8, oras 1.3, kit 1.7, skopeo 1.20,
git 2.51. Which downloads are a model's, `admission.references.telling` says. A pin counts only where nothing can lead
elsewhere: no other endpoint, no flag that isn't known, and no folder that may hold files already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from admission.references.container import Revision
from admission.references.hub_places import NOT_PLAIN, hub_target, url_target
from admission.references.places import image_target, uri_target
from admission.references.reference import ModelReference, Role, Target
from admission.references.telling import role_of
from admission.references.words import Word, basename
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from admission.references.container import Container

__all__ = ["download_references"]

_IMAGES: Final = {"aws-cli": "aws", "git": "git", "kitops": "kit", "google-cloud-cli": "gcloud"}
_NO_REPOSITORY: Final = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:api|docs|blog|settings|join)/")
_GENERATION: Final = re.compile(r"(?P<place>gs://[^#?]+)#(?P<generation>[0-9]+)")
_MOST_LETTERS: Final = 6
_CURL_CLUSTER: Final = re.compile(r"-[fLsSoOqvJ]+")
_CURL_PLAIN: Final = ("--fail", "--location", "--silent", "--show-error", "--output", "--remote-name", "--create-dirs")
_WGET_PLAIN: Final = re.compile(r"-[qOvP]+|--quiet|--no-verbose|-nv|--show-progress|--output-document")
_CURL_VALUED: Final = frozenset(
    ["output", "retry", "header", "user", "user-agent", "max-time", "connect-timeout", "data", "request", "cacert"]
)
_ELSEWHERE: Final = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "S3_ENDPOINT_URL",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE",
    "STORAGE_EMULATOR_HOST",
)
_MAY_LEAD_ELSEWHERE: Final = ("AWS_CONFIG_FILE", "AWS_PROFILE", "BOTO_CONFIG", "BOTO_PATH", "CLOUDSDK_CONFIG")
_NOT_THE_HUB: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "WGETRC")
_CHANGED: Final = "what is fetched to a folder can be changed before it is loaded: mount it as an image volume"


@dataclass(frozen=True, slots=True)
class _Line:
    """The words of a tool behind its name: those that are no flags, and its flags with their values."""

    positionals: tuple[Word, ...]
    flags: tuple[tuple[str, Word | None], ...]

    def values(self, *names: str) -> list[str | Unknown]:
        return [word.value for name, word in self.flags if name in names and word is not None]

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.flags)

    def text(self, number: int) -> str:
        value = self.positionals[number].value if number < len(self.positionals) else ""
        return value if isinstance(value, str) else ""


def download_references(container: Container) -> list[ModelReference]:
    """Return what the words of a container download, where that is a model's or a dataset's."""
    words = container.words
    for number, word in enumerate(words):
        tool = _TOOLS.get(basename(word))
        if tool is not None:
            return tool(container, words[number + 1 :])
    if container.has_command or container.is_hook:
        return []
    tool = _TOOLS.get(_IMAGES.get(container.image_name, container.image_name))
    if tool is None and "/skopeo/" in container.image:
        tool = _skopeo
    return tool(container, words) if tool is not None else []


def _line(words: Sequence[Word], valued: Iterable[str], *, short: str = "") -> _Line:
    """Return a command line taken apart; `valued` are the flags that take a word, `short` those of one letter."""
    valued = frozenset(valued)
    positionals: list[Word] = []
    flags: list[tuple[str, Word | None]] = []
    number, is_over = 0, False
    while number < len(words):
        word = words[number]
        text = word.text if isinstance(word.value, Unknown) else word.value
        number += 1
        if is_over or not text.startswith("-") or text == "-":
            positionals.append(word)
        elif text == "--":
            is_over = True
        else:
            name, equals, value = text.lstrip("-").partition("=")
            if equals:
                flags.append((name, replace(word, value=word.value if isinstance(word.value, Unknown) else value)))
            elif name in valued or (not text.startswith("--") and name[-1:] and name[-1] in short):
                flags.append((name, words[number] if number < len(words) else None))
                number += 1
            else:
                flags.append((name, None))
    return _Line(tuple(positionals), tuple(flags))


def _shown(word: Word) -> str:
    # A query may hold a key to a bucket.
    return word.text if isinstance(word.value, Unknown) else word.value.partition("?")[0]


def _made(role: Role, word: Word, target: Target) -> ModelReference:
    if isinstance(word.value, Unknown):
        target = Target.opaque(word.value.reason)
    return ModelReference(role, _shown(word), word.path, target)


def _hub_client(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    valued = [
        "repo-type",
        "revision",
        "include",
        "exclude",
        "cache-dir",
        "local-dir",
        "token",
        "max-workers",
        "local-dir-use-symlinks",
    ]
    line = _unabbreviated(_line(words, [*valued, *_beginnings(valued)]), valued)
    if line.text(0) != "download" or len(line.positionals) < 2:  # noqa: PLR2004  the command and what it downloads
        return []
    kinds = line.values("repo-type")
    kind = {"dataset": "datasets/", "space": "spaces/"}.get(str(kinds[-1]) if kinds else "", "")
    role = {"datasets/": Role.DATASET, "spaces/": Role.CODE}.get(kind, Role.MODEL)
    word = line.positionals[1]
    if isinstance(word.value, Unknown) or any(isinstance(value, Unknown) for value in kinds) or len(kinds) > 1:
        return [_made(role, word, Target.opaque("what kind of repository it is can't be told"))]
    folders = [*line.values("local-dir"), *line.values("cache-dir")]
    revision = Revision.of(line.values("revision"))
    return [_made(role, word, hub_target(container, word.value, revision, kind=kind, folders=folders))]


def _beginnings(names: Iterable[str]) -> list[str]:
    # argparse takes any unambiguous beginning of a flag.
    return [name[:length] for name in names for length in range(2, len(name))]


def _unabbreviated(line: _Line, names: Sequence[str]) -> _Line:
    flags = [
        (next((full for full in names if full.startswith(name) and name), name), word) for name, word in line.flags
    ]
    return replace(line, flags=tuple(flags))


def _aws(container: Container, words: Sequence[Word]) -> list[ModelReference]:
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
    line = _line(words, valued)
    is_elsewhere = line.has("endpoint-url", "no-verify-ssl", "ca-bundle")
    if (line.text(0), line.text(1)) == ("s3api", "get-object"):
        return _s3_object(container, line, is_elsewhere=is_elsewhere)
    if line.text(0) != "s3" or line.text(1) not in ("cp", "sync", "mv"):
        return []
    return _copied(container, line.positionals[2:], ("s3://",), is_elsewhere=is_elsewhere)


def _s3_object(container: Container, line: _Line, *, is_elsewhere: bool) -> list[ModelReference]:
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
        return [_made(role, words["key"], Target.opaque("its bucket, key or version can't be told"))]
    place = text if version is None else f"{text}?versionId={version}"
    target = _stored(container, place, is_elsewhere=is_elsewhere or len(line.values("version-id")) > 1)
    return [_made(role, words["key"], target)]


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
        found.append(_made(role, word, _stored(container, place, is_elsewhere=is_elsewhere)))
    return found


def _gsutil(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    line = _line(words, ["o", "h", "u", "x"])
    copies = line.text(0) in ("cp", "rsync", "mv")
    return _copied(container, line.positionals[1:], ("gs://", "s3://"), is_elsewhere=line.has("o")) if copies else []


def _gcloud(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    line = _line(words, ["project", "account", "configuration", "exclude", "format"])
    copies = line.text(0) == "storage" and line.text(1) in ("cp", "rsync", "mv")
    return _copied(container, line.positionals[2:], ("gs://", "s3://")) if copies else []


def _s5cmd(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    line = _line(words, ["endpoint-url", "profile", "exclude", "include", "numworkers"])
    copies = line.text(0) in ("cp", "sync", "mv")
    is_elsewhere = line.has("endpoint-url")
    return _copied(container, line.positionals[1:], ("s3://",), is_elsewhere=is_elsewhere) if copies else []


def _named_store(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """rclone, mc and azcopy: what they copy from is named in their configuration, or can't be pinned."""
    del container
    line = _line(
        words, ["config", "transfers", "checkers", "include", "exclude", "from-to", "log-level", "recursive"][:-1]
    )
    if line.text(0) not in ("copy", "copyto", "sync", "cp", "mirror", "cat", "move") or len(line.positionals) < 3:  # noqa: PLR2004  the command, from, to
        return []
    word, to = line.positionals[1], line.text(2)
    role = role_of(_shown(word).replace(":", "/", 1) if "://" not in _shown(word) else _shown(word), to)
    is_remote = ":" in _shown(word) or "/" in _shown(word)
    if role is None or not is_remote or (":" in to and not to.startswith("/")):
        return []
    return [
        _made(role, word, Target.opaque("what store it is stands in the tool's configuration, or it can't be pinned"))
    ]


def _curl(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    line = _line(words, _CURL_VALUED, short="oHuAmXdbFeK")
    targets = [word.value for name, word in line.flags if _is_output(name) and word is not None]
    clusters = "".join(name for name, _ in line.flags if _is_cluster(name))
    saves = container.saves or line.has("remote-name") or "O" in clusters
    saves = saves or any(value not in ("/dev/null", "-") for value in targets)
    if not saves or line.has("head") or "I" in clusters:
        return []
    known = ("retry", "create-dirs", "o", "output")
    is_plain = all(
        name in known or f"--{name}" in _CURL_PLAIN or _CURL_CLUSTER.fullmatch(f"-{name}") for name, _ in line.flags
    )
    return _fetched(container, line, targets, is_plain=is_plain)


def _is_cluster(name: str) -> bool:
    return len(name) <= _MOST_LETTERS and name.isalpha()


def _is_output(name: str) -> bool:
    return name == "output" or (_is_cluster(name) and name.endswith("o"))


def _wget(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    return _saving(container, words, "OPTtUo", ("O", "P", "output-document", "directory-prefix"))


def _aria2c(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    return _saving(container, words, "odxsj", ("o", "d", "out", "dir"))


def _saving(container: Container, words: Sequence[Word], short: str, outputs: tuple[str, ...]) -> list[ModelReference]:
    """Return what a tool fetches that saves what it fetches, if it isn't told otherwise."""
    valued = [
        "output-document",
        "directory-prefix",
        "header",
        "user",
        "password",
        "timeout",
        "tries",
        "user-agent",
        "dir",
        "out",
    ]
    line = _line(words, valued, short=short)
    targets = [
        word.value for name, word in line.flags if word is not None and (name in outputs or name[-1:] in outputs)
    ]
    if line.has("spider") or any(value == "/dev/null" for value in targets):
        return []
    to_output = any(value == "-" for value in targets) or any(name.endswith("O-") for name, _ in line.flags)
    if to_output and not container.saves:
        return []
    is_plain = all(_WGET_PLAIN.fullmatch(f"-{name}") or _WGET_PLAIN.fullmatch(f"--{name}") for name, _ in line.flags)
    return _fetched(container, line, targets, is_plain=is_plain)


def _fetched(
    container: Container, line: _Line, targets: Sequence[str | Unknown], *, is_plain: bool
) -> list[ModelReference]:
    to = next((value for value in targets if isinstance(value, str)), "")
    is_plain = is_plain and all(container.environment.value(name) is None for name in _NOT_THE_HUB)
    found: list[ModelReference] = []
    for word in (*line.positionals, *(word for name, word in line.flags if name == "url" and word is not None)):
        text = word.value if isinstance(word.value, str) else word.text
        at_hub = url_target(container, text, is_plain=is_plain and isinstance(word.value, str))
        if at_hub is not None:
            found.append(_made(at_hub[0], word, at_hub[1]))
        elif _NO_REPOSITORY.match(text) is None and (isinstance(word.value, Unknown) or "." in text):
            role = role_of(text, to)
            is_place = isinstance(word.value, Unknown) or "://" in text or "/" in text
            scheme = text.partition("://")[0] if "://" in text else "http"
            target = Target.opaque(f"places of the kind {scheme}:// can't be pinned")
            found += [_made(role, word, target)] if role is not None and is_place else []
    return found


def _oras(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    del container
    line = _line(words, ["output", "config", "username", "password", "platform", "o", "u", "p"])
    return _artifact(line, ("pull", "copy"), ("output", "o"))


def _kit(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    del container
    line = _line(words, ["dir", "filter", "d", "f", "config"])
    return _artifact(line, ("unpack", "pull"), (), is_model=True)


def _crane(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    del container
    return _artifact(_line(words, ["platform", "format"]), ("pull", "export"), ())


def _artifact(
    line: _Line, commands: tuple[str, ...], outputs: tuple[str, ...], *, is_model: bool = False
) -> list[ModelReference]:
    if line.text(0) not in commands or len(line.positionals) < 2:  # noqa: PLR2004  the command and what it pulls
        return []
    to = next((value for value in line.values(*outputs) if isinstance(value, str)), "")
    word = line.positionals[1]
    role = Role.MODEL if is_model else role_of(_repository(_shown(word)), to)
    return [] if role is None else [_made(role, word, _image(_shown(word)))]


def _repository(text: str) -> str:
    return "/" + text.partition("@")[0].partition("/")[2]


def _image(text: str) -> Target:
    target = image_target(text)
    return Target.opaque(_CHANGED) if target.location is not None else target


def _skopeo(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    del container
    line = _line(
        words, ["src-creds", "dest-creds", "authfile", "override-arch", "override-os", "src-tls-verify", "policy"]
    )
    if line.text(0) != "copy" or len(line.positionals) < 3:  # noqa: PLR2004  the command, from, to
        return []
    word, to = line.positionals[1], line.text(2)
    kind, separator, place = _shown(word).partition("://")
    if kind != "docker" or not separator or to.startswith("docker://"):
        return []
    role = role_of(_repository(place), to.partition(":")[2])
    return [] if role is None else [_made(role, word, _image(place))]


def _git(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    line = _line(words, ["branch", "depth", "config", "origin", "filter", "jobs", "reference", "C", "c", "b", "o", "j"])
    if line.text(0) != "clone" or len(line.positionals) < 2:  # noqa: PLR2004  the command and what it clones
        return []
    word, to = line.positionals[1], line.text(2)
    at_hub = url_target(container, word.value if isinstance(word.value, str) else word.text, is_plain=False)
    if at_hub is not None:
        return [_made(at_hub[0], word, at_hub[1])]
    # A repository of code may be called anything: only the folder that it goes to tells.
    role = role_of("", to)
    return (
        [] if role is None else [_made(role, word, Target.opaque("a repository of files by git LFS can't be pinned"))]
    )


def _always(*commands: tuple[str, ...]) -> Callable[[Container, Sequence[Word]], list[ModelReference]]:
    """Return a tool that fetches models alone, from places that can't be pinned."""

    def tool(container: Container, words: Sequence[Word]) -> list[ModelReference]:
        del container
        line = _line(words, ())
        for command in commands:
            if tuple(line.text(number) for number in range(len(command))) == command:
                named = line.positionals[len(command) : len(command) + 1] or line.positionals[:1]
                return [_made(Role.MODEL, named[0], Target.opaque("places of this tool can't be pinned"))]
        return []

    return tool


_TOOLS: Final[dict[str, Callable[[Container, Sequence[Word]], list[ModelReference]]]] = {
    "hf": _hub_client,
    "huggingface-cli": _hub_client,
    "aws": _aws,
    "gsutil": _gsutil,
    "gcloud": _gcloud,
    "s5cmd": _s5cmd,
    "rclone": _named_store,
    "mc": _named_store,
    "azcopy": _named_store,
    "curl": _curl,
    "wget": _wget,
    "wget2": _wget,
    "aria2c": _aria2c,
    "oras": _oras,
    "kit": _kit,
    "crane": _crane,
    "skopeo": _skopeo,
    "git": _git,
    "modelscope": _always(("download",)),
    "ngc": _always(("registry", "model", "download-version")),
    "kaggle": _always(("models", "instances", "versions", "download"), ("datasets", "download")),
}
