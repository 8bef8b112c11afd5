"""What other people's libraries raise when a service or a device fails, turned into one error of ours.

Such libraries raise classes of their private modules, so those are known by the package that they come from. What
`requests` raises is an `OSError`, what parsing raises a `ValueError`. Anything else is a mistake of ours and is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbom.errors import SigningError
from dbom.printable import printable

if TYPE_CHECKING:
    from types import TracebackType

    from dbom.rules import Rule

__all__ = ["ForeignFaults"]

_HIDDEN = "[hidden]"
_SHORTEST = 8  # what is shorter is no secret, and would hide words


class ForeignFaults:
    """A `with` that raises `SigningError` for what goes wrong in it in one of `packages`.

    `secrets` never stand in the message. Where one would have, the error that it came from is not kept either, so that
    a traceback doesn't show it. `but` is left as it is.
    """

    def __init__(
        self,
        rule: Rule,
        what: str,
        packages: tuple[str, ...],
        *,
        where: str | None = None,
        secrets: tuple[str, ...] = (),
        but: type[Exception] | None = None,
    ) -> None:
        self._rule = rule
        self._what = what
        self._packages = packages
        self._where = where
        self._but = but
        parts = [part for secret in secrets for part in (secret, *secret.split("."))]
        self._secrets = tuple(part for part in parts if len(part) >= _SHORTEST)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or error is None or (self._but is not None and issubclass(kind, self._but)):
            return
        if not issubclass(kind, (OSError, ValueError)) and kind.__module__.partition(".")[0] not in self._packages:
            return
        said = str(error) or str(error.__cause__ or "") or kind.__name__
        shown = said
        for secret in self._secrets:
            shown = shown.replace(secret, _HIDDEN)
        failure = SigningError(self._rule, f"{self._what}: {printable(shown)}", where=self._where)
        if shown != said:
            raise failure from None
        raise failure from error
