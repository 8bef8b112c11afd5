"""What is demanded of a value before it stands in a manifest."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.admission import MANIFEST_INPUT

__all__ = ["NETWORK_PATTERN", "demand", "is_network"]

NETWORK_PATTERN: Final = "^[0-9a-fA-F.:]+/[0-9]+$"
"""What `is_network` takes, as far as a schema can say it."""


def demand(condition: bool, what: str, *got: object) -> None:  # noqa: FBT001  read as "it is demanded that"
    """Raise `UsageError` with what is wrong, and what was got, unless the condition holds."""
    if not condition:
        raise UsageError(MANIFEST_INPUT, what, got=", ".join(printable(repr(str(item))) for item in got))


def is_network(text: str) -> bool:
    """Return whether a text is a network with the length of its prefix (`203.0.113.0/24`)."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return "/" in text
