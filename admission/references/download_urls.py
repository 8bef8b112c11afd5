"""What is fetched by URL: `curl` 8, `wget` 1.25, `aria2c`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.download_lines import DownloadLine, named, taken_apart
from admission.references.hub_places import url_target
from admission.references.reference import ModelReference, Target
from admission.references.telling import role_of
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.container import Container
    from admission.references.words import Word

__all__ = ["aria2c", "curl", "wget"]

_NO_REPOSITORY: Final = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:api|docs|blog|settings|join)/")
_MOST_LETTERS: Final = 6
_CURL_CLUSTER: Final = re.compile(r"-[fLsSoOqvJ]+")
_CURL_PLAIN: Final = ("--fail", "--location", "--silent", "--show-error", "--output", "--remote-name", "--create-dirs")
_WGET_PLAIN: Final = re.compile(r"-[qOvP]+|--quiet|--no-verbose|-nv|--show-progress|--output-document")
_CURL_VALUED: Final = frozenset(
    ["output", "retry", "header", "user", "user-agent", "max-time", "connect-timeout", "data", "request", "cacert"]
)
_NOT_THE_HUB: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "WGETRC")


def curl(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `curl` fetches and keeps."""
    line = taken_apart(words, _CURL_VALUED, short="oHuAmXdbFeK")
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


def wget(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `wget` fetches and keeps."""
    return _saving(container, words, "OPTtUo", ("O", "P", "output-document", "directory-prefix"))


def aria2c(container: Container, words: Sequence[Word]) -> list[ModelReference]:
    """Return what `aria2c` fetches and keeps."""
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
    line = taken_apart(words, valued, short=short)
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
    container: Container, line: DownloadLine, targets: Sequence[str | Unknown], *, is_plain: bool
) -> list[ModelReference]:
    to = next((value for value in targets if isinstance(value, str)), "")
    is_plain = is_plain and all(container.environment.value(name) is None for name in _NOT_THE_HUB)
    found: list[ModelReference] = []
    for word in (*line.positionals, *(word for name, word in line.flags if name == "url" and word is not None)):
        text = word.value if isinstance(word.value, str) else word.text
        at_hub = url_target(container, text, is_plain=is_plain and isinstance(word.value, str))
        if at_hub is not None:
            found.append(named(at_hub[0], word, at_hub[1]))
        elif _NO_REPOSITORY.match(text) is None and (isinstance(word.value, Unknown) or "." in text):
            role = role_of(text, to)
            is_place = isinstance(word.value, Unknown) or "://" in text or "/" in text
            scheme = text.partition("://")[0] if "://" in text else "http"
            target = Target.opaque(f"places of the kind {scheme}:// can't be pinned")
            found += [named(role, word, target)] if role is not None and is_place else []
    return found
