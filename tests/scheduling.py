"""Which tests run in one worker, where there are several: those of a file, and of a service that takes long to start.

A file needs a service where it names its fixture. (xdist's own marks for groups are lost with pytest 9.2, which keeps a
test's name elsewhere.)
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has none

__all__ = ["ByService", "service_of"]

SERVICES = ("gate_cluster", "controlled", "private_sigstore")
"""Fixtures of the session that start servers, one of which a file needs."""


@cache
def service_of(path: Path) -> str:
    """Return the service that the tests of a file need, empty where they need none."""
    text = path.read_text(encoding="utf-8")
    return next((service for service in SERVICES if service in text), "")


class ByService(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives the tests of a service to one worker, in their order, and those of each other file to whichever is free."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return service_of(Path(self.config.rootpath) / path) or path
