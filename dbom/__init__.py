"""Provenance for data and models: from bytes to a pod that may start.

`import dbom` is light. What it offers is loaded on first use.
"""

# dbom-package-marker: this file is dbom's own (start-up looks for this line)

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for True; importing typing would be half of start-up

if TYPE_CHECKING:
    from dbom.api import fingerprint, generate, sign, verify

__all__ = ["__version__", "fingerprint", "generate", "sign", "verify"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in __all__:
        from dbom import api  # noqa: PLC0415  loaded on first use

        return getattr(api, name)
    raise AttributeError(f"module 'dbom' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
