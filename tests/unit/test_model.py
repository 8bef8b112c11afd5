"""The values: what is equal, what is refused, what a notebook shows."""

from __future__ import annotations

import hashlib

import pytest

from dbom.model import FROM_CACHE, Basis, Digest, Entry, Fingerprint, Kind, Known, Unknown, manifest_bytes, tree_digest

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize("text", [f"sha256:{A}", f"tree:sha256:{A}"])
def test_a_digest_is_read_back_from_what_it_is_written_as(text: str) -> None:
    assert text == str(Digest.parse(text))


def test_a_file_and_a_tree_of_the_same_digits_are_two_things() -> None:
    assert Digest(Kind.FILE, A) != Digest(Kind.TREE, A)


@pytest.mark.parametrize(
    "text",
    [
        "",
        A,
        f"sha256:{A.upper()}",
        f"sha256:{A[:-1]}",
        f"sha256:{A}a",
        f"sha256:{A}\n",
        f"sha512:{A}",
        f"tree:{A}",
        f"tree:tree:sha256:{A}",
        f"file:sha256:{A}",
        f" sha256:{A}",
        "sha256:" + "\u0661" * 64,
    ],
)
def test_anything_else_is_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match="not "):
        Digest.parse(text)


def test_a_tree_digest_is_the_sha256_of_the_manifest_in_byte_order() -> None:
    entries = (Entry("é", 1, A), Entry("a/b", 1, B), Entry("Z", 1, A))
    expected = f"{A}  Z\n{B}  a/b\n{A}  é\n".encode()
    assert expected == manifest_bytes(entries) == manifest_bytes(entries[::-1])
    assert Digest(Kind.TREE, hashlib.sha256(expected).hexdigest()) == tree_digest(entries)


def test_an_empty_tree_has_no_digest() -> None:
    with pytest.raises(ValueError, match="empty tree"):
        tree_digest(())


def tree(*known: Known) -> Fingerprint:
    entries = tuple(Entry(f"{number}", 1, A, how) for number, how in enumerate(known))
    return Fingerprint("t", Digest(Kind.TREE, A), entries)


def test_a_tree_is_as_weak_as_its_weakest_file() -> None:
    computed, attested = Known(Basis.COMPUTED), Known(Basis.STORE_ATTESTED, "s3")
    derived, declared = Known(Basis.DERIVED, "b"), Known(Basis.DECLARED)
    assert computed == tree(computed, computed).known
    assert attested == tree(computed, attested).known
    assert derived == tree(attested, derived, computed).known
    assert declared == tree(declared, derived).known
    assert ["store-attested (s3)", "declared"] == [str(attested), str(declared)]


def test_an_unknown_is_not_equal_to_one_with_another_reason() -> None:
    assert Unknown("no licence file") != Unknown("not read")


def test_a_single_file_keeps_its_name_or_takes_another() -> None:
    entry = Entry("x.bin", 5, A)
    found = Fingerprint.of_file(entry)
    assert ("x.bin", Kind.FILE, 5) == (found.name, found.kind, found.size)
    assert "y" == Fingerprint.of_file(entry, name="y").name


def test_a_notebook_shows_the_first_files_and_counts_the_rest() -> None:
    entries = tuple(Entry(f"file{number:02}", 1000, A) for number in range(25))
    shown = Fingerprint("data", tree_digest(entries), entries)._repr_html_()
    assert "file19" in shown
    assert "file20" not in shown
    assert "… and 5 more" in shown
    assert "25,000 bytes" in shown
    assert str(tree_digest(entries)) in shown
    assert "more" not in Fingerprint("data", tree_digest(entries[:20]), entries[:20])._repr_html_()


def test_hostile_names_are_escaped_in_a_notebook() -> None:
    entry = Entry("<script>alert(1)</script>&\"'\u202e\x1b[2J", 1, A, Known(Basis.DECLARED, "<img src=x>"))
    shown = Fingerprint("<b>\x07", tree_digest((entry,)), (entry,))._repr_html_()
    for hostile in ("<script", "<img", "<b>\x07", "<b>\\x07", "\u202e", "\x1b", "\x07"):
        assert hostile not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in shown


def test_a_tree_says_where_a_file_of_it_came_from_the_cache_and_can_leave_the_remark_out() -> None:
    entries = (Entry("a", 1, A), Entry("b", 1, B, FROM_CACHE))
    found = Fingerprint("t", tree_digest(entries), entries)
    assert "computed (cache)" == str(found.known)
    assert Fingerprint("t", found.digest, (Entry("a", 1, A), Entry("b", 1, B))) == found.without_cache()


def test_a_manifest_of_very_many_lines_is_made_in_parts() -> None:
    entries = tuple(Entry(f"{number:05}", 1, A) for number in range(10_000))
    expected = "".join(f"{A}  {number:05}\n" for number in range(10_000)).encode()
    assert expected == manifest_bytes(entries[::-1])
    assert hashlib.sha256(expected).hexdigest() == tree_digest(entries).hex


def test_a_fingerprints_repr_is_short_and_harmless() -> None:
    entries = tuple(Entry(f"{number:04}", 10, "a" * 64) for number in range(2000))
    shown = repr(Fingerprint("t\x1b[2J", tree_digest(entries), entries))
    digest = tree_digest(entries)
    assert f"<Fingerprint 't\\\\x1b[2J' {digest}, 2,000 files, 20,000 bytes, computed>" == shown
