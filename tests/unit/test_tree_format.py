"""docs/formats/tree.md: its test vectors are what the program computes, and its bounds are the program's."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbom.errors import DbomError
from dbom.model import Digest, Kind
from dbom.names import ANNOTATION_IGNORE, DEFAULT_IGNORES, TREE_MEDIA_TYPE
from dbom.tree import fingerprint_path
from dbom.walking import MAX_LINK_DEPTH, MAX_LINKED_ENTRIES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats" / "tree.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```vector\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Vector:
    """A block of the page: what to make, and what must come out."""

    lines: tuple[tuple[str, ...], ...]

    @classmethod
    def parse(cls, block: str) -> Vector:
        """Read a block; its strings are JSON."""
        decoder = json.JSONDecoder()
        found = []
        for line in block.splitlines():
            word, _, rest = line.partition(" ")
            strings = []
            while rest.startswith('"'):
                value, end = decoder.raw_decode(rest)
                strings.append(value)
                rest = rest[end:].lstrip()
            found.append((word, *strings, *shlex.split(rest)))
        return cls(tuple(found))

    def of(self, word: str) -> list[tuple[str, ...]]:
        """Return what stands behind `word`, line by line."""
        return [line[1:] for line in self.lines if line[0] == word]

    def make(self, root: Path) -> None:
        """Make the tree."""
        root.mkdir()
        for path, content in self.of("file"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content.encode())
        for path, target in self.of("link"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(target)


def test_the_page_has_vectors_of_both_kinds() -> None:
    words = {line[0] for block in BLOCKS for line in Vector.parse(block).lines}
    assert {"file", "link", "ignore", "tree", "refused"} == words


@pytest.mark.parametrize("block", BLOCKS, ids=range(1, len(BLOCKS) + 1))
def test_each_vector_comes_out_as_the_page_says(tmp_path: Path, block: str) -> None:
    vector = Vector.parse(block)
    vector.make(tmp_path / "t")
    patterns = [pattern for (pattern,) in vector.of("ignore")]
    if vector.of("refused"):
        with pytest.raises(DbomError) as caught:
            fingerprint_path(tmp_path / "t", ignores=patterns or None)
        assert vector.of("refused") == [(caught.value.rule.id,)]
    else:
        found = fingerprint_path(tmp_path / "t", ignores=patterns or None)
        assert vector.of("tree") == [(found.digest.hex,)]


def test_the_vector_of_a_file(tmp_path: Path) -> None:
    (content, digits) = re.findall(r"The file with the content `(.*?)` is `sha256:([0-9a-f]{64})`", PAGE)[0]
    (tmp_path / "f").write_bytes(content.encode())
    assert Digest(Kind.FILE, digits) == fingerprint_path(tmp_path / "f").digest


def test_the_bounds_and_wire_names_of_the_page_are_the_programs() -> None:
    assert f"At most {MAX_LINK_DEPTH} links to folders" in PAGE
    assert f"at most {MAX_LINKED_ENTRIES:,} entries" in PAGE
    assert "".join(f"    {pattern}\n" for pattern in DEFAULT_IGNORES) in PAGE
    assert f"`{TREE_MEDIA_TYPE}`" in PAGE
    assert f"`{ANNOTATION_IGNORE}`" in PAGE
