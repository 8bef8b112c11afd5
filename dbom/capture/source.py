"""Which git commit a folder is at, asked of git in a way that runs nothing that the repository brings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from dbom.capture.provenance import Source
from dbom.model import Unknown

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["git_source"]

_SECONDS = 30
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "--no-optional-locks")
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")
_NO_GIT = Unknown("git is not installed")
_NO_REPOSITORY = Unknown("the folder is in no git repository, or in one without a commit")
_NO_ANSWER = Unknown("git gave no answer")


def git_source(folder: Path) -> Source | Unknown:
    """Return the commit that `folder` is at and whether its repository differs from it; else why that isn't known.

    A file that git doesn't know counts as a difference, unless it is ignored: it may be the one that was run.
    """
    git = shutil.which("git")
    if git is None:
        return _NO_GIT
    commit = _answer(git, folder, "rev-parse", "--verify", "HEAD^{commit}")
    if commit is None:
        return _NO_REPOSITORY
    changes = _answer(git, folder, "status", "--porcelain", "-z")
    if changes is None:
        return _NO_ANSWER
    remote = _answer(git, folder, "config", "--get", "remote.origin.url") or ""
    return Source(commit.strip(), dirty=bool(changes), remote=_CREDENTIALS.sub("", remote.strip()))


def _answer(git: str, folder: Path, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  git, found on PATH, with arguments of ours
            [git, *_QUIET, "-C", str(folder), *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", errors="replace") if done.returncode == 0 else None
