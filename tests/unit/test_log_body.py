"""What a log entry says was signed is compared with the bundle; an entry that says something odd says nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from made_sigstore import MadeSigstore, b64, fixed_key, log_body, pem_of, spki_of

from attest.bundle import LogEntry
from attest.verifier.log_body import Signer, check_entry_body
from attest.verifier.log_proof import root_of_path
from attest.verifier.signed_content import SignedContent
from dbom.canonical import canonical_json, json_object
from dbom.errors import EvidenceError
from dbom.names import DSSE_PAYLOAD_TYPE

PAYLOAD, SIGNATURE = b"{}", b"signature"
SPKI = spki_of(fixed_key("k").public_key())
CONTENT = SignedContent.of_envelope(DSSE_PAYLOAD_TYPE, PAYLOAD, SIGNATURE)
KINDS = ("dsse 0.0.1", "intoto 0.0.2", "hashedrekord 0.0.1", "hashedrekord 0.0.2", "dsse 0.0.2")
SIGNER = Signer(SPKI, is_certificate=False)


def entry(kind: str, body: bytes) -> LogEntry:
    """Return an entry with a body."""
    return LogEntry(0, MadeSigstore().log_id, kind, None, None, None, body)


def body_of(kind: str) -> bytes:
    """Return the body that fits."""
    named = pem_of(SPKI, "PUBLIC KEY")
    return log_body(kind, PAYLOAD, DSSE_PAYLOAD_TYPE, SIGNATURE, named=named, who=SPKI, is_certificate=False)


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_about_this_is_accepted(kind: str) -> None:
    check_entry_body(entry(kind, body_of(kind)), CONTENT, SIGNER, where="e")


def leaves(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every text in a document."""
    if isinstance(value, dict):
        return [found for key in value for found in leaves(value[key], (*path, key))]
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in leaves(item, (*path, number))]
    return [path]


# What a bundle can't tell: the hash of the envelope as it was sent, and the name of the key's algorithm.
FREE = ("envelopeHash", "keyDetails")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", ["", "AAAA", "00", "?", "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0=", None, 7])
def test_no_part_of_an_entry_can_be_another(kind: str, other: object) -> None:
    whole = json_object(body_of(kind), where="b")
    for path in leaves(whole):
        if any(step in FREE for step in path) or path[:3] == ("spec", "content", "hash"):
            continue
        document: Any = json_object(body_of(kind), where="b")
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = other
        with pytest.raises(EvidenceError) as caught:
            check_entry_body(entry(kind, canonical_json(document)), CONTENT, SIGNER, where="e")
        assert caught.value.rule.id == "DBOM-333", path


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"kind":"dsse","apiVersion":"0.0.1"}', b'{"kind":1}'])
def test_a_body_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(EvidenceError):
        check_entry_body(entry("dsse 0.0.1", body), CONTENT, SIGNER, where="e")


def test_a_key_is_no_certificate() -> None:
    with pytest.raises(EvidenceError, match="another signer"):
        check_entry_body(
            entry("dsse 0.0.1", body_of("dsse 0.0.1")), CONTENT, Signer(SPKI, is_certificate=True), where="e"
        )


def test_both_sides_of_a_difference_are_named_in_hex() -> None:
    other = SignedContent.of_envelope(DSSE_PAYLOAD_TYPE, b"[]", SIGNATURE)
    with pytest.raises(EvidenceError) as caught:
        check_entry_body(entry("dsse 0.0.1", body_of("dsse 0.0.1")), other, SIGNER, where="e")
    assert caught.value.got == hashlib.sha256(b"{}").hexdigest()
    assert caught.value.expected == hashlib.sha256(b"[]").hexdigest()


def test_a_digest_alone_fits_an_entry_of_that_digest() -> None:
    message = b"a file"
    content = SignedContent.of_digest(hashlib.sha256(message).digest(), SIGNATURE)
    assert (content.digest("sha512"), content.message()) == (None, None)
    spec: Any = {
        "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}},
        "signature": {"content": b64(SIGNATURE), "publicKey": {"content": b64(pem_of(SPKI, "PUBLIC KEY"))}},
    }
    document = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
    check_entry_body(entry("hashedrekord 0.0.1", canonical_json(document)), content, SIGNER, where="e")
    spec["data"]["hash"] = {"algorithm": "sha512", "value": hashlib.sha512(message).hexdigest()}
    with pytest.raises(EvidenceError, match="another digest"):
        check_entry_body(entry("hashedrekord 0.0.1", canonical_json(document)), content, SIGNER, where="e")


@pytest.mark.parametrize("size", range(1, 18))
def test_a_path_leads_to_the_root_of_its_own_index_alone(size: int) -> None:
    hashes = [hashlib.sha256(b"\0%d" % number).digest() for number in range(size)]

    def tree(items: list[bytes]) -> bytes:
        if len(items) == 1:
            return items[0]
        split = 1 << (len(items) - 1).bit_length() - 1
        return hashlib.sha256(b"\1" + tree(items[:split]) + tree(items[split:])).digest()

    def path(number: int, items: list[bytes]) -> tuple[bytes, ...]:
        if len(items) == 1:
            return ()
        split = 1 << (len(items) - 1).bit_length() - 1
        if number < split:
            return (*path(number, items[:split]), tree(items[split:]))
        return (*path(number - split, items[split:]), tree(items[:split]))

    for number in range(size):
        steps = path(number, hashes)
        assert root_of_path(number, size, hashes[number], steps) == tree(hashes)
        assert root_of_path(size, size, hashes[number], steps) is None
        assert root_of_path(number, size, hashes[number], (*steps, b"\2" * 32)) is None
        wrong = [root_of_path(other, size, hashes[number], steps) for other in range(size) if other != number]
        assert tree(hashes) not in wrong
