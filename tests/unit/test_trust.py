"""Trust roots: what is read, what is refused, what is scoped, and when one can't say any more."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from evidence import changed, clock, local_sigstore
from made_sigstore import SIGNED_AT, MadeSigstore

from attest.trust import TrustRoot, Window
from dbom.errors import DocumentError
from dbom.names import LOCAL_CA_ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.fixture(scope="module")
def local_root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return local_sigstore(tmp_path_factory.mktemp("home")).trusted_root()


def authority(organization: str, common_name: str) -> str:
    """Return a self-signed certificate in base64."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def test_a_local_root_may_vouch_for_its_own_issuer_alone(local_root: bytes) -> None:
    root = TrustRoot.parse(local_root, where="root")
    assert root.is_local
    assert root.issuer_scope is not None
    assert root.issuer_scope.startswith("https://local.dbom.dev/")
    assert root.raw == local_root


def _with_authority(certificate: str) -> Callable[[dict[str, Any]], object]:
    return lambda d: d["certificateAuthorities"][0]["certChain"].update(certificates=[{"rawBytes": certificate}])


def test_a_root_of_others_is_not_scoped(local_root: bytes) -> None:
    raw = changed(local_root, _with_authority(authority("Example", "Example root")))
    assert TrustRoot.parse(raw, where="root").issuer_scope is None


def test_a_local_root_that_names_another_issuer_is_refused(local_root: bytes) -> None:
    raw = changed(local_root, _with_authority(authority(LOCAL_CA_ORGANIZATION, "https://accounts.google.com")))
    with pytest.raises(DocumentError, match="its key only allows"):
        TrustRoot.parse(raw, where="root")


def test_a_root_that_merges_a_local_authority_with_another_is_refused(local_root: bytes) -> None:
    other = json.loads(changed(local_root, _with_authority(authority("Example", "Example root"))))
    raw = changed(local_root, lambda d: d["certificateAuthorities"].append(other["certificateAuthorities"][0]))
    with pytest.raises(DocumentError, match="merges a local Sigstore"):
        TrustRoot.parse(raw, where="root")


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "media type": (lambda d: d.update(mediaType="x"), "not a trusted root"),
    "nobody": (
        lambda d: [d.pop(key) for key in ("certificateAuthorities", "tlogs", "timestampAuthorities")],
        "names nobody",
    ),
    "an empty chain": (lambda d: d["timestampAuthorities"][0]["certChain"].clear(), "certChain is empty"),
    "a log key without a start": (lambda d: d["tlogs"][0]["publicKey"].pop("validFor"), "no start of its validity"),
    "authorities that are no list": (lambda d: d.update(certificateAuthorities={}), "not a list of objects"),
    "authorities that are no objects": (lambda d: d.update(certificateAuthorities=[1]), "not a list of objects"),
    "no chain": (lambda d: d["certificateAuthorities"][0].pop("certChain"), "no certChain"),
    "a certificate that is none": (_with_authority("AAAA"), "error"),
    "a certificate that is no base64": (_with_authority("?"), "base64"),
    "an empty certificate": (_with_authority(""), "rawBytes is missing"),
    "a log without a key": (lambda d: d["tlogs"][0].pop("publicKey"), "no publicKey"),
    "a time without a zone": (
        lambda d: d["tlogs"][0]["publicKey"].update(validFor={"start": "2026-01-01T00:00:00"}),
        "not a time with a zone",
    ),
    "a time that is none": (lambda d: d["tlogs"][0]["publicKey"].update(validFor={"start": 1}), "not a time"),
    "a window that is none": (lambda d: d["tlogs"][0]["publicKey"].update(validFor=1), "not an object"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_root_is_refused(local_root: bytes, fault: str) -> None:
    change, message = FAULTS[fault]
    with pytest.raises(DocumentError, match=message) as caught:
        TrustRoot.parse(changed(local_root, change), where="root")
    assert caught.value.rule.id == "DBOM-310"


def test_a_root_whose_logs_have_all_ended_has_expired(local_root: bytes) -> None:
    raw = changed(local_root, lambda d: d["tlogs"][0]["publicKey"]["validFor"].update(end="2026-02-01T00:00:00Z"))
    root = TrustRoot.parse(raw, where="root")
    assert root.expired(datetime(2026, 2, 2, tzinfo=UTC))
    assert not root.expired(datetime(2026, 1, 1, tzinfo=UTC))


def pem(chain: Sequence[x509.Certificate]) -> bytes:
    """Return a chain in PEM."""
    return b"".join(item.public_bytes(Encoding.PEM) for item in chain)


def test_a_root_of_ones_own_authority_is_read_from_certificates() -> None:
    made = MadeSigstore()
    pem = [
        b"".join(item.public_bytes(Encoding.PEM) for item in chain) for chain in (made.authority(), made.time_stamper())
    ]
    root = TrustRoot.of_certificates(*pem, where="pem")
    assert TrustRoot.parse(root.raw, where="again") == root
    assert (root.logs, root.certificate_logs, root.issuer_scope, root.is_local) == ((), (), None, False)
    assert [len(chain.certificates) for chain in (*root.authorities, *root.time_stampers)] == [2, 2]
    assert not root.expired(SIGNED_AT)
    assert root.expired(SIGNED_AT + timedelta(days=4000))


def test_a_chain_that_is_none_is_refused() -> None:
    with pytest.raises(DocumentError, match="not a chain of certificates"):
        TrustRoot.of_certificates(b"x", b"y", where="pem")


def test_a_time_stamper_of_a_local_sigstore_makes_a_root_local(local_root: bytes) -> None:
    raw = changed(local_root, lambda d: [d.pop(key) for key in ("certificateAuthorities", "tlogs")])
    root = TrustRoot.parse(raw, where="root")
    assert (root.issuer_scope, root.is_local) == (None, True)
    assert root.expired(clock() + timedelta(days=4000))


def test_a_window_without_an_end_ends_with_its_certificate(local_root: bytes) -> None:
    root = TrustRoot.parse(local_root, where="root")
    assert not root.expired(clock())
    assert root.expired(clock() + timedelta(days=4000))


def test_a_window_holds_from_its_start_to_its_end_both_included() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    window = Window(start, end)
    assert [window.holds(start), window.holds(end)] == [True, True]
    assert not window.holds(start - timedelta(seconds=1))
    assert not window.holds(end + timedelta(seconds=1))
    assert Window(None, None).holds(start)


def test_the_root_of_a_client_trust_config_is_read_from_it(local_root: bytes) -> None:
    config = json.dumps({"trustedRoot": json.loads(local_root), "signingConfig": {}}).encode()
    assert TrustRoot.of_trust_config(config, where="config").issuer_scope is not None


def test_a_client_trust_config_without_a_root_is_refused() -> None:
    with pytest.raises(DocumentError, match="no trustedRoot"):
        TrustRoot.of_trust_config(b"{}", where="config")
