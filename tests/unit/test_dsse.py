"""DSSE's pre-authentication encoding."""

from __future__ import annotations

from attest.dsse import pre_authentication_encoding


def test_the_example_of_the_protocol() -> None:
    """secure-systems-lab/dsse, protocol.md: the test vector."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert expected == pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")


def test_lengths_are_counted_in_bytes() -> None:
    assert pre_authentication_encoding("ü", b"") == "DSSEv1 2 ü 0 ".encode()
