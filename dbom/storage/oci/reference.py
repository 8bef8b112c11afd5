"""References to artifacts in OCI registries: `oci://HOST/REPOSITORY[:TAG][@sha256:HEX]`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final, Self

from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.stores import REGISTRY_REFERENCE

__all__ = ["SCHEME", "Reference", "is_loopback", "is_reference"]

SCHEME: Final = "oci://"

# The grammar is that of the OCI distribution specification 1.1, "Pulling manifests".
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]{{2,45}}\])(?::[0-9]{{1,5}})?"
_PART: Final = r"[a-z0-9]+(?:(?:\.|_{1,2}|-{1,32})[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"oci://(?P<host>{_HOST})/(?P<repository>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LONGEST: Final = 512


def is_reference(url: str) -> bool:
    """Return whether a text speaks of a registry."""
    return url.startswith(SCHEME)


def is_loopback(host: str) -> bool:
    """Return whether a host, with or without a port, is this machine itself by its very name or address."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository in a registry, and in it a tag or a digest (`sha256:<hex>`); either may be empty.

    Where both are there, the digest counts, as for every client.
    """

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a reference to an artifact. Raises `UsageError` where it isn't one, or has neither tag nor digest."""
        match = _REFERENCE.fullmatch(url) if len(url) <= _LONGEST else None
        if match is None or not (match["tag"] or match["digest"]):
            raise UsageError(
                REGISTRY_REFERENCE,
                "names no artifact in a registry",
                got=printable(url),
                expected="oci://HOST/REPOSITORY@sha256:<64 lower-case hex>, or :TAG",
            )
        return cls(match["host"], match["repository"], match["tag"] or "", match["digest"] or "")

    @property
    def name(self) -> str:
        """The last segment of the repository, which stands for the artifact's name."""
        return self.repository.rpartition("/")[2]

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest, or the tag where there is none."""
        return self.digest or self.tag

    def pinned(self, digest: str) -> Self:
        """Return the reference to the same repository by a digest alone."""
        return replace(self, tag="", digest=digest)

    def __str__(self) -> str:
        tail = f"@{self.digest}" if self.digest else f":{self.tag}"
        return f"{SCHEME}{self.host}/{self.repository}{tail}"
