"""Identities and the patterns that expect them: exact, or an RE2 expression in full."""

from __future__ import annotations

import pytest

from attest.identity import Identity, IdentityPattern, KeyIdentity, Pattern
from dbom.errors import DocumentError, UsageError

ALICE = Identity("alice@example.org", "https://issuer.example.org")


def test_an_exact_pattern_matches_just_that_identity() -> None:
    pattern = IdentityPattern.exact(ALICE.subject, ALICE.issuer)
    assert pattern.matches(ALICE)
    assert not pattern.matches(Identity(ALICE.subject, "https://other.example.org"))
    assert not pattern.matches(Identity("Alice@example.org", ALICE.issuer))
    assert not pattern.matches(Identity("alice@example.org\n", ALICE.issuer))


@pytest.mark.parametrize(("subject", "issuer"), [("", "b"), ("a", ""), ("", "")])
def test_half_an_identity_is_refused(subject: str, issuer: str) -> None:
    with pytest.raises(UsageError, match="a subject and an issuer"):
        IdentityPattern.exact(subject, issuer)


@pytest.mark.parametrize(
    ("expression", "value", "matches"),
    [
        (".*@example[.]org", "alice@example.org", True),
        ("example", "alice@example.org", False),
        ("alice@example.org|x", "alice@example.orgs", False),
        ("a|ab", "ab", True),
        ("^a$", "a\n", False),
        (".", "\n", False),
        ("", "a", False),
    ],
)
def test_an_expression_matches_in_full_or_not_at_all(expression: str, value: str, matches: bool) -> None:  # noqa: FBT001  the expected value
    assert Pattern(expression, is_expression=True).matches(value) is matches


@pytest.mark.parametrize("expression", ["(", "[a", "(?=a)", "(a)\\1"])
def test_what_is_no_re2_is_refused_at_once(expression: str) -> None:
    with pytest.raises(DocumentError, match="not an RE2 expression"):
        Pattern(expression, is_expression=True)


def test_all_of_them_are_shown_harmless() -> None:
    hostile = Identity("\x1b[2Ja", "b\u202e")
    assert str(hostile) == "\\x1b[2Ja (issuer b\\u202e)"
    assert str(IdentityPattern(Pattern("a.*", is_expression=True), Pattern("b"))) == "/a.*/ (issuer b)"
    assert str(KeyIdentity("ab")) == "key sha256:ab"
