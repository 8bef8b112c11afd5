"""A hardware security module in software: a PKCS#11 token in a folder, with one EC P-256 key.

The fixture `hsm` (tests/conftest.py) gives a `Token`, with its `.environment` set for the test:
`.uri` (RFC 7512, with module and PIN), `.module`, `.label`, `.key_label`, `.key_id` (hex), `.pin`, `.public_pem`.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from programs import program
from sigstore_keys import private_pem, public_pem

__all__ = ["MODULES", "Token", "make_token", "module_path"]

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
"""Where SoftHSM's PKCS#11 module is."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token with a key; `environment` is what the module needs to find it."""

    module: str
    environment: dict[str, str]
    public_pem: bytes = field(repr=False)
    label: str = "dbom"
    key_label: str = "signer"
    key_id: str = "02"
    pin: str = field(default="1234", repr=False)

    @property
    def uri(self) -> str:
        """Return the PKCS#11 URI (RFC 7512) of the key."""
        return self.uri_without_pin + f"&pin-value={self.pin}"

    @property
    def uri_without_pin(self) -> str:
        """Return the PKCS#11 URI of the key, for who gives the PIN another way."""
        where = f"token={self.label};object={self.key_label};id=%{self.key_id};type=private"
        return f"pkcs11:{where}?module-path={self.module}"


def module_path() -> str | None:
    """Return where SoftHSM's module is, or None where it isn't installed."""
    return next((path for path in MODULES if Path(path).exists()), None)


def make_token(folder: Path) -> Token:
    """Make a token in `folder` and import a fresh P-256 key. Raises where SoftHSM isn't there."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "key.pem").write_bytes(private_pem(key))
    environment = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    token = Token(module_path() or MODULES[0], environment, public_pem(key))
    named = ["--label", token.label, "--pin", token.pin]
    _softhsm(environment, "--init-token", "--free", *named, "--so-pin", "5678")
    imported = ["--token", token.label, "--pin", token.pin, "--label", token.key_label, "--id", token.key_id]
    _softhsm(environment, "--import", str(folder / "key.pem"), *imported)
    (folder / "key.pem").unlink()
    return token


def _softhsm(environment: dict[str, str], *words: str) -> None:
    subprocess.run([program("softhsm2-util"), *words], env=environment, check=True, capture_output=True)
