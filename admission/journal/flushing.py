"""Flushing a file without waiting for it: the kernel does it, and a descriptor says when it is done.

A thread that waits for the disk must ask for the interpreter's lock each time that a call returns, and takes it from
the thread that answers requests. This needs no thread. It is Linux's native AIO: `io_setup(2)`, `io_submit(2)` with
`IOCB_CMD_FDSYNC` (`include/uapi/linux/aio_abi.h`; since Linux 4.18), `io_getevents(2)`, `io_destroy(2)`, for which the
C library has no functions. Where the system hasn't it, nothing is lost but speed (ADR 0029).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from contextlib import suppress
from typing import Final, Self

__all__ = ["Flusher", "flush_now"]

# arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h: setup, destroy, getevents, submit.
_NUMBERS: Final = {"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2)}
_FDSYNC: Final = 3
_BY_DESCRIPTOR: Final = 1
_REQUEST: Final = struct.Struct("=QIIHhIQQqQII")
_EVENT: Final = struct.Struct("=QQqq")


class Flusher:
    """Flushes one file at a time. Not for several threads at once."""

    def __init__(self, numbers: tuple[int, int, int, int]) -> None:
        """Is for `open`, which says whether there is one here."""
        _, self._destroy, self._getevents, self._submit = numbers
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        self._context = ctypes.c_ulong(0)
        self._request = ctypes.create_string_buffer(_REQUEST.size)
        self._event = ctypes.create_string_buffer(_EVENT.size)
        self._requests = (ctypes.c_void_p * 1)(ctypes.addressof(self._request))
        self._done = -1

    @classmethod
    def open(cls) -> Self | None:
        """Return a flusher, None where the system has none."""
        numbers = _NUMBERS.get(platform.machine())
        if sys.platform != "linux" or numbers is None or sys.maxsize <= 1 << 32 or sys.byteorder != "little":
            return None
        found = cls(numbers)
        if found._call(ctypes.c_long(numbers[0]), ctypes.c_long(1), ctypes.byref(found._context)) != 0:
            return None
        found._done = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return found

    def fileno(self) -> int:
        """Return what can be read once a flush is done."""
        return self._done

    def begin(self, descriptor: int) -> bool:
        """Have the disk take what was written to a file; False where that can't be done in this way."""
        fields = (0, 0, 0, _FDSYNC, 0, descriptor, 0, 0, 0, 0, _BY_DESCRIPTOR, self._done)
        _REQUEST.pack_into(self._request, 0, *fields)
        return int(self._call(ctypes.c_long(self._submit), self._context, ctypes.c_long(1), self._requests)) == 1

    def ended(self, *, wait: bool = False) -> int | None:
        """Return the error number with which the flush ended, 0 where all is well, None where it hasn't ended."""
        with suppress(BlockingIOError):
            os.read(self._done, 8)
        least = ctypes.c_long(int(wait))
        while True:
            found = self._call(
                ctypes.c_long(self._getevents), self._context, least, ctypes.c_long(1), self._event, None
            )
            if found == 1:
                return -int(_EVENT.unpack_from(self._event)[2])
            if found == 0 and not wait:
                return None
            # A signal may end the waiting early.
            if found < 0 and ctypes.get_errno() != errno.EINTR:
                return ctypes.get_errno()

    def close(self) -> None:
        """Give back what it holds. What is under way is waited for."""
        self._call(ctypes.c_long(self._destroy), self._context)
        os.close(self._done)


def flush_now(descriptor: int) -> int:
    """Wait until the disk has what was written to a file; return the error number, 0 where all is well."""
    try:
        # Where there is no such call (macOS), the other one does more.
        getattr(os, "fdatasync", os.fsync)(descriptor)
    except OSError as error:
        return error.errno or errno.EIO
    return 0
