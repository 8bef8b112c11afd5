"""What differs between two trees, and which manifests are read."""

from __future__ import annotations

import pytest

from dbom.difference import (
    Amount,
    Difference,
    Tally,
    compare,
    compare_files,
    files_that_are_folders,
    parse_manifest,
    tally,
)
from dbom.errors import DocumentError
from dbom.model import Basis, Digest, Entry, Fingerprint, Kind, Known, Unknown, tree_digest

A, B, C = "a" * 64, "b" * 64, "c" * 64


def tree(**files: str) -> Fingerprint:
    entries = tuple(Entry(path, 1, digest) for path, digest in sorted(files.items()))
    return Fingerprint("t", tree_digest(entries), entries)


def test_equal_trees_dont_differ() -> None:
    assert Difference() == compare(tree(x=A), tree(x=A))
    assert compare({"x": A}, tree(x=A)).is_empty


def test_added_removed_and_changed_files_are_named() -> None:
    expected = Difference(added=("new",), removed=("gone",), changed=("x",))
    assert expected == compare(tree(x=A, gone=B), tree(x=B, new=C))
    assert expected == compare({"x": A, "gone": B}, tree(x=B, new=C))


@pytest.mark.parametrize("other", [tree(x=B), tree(x=A, y=B), tree(y=A)])
def test_any_difference_makes_it_not_empty(other: Fingerprint) -> None:
    assert not compare(tree(x=A), other).is_empty


def test_paths_are_ordered_by_their_bytes() -> None:
    assert ("B", "a", "é") == compare({}, tree(a=A, B=B, é=C)).added


def test_a_renamed_file_is_paired_and_still_added_and_removed() -> None:
    found = compare(tree(old=A, x=B), tree(new=A, x=B))
    assert Difference(added=("new",), removed=("old",), renamed=(("old", "new"),)) == found


def test_each_file_is_paired_once() -> None:
    found = compare(tree(a=A, b=A, c=A), tree(x=A, y=A))
    assert (("a", "x"), ("b", "y")) == found.renamed
    assert ("a", "b", "c") == found.removed


def test_the_lines_name_each_file_once() -> None:
    found = compare(tree(x=A, gone=B, old=C), tree(x=B, new=A, moved=C))
    assert ("changed  x", "removed  gone", "added    new", "renamed  old -> moved") == found.lines()


def test_the_lines_escape_hostile_names_and_are_bounded() -> None:
    found = compare({}, tree(**{f"{number:03}\x1b[2J": A for number in range(30)}))
    assert "added    000\\x1b[2J" == found.lines()[0]
    assert "… and 10 more" == found.lines()[-1]
    assert 21 == len(found.lines())


def test_single_files_are_compared_by_their_bytes_alone() -> None:
    one = Fingerprint.of_file(Entry("a", 1, A))
    assert compare(one, Fingerprint.of_file(Entry("b", 1, A))).is_empty
    assert Difference(changed=("b",)) == compare(one, Fingerprint.of_file(Entry("b", 1, B)))


def test_a_file_and_a_tree_are_compared_by_paths() -> None:
    assert Difference(added=("x",), removed=("a",)) == compare(Fingerprint.of_file(Entry("a", 1, A)), tree(x=B))


def test_a_manifest_is_read_in_any_order_and_with_binary_marks() -> None:
    entries = parse_manifest(f"{B}  b c\n{A} *a/é\n".encode(), where="m")
    known = Known(Basis.DECLARED, "m")
    assert (Entry("a/é", 0, A, known), Entry("b c", 0, B, known)) == entries


def test_a_manifest_gives_the_digest_of_the_tree_it_is_of() -> None:
    found = tree(x=A, y=B)
    assert found.digest == tree_digest(parse_manifest(found.manifest(), where="m"))
    assert Kind.TREE is Digest.parse(str(found.digest)).kind


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "empty"),
        (f"{A}  x".encode(), "cut off"),
        (f"{A}  x\r\n".encode(), "a carriage return"),
        (f"{A}  x\n\n".encode(), "line 2"),
        (f"\\{A}  x\\ny\n".encode(), "not <64 hex digits>"),
        (f"{A}  x\\y\n".encode(), "a backslash"),
        (f"{A} x\n".encode(), "not <64"),
        (f"{A}  \n".encode(), "not <64"),
        (f"{A.upper()}  x\n".encode(), "not <64"),
        (f"{A[:40]}  x\n".encode(), "not <64"),
        (f"{A}  x\n{B}  x\n".encode(), "stands twice"),
        (f"{A}  x\n{A}  x/y\n".encode(), "both a file and a folder"),
        (f"{A}  /x\n".encode(), "not relative"),
        (f"{A}  ../x\n".encode(), "empty, . or .. segment"),
        (f"{A}  ./x\n".encode(), "empty, . or .. segment"),
        (f"{A}  x//y\n".encode(), "empty, . or .. segment"),
        (f"{A}  x/\n".encode(), "empty, . or .. segment"),
        (f"{A}  -\n".encode(), "standard input"),
        (f"{A}  ".encode() + b"\xff\n", "not UTF-8"),
        (f"{A}  ".encode() + b"\0\n", "NUL"),
        (f"SHA256 (x) = {A}\n".encode(), "not <64"),
    ],
)
def test_a_manifest_that_could_be_read_in_two_ways_is_refused(data: bytes, fault: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_manifest(data, where="m")
    assert any(fault in text for text in (str(caught.value), *caught.value.faults)), caught.value.faults


def test_every_faulty_line_is_named_up_to_a_number() -> None:
    with pytest.raises(DocumentError, match="30 faults") as caught:
        parse_manifest(b"x\n" * 30, where="m")
    assert 20 == len(caught.value.faults)
    assert caught.value.faults[1].startswith("line 2:")


def test_a_tally_counts_each_file_once() -> None:
    before = {"x": A, "gone": B, "old": C, "same": "d" * 64}
    after = {"x": B, "new": A, "moved": C, "same": "d" * 64}
    found = tally(
        compare_files(before, after),
        before,
        {"x": 1, "gone": 10, "old": 100, "same": 1000},
        {"x": 2, "new": 20, "moved": 100, "same": 1000},
    )
    expected = Tally(Amount(1, 20), Amount(1, 10), Amount(1, 1), Amount(1, 2), Amount(1, 100), Amount(1, 1000))
    assert expected == found


def test_a_size_that_is_not_stated_is_unknown_and_never_0() -> None:
    before, after = {"x": A, "gone": B, "old": C, "same": A}, {"x": B, "new": A, "moved": C, "same": A}
    found = tally(compare_files(before, after), before, {}, {})
    amounts = (found.added, found.removed, found.changed_from, found.changed_to, found.renamed, found.same)
    assert [Amount(1, Unknown("the size of 1 of 1 files isn't stated"))] * 6 == list(amounts)


def test_equal_bytes_have_equal_sizes_so_one_side_is_enough() -> None:
    before, after = {"old": C, "same": A}, {"moved": C, "same": A}
    known = {"old": 5, "moved": 5, "same": 7}
    for old, new in ((known, {}), ({}, known)):
        found = tally(compare_files(before, after), before, old, new)
        assert (Amount(1, 5), Amount(1, 7)) == (found.renamed, found.same)


def test_nothing_is_0_files_of_0_bytes() -> None:
    found = tally(Difference(), {}, {}, {})
    assert Amount(0, 0) == found.added == found.same


def test_a_file_that_is_another_ones_folder_is_named() -> None:
    assert ["a", "a/b"] == files_that_are_folders(["a", "a/b", "a/b/c", "ab"])
