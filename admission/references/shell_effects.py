"""What the commands of a shell script do to files, as far as their words tell it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.references.shell_tokens import Token
    from dbom.model import Unknown

__all__ = ["LOAD_NOTHING", "changes_nothing", "only_looks", "writes_a_file"]

_FILE_WRITES: Final = (">", ">>", ">|", "&>", "&>>", "<>")
_NOWHERE: Final = ("/dev/null", "/dev/stdout", "/dev/stderr", "/proc/1/fd/1", "/proc/1/fd/2")
_FINDS: Final = re.compile(r"-[Eiswx]*[qco][Eiswx]*|--(?:quiet|count|only-matching)")
_CHANGE_NOTHING: Final = frozenset(
    """
    [ [[ test true false : echo printf sleep set export readonly declare typeset local unset read cd ls cat exit wait
    date hostname id whoami nvidia-smi rocm-smi ulimit umask uname pwd head tail grep egrep cut tr wc nslookup
    pg_isready type which return break continue kill pkill pgrep pidof stat df free nproc basename dirname realpath seq
    expr shift nc redis-cli mysqladmin grpc_health_probe grpc-health-probe
    """.split()  # noqa: SIM905  a list of sixty words is read more easily so
)
LOAD_NOTHING: Final = _CHANGE_NOTHING | frozenset(
    "mkdir pip pip3 apt-get apt apk yum dnf microdnf chmod chown rm touch tee until while".split()  # noqa: SIM905  as above
)
"""Commands that load nothing, whatever their words are."""

# A request that keeps nothing: what probes do.
_ASKS: Final = {
    "curl": re.compile(r"-[fsSkLvgmI46]+|--(?:fail|silent|show-error|insecure|location|head|max-time|connect-timeout)"),
    "wget": re.compile(r"-q|--quiet|--spider|-qO-|-O-|-T|-t|--tries=[0-9]+|--timeout=[0-9]+|--no-check-certificate"),
}


def changes_nothing(words: Sequence[str | Unknown]) -> bool:
    """Return whether a program that is started with these words leaves all files as they are, as far as is known."""
    name = words[0].rsplit("/", 1)[-1] if words and isinstance(words[0], str) else ""
    if name in _CHANGE_NOTHING:
        return True
    plain = _ASKS.get(name)
    texts = [word for word in words[1:] if isinstance(word, str)]
    flags = [word for word in texts if word.startswith("-")]
    keeps = name == "wget" and not any(flag in ("--spider", "-qO-", "-O-") for flag in flags)
    return plain is not None and len(texts) == len(words) - 1 and all(map(plain.fullmatch, flags)) and not keeps


def writes_a_file(operator: str, target: str) -> bool:
    """Return whether a redirection to a target keeps what is printed, which a terminal or nothing doesn't."""
    return operator in _FILE_WRITES and target not in _NOWHERE


def only_looks(tokens: Sequence[Token]) -> bool:
    """Return whether the command that takes a pipe only looks for something in it, and its findings go nowhere."""
    end = next((number for number, token in enumerate(tokens) if token.operator), len(tokens))
    after = tokens[end].operator if end < len(tokens) else ""
    name, *words = [token.text for token in tokens[:end]] or [""]
    looks = name == "wc" or (name in ("grep", "egrep") and any(map(_FINDS.fullmatch, words)))
    return looks and after in ("", ";", "\n", "&&", "||")
