"""Strings from strangers are shown without moving a cursor, reordering a line or hiding a character."""

from __future__ import annotations

import pytest

from dbom.printable import printable


@pytest.mark.parametrize("text", ["", "plain", "with space", "naïve café", "日本語", "emoji 😀", "a/b-c_d.e", "<&>'\""])
def test_what_is_harmless_is_shown_as_it_is(text: str) -> None:
    assert text == printable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("abc\u202efdp.exe", "abc\\u202efdp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028end", "line\\u2028end"),
        ("\udcff", "\\udcff"),
        ("\ue000", "\\ue000"),
        ("\U000e0041", "\\U000e0041"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_what_could_harm_is_written_out(text: str, expected: str) -> None:
    assert expected == printable(text)


def test_a_backslash_is_doubled_so_that_nothing_can_look_like_an_escape() -> None:
    assert printable("\x1b") != printable("\\x1b")


def test_long_texts_are_cut_and_say_so() -> None:
    assert "xxx…" == printable("xxxx", limit=3)
    assert "xxx" == printable("xxx", limit=3)
