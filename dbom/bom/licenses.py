"""Licences as they are stated: an SPDX id where it is one, an SPDX expression where it is one, otherwise a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dbom.canonical import Json, JsonObject

__all__ = ["License", "license_choices"]

_OPERATORS = frozenset({"AND", "OR", "WITH"})


@dataclass(frozen=True, slots=True)
class License:
    """One stated licence: exactly one of `id` (SPDX), `expression` (SPDX) and `name` is not empty."""

    id: str = ""
    expression: str = ""
    name: str = ""
    url: str = ""

    @classmethod
    def of(cls, text: str, *, url: str = "") -> Self:
        """Read a licence as somebody wrote it. Letters' case is mended (`apache-2.0`); nothing else is guessed."""
        from cyclonedx import spdx  # noqa: PLC0415  it reads the list of licences; only what states one pays for it

        stated = text.strip()
        known = spdx.fixup_id(stated)
        if known is not None:
            return cls(id=known, url=url)
        if _OPERATORS.intersection(stated.split()) and spdx.is_expression(stated):
            return cls(expression=stated)
        return cls(name=stated, url=url)


def license_choices(licenses: Sequence[License]) -> list[Json]:
    """Return CycloneDX's `licenses`: all marked as declared, since that is what they are.

    CycloneDX 1.6 takes an expression only alone, so beside other licences it stands as a name.
    """
    if len(licenses) == 1 and licenses[0].expression:
        return [{"expression": licenses[0].expression, "acknowledgement": "declared"}]
    return [{"license": _license(item)} for item in licenses]


def _license(item: License) -> JsonObject:
    named: JsonObject = {"id": item.id} if item.id else {"name": item.name or item.expression}
    return {**named, "acknowledgement": "declared", **({"url": item.url} if item.url else {})}
