"""Keys: each kind signs what our verifier accepts, files are written once, and a password is never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attest.authority import Authority
from attest.signers.keyfiles import read_key, write_key_pair
from attest.signers.keys import KEY_KINDS, generate_key, key_identity, load_key, private_pem, public_pem
from attest.signers.signing import KeySigner
from attest.statement import Statement, Subject
from attest.verified import Rejection, VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import DocumentError, PathError, UsageError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

    from attest.signers.signing import Signer

from datetime import UTC, datetime

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_STATEMENT = Statement.build(Subject.of("data", Digest(Kind.FILE, "ab" * 32)), PREDICATE_BOM, {})


def _no_password() -> str | None:
    return None


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_each_kind_signs_what_its_public_half_verifies_and_no_other(kind: str) -> None:
    key = generate_key(kind)
    signer: Signer = KeySigner(key)
    bundle = signer.sign(_STATEMENT)
    good = verify_bundle(bundle, [Authority("us", key_pem=public_pem(key))], where="b", now=_NOW)
    other = verify_bundle(bundle, [Authority("eve", key_pem=public_pem(generate_key(kind)))], where="b", now=_NOW)
    assert isinstance(good, VerifiedStatement)
    assert (key_identity(key), _STATEMENT.payload) == (good.signer, good.statement.payload)
    assert isinstance(other, Rejection)
    assert key_identity(key) == signer.identity
    assert key_identity(key).spki_sha256 in signer.describe()


@pytest.mark.parametrize("kind", KEY_KINDS)
@pytest.mark.parametrize("password", [None, "correct horse"])
def test_a_written_key_is_read_back(tmp_path: Path, kind: str, password: str | None) -> None:
    key = generate_key(kind)
    private, public = write_key_pair(str(tmp_path / "k"), key, password=password)
    assert (0o600, public_pem(key)) == (private.stat().st_mode & 0o777, public.read_bytes())
    assert (password is not None) == (b"ENCRYPTED" in private.read_bytes())
    assert key_identity(key) == key_identity(read_key(private, ask_password=lambda: password))


def test_nobody_is_asked_for_the_password_of_a_plain_key(tmp_path: Path) -> None:
    private, _ = write_key_pair(str(tmp_path / "k"), generate_key(), password=None)

    def asked() -> str | None:
        raise AssertionError

    read_key(private, ask_password=asked)


@pytest.mark.parametrize("password", ["wrong", "", None])
def test_a_wrong_or_missing_password_is_said_to_be_that(tmp_path: Path, password: str | None) -> None:
    private, _ = write_key_pair(str(tmp_path / "k"), generate_key(), password="right")
    with pytest.raises(UsageError, match="password") as caught:
        read_key(private, ask_password=lambda: password)
    assert ("DBOM-346", 2, str(private)) == (caught.value.rule.id, caught.value.exit_code, caught.value.where)


@pytest.mark.parametrize("suffix", [".key", ".pub"])
def test_nothing_is_ever_overwritten_and_neither_half_is_left(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"k{suffix}").write_text("mine")
    with pytest.raises(UsageError, match="already") as caught:
        write_key_pair(str(tmp_path / "k"), generate_key(), password=None)
    assert "DBOM-347" == caught.value.rule.id
    assert [(f"k{suffix}", "mine")] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "k.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        write_key_pair(str(tmp_path / "k"), generate_key(), password=None)


def test_the_private_half_goes_where_the_public_half_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = public_pem

    def late(key: ec.EllipticCurvePrivateKey) -> bytes:
        (tmp_path / "k.pub").write_text("somebody else's")
        return real(key)

    monkeypatch.setattr("attest.signers.keyfiles.public_pem", late)
    with pytest.raises(UsageError):
        write_key_pair(str(tmp_path / "k"), generate_key(), password=None)
    assert ["k.pub"] == [path.name for path in tmp_path.iterdir()]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="can't be written"):
        write_key_pair(str(tmp_path / "no" / "k"), generate_key(), password=None)


def test_a_file_that_is_missing_or_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(PathError, match="no such key"):
        read_key(tmp_path / "k.key", ask_password=_no_password)
    with pytest.raises(PathError, match="can't be read"):
        read_key(tmp_path, ask_password=_no_password)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no key at all", "not a private key"),
        (public_pem(generate_key()), "not a private key"),
        (private_pem(generate_key(), password=None)[:60], "not a private key"),
        (b"-" * 70_000, "too large"),
        (_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "not a kind of key"),
        (_pem(ec.generate_private_key(ec.SECP256K1())), "not a kind of key"),
    ],
)
def test_what_is_no_key_that_signs_here_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        load_key(data, where="k.key", password=None)
    assert "DBOM-345" == caught.value.rule.id


def test_an_unknown_kind_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="ecdsa-p256") as caught:
        generate_key("rsa\x1b")
    assert "\x1b" not in str(caught.value)
