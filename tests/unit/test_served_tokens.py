"""Identity tokens: each is taken for what its issuer says with its own key, and for nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from token_issuer import TokenIssuer, encoded, jwk, new_key

from attest.identity import Identity
from attest.served.issuers import Issuer, IssuerKind, issuer_table, parse_issuer, read_issuers
from attest.served.keysets import ALGORITHMS, MAX_AGE, PAUSE, KeySets
from attest.served.refusing import RequestRefusedError
from attest.served.token_checking import CheckedToken, check_token
from dbom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PERSONS = Issuer("https://issuer.example", IssuerKind.EMAIL)
ACCOUNT: dict[str, Any] = {
    "sub": "system:serviceaccount:ci:signer",
    "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "signer", "uid": "u"}, "pod": {"name": "p"}},
}


def checked(token: str, by: TokenIssuer, issuer: Issuer = PERSONS, now: datetime = NOW) -> CheckedToken:
    return check_token(token, issuer_table([issuer]), KeySets(lambda: 0.0, by.fetch).keys, now)


def reason(token: str, by: TokenIssuer, issuer: Issuer = PERSONS) -> str:
    with pytest.raises(RequestRefusedError) as refused:
        checked(token, by, issuer)
    assert not token or token not in str(refused.value)
    assert "DBOM-371" == refused.value.rule.id
    return refused.value.reason


@pytest.fixture
def issuer() -> TokenIssuer:
    return TokenIssuer(NOW)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_of_a_configured_issuer_names_whom_it_is_about(algorithm: str) -> None:
    by = TokenIssuer(NOW, algorithm=algorithm)
    assert Identity("someone@example.com", by.url) == checked(by.token(), by).subject.identity


def test_a_service_account_is_named_as_fulcio_names_it(issuer: TokenIssuer) -> None:
    found = checked(issuer.token(**ACCOUNT), issuer, Issuer(issuer.url, IssuerKind.KUBERNETES)).subject
    assert "https://kubernetes.io/namespaces/ci/serviceaccounts/signer" == found.identity.subject
    assert "system:serviceaccount:ci:signer" == found.possessed


@pytest.mark.parametrize("subject", ["spiffe://example.org/ns/ci", "spiffe://example.org/~a%20b"])
def test_a_uri_is_named_as_it_is(issuer: TokenIssuer, subject: str) -> None:
    uris = Issuer(issuer.url, IssuerKind.URI, domain="spiffe://example.org")
    assert subject == checked(issuer.token(sub=subject), issuer, uris).subject.identity.subject


_SECONDS = int(NOW.timestamp())

_CLAIMS: dict[str, tuple[str, dict[str, Any]]] = {
    "ended": ("token-expired", {"exp": _SECONDS}),
    "without an end": ("token-expired", {"exp": None}),
    "an end that is a text": ("token-expired", {"exp": str(_SECONDS + 300)}),
    "an end beyond time": ("token-expired", {"exp": 1e300}),
    "not begun": ("token-not-yet-valid", {"nbf": _SECONDS + 61}),
    "issued in the future": ("token-not-yet-valid", {"iat": _SECONDS + 61}),
    "another audience": ("audience", {"aud": "vault"}),
    "no audience": ("audience", {"aud": None}),
    "an audience that begins the same": ("audience", {"aud": "sigstore2"}),
    "audiences without ours": ("audience", {"aud": ["a", "b"]}),
    "unknown issuer": ("issuer-unknown", {"iss": "https://other.example"}),
    "issuer with a suffix": ("issuer-unknown", {"iss": "https://issuer.example.evil.example"}),
    "issuer with a slash": ("issuer-unknown", {"iss": "https://issuer.example/"}),
    "issuer in capitals": ("issuer-unknown", {"iss": "https://ISSUER.example"}),
    "issuer that is a list": ("issuer-unknown", {"iss": None, "issuer": "https://issuer.example"}),
    "a local identity's issuer": ("issuer-unknown", {"iss": "https://local.dbom.dev/" + "0" * 32}),
    "e-mail not verified": ("email-unverified", {"email_verified": False}),
    "e-mail verified, as a text": ("email-unverified", {"email_verified": "true"}),
    "e-mail of which nothing is said": ("email-unverified", {"email_verified": None}),
    "no e-mail": ("subject", {"email": None}),
    "e-mail with a new line": ("subject", {"email": "a@b.example\n"}),
    "e-mail beyond ASCII": ("subject", {"email": "ä@b.example"}),
    "two e-mails": ("subject", {"email": "a@b.example,c@d.example"}),
    "no subject": ("subject", {"sub": None}),
    "empty subject": ("subject", {"sub": ""}),
    "endless subject": ("subject", {"sub": "x" * 1025}),
}


@pytest.mark.parametrize("case", _CLAIMS)
def test_a_token_is_refused_for_its_own_reason(issuer: TokenIssuer, case: str) -> None:
    expected, said = _CLAIMS[case]
    assert expected == reason(issuer.token(**said), issuer)


_ACCOUNTS: dict[str, dict[str, Any]] = {
    "a person's": {},
    "another in the subject": {**ACCOUNT, "sub": "system:serviceaccount:ci:admin"},
    "no account": {**ACCOUNT, "kubernetes.io": {"namespace": "ci"}},
    "a namespace with a slash": {
        "sub": "system:serviceaccount:a/b:c",
        "kubernetes.io": {"namespace": "a/b", "serviceaccount": {"name": "c"}},
    },
    "an account with a path": {
        "sub": "system:serviceaccount:a:../c",
        "kubernetes.io": {"namespace": "a", "serviceaccount": {"name": "../c"}},
    },
}


@pytest.mark.parametrize("case", _ACCOUNTS)
def test_what_is_no_service_account_is_refused(issuer: TokenIssuer, case: str) -> None:
    cluster = Issuer(issuer.url, IssuerKind.KUBERNETES)
    assert "subject" == reason(issuer.token(**_ACCOUNTS[case]), issuer, cluster)


@pytest.mark.parametrize(
    "subject",
    [
        "spiffe://example.org.evil.example/a",
        "spiffe://evil.example/example.org",
        "spiffe://user@example.org/a",
        "https://example.org/a",
        "spiffe://example.org/a b",
        "spiffe://example.org/ü",
        "spiffe://[example.org/a",
        "someone@example.org",
    ],
)
def test_a_uri_of_another_domain_is_refused(issuer: TokenIssuer, subject: str) -> None:
    uris = Issuer(issuer.url, IssuerKind.URI, domain="spiffe://example.org")
    assert "subject" == reason(issuer.token(sub=subject), issuer, uris)


def test_a_clock_that_is_a_little_ahead_is_borne(issuer: TokenIssuer) -> None:
    checked(issuer.token(nbf=_SECONDS + 60, iat=_SECONDS + 60), issuer)


# The signature


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "PS256", "ES256K", "", None, 1, ["RS256"]])
def test_other_algorithms_are_refused(issuer: TokenIssuer, algorithm: object) -> None:
    claims = issuer.claims()
    assert "token-algorithm" == reason(encoded({"alg": algorithm, "kid": "one"}, claims, b"x"), issuer)


def test_an_unsigned_token_is_refused(issuer: TokenIssuer) -> None:
    for header in ({"alg": "none"}, {}):
        assert "token-algorithm" == reason(encoded(header, issuer.claims()), issuer)
    assert "token-signature" == reason(encoded({"alg": "RS256", "kid": "one"}, issuer.claims()), issuer)


def test_a_public_key_is_no_shared_secret(issuer: TokenIssuer) -> None:
    """The old trick: an HMAC with the text of the issuer's public key."""
    assert isinstance(issuer.key, rsa.RSAPrivateKey)
    secret = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    token = encoded({"alg": "HS256", "kid": "one"}, issuer.claims())
    signed = hmac.digest(secret, token.rpartition(".")[0].encode(), hashlib.sha256)
    assert "token-algorithm" == reason(encoded({"alg": "HS256", "kid": "one"}, issuer.claims(), signed), issuer)


def test_a_token_by_another_key_is_refused(issuer: TokenIssuer) -> None:
    assert "token-signature" == reason(issuer.token(by=new_key("RS256")), issuer)


def test_a_token_that_brings_its_own_key_is_refused(issuer: TokenIssuer) -> None:
    mine = new_key("RS256")
    brought: dict[str, object] = {"jwk": jwk(mine), "jku": "https://evil.example/keys"}
    assert "token-signature" == reason(issuer.token(by=mine, header=brought), issuer)


def test_changed_claims_are_refused(issuer: TokenIssuer) -> None:
    head, _, signature = issuer.token().split(".")
    changed = encoded({}, issuer.claims(email="admin@example.com")).split(".")[1]
    assert "token-signature" == reason(f"{head}.{changed}.{signature}", issuer)


def test_a_key_of_another_kind_than_the_algorithm_is_refused() -> None:
    by = TokenIssuer(NOW, algorithm="ES256")
    by.publish(jwk(new_key("ES384"), kid="one"), jwk(new_key("RS256"), kid="one"), jwk(new_key("EdDSA"), kid="one"))
    assert "token-key-unknown" == reason(by.token(), by)


def test_keys_that_are_for_something_else_are_not_used(issuer: TokenIssuer) -> None:
    for said in ({"use": "enc"}, {"alg": "RS512"}, {"kid": "two"}):
        issuer.publish(jwk(issuer.key, **{"kid": "one", **said}))
        assert "token-key-unknown" == reason(issuer.token(), issuer)


def test_keys_that_can_not_be_used_are_left_out(issuer: TokenIssuer) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  it is here to be refused
    secret = {"kty": "oct", "k": "AAAA", "kid": "one"}
    issuer.publish(jwk(weak, kid="one"), secret, {"kty": "what", "kid": "one"}, {**jwk(issuer.key), "d": "AQAB"})
    assert "token-key-unknown" == reason(issuer.token(), issuer)


def test_a_token_without_a_key_id_is_tried_with_each_key(issuer: TokenIssuer) -> None:
    issuer.publish(jwk(new_key("RS256"), kid="other"), jwk(issuer.key))
    checked(issuer.token(header={"kid": ""}), issuer)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        "e30.e30",
        "!.e30.",
        "e30.!.",
        "W10.e30.",
        "e30.W10.",
        encoded({"alg": "RS256", "kid": 1}, {"iss": PERSONS.url}),
        "x" * 20000,
        encoded({"alg": "RS256"}, {"iss": PERSONS.url}).replace("e", "é"),
    ],
)
def test_what_is_no_token_is_refused(issuer: TokenIssuer, token: str) -> None:
    assert "token-malformed" == reason(token, issuer)


def test_a_claim_that_is_there_twice_is_refused(issuer: TokenIssuer) -> None:
    head = encoded({"alg": "RS256"}, {}).split(".")[0]
    twice = b'{"iss":"https://issuer.example","iss":"https://issuer.example"}'
    body = base64.urlsafe_b64encode(twice).rstrip(b"=").decode()
    assert "token-malformed" == reason(f"{head}.{body}.AAAA", issuer)


def test_a_header_that_demands_to_be_understood_is_refused(issuer: TokenIssuer) -> None:
    assert "token-algorithm" == reason(issuer.token(header={"crit": ["b64"], "b64": True}), issuer)


# The issuer's keys


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_keys_are_kept_and_a_new_one_is_found_at_once(issuer: TokenIssuer) -> None:
    clock = _Clock()
    keys = KeySets(clock, issuer.fetch)
    assert 1 == len(keys.keys(PERSONS, "one"))
    clock.seconds = MAX_AGE - 1
    assert 1 == len(keys.keys(PERSONS, "one"))
    assert 2 == len(issuer.asked)
    issuer.publish(jwk(new_key("RS256"), kid="two"))
    assert 1 == len(keys.keys(PERSONS, "two"))
    assert () == keys.keys(PERSONS, "one")


def test_a_key_that_was_withdrawn_is_not_used_for_long(issuer: TokenIssuer) -> None:
    clock = _Clock()
    keys = KeySets(clock, issuer.fetch)
    keys.keys(PERSONS, "one")
    issuer.publish()
    clock.seconds = MAX_AGE
    assert () == keys.keys(PERSONS, "one")


def test_unknown_keys_do_not_make_us_ask_again_and_again(issuer: TokenIssuer) -> None:
    clock = _Clock()
    keys = KeySets(clock, issuer.fetch)
    for number in range(50):
        assert () == keys.keys(PERSONS, f"no-{number}")
    assert 2 == len(issuer.asked)
    clock.seconds = PAUSE
    keys.keys(PERSONS, "no")
    assert 4 == len(issuer.asked)


def test_an_issuer_that_can_not_be_asked_is_no_yes(issuer: TokenIssuer) -> None:
    clock = _Clock()
    keys = KeySets(clock, issuer.fetch)
    keys.keys(PERSONS, "one")
    issuer.documents.clear()
    clock.seconds = MAX_AGE - 1
    assert 1 == len(keys.keys(PERSONS, "one")), "what is fresh holds"
    assert () == keys.keys(PERSONS, "two")
    clock.seconds = MAX_AGE + PAUSE
    with pytest.raises(RequestRefusedError) as refused:
        keys.keys(PERSONS, "one")
    assert ("issuer-unreachable", 503) == (refused.value.reason, refused.value.status)


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "https://issuer.example/"},
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://issuer.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://[x"},
        {"jwks_uri": "https://elsewhere.example/keys"},
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_followed(issuer: TokenIssuer, said: dict[str, str]) -> None:
    issuer.publish(jwk(issuer.key, kid="one"), **said)
    assert "issuer-unreachable" == reason(issuer.token(), issuer)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys":[' + b"1," * 100 + b"1]}", b" " * 600000]
)
def test_what_is_no_key_set_is_no_yes(issuer: TokenIssuer, body: bytes) -> None:
    issuer.documents[f"{issuer.url}/keys"] = body
    assert "issuer-unreachable" == reason(issuer.token(), issuer)


# The configuration


def test_issuers_are_written_on_the_command_line_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "issuers.toml").write_text(
        '[[issuer]]\nurl = "https://10.0.0.1:6443"\ntype = "kubernetes"\nca-file = "ca.pem"\ntoken-file = "t"\n'
        '[[issuer]]\nurl = "https://s.example/a"\n' + 'type = "uri"\ndomain = "spiffe://e.org"\n'
    )
    assert (
        parse_issuer("https://10.0.0.1:6443=kubernetes,ca-file=ca.pem,token-file=t"),
        parse_issuer("https://s.example/a=uri,domain=spiffe://e.org"),
    ) == read_issuers(tmp_path / "issuers.toml")
    found = parse_issuer("http://127.0.0.1:8080=email,audience=ours")
    assert Issuer("http://127.0.0.1:8080", IssuerKind.EMAIL, "ours") == found


_WRONG: dict[str, str] = {
    "nothing": "not an issuer",
    "https://i.example": "not an issuer",
    "https://i.example=github": "no such type",
    "https://i.example=email,domain=x": "a domain is what",
    "https://i.example=uri": "a domain is what",
    "https://i.example=uri,domain=x": "its domain is no URL",
    "https://i.example=email,ca-file": "written once",
    "https://i.example=email,audience=a,audience=b": "written once",
    "https://i.example=email,audience=": "no audience",
    "https://i.example=email,color=red": "no such option",
    "https://i.example=email,token-file=t": "a token is sent only",
    "http://i.example=email": "in the clear",
    "http://localhost.evil.example=email": "in the clear",
    "ftp://localhost=email": "in the clear",
    "https://u:p@i.example=email": "no plain URL",
    "https://i.example/#f=email": "no plain URL",
    "https://i.example?a=email": "no plain URL",
    " https://i.example=email": "no plain URL",
    "https://[i.example=email": "no URL",
    "https://local.dbom.dev/0123=email": "a local identity's",
}


@pytest.mark.parametrize("text", _WRONG)
def test_an_issuer_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=_WRONG[text]):
        parse_issuer(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[", "not TOML"),
        ("", "nothing else"),
        ("issuer = 1", "nothing else"),
        ('other = 1\n[[issuer]]\nurl = "u"', "nothing else"),
        ("[[issuer]]\nurl = 1", "a table of texts"),
        ("issuer = [1]", "a table of texts"),
        ('[[issuer]]\ntype = "email"', "no plain URL"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "issuers.toml").write_text(text)
    with pytest.raises(UsageError, match=what):
        read_issuers(tmp_path / "issuers.toml")


@pytest.mark.parametrize(("issuers", "what"), [([], "no issuer"), ([PERSONS, PERSONS], "twice")])
def test_there_is_an_issuer_and_each_is_there_once(issuers: list[Issuer], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        issuer_table(issuers)


def test_a_token_file_is_read_for_each_request_and_sent_over_https_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attest.served import keysets
    from attest.signers.transport import Answer, Transport

    (tmp_path / "token").write_text("secret\n")
    seen: list[tuple[str, str | None, Path | None]] = []

    def get(self: Transport, url: str) -> Answer:
        seen.append((url, None if self.bearer is None else self.bearer(), self.ca_file))
        return Answer(200, {}, b"{}")

    monkeypatch.setattr(Transport, "get", get)
    cluster = Issuer("https://10.0.0.1", IssuerKind.KUBERNETES, ca_file=Path("ca"), token_file=tmp_path / "token")
    fetch: Callable[[Issuer, str], bytes] = keysets.fetch_document
    fetch(cluster, "https://10.0.0.1/a")
    fetch(cluster, "http://127.0.0.1/a")
    assert [("https://10.0.0.1/a", "secret", Path("ca")), ("http://127.0.0.1/a", None, Path("ca"))] == seen
    (tmp_path / "token").unlink()
    with pytest.raises(RequestRefusedError, match="keys aren't to be had"):
        KeySets(lambda: 0.0).keys(cluster, "one")


def test_the_time_is_the_callers(issuer: TokenIssuer) -> None:
    checked(issuer.token(), issuer, now=NOW + timedelta(seconds=299))
    with pytest.raises(RequestRefusedError, match="the token ended at"):
        checked(issuer.token(), issuer, now=NOW + timedelta(seconds=300))
