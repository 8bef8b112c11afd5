"""Running a command as if we weren't there: its streams untouched, signals passed on, its end passed back."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbom.errors import PathError
from dbom.printable import printable
from dbom.rules.everyday import RUN_COMMAND_MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["run_child"]

_FORWARDED = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)
_KEYS = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH})
"""What a terminal sends to every process that it has in the foreground."""

_WAITED = _FORWARDED | {signal.SIGCHLD}
_LOOK_EVERY = 0.2
"""Seconds after which the child is looked at even without a signal: another thread may have taken SIGCHLD."""


def run_child(command: Sequence[str]) -> int:
    """Run `command`, wait for it, and return its exit status, 128+n where signal n ended it.

    Signals that reach this process meanwhile are passed on to it, except those that the terminal has already given to
    both. Raises `PathError` where the command can't be started. Only for the main thread.
    """
    program = shutil.which(command[0])
    if program is None:
        raise _not_started(command[0], "no such program on PATH, or not executable")
    with _signals_held() as before, _taken_elsewhere() as taken:
        try:
            child = os.posix_spawn(
                program,
                list(command),
                os.environ,
                setsigmask=before,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores these; a command expects them
            )
        except OSError as error:
            raise _not_started(command[0], error.strerror or str(error)) from error
        code = os.waitstatus_to_exitcode(_waited_for(child, taken))
    return code if code >= 0 else 128 - code


def _waited_for(child: int, taken: list[int]) -> int:
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == child:
            return status
        while taken:
            os.kill(child, taken.pop(0))
        received = signal.sigtimedwait(_WAITED, _LOOK_EVERY)
        if received is not None and received.si_signo in _FORWARDED and received.si_code <= 0:
            os.kill(child, received.si_signo)  # not yet waited for, so the number is still the child's


@contextmanager
def _signals_held() -> Iterator[set[signal.Signals | int]]:
    """Hold the signals back so that they are waited for, and yield the mask that was before."""
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED)
    try:
        yield set(before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGCHLD, handler)


@contextmanager
def _taken_elsewhere() -> Iterator[list[int]]:
    """Yield the list in which signals gather that another thread of this process took: only ours holds them back."""
    taken: list[int] = []

    def take(number: int, _: object) -> None:
        # Of these it can't be told any more who sent them.
        if not (number in _KEYS and _is_at_terminal()):
            taken.append(number)

    handlers = {
        number: signal.signal(number, take) for number in _FORWARDED if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield taken
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _is_at_terminal() -> bool:
    """Return whether the terminal gives its signals to our group, and so to the child."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _not_started(name: str, why: str) -> PathError:
    return PathError(RUN_COMMAND_MISSING, why, where=printable(name))
