"""Laws of differences, tallies and saved fingerprints, over made-up trees."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbom.difference import compare_files, files_that_are_folders, tally
from dbom.errors import DocumentError
from dbom.fingerprints import read_fingerprint, write_fingerprint
from dbom.model import Entry, Fingerprint, tree_digest
from dbom.pathname import path_fault, path_order

_DIGESTS = st.sampled_from(["a" * 64, "b" * 64, "c" * 64, "d" * 64])
_SEGMENTS = st.text(min_size=1, max_size=3).filter(lambda text: path_fault(f"x/{text}") is None and text != "-")
_PATHS = st.lists(_SEGMENTS, min_size=1, max_size=3).map("/".join)
_TREES = st.dictionaries(_PATHS, _DIGESTS, max_size=8)


def _size(sha256: str) -> int:
    return ord(sha256[0])


def _sizes(tree: dict[str, str]) -> dict[str, int]:
    return {path: _size(digest) for path, digest in tree.items()}


def _fingerprint(tree: dict[str, str]) -> Fingerprint:
    entries = tuple(Entry(path, _size(tree[path]), tree[path]) for path in sorted(tree, key=path_order))
    return Fingerprint("t", tree_digest(entries), entries)


@given(_TREES, _TREES)
def test_a_difference_applied_to_what_was_gives_what_is(before: dict[str, str], after: dict[str, str]) -> None:
    found = compare_files(before, after)
    built = {path: digest for path, digest in before.items() if path not in {*found.removed, *found.changed}}
    built |= {path: after[path] for path in (*found.added, *found.changed)}
    assert after == built
    assert found.is_empty == (before == after)


@given(_TREES, _TREES)
def test_the_way_back_is_the_mirror_image(before: dict[str, str], after: dict[str, str]) -> None:
    there, back = compare_files(before, after), compare_files(after, before)
    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert len(there.renamed) == len(back.renamed)


@given(_TREES, _TREES)
def test_counts_and_bytes_account_for_every_file(before: dict[str, str], after: dict[str, str]) -> None:
    found = tally(compare_files(before, after), before, _sizes(before), _sizes(after))
    parts_before = (found.removed, found.changed_from, found.renamed, found.same)
    parts_after = (found.added, found.changed_to, found.renamed, found.same)
    for parts, tree in ((parts_before, before), (parts_after, after)):
        assert len(tree) == sum(part.files for part in parts)
        assert sum(_sizes(tree).values()) == sum(part.size for part in parts if isinstance(part.size, int))


@given(_TREES.filter(lambda tree: bool(tree) and not files_that_are_folders(tree)))
def test_a_saved_fingerprint_reads_back_as_the_same_artifact(tree: dict[str, str]) -> None:
    found = _fingerprint(tree)
    read = read_fingerprint(write_fingerprint(found), where="f")
    assert (found.digest, found.manifest(), found.size) == (read.digest, read.manifest(), read.size)


@given(_TREES.filter(lambda tree: bool(tree) and not files_that_are_folders(tree)), st.data())
def test_a_saved_fingerprint_with_another_digest_in_it_is_refused(tree: dict[str, str], data: st.DataObject) -> None:
    document = json.loads(write_fingerprint(_fingerprint(tree)))
    file = data.draw(st.sampled_from(document["files"]))
    file["sha256"] = "e" * 64
    with pytest.raises(DocumentError):
        read_fingerprint(json.dumps(document).encode(), where="f")
