"""Key URIs: what is one, what isn't, and that a device which isn't there, or signs wrongly, is told and not trusted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from attest.signers.devices import KeyUri, OpenedKey, is_key_uri, named_key, open_key
from attest.signers.keys import generate_key, key_identity, load_key, private_pem, sign_bytes
from dbom.errors import DocumentError, MissingExtraError, SigningError, UsageError

if TYPE_CHECKING:
    from softhsm import Token


@pytest.mark.parametrize(
    ("text", "scheme", "path", "label", "library"),
    [
        ("awskms:alias/release", "awskms", "alias/release", "", ""),
        ("AWSKMS:arn:aws:kms:eu-west-1:1:key/a", "awskms", "arn:aws:kms:eu-west-1:1:key/a", "", ""),
        ("hv:release", "hv", "release", "", ""),
        ("hsm:", "hsm", "2", "", ""),
        ("hsm:7?label=YubiKey+PIV+%231", "hsm", "7", "YubiKey PIV #1", ""),
        ("pkcs11:token=my%20token;id=%01%02?module-path=/l.so", "hsm", "258", "my token", "/l.so"),
        ("pkcs11:id=%02;object=signer;type=private", "hsm", "2", "", ""),
    ],
)
def test_a_uri_is_read(text: str, scheme: str, path: str, label: str, library: str) -> None:
    found = KeyUri.parse(text)
    assert (scheme, path, label, library) == (found.scheme, found.path, found.label, found.library)
    assert found == named_key(text)
    assert is_key_uri(text)
    assert found.is_remote == (scheme != "hsm")


@pytest.mark.parametrize("text", ["k.key", "./hsm", "other:thing", "/awskms:x", "awskms"])
def test_anything_else_is_a_file(text: str) -> None:
    assert Path(text) == named_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "awskms:",
        "hsm:two",
        "hsm:2?pin=1",
        "pkcs11:token=t",
        "pkcs11:id=%00",
        "pkcs11:id=%02;id=%03",
        "pkcs11:id=%02;type=public",
        "pkcs11:id=%02;slot-id=1",
        "pkcs11:id=" + "%01" * 33,
    ],
)
def test_a_malformed_uri_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        KeyUri.parse(text)
    assert "DBOM-362" == caught.value.rule.id


@pytest.mark.parametrize("attribute", ["pin-value=1234", "pin-source=file:/pin"])
def test_a_pin_has_no_place_in_a_uri_and_is_not_repeated(attribute: str) -> None:
    with pytest.raises(UsageError, match="a PIN has no place") as caught:
        KeyUri.parse(f"pkcs11:id=%02?{attribute}")
    assert (False, True) == ("1234" in str(caught.value), "DBOM_PKCS11_PIN" in caught.value.hint)


def test_a_service_is_not_asked_while_offline() -> None:
    with pytest.raises(UsageError, match="--offline") as caught:
        open_key(KeyUri.parse("awskms:alias/k"), ask_pin=lambda: None, offline=True)
    assert "DBOM-354" == caught.value.rule.id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("azurekms://vault.example/keys/k", "not the URI of a key in a vault"),
        ("azurekms://v.vault.azure.net/secrets/k", "not the URI of a key in a vault"),
    ],
)
def test_an_azure_uri_names_a_vault_and_a_key(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_key(KeyUri.parse(text), ask_pin=lambda: None)


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "securesystemslib.signer", None)
    with pytest.raises(MissingExtraError, match="'kms'") as caught:
        open_key(KeyUri.parse("awskms:alias/k"), ask_pin=lambda: None)
    assert "pip install 'dbom[kms]'" == caught.value.hint


def test_a_part_of_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("securesystemslib.signer._hsm_signer.PKCS11_IMPORT_ERROR", "'python-pkcs11' required")
    with pytest.raises(MissingExtraError, match="'pkcs11'"):
        open_key(KeyUri.parse("hsm:"), ask_pin=lambda: None)


def test_a_device_whose_signature_is_not_its_key_s_is_refused() -> None:
    key, other = generate_key(), generate_key()
    lying = OpenedKey(KeyUri.parse("hsm:"), key.public_key(), lambda data: sign_bytes(other, data).hex())
    honest = OpenedKey(KeyUri.parse("hsm:"), key.public_key(), lambda data: sign_bytes(key, data).hex())
    assert honest.sign(b"data")
    with pytest.raises(SigningError, match="isn't one by the public key") as caught:
        lying.sign(b"data")
    assert "DBOM-362" == caught.value.rule.id
    assert lying.public_key() == key.public_key()


_TRIES = """
import sys
from attest.signers.devices import KeyUri, open_key
from dbom.errors import DbomError
for uri, pin in (line.split() for line in sys.stdin):
    try:
        key = open_key(KeyUri.parse(uri), ask_pin=lambda: None if pin == "-" else pin)
        print(type(key.sign(b"data")).__name__)
    except DbomError as error:
        print(error.rule.id, error)
"""


def test_a_token_that_is_not_there_a_key_that_is_not_in_it_and_a_wrong_pin_are_said(hsm: Token) -> None:
    """In a process of its own: a PKCS#11 library reads its configuration once."""
    module, label, pin = hsm.module, hsm.label, hsm.pin
    tries = {
        f"pkcs11:token={label};id=%02?module-path={module} {pin}": "bytes",
        f"pkcs11:token={label};id=%02?module-path={module} -": "DBOM-346",
        f"pkcs11:token={label};id=%02?module-path={module} 99999": "DBOM-362",
        f"pkcs11:token={label};id=%09?module-path={module} {pin}": "DBOM-362",
        f"pkcs11:token=nobody;id=%02?module-path={module} {pin}": "DBOM-362",
        f"hsm:2?label={label} {pin}": "DBOM-362",  # no library named: PYKCS11LIB is as it was
        f"pkcs11:token={label};id=%02?module-path=/nowhere.so {pin}": "DBOM-362",
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", _TRIES],
        input="\n".join(tries),
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **hsm.environment},
    )
    said = done.stdout.splitlines()
    assert list(tries.values()) == [line.split()[0] for line in said]
    assert "99999" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["SIGSTORE", "COSIGN"])
def test_a_key_in_cosign_s_own_encryption_is_named_and_not_guessed(name: str) -> None:
    pem = f"-----BEGIN ENCRYPTED {name} PRIVATE KEY-----\neyJ9\n-----END ENCRYPTED {name} PRIVATE KEY-----\n".encode()
    with pytest.raises(DocumentError, match="cosign's own encryption") as caught:
        load_key(pem, where="cosign.key", password="secret")
    assert ("DBOM-345", True) == (caught.value.rule.id, "import-key-pair" in caught.value.hint)
    key = generate_key()
    encrypted = private_pem(key, password="secret")
    assert key_identity(key) == key_identity(load_key(encrypted, where="k", password="secret"))
