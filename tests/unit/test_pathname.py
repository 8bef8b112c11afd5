"""Which paths a manifest can hold."""

from __future__ import annotations

import pytest

from dbom.pathname import path_fault, path_order


@pytest.mark.parametrize("path", ["a", "a/b", "-x", "--", "a/-", " ", "é", "...", "a b", "\t", "\x1b", "*", "'", '"'])
def test_what_a_manifest_holds(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "empty"),
        ("-", "standard input"),
        ("/a", "not relative"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("./a", "empty, . or .."),
        ("a/..", "empty, . or .."),
        ("a/b\nc", "a newline"),
        ("a\rb", "a carriage return"),
        ("a\\b/c", "a backslash"),
        ("a\0", "a NUL"),
        ("a/\udcff", "not UTF-8"),
    ],
)
def test_what_a_manifest_cant_hold(path: str, fault: str) -> None:
    found = path_fault(path)
    assert found is not None
    assert fault in found


def test_the_order_is_that_of_the_bytes() -> None:
    assert ["Z", "a", "a-", "a/b", "ab", "é", "\U0001f600"] == sorted(
        ["é", "a/b", "\U0001f600", "ab", "Z", "a-", "a"], key=path_order
    )
