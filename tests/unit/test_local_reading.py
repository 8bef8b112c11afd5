"""Reading a local Sigstore's logs: entries of every kind that it may hold, roots and entries that nobody can read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from evidence import changed

from attest.local import LocalSigstore, open_local
from attest.local.checking import logs_of
from attest.local.entries import hashedrekord_entry, hashedrekord_v2_entry
from attest.local.listing import ListedEntry, list_entries
from attest.local.logged import read_logged
from attest.local.services import Services
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from dbom.errors import DbomError, DocumentError, PathError, SigningError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbom.canonical import JsonObject

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_STATEMENT = Statement.build(Subject.of("data", Digest(Kind.FILE, "0" * 64)), PREDICATE_BOM, {})


@pytest.fixture
def sigstore(tmp_path: Path) -> LocalSigstore:
    return open_local(tmp_path, now=lambda: _NOW)


def _listed(sigstore: LocalSigstore, entry: bytes) -> ListedEntry:
    root = TrustRoot.parse(sigstore.trusted_root(), where="root")
    Services.load(sigstore.folder, root).log.append(entry)
    (log,) = (log for log in logs_of(sigstore) if not log.logs_certificates)
    return list(list_entries(log))[-1]


def _certificate(sigstore: LocalSigstore) -> x509.Certificate:
    bundle = json.loads(sigstore.signer(now=lambda: _NOW).sign(_STATEMENT))
    der = bundle["verificationMaterial"]["certificate"]["rawBytes"]
    return x509.load_der_x509_certificate(base64.b64decode(der))


def test_entries_of_every_kind_name_what_was_signed_and_who_where_they_say(sigstore: LocalSigstore) -> None:
    certificate = _certificate(sigstore)
    pem, der = certificate.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.DER)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    in_v2: JsonObject = {"x509Certificate": {"rawBytes": base64.b64encode(der).decode()}}
    bare: JsonObject = {"publicKey": {"rawBytes": base64.b64encode(key).decode()}}
    who = str(sigstore.identity)
    for entry, kind, said in (
        (hashedrekord_entry(bytes(32), b"sig", pem), "hashedrekord 0.0.1", who),
        (hashedrekord_entry(bytes(32), b"sig", b"-----BEGIN PUBLIC KEY-----"), "hashedrekord 0.0.1", ""),
        (hashedrekord_entry(bytes(32), b"sig", b"-----BEGIN CERTIFICATE-----"), "hashedrekord 0.0.1", ""),
        (hashedrekord_v2_entry(bytes(32), b"sig", in_v2), "hashedrekord 0.0.2", who),
        (hashedrekord_v2_entry(bytes(32), b"sig", bare), "hashedrekord 0.0.2", ""),
    ):
        found = _listed(sigstore, entry)
        assert (kind, "00" * 32, said) == (found.kind, found.digest, found.who)
        assert (found.at is not None) is bool(said)


@pytest.mark.parametrize(
    "entry",
    [
        b"nonsense",
        b"{}",
        b'{"kind":1,"apiVersion":"0.0.1","spec":{}}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":1}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":{"signatures":{}}}',
        b'{"kind":"dsse","apiVersion":"0.0.1","spec":{"signatures":[],"payloadHash":{"value":"zz"}}}',
    ],
)
def test_an_entry_that_nobody_can_read_is_named(sigstore: LocalSigstore, entry: bytes) -> None:
    with pytest.raises(SigningError, match="entry 0 can't be read"):
        _listed(sigstore, entry)


def _with_key(change: Callable[[bytes], bytes]) -> Callable[[dict[str, Any]], object]:
    def apply(document: dict[str, Any]) -> None:
        key = document["tlogs"][0]["publicKey"]
        key["rawBytes"] = base64.b64encode(change(base64.b64decode(key["rawBytes"]))).decode()

    return apply


def _rsa(_: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_with_key(lambda _: b"no key"), "malformed"),
        (
            _with_key(lambda key: key.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d4201"))),
            "malformed",
        ),
        (_with_key(_rsa), "isn't one of ECDSA"),
        (lambda document: document["tlogs"][0].update(baseUrl="https://other.example.org"), "names no log"),
    ],
)
def test_a_root_that_does_not_name_a_log_s_key_is_refused(
    sigstore: LocalSigstore, change: Callable[[dict[str, Any]], object], what: str
) -> None:
    other = replace(sigstore, _trusted_root=changed(sigstore.trusted_root(), change))
    with pytest.raises(PathError, match=what):
        logs_of(other)


def test_a_local_root_with_a_key_of_an_unknown_kind_is_refused(sigstore: LocalSigstore) -> None:
    def unknown(document: dict[str, Any]) -> None:
        for item in document["certificateAuthorities"][0]["certChain"]["certificates"]:
            der = base64.b64decode(item["rawBytes"])
            item["rawBytes"] = base64.b64encode(
                der.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030177"))
            ).decode()

    with pytest.raises(DocumentError, match="key that can't be read"):
        TrustRoot.parse(changed(sigstore.trusted_root(), unknown), where="root")


def test_bundles_of_every_shape_are_read_for_their_log_entries(sigstore: LocalSigstore) -> None:
    raw = sigstore.signer(now=lambda: _NOW).sign(_STATEMENT)
    plain = read_logged(raw, where="bundle")
    assert len(plain.entries) == 1

    def as_chain(document: dict[str, Any]) -> None:
        material = document["verificationMaterial"]
        material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}

    assert plain.certificate == read_logged(changed(raw, as_chain), where="bundle").certificate

    def as_message(document: dict[str, Any]) -> None:
        (signature,) = document.pop("dsseEnvelope")["signatures"]
        document["messageSignature"] = {"signature": signature["sig"]}

    assert plain.entries == read_logged(changed(raw, as_message), where="bundle").entries

    def without_signatures(document: dict[str, Any]) -> None:
        document["dsseEnvelope"]["signatures"] = {}

    with pytest.raises(DbomError, match="another signature"):
        read_logged(changed(raw, without_signatures), where="bundle")
