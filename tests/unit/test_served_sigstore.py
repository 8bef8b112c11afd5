"""The services of a served Sigstore, without a server: certificates, log entries and time stamps, given and refused."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from rfc3161_client import TimestampRequestBuilder, VerifierBuilder, decode_timestamp_response
from rfc3161_client.base import HashAlgorithm
from served_requests import certificate_request, dsse_proposal, hashed_proposal, signing_request, spki_pem, text_of
from token_issuer import TokenIssuer, new_key

from attest.certificates import identity_of
from attest.http_server import Request, Response
from attest.local import open_local
from attest.local.log import LogReader
from attest.local.merkle import check_consistency, leaf_hash, root_from_proof
from attest.served.client_files import client_files, providers_of
from attest.served.home import ServedSigstore, find_served, open_served
from attest.served.issuers import Issuer, IssuerKind
from attest.served.keysets import KeySets
from attest.served.serving import opened_application
from attest.signers.keys import generate_key
from attest.signers.services import Services
from attest.trust import TrustRoot
from dbom.errors import PathError, SigningError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from attest.served.application import SigstoreApplication

NOW = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
_P256 = ec.generate_private_key(ec.SECP256R1())


class Served:
    """The services over a folder, asked by hand, and a clock that a test can set."""

    def __init__(self, home: Path) -> None:
        self.home, self.now = home, NOW
        self.issuer = TokenIssuer(NOW)
        self._stack = ExitStack()
        self.sigstore = open_served(home, now=NOW)
        self.application = self._opened()

    def _opened(self) -> SigstoreApplication:
        issuers = {self.issuer.url: Issuer(self.issuer.url, IssuerKind.EMAIL)}
        keys = KeySets(lambda: 0.0, self.issuer.fetch)
        opened = opened_application(self.sigstore, issuers, now=lambda: self.now, keys=keys)
        return self._stack.enter_context(opened)

    def close(self) -> None:
        """Let go of the folder."""
        self._stack.close()

    def restarted(self) -> None:
        """Open it anew, as another program would."""
        self.close()
        self.application = self._opened()

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json", **headers: str
    ) -> Response:
        """Ask as the server would, once it has read a request."""
        path, _, query = path.partition("?")
        request = Request(method, path, query, {"content-type": kind, **headers}, body)
        return self.application.at_once(request) or self.application.answer(request, lambda: False)

    def certify(self, body: bytes, token: str | None = None) -> Response:
        """Ask for a certificate, by default with a good token."""
        token = self.issuer.token() if token is None else token
        return self.ask("POST", "/api/v2/signingCert", body, authorization=f"Bearer {token}")

    def certificate(self, key: ec.EllipticCurvePrivateKey = _P256) -> x509.Certificate:
        """Return a certificate for a key."""
        answer = self.certify(certificate_request(key, "someone@example.com"))
        assert 200 == answer.status, answer.body
        return chain_of(answer)[0]

    def log(self, body: bytes) -> Response:
        """Propose an entry."""
        return self.ask("POST", "/api/v1/log/entries", body)

    @property
    def size(self) -> int:
        """How many entries there are but for the log's own first one."""
        return LogReader(self.sigstore.folder / "log").head().size - 1


def chain_of(answer: Response) -> list[x509.Certificate]:
    chain = json.loads(answer.body)["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    return [x509.load_pem_x509_certificate(item.encode()) for item in chain]


def reason(answer: Response) -> str:
    said = json.loads(answer.body)
    assert answer.log is not None
    assert answer.log["reason"] == said["reason"]
    found: str = said["reason"]
    return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path / "home")
    yield made
    made.close()


# Certificates


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
def test_whoever_shows_a_token_and_a_key_gets_a_certificate(served: Served, kind: str) -> None:
    key = generate_key(kind)
    answer = served.certify(certificate_request(key, "someone@example.com"))
    leaf, *issuing = chain_of(answer)
    assert ("someone@example.com", served.issuer.url) == (
        identity_of(leaf, where="x").subject,
        identity_of(leaf, where="x").issuer,
    )
    assert spki_pem(key.public_key()) == spki_pem(leaf.public_key())
    for child, parent in zip([leaf, *issuing[:-1]], issuing, strict=True):
        child.verify_directly_issued_by(parent)
    assert timedelta(minutes=10) == leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert answer.log is not None
    assert "someone@example.com" == answer.log["identity"]


def test_a_signing_request_does_as_well_and_its_names_count_for_nothing(served: Served) -> None:
    named = x509.Name([x509.NameAttribute(x509.NameOID.EMAIL_ADDRESS, "admin@example.com")])
    request = x509.CertificateSigningRequestBuilder().subject_name(named).sign(_P256, hashes.SHA256())
    body = json.dumps({"certificateSigningRequest": text_of(request.public_bytes(Encoding.PEM))}).encode()
    leaf = chain_of(served.certify(body))[0]
    assert "someone@example.com" == identity_of(leaf, where="x").subject
    assert not list(leaf.subject)


def test_a_token_may_stand_in_the_request(served: Served) -> None:
    request = json.loads(certificate_request(_P256, "someone@example.com"))
    request["credentials"] = {"oidcIdentityToken": served.issuer.token()}
    assert 200 == served.ask("POST", "/api/v2/signingCert", json.dumps(request).encode()).status


def test_each_certificate_is_logged_before_it_is_handed_out(served: Served) -> None:
    served.certificate()
    assert 1 == LogReader(served.sigstore.folder / "ct-log").head().size


def _foreign_csr() -> str:
    """Return a signing request whose key was replaced after it was signed."""
    mine, theirs = (
        signing_request(key).public_bytes(Encoding.DER) for key in (_P256, ec.generate_private_key(ec.SECP256R1()))
    )
    mine_point, their_point = (mine.index(b"\x03\x42\x00\x04"), theirs.index(b"\x03\x42\x00\x04"))
    changed = mine[: mine_point + 4] + theirs[their_point + 4 : their_point + 68] + mine[mine_point + 68 :]
    return text_of(x509.load_der_x509_csr(changed).public_bytes(Encoding.PEM))


_REQUESTS: dict[str, tuple[str, Any]] = {
    "not JSON": ("malformed", b"{"),
    "too long": ("malformed", b" " * 70000),
    "nothing": ("malformed", {}),
    "both ways": ("malformed", {"certificateSigningRequest": "x", "publicKeyRequest": {}}),
    "a list": ("malformed", {"publicKeyRequest": []}),
    "no proof": ("malformed", {"publicKeyRequest": {"publicKey": {"content": spki_pem(_P256.public_key()).decode()}}}),
    "no key": ("malformed", {"publicKeyRequest": {"proofOfPossession": "AAAA"}}),
    "a signing request that is none": ("malformed", {"certificateSigningRequest": "AAAA"}),
    "a signing request that isn't base64": ("malformed", {"certificateSigningRequest": "!"}),
    "a signing request with another key": ("possession", {"certificateSigningRequest": _foreign_csr()}),
    "somebody else's proof, replayed": ("possession", certificate_request(_P256, "other@example.com")),
    "a proof by another key": (
        "possession",
        certificate_request(
            ec.generate_private_key(ec.SECP256R1()),
            "someone@example.com",
            publicKey={"content": spki_pem(_P256.public_key()).decode()},
        ),
    ),
    "a proof over nothing": ("possession", certificate_request(_P256, "")),
    "a weak key": (
        "key-unusable",
        {
            "publicKeyRequest": {
                "publicKey": {"content": spki_pem(rsa.generate_private_key(65537, 2048).public_key()).decode()},
                "proofOfPossession": "AAAA",
            }
        },
    ),
    "a curve nobody takes": (
        "key-unusable",
        {
            "publicKeyRequest": {
                "publicKey": {"content": spki_pem(ec.generate_private_key(ec.SECP256K1()).public_key()).decode()},
                "proofOfPossession": "AAAA",
            }
        },
    ),
}


@pytest.mark.parametrize("case", _REQUESTS)
def test_who_does_not_show_to_hold_the_key_gets_no_certificate(served: Served, case: str) -> None:
    expected, said = _REQUESTS[case]
    answer = served.certify(said if isinstance(said, bytes) else json.dumps(said).encode())
    assert (400, expected) == (answer.status, reason(answer))
    assert 0 == LogReader(served.sigstore.folder / "ct-log").head().size


def test_a_refused_token_stands_in_no_answer_and_no_log_line(served: Served) -> None:
    for token in (served.issuer.token(aud="vault"), served.issuer.token(by=new_key("RS256")), "a.b.c"):
        answer = served.certify(certificate_request(_P256, "someone@example.com"), token)
        assert 401 == answer.status
        assert token.encode() not in answer.body
        assert token not in json.dumps(answer.log)


def test_without_a_token_there_is_no_certificate(served: Served) -> None:
    answer = served.ask("POST", "/api/v2/signingCert", certificate_request(_P256, "someone@example.com"))
    assert (401, "token-missing") == (answer.status, reason(answer))


def test_the_local_identity_gets_nothing(served: Served, tmp_path: Path) -> None:
    """Its issuer can't be configured (see the tokens), and its keys sign for others than these do."""
    local = open_local(tmp_path / "local")
    root = TrustRoot.parse(served.sigstore.trusted_root(), where="x")
    assert root.issuer_scope is None
    assert not root.is_local
    own = TrustRoot.parse(local.trusted_root(), where="x")
    assert not {item.log_id for item in own.logs} & {item.log_id for item in root.logs}
    answer = served.certify(
        certificate_request(_P256, "someone@example.com"), served.issuer.token(iss=local.identity.issuer)
    )
    assert (401, "issuer-unknown") == (answer.status, reason(answer))


def test_a_local_sigstore_is_not_served(tmp_path: Path) -> None:
    open_local(tmp_path / "home")
    (tmp_path / "home" / "local-sigstore").rename(tmp_path / "home" / "served-sigstore")
    with pytest.raises(PathError, match="which isn't served"):
        open_served(tmp_path / "home", now=NOW)


# The log


def _entry(answer: Response) -> dict[str, Any]:
    (found,) = json.loads(answer.body).values()
    assert isinstance(found, dict)
    return found


def _check_entry(served: Served, answer: Response) -> dict[str, Any]:
    """Check promise, proof and checkpoint as a client would; return the body."""
    entry = _entry(answer)
    key = load_pem_public_key(served.ask("GET", "/api/v1/log/publicKey").body)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    promise = {name: entry[name] for name in ("body", "integratedTime", "logID", "logIndex")}
    signed = json.dumps(promise, sort_keys=True, separators=(",", ":")).encode()
    signature = base64.b64decode(entry["verification"]["signedEntryTimestamp"])
    key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    proof, body = entry["verification"]["inclusionProof"], base64.b64decode(entry["body"])
    path = [bytes.fromhex(item) for item in proof["hashes"]]
    root = root_from_proof(leaf_hash(body), proof["logIndex"], proof["treeSize"], path)
    assert root.hex() == proof["rootHash"]
    assert base64.b64encode(root).decode() in proof["checkpoint"].splitlines()
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ed25519"])
def test_an_envelope_is_logged_with_promise_and_proof(served: Served, kind: str) -> None:
    key, payload = generate_key(kind), b'{"_type": "statement"}'
    answer = served.log(dsse_proposal(key, payload=payload))
    assert 201 == answer.status, answer.body
    body = _check_entry(served, answer)
    assert hashlib.sha256(payload).hexdigest() == body["spec"]["payloadHash"]["value"]
    headers = dict(answer.headers)
    assert [headers["etag"]] == list(json.loads(answer.body))
    assert f"/api/v1/log/entries/{headers['etag']}" == headers["location"]


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("ecdsa-p256", "sha256"), ("ecdsa-p384", "sha384"), ("ecdsa-p521", "sha512")]
)
def test_a_bare_signature_is_logged_by_its_digest(served: Served, kind: str, algorithm: str) -> None:
    answer = served.log(hashed_proposal(generate_key(kind), algorithm=algorithm))
    assert 201 == answer.status, answer.body
    assert algorithm == _check_entry(served, answer)["spec"]["data"]["hash"]["algorithm"]


def test_a_signature_by_a_certificate_of_ours_is_logged(served: Served) -> None:
    pem = served.certificate().public_bytes(Encoding.PEM)
    for body in (dsse_proposal(_P256, verifier=pem), hashed_proposal(_P256, verifier=pem)):
        assert 201 == served.log(body).status


def test_entries_are_found_by_index_and_by_id(served: Served) -> None:
    bodies = [served.log(dsse_proposal(_P256)).body for _ in range(3)]
    served.now += timedelta(hours=1)
    for index, body in enumerate(bodies, 1):
        (uuid,) = json.loads(body)
        found = [
            served.ask("GET", f"/api/v1/log/entries?logIndex={index}"),
            served.ask("GET", f"/api/v1/log/entries/{uuid}"),
            served.ask("GET", f"/api/v1/log/entries/{uuid[16:]}"),
        ]
        assert [200] * 3 == [answer.status for answer in found]
        for answer in found:
            assert _check_entry(served, answer)
            assert [_entry(answer)[name] for name in ("body", "integratedTime", "logIndex")] == [
                json.loads(body)[uuid][name] for name in ("body", "integratedTime", "logIndex")
            ]


@pytest.mark.parametrize("name", ["7", "0" * 64, "0" * 80, "x", "-1", "9" * 30])
def test_what_is_not_there_is_not_found(served: Served, name: str) -> None:
    served.log(dsse_proposal(_P256))
    answer = served.ask("GET", f"/api/v1/log/entries/{name}")
    assert (404, "entry-missing") == (answer.status, reason(answer))


def test_an_entry_is_logged_once(served: Served) -> None:
    """Whoever logs it again is told where it is, after a restart too."""
    proposal = hashed_proposal(_P256)
    first = served.log(proposal)
    for _ in range(2):
        again = served.log(proposal)
        assert (409, "entry-exists") == (again.status, reason(again))
        assert dict(first.headers)["location"] == dict(again.headers)["location"]
        served.restarted()
    assert 1 == served.size


@pytest.mark.parametrize("query", ["", "?logIndex=", "?logIndex=1&logIndex=2", "?" + "a=1&" * 50])
def test_a_query_that_names_no_entry_is_refused(served: Served, query: str) -> None:
    answer = served.ask("GET", f"/api/v1/log/entries{query}")
    assert (400, "malformed") == (answer.status, reason(answer))


_LONE = "\\ud800"  # half of a pair, which no encoder takes
_ODD: dict[str, tuple[str, str]] = {
    "an envelope": (
        "/api/v1/log/entries",
        f'{{"apiVersion":"0.0.1","kind":"dsse","spec":{{"proposedContent":"{_LONE}"}}}}',
    ),
    "a kind": ("/api/v1/log/entries", f'{{"apiVersion":"0.0.1","kind":"{_LONE}","spec":{{}}}}'),
    "a key": ("/api/v2/signingCert", f'{{"publicKeyRequest":{{"publicKey":{{"content":"{_LONE}"}}}}}}'),
    "a hash": ("/api/v1/timestamp", f'{{"artifactHash":"{_LONE}","hashAlgorithm":"sha256"}}'),
    "nothing but depth": ("/api/v1/log/entries", '{"a":' * 5000),
}


@pytest.mark.parametrize("case", _ODD)
def test_texts_that_nobody_can_write_are_refused(served: Served, case: str) -> None:
    path, body = _ODD[case]
    assert 400 == served.ask("POST", path, body.encode()).status


@pytest.mark.parametrize("changed", ["é", "=", " x", "A"])
def test_a_token_with_something_behind_it_is_refused(served: Served, changed: str) -> None:
    answer = served.certify(certificate_request(_P256, "someone@example.com"), f"{served.issuer.token()}{changed}")
    assert 401 == answer.status


def test_a_log_begins_with_the_trust_root(served: Served) -> None:
    """Its index of 0 and empty proof would be left out of bundles by cosign, which others can't read then."""
    body = _check_entry(served, served.ask("GET", "/api/v1/log/entries?logIndex=0"))
    assert hashlib.sha256(served.sigstore.trusted_root()).hexdigest() == body["spec"]["data"]["hash"]["value"]
    assert 1 == _entry(served.log(dsse_proposal(_P256)))["logIndex"]


def test_the_log_says_its_state_and_proves_that_it_only_grew(served: Served) -> None:
    states = []
    for _ in range(4):
        served.log(dsse_proposal(_P256))
        states.append(json.loads(served.ask("GET", "/api/v1/log").body))
    assert [2, 3, 4, 5] == [state["treeSize"] for state in states]
    answer = served.ask("GET", "/api/v1/log/proof?firstSize=3&lastSize=4")
    path = [bytes.fromhex(item) for item in json.loads(answer.body)["hashes"]]
    roots = [bytes.fromhex(state["rootHash"]) for state in states]
    assert check_consistency(3, 4, roots[1], roots[2], path)


@pytest.mark.parametrize(
    "query",
    ["", "?lastSize=9", "?firstSize=2&lastSize=1", "?lastSize=x", "?lastSize=1&lastSize=1", "?firstSize=&lastSize=1"],
)
def test_a_proof_that_can_not_be_is_refused(served: Served, query: str) -> None:
    served.log(dsse_proposal(_P256))
    answer = served.ask("GET", f"/api/v1/log/proof{query}")
    if query == "?firstSize=&lastSize=1":
        assert 200 == answer.status
    else:
        assert (400, "malformed") == (answer.status, reason(answer))


def _spec(**spec: object) -> bytes:
    return json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()


_OTHER = ec.generate_private_key(ec.SECP256R1())
_ENTRIES: dict[str, tuple[str, bytes]] = {
    "not JSON": ("malformed", b"["),
    "another kind": ("entry-kind", json.dumps({"apiVersion": "0.0.1", "kind": "intoto", "spec": {}}).encode()),
    "another version": ("entry-kind", json.dumps({"apiVersion": "0.0.2", "kind": "dsse", "spec": {}}).encode()),
    "no spec": ("malformed", json.dumps({"apiVersion": "0.0.1", "kind": "dsse"}).encode()),
    "no content": ("malformed", _spec()),
    "an envelope that is none": ("malformed", _spec(proposedContent={"envelope": "[", "verifiers": ["AAAA"]})),
    "no envelope": ("malformed", _spec(proposedContent={"verifiers": ["AAAA"]})),
    "no verifier": ("malformed", dsse_proposal(_P256).replace(b'"verifiers": [', b'"verifierz": [')),
    "two signatures": ("malformed", dsse_proposal(_P256, signatures=[{"sig": "AAAA"}, {"sig": "AAAA"}])),
    "no signature": ("malformed", dsse_proposal(_P256, signatures=[])),
    "a signature that isn't base64": ("malformed", dsse_proposal(_P256, signatures=[{"sig": "?"}])),
    "another signature": ("entry-signature", dsse_proposal(_P256, signatures=[{"sig": "AAAA"}])),
    "another payload type": ("entry-signature", dsse_proposal(_P256, payloadType="text/plain")),
    "another payload": (
        "entry-signature",
        dsse_proposal(_P256).replace(text_of(b"{}").encode(), text_of(b"[]").encode()),
    ),
    "another key": ("entry-signature", dsse_proposal(_P256, verifier=spki_pem(_OTHER.public_key()))),
    "a verifier that is none": ("malformed", dsse_proposal(_P256, verifier=b"key")),
    "a certificate that is none": ("malformed", dsse_proposal(_P256, verifier=b"-----BEGIN CERTIFICATE-----\n")),
    "a curve nobody takes": (
        "key-unusable",
        dsse_proposal(_P256, verifier=spki_pem(ec.generate_private_key(ec.SECP256K1()).public_key())),
    ),
    "another digest": (
        "entry-signature",
        hashed_proposal(_P256).replace(hashlib.sha256(b"data").hexdigest().encode(), b"0" * 64),
    ),
    "a digest by another algorithm": ("malformed", hashed_proposal(_P256).replace(b'"sha256"', b'"sha384"')),
    "an algorithm nobody takes": ("malformed", hashed_proposal(_P256, algorithm="sha1")),
    "a digest in capitals": (
        "malformed",
        hashed_proposal(_P256).replace(
            hashlib.sha256(b"data").hexdigest().encode(), hashlib.sha256(b"data").hexdigest().upper().encode()
        ),
    ),
    "Ed25519 over a digest": ("key-unusable", hashed_proposal(generate_key("ed25519"))),
}


@pytest.mark.parametrize("case", _ENTRIES)
def test_what_does_not_verify_is_not_logged(served: Served, case: str) -> None:
    expected, body = _ENTRIES[case]
    answer = served.log(body)
    assert (400, expected) == (answer.status, reason(answer))
    assert 0 == served.size


def test_a_certificate_of_somebody_else_is_not_logged(served: Served, tmp_path: Path) -> None:
    other = Served(tmp_path / "other")
    pem = other.certificate().public_bytes(Encoding.PEM)
    other.close()
    answer = served.log(dsse_proposal(_P256, verifier=pem))
    assert (400, "entry-certificate", 0) == (answer.status, reason(answer), served.size)


@pytest.mark.parametrize("later", [timedelta(minutes=10, seconds=1), timedelta(minutes=-1)])
def test_a_certificate_that_is_not_valid_now_is_not_logged(served: Served, later: timedelta) -> None:
    pem = served.certificate().public_bytes(Encoding.PEM)
    served.now += later
    answer = served.log(dsse_proposal(_P256, verifier=pem))
    assert (400, "entry-certificate", 0) == (answer.status, reason(answer), served.size)


def test_an_entry_whose_time_a_crash_left_out_has_a_later_one(served: Served) -> None:
    first = json.loads(served.log(dsse_proposal(_P256)).body)
    (served.sigstore.folder / "log" / "times").write_bytes(b"")
    served.now += timedelta(hours=1)
    served.restarted()
    answer = served.ask("GET", "/api/v1/log/entries/1")
    assert next(iter(first.values()))["integratedTime"] + 3600 == _entry(answer)["integratedTime"]
    assert _check_entry(served, answer)


def test_an_entry_that_a_crash_left_unacknowledged_is_found_once_it_is_logged(served: Served) -> None:
    """The head is written last: what stands whole behind it is taken up by the next writer."""
    log = served.sigstore.folder / "log"
    served.log(dsse_proposal(_P256))
    head = (log / "checkpoint").read_bytes()
    proposal = hashed_proposal(_P256)
    served.log(proposal)
    (log / "checkpoint").write_bytes(head)
    served.restarted()
    assert 201 == served.log(dsse_proposal(_P256)).status
    assert 3 == served.size
    assert 409 == served.log(proposal).status
    assert _check_entry(served, served.ask("GET", "/api/v1/log/entries/2"))


def test_a_log_that_can_not_be_written_acknowledges_nothing(served: Served) -> None:
    (served.sigstore.folder / "log" / "checkpoint").unlink()
    answer = served.log(dsse_proposal(_P256))
    assert 503 == answer.status
    assert b"can't write" in answer.body
    assert answer.log is not None
    assert "DBOM-" in str(answer.log["rule"])


def test_one_program_serves_a_folder(served: Served) -> None:
    with pytest.raises(SigningError, match="another program"), opened_application(served.sigstore, {}):
        pass


# Time stamps


def _stamps(served: Served) -> tuple[x509.Certificate, x509.Certificate]:
    leaf, root = x509.load_pem_x509_certificates(served.ask("GET", "/api/v1/timestamp/certchain").body)
    return leaf, root


@pytest.mark.parametrize("nonce", [True, False])
@pytest.mark.parametrize("certificate", [True, False])
@pytest.mark.parametrize("algorithm", [HashAlgorithm.SHA256, HashAlgorithm.SHA512])
def test_a_time_stamp_is_what_was_asked_for(
    served: Served, algorithm: HashAlgorithm, *, certificate: bool, nonce: bool
) -> None:
    query = TimestampRequestBuilder().data(b"data").hash_algorithm(algorithm).nonce(nonce=nonce)
    query = query.cert_request(cert_request=certificate)
    asked = query.build()
    answer = served.ask("POST", "/api/v1/timestamp", asked.as_bytes(), "application/timestamp-query")
    assert (201, "application/timestamp-reply") == (answer.status, answer.content_type)
    response = decode_timestamp_response(answer.body)
    assert asked.nonce == response.tst_info.nonce
    assert NOW.replace(microsecond=0) == response.tst_info.gen_time
    assert certificate == bool(response.signed_data.certificates)
    leaf, root = _stamps(served)
    verifier = VerifierBuilder.from_request(asked).tsa_certificate(leaf).add_root_certificate(root).build()
    assert verifier.verify_message(response, b"data")


def test_a_query_in_json_is_answered_too(served: Served) -> None:
    digest = hashlib.sha256(b"data").digest()
    body = json.dumps({"artifactHash": text_of(digest), "hashAlgorithm": "sha256", "nonce": 7, "certificates": True})
    response = decode_timestamp_response(served.ask("POST", "/api/v1/timestamp", body.encode()).body)
    assert (digest, 7) == (response.tst_info.message_imprint.message, response.tst_info.nonce)


_QUERIES: dict[str, tuple[str, bytes]] = {
    "nothing": ("application/timestamp-query", b""),
    "not DER": ("application/timestamp-query", b"query"),
    "too long": ("application/timestamp-query", b"0" * 5000),
    "SHA-1": ("application/timestamp-query", bytes.fromhex("3021020101301f300706052b0e03021a0414" + "00" * 20)[:35]),
    "a digest that is cut": (
        "application/timestamp-query",
        TimestampRequestBuilder()
        .data(b"x")
        .hash_algorithm(HashAlgorithm.SHA256)
        .nonce(nonce=False)
        .build()
        .as_bytes()[:-3],
    ),
    "version 2": (
        "application/timestamp-query",
        TimestampRequestBuilder()
        .data(b"x")
        .nonce(nonce=False)
        .build()
        .as_bytes()
        .replace(b"\x02\x01\x01", b"\x02\x01\x02", 1),
    ),
    "JSON: no hash": ("application/json", b"{}"),
    "JSON: SHA-1": ("application/json", b'{"artifactHash": "AAAA", "hashAlgorithm": "sha1"}'),
    "JSON: a short digest": ("application/json", b'{"artifactHash": "AAAA", "hashAlgorithm": "sha256"}'),
    "JSON: a nonce that is a text": (
        "application/json",
        b'{"artifactHash": "AAAA", "hashAlgorithm": "sha256", "nonce": "1"}',
    ),
    "JSON: a policy": (
        "application/json",
        b'{"artifactHash": "AAAA", "hashAlgorithm": "sha256", "tsaPolicyOID": "1.2"}',
    ),
    "JSON: a negative nonce": (
        "application/json",
        json.dumps({"artifactHash": text_of(b"\0" * 32), "hashAlgorithm": "sha256", "nonce": -1}).encode(),
    ),
}


@pytest.mark.parametrize("case", _QUERIES)
def test_what_can_not_be_stamped_is_refused(served: Served, case: str) -> None:
    kind, body = _QUERIES[case]
    answer = served.ask("POST", "/api/v1/timestamp", body, kind)
    assert (400, "time-stamp") == (answer.status, reason(answer))


# Paths, and what clients are given


@pytest.mark.parametrize(
    ("method", "path", "kind", "status"),
    [
        ("GET", "/healthz", "", 200),
        ("HEAD", "/ping", "", 200),
        ("POST", "/healthz", "", 405),
        ("GET", "/", "", 404),
        ("GET", "/api/v1/log/entries/a/b", "", 404),
        ("GET", "/api/v2/signingCert", "", 405),
        ("DELETE", "/api/v1/log/entries/0", "", 405),
        ("POST", "/api/v2/signingCert", "text/plain", 415),
        ("POST", "/api/v1/timestamp", "text/plain", 415),
        ("GET", "/api/v2/configuration", "", 200),
        ("GET", "/api/v2/trustBundle", "", 200),
        ("GET", "/api/v1/log", "", 200),
    ],
)
def test_paths_and_methods(served: Served, method: str, path: str, kind: str, status: int) -> None:
    assert status == served.ask(method, path, b"", kind).status


def test_the_configuration_names_the_issuers(served: Served) -> None:
    (found,) = json.loads(served.ask("GET", "/api/v2/configuration").body)["issuers"]
    assert (served.issuer.url, "sigstore", "email") == (found["issuerUrl"], found["audience"], found["challengeClaim"])


def test_the_trust_bundle_is_the_chain(served: Served) -> None:
    (chain,) = json.loads(served.ask("GET", "/api/v2/trustBundle").body)["chains"]
    intermediate, root = (x509.load_pem_x509_certificate(item.encode()) for item in chain["certificates"])
    intermediate.verify_directly_issued_by(root)
    with pytest.raises((InvalidSignature, ValueError)):
        root.verify_directly_issued_by(intermediate)


def test_what_is_late_is_not_begun(served: Served) -> None:
    request = Request("POST", "/api/v1/log/entries", body=dsse_proposal(_P256))
    assert 503 == served.application.answer(request, lambda: True).status
    assert 0 == served.size


def test_clients_are_told_where_and_whom(served: Served) -> None:
    files = client_files(served.sigstore.trusted_root(), url="https://sigstore.example/", providers=[served.issuer.url])
    services = Services.of_trust_config(files["client_trust_config.json"], where="x", now=NOW)
    assert [("https://sigstore.example", 1)] == [(log.url, log.version) for log in services.logs]
    assert ("https://sigstore.example/api/v1/timestamp",) == services.time_stamp_urls
    assert served.sigstore.trusted_root() == files["trusted_root.json"]


def test_people_log_in_with_the_issuers_of_addresses() -> None:
    persons = Issuer("https://a.example", IssuerKind.EMAIL)
    cluster = Issuer("https://b.example", IssuerKind.KUBERNETES)
    assert ("https://a.example",) == providers_of([cluster, persons])
    assert ("https://b.example",) == providers_of([cluster])


def test_a_folder_is_made_once(served: Served, tmp_path: Path) -> None:
    found = find_served(served.home)
    assert isinstance(found, ServedSigstore)
    assert served.sigstore.trusted_root() == found.trusted_root()
    assert find_served(tmp_path / "elsewhere") is None
    (served.sigstore.folder / "trusted_root.json").write_text("{}")
    with pytest.raises(PathError):
        find_served(served.home)
    (served.sigstore.folder / "trusted_root.json").unlink()
    with pytest.raises(PathError, match="can't be read"):
        find_served(served.home)
