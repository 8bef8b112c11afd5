"""Where bytes can be had, pinned: the value, and the predicate that binds a place to a digest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

from dbom.errors import EvidenceError, UsageError
from dbom.model import Basis, Known
from dbom.printable import printable
from dbom.rules.attestations import LOCATION_UNPINNED

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["Location"]

_OCI = re.compile(r"oci://(?P<base>[^@\s?#]+)@(?P<pin>sha256:[0-9a-f]{64})")
_HUB = re.compile(r"hf://(?P<base>[^@\s?#]+)@(?P<pin>[0-9a-f]{40})")
_OBJECT = re.compile(r"(?P<scheme>s3|gs|az)://(?P<base>[^\s?#]+)\?(?P<query>[^\s#]+)")
_VERSION_KEYS = {"s3": "versionId", "gs": "generation", "az": "versionId"}


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place and the pin that holds it still: `oci://…@sha256:…`, `hf://org/name@commit`, `s3://…?versionId=…`.

    `base` is the place without its pin, scheme included; it is what a policy's location pattern speaks of.
    """

    base: str
    pin: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pinned location. Raises `UsageError` where it has no pin, or one that could move."""
        if match := _OCI.fullmatch(text):
            return cls(f"oci://{match['base']}", match["pin"])
        if match := _HUB.fullmatch(text):
            return cls(f"hf://{match['base']}", match["pin"])
        if match := _OBJECT.fullmatch(text):
            pins = [value for key, value in parse_qsl(match["query"]) if key == _VERSION_KEYS[match["scheme"]]]
            found = cls(f"{match['scheme']}://{match['base']}", "".join(pins))
            # (A pin that is escaped in the text would be read as another once it is written back.)
            if len(pins) == 1 and str(found) == text:
                return found
        raise UsageError(
            LOCATION_UNPINNED,
            "not a pinned location",
            got=printable(text),
            expected="oci://REPOSITORY@sha256:…, hf://ORG/NAME@COMMIT or s3://BUCKET/KEY?versionId=…",
        )

    @property
    def enforced(self) -> bool:
        """Whether whoever loads from here checks the pin itself: true of an OCI digest alone."""
        return urlsplit(self.base).scheme == "oci"

    def __str__(self) -> str:
        scheme = urlsplit(self.base).scheme
        return (
            f"{self.base}?{_VERSION_KEYS[scheme]}={self.pin}" if scheme in _VERSION_KEYS else f"{self.base}@{self.pin}"
        )

    def predicate(self, known: Known) -> JsonObject:
        """Return the body of a location statement: the subject's bytes are found here, and how that is known."""
        described: JsonObject = {"basis": str(known.basis)}
        if known.by:
            described["by"] = known.by
        return {"location": str(self), "base": self.base, "pin": self.pin, "known": described}

    @classmethod
    def of_predicate(cls, predicate: JsonObject) -> tuple[Self, Known]:
        """Read the body of a location statement. Raises `EvidenceError` where its parts don't agree."""
        text, described = predicate.get("location"), predicate.get("known")
        try:
            if not isinstance(text, str) or not isinstance(described, dict):
                raise ValueError("location and known must be there")  # noqa: TRY004, TRY301  one way out for every fault
            location = cls.parse(text)
            if (predicate.get("base"), predicate.get("pin")) != (location.base, location.pin):
                raise ValueError("base and pin are not those of the location")  # noqa: TRY301
            return location, Known(Basis(str(described.get("basis"))), str(described.get("by", "")))
        except (ValueError, UsageError) as error:
            raise EvidenceError(LOCATION_UNPINNED, f"malformed location predicate: {printable(str(error))}") from error
