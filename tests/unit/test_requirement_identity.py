"""The requirement `identity`: bytes; content digests are refused by name, since nothing makes them yet."""

from __future__ import annotations

from judging import World, briefly, read, refused_to_read

from admission.requirements.identity import IdentityRule


def test_the_digest_of_bytes_is_what_the_gate_always_demands() -> None:
    rule = read(IdentityRule, "bytes")
    assert briefly(World((), (rule,)).judged()) == []
    assert rule.explain() == ["An artifact is told by the digest of its bytes."]


def test_content_is_refused_by_name_when_the_policy_loads() -> None:
    (fault,) = refused_to_read(IdentityRule, "content")
    assert fault.startswith("spec.identity: nothing here makes content digests")


def test_another_word_is_a_fault() -> None:
    assert refused_to_read(IdentityRule, "name")
    assert refused_to_read(IdentityRule, ["bytes"])
