"""The values that everything else is written in: digests, fingerprints, derivations, findings."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Self

from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "FROM_CACHE",
    "Basis",
    "Derivation",
    "Digest",
    "Entry",
    "Finding",
    "Fingerprint",
    "Kind",
    "Known",
    "Relation",
    "Severity",
    "Unknown",
]

_HEX64 = re.compile(r"[0-9a-f]{64}")


class Kind(StrEnum):
    """What a digest is the digest of."""

    FILE = "file"
    TREE = "tree"


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """The identity of an artifact: its kind and 64 lower-case hex digits of sha256.

    For a file it is the sha256 of its bytes; for a tree its in-toto `dirHash`, the sha256 of the manifest that
    `sha256sum` writes of its files. Two artifacts are the same when kind and digits are both equal.
    Written `sha256:<hex>` for a file and `tree:sha256:<hex>` for a tree.
    """

    kind: Kind
    hex: str

    def __post_init__(self) -> None:
        if _HEX64.fullmatch(self.hex) is None:
            raise ValueError(f"not 64 lower-case hex digits: {self.hex!r}")

    def __hash__(self) -> int:
        # The digits tell nearly all apart, and indexes of many digests are asked often.
        return hash(self.hex)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<hex>` or `tree:sha256:<hex>`. Raises `ValueError` for anything else."""
        kind = Kind.TREE if text.startswith("tree:") else Kind.FILE
        algorithm, _, digits = text.removeprefix("tree:").partition(":")
        if algorithm != "sha256":
            raise ValueError(f"not sha256:<hex> or tree:sha256:<hex>: {text!r}")
        return cls(kind, digits)

    def __str__(self) -> str:
        return f"{'tree:' if self.kind is Kind.TREE else ''}sha256:{self.hex}"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that isn't known, and why. It is never equal to a yes, and never to another unknown by accident."""

    reason: str


class Basis(StrEnum):
    """How a digest is known, strongest first."""

    COMPUTED = "computed"
    STORE_ATTESTED = "store-attested"
    DERIVED = "derived"
    DECLARED = "declared"

    @property
    def strength(self) -> int:
        """0 for the weakest basis, 3 for the strongest."""
        return (Basis.DECLARED, Basis.DERIVED, Basis.STORE_ATTESTED, Basis.COMPUTED).index(self)


@dataclass(frozen=True, slots=True)
class Known:
    """How a digest is known, and by whose word where it isn't ours (a store's name, a bundle's digest)."""

    basis: Basis
    by: str = ""

    def __str__(self) -> str:
        return f"{self.basis} ({self.by})" if self.by else str(self.basis)


COMPUTED = Known(Basis.COMPUTED)

FROM_CACHE = Known(Basis.COMPUTED, by="cache")
"""Computed here at an earlier time, and taken from the cache since the file's state hasn't changed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a fingerprint: its path within the tree (`/` between segments), size in bytes, and sha256 in hex.

    For an artifact that is a single file, `path` is the file's name. `blake3` is a second digest for whoever asked for
    one, or empty; it is never part of an identity.
    """

    path: str
    size: int
    sha256: str
    known: Known = COMPUTED
    blake3: str = ""


class Severity(StrEnum):
    """How much a finding matters: an error makes a verdict no, a warning is worth acting on, a note is on record."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found: the rule's id, what was found in one line, where, and how much it matters."""

    rule: str
    severity: Severity
    message: str
    where: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Fingerprint:
    """What an artifact is: its digest and the files that the digest is made of.

    `name` is the last segment of the resolved path. `entries` are ordered by the bytes of their paths (the C locale).
    `ignores` are the patterns that were applied, `ignored` the paths that are there and were left out by them (folders
    end in `/`). `findings` are remarks such as names that collide on case-insensitive disks.
    """

    name: str
    digest: Digest
    entries: tuple[Entry, ...]
    ignores: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of_file(cls, entry: Entry, *, name: str | None = None) -> Self:
        """Return the fingerprint of a single file."""
        return cls(entry.path if name is None else name, Digest(Kind.FILE, entry.sha256), (entry,))

    @property
    def kind(self) -> Kind:
        """File or tree."""
        return self.digest.kind

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.entries)

    @property
    def known(self) -> Known:
        """How the digest is known: a tree is as weak as its weakest file, and what another says weaker than ours."""
        return min(
            (entry.known for entry in self.entries),
            key=lambda known: (known.basis.strength, not known.by),
            default=COMPUTED,
        )

    def without_cache(self) -> Self:
        """Return the same without the remark of which digests came from the cache: they too were computed here.

        For documents of which the same input must always give the same bytes.
        """
        entries = tuple(replace(e, known=COMPUTED) if e.known == FROM_CACHE else e for e in self.entries)
        return replace(self, entries=entries)

    def manifest(self) -> bytes:
        """Return the lines that `sha256sum` writes and `sha256sum -c` checks; a tree's digest is their sha256."""
        return manifest_bytes(self.entries)

    def __repr__(self) -> str:
        return (
            f"<Fingerprint {printable(self.name)!r} {self.digest}, {len(self.entries):,} files, {self.size:,} bytes,"
            f" {printable(str(self.known))}>"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(printable(entry.path))}</code></td><td style='text-align:right'>{entry.size:,}</td>"
            f"<td><code>{entry.sha256[:16]}…</code></td></tr>"
            for entry in self.entries[:_HTML_ROWS]
        )
        more = len(self.entries) - _HTML_ROWS
        rest = f"<tr><td colspan=3>… and {more:,} more</td></tr>" if more > 0 else ""
        return (
            f"<table><caption><b>{escape(printable(self.name))}</b> · {self.kind} · {len(self.entries):,} files ·"
            f" {self.size:,} bytes · {escape(str(self.known))}<br><code>{self.digest}</code></caption>"
            f"<tr><th>path</th><th>bytes</th><th>sha256</th></tr>{rows}{rest}</table>"
        )


_HTML_ROWS = 20


_LINES = 4096  # of a manifest at once: the lines of a million files would be more than all else that is held


def manifest_bytes(entries: Sequence[Entry]) -> bytes:
    """Return the `sha256sum` lines of `entries`, ordered by the bytes of their paths."""
    return b"".join(_manifest_parts(entries))


def tree_digest(entries: Sequence[Entry]) -> Digest:
    """Return the in-toto `dirHash` of a tree: the sha256 of its manifest (what Go's `dirhash.Hash1` hashes).

    Raises `ValueError` for a tree without files: it would equal the sha256 of an empty file.
    """
    if not entries:
        raise ValueError("an empty tree has no digest")
    sha256 = hashlib.sha256()
    for part in _manifest_parts(entries):
        sha256.update(part)
    return Digest(Kind.TREE, sha256.hexdigest())


def _manifest_parts(entries: Sequence[Entry]) -> Iterator[bytes]:
    # Code points are ordered as the bytes of their UTF-8 are, so the texts need no encoding to be compared.
    ordered = iter(sorted(entries, key=attrgetter("path")))
    while lines := [f"{entry.sha256}  {entry.path}\n" for entry in islice(ordered, _LINES)]:
        yield "".join(lines).encode()


class Relation(StrEnum):
    """How a child came from a parent."""

    TRAINED_ON = "trained-on"
    FINE_TUNED_FROM = "fine-tuned-from"
    DERIVED_FROM = "derived-from"
    EVALUATED_ON = "evaluated-on"
    QUANTIZED_FROM = "quantized-from"
    MERGED_FROM = "merged-from"
    ADAPTER_OF = "adapter-of"
    DISTILLED_FROM = "distilled-from"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Derivation:
    """A claim that something came from a parent: the relation, the parent's name, and its digest or why it has none."""

    relation: Relation
    name: str
    parent: Digest | Unknown
    known: Known
