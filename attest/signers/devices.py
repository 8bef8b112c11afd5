"""Keys in devices and services (PKCS#11, KMS), named by a URI: the private half never leaves them.

securesystemslib's signers do the talking, and its URIs are taken as they are:

    awskms:KEY-ID | awskms:alias/NAME | awskms:ARN       boto3's credentials
    gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V
    azurekms://VAULT.vault.azure.net/keys/NAME[/VERSION]
    hv:NAME                                              HashiCorp Vault's transit engine, VAULT_ADDR and VAULT_TOKEN
    hsm:[ID][?label=TOKEN]                               PKCS#11, with the library in PYKCS11LIB

and RFC 7512's `pkcs11:token=TOKEN;id=%02?module-path=LIBRARY` for the last.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from attest.signers.faults import ForeignFaults
from attest.signers.keys import KEY_KINDS, PublicKey, is_signature, kind_of
from dbom.errors import MissingExtraError, SigningError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import KEY_DEVICE, KEY_PASSWORD, SIGNING_OFFLINE
from dbom.rules.everyday import EXTRA_MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from securesystemslib.signer import SSlibKey

__all__ = ["KeyUri", "OpenedKey", "is_key_uri", "named_key", "open_key"]

_EXTRAS: Final = {"awskms": "kms", "gcpkms": "kms", "azurekms": "kms", "hv": "kms", "hsm": "pkcs11", "pkcs11": "pkcs11"}
_LIBRARY: Final = "PYKCS11LIB"
_PIV_SIGNATURE: Final = 2  # the slot that securesystemslib takes where an hsm: URI names none
_MAX_ID_BYTES: Final = 32
_AZURE: Final = ".vault.azure.net"
_PACKAGES: Final = ("securesystemslib", "pkcs11", "botocore", "boto3", "google", "azure", "hvac")
_SCHEMES: Final = {
    "ecdsa-p256": "ecdsa-sha2-nistp256",
    "ecdsa-p384": "ecdsa-sha2-nistp384",
    "ecdsa-p521": "ecdsa-sha2-nistp521",
}


@dataclass(frozen=True, slots=True)
class KeyUri:
    """The URI of a key in a device or service. `library` is the PKCS#11 module that it names, or an empty text."""

    text: str
    scheme: str
    path: str
    label: str = ""
    library: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI. Raises `UsageError` where it isn't one, or where it holds a PIN, which others could see."""
        scheme, _, rest = text.partition(":")
        scheme = scheme.lower()
        if scheme not in _EXTRAS or (not rest and scheme != "hsm"):
            raise _bad(text, "not the URI of a key", expected=", ".join(f"{name}:…" for name in _EXTRAS))
        if scheme == "pkcs11":
            return cls._of_pkcs11(text, rest)
        if scheme == "hsm":
            path, _, query = rest.partition("?")
            given = dict(parse_qsl(query, keep_blank_values=True))
            if (path and not path.isdecimal()) or given.keys() - {"label"}:
                raise _bad(text, "not the URI of a key in a device", expected="hsm:[ID][?label=TOKEN]")
            return cls(text, scheme, path or str(_PIV_SIGNATURE), given.get("label", ""))
        return cls(text, scheme, rest)

    @classmethod
    def _of_pkcs11(cls, text: str, rest: str) -> Self:
        """Read RFC 7512, as far as a token's label, a key's id and a module's path go; a key's label is left aside."""
        path, _, query = rest.partition("?")
        pairs = [part.partition("=")[::2] for part in (*path.split(";"), *query.split("&")) if part]
        given = {name: unquote_to_bytes(value) for name, value in pairs}
        if given.keys() & {"pin-value", "pin-source"}:
            raise UsageError(KEY_DEVICE, "a PIN has no place in a URI, where others can see it", hint=_PIN_HINT)
        named = given.get("id", b"")
        if len(given) != len(pairs) or given.keys() - {"token", "object", "id", "type", "module-path"}:
            raise _bad(text, "a part of the URI isn't known here", expected="token, id and module-path")
        if not 0 < len(named) <= _MAX_ID_BYTES or given.get("type", b"private") != b"private":
            raise _bad(text, "the URI names no private key by its id", expected="such as id=%02")
        # The library asks the device for the id as the shortest big-endian number.
        if named[0] == 0:
            raise _bad(text, "an id that begins with a zero byte can't be asked for")
        label, library = (given.get(name, b"").decode(errors="replace") for name in ("token", "module-path"))
        return cls(text, "hsm", str(int.from_bytes(named, "big")), label, library)

    @property
    def is_remote(self) -> bool:
        """Whether the key is in a service that is reached over the network."""
        return self.scheme != "hsm"

    def __str__(self) -> str:
        return printable(self.text)


_PIN_HINT: Final = "set DBOM_PKCS11_PIN, or run in a terminal to be asked"


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A key in a device or service that has answered: its public half is known."""

    uri: KeyUri
    _public: PublicKey = field(repr=False)
    _sign: Callable[[bytes], str] = field(repr=False)

    def public_key(self) -> PublicKey:
        """Return the public half, as the device gave it."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """Return the signature over `data`, checked by the public half. Raises `SigningError`, `UsageError`."""
        with _faults(self.uri, "it didn't sign"):
            signature = bytes.fromhex(self._sign(data))
        if not is_signature(self._public, signature, data):
            raise SigningError(
                KEY_DEVICE, "its signature isn't one by the public key that it gave", where=str(self.uri)
            )
        return signature


def is_key_uri(text: str) -> bool:
    """Return whether `text` names a key in a device or service, and not a file."""
    scheme, colon, _ = text.partition(":")
    return bool(colon) and scheme.lower() in _EXTRAS


def named_key(text: str) -> Path | KeyUri:
    """Return the key that `text` names: a URI, or a file. Raises `UsageError` for a malformed URI."""
    return KeyUri.parse(text) if is_key_uri(text) else Path(text)


def open_key(uri: KeyUri, *, ask_pin: Callable[[], str | None], offline: bool = False) -> OpenedKey:
    """Ask the device or service for the key's public half; `ask_pin` is called, once, where a PIN is needed.

    Raises `MissingExtraError` where a library isn't installed, `UsageError` for a URI that the service can't read, a
    key that doesn't sign here, a missing PIN or a service while `offline`, `SigningError` where it can't be reached or
    has no such key.
    """
    if offline and uri.is_remote:
        raise UsageError(SIGNING_OFFLINE, "this key is in a service, and --offline forbids the network", where=str(uri))
    try:
        from securesystemslib.exceptions import UnsupportedLibraryError  # noqa: PLC0415  optional
        from securesystemslib.signer import Signer  # noqa: PLC0415  optional and heavy
    except ImportError as error:
        raise _missing(uri) from error

    @cache
    def pin(_: str) -> str:
        given = ask_pin()
        if not given:
            raise UsageError(KEY_PASSWORD, "the device wants a PIN", where=str(uri), hint=_PIN_HINT)
        return given

    try:
        with _faults(uri, "it can't be opened", but=UnsupportedLibraryError), _library(uri):
            address, known = _imported(uri, pin)
            public = _usable(known, uri)
            signer = Signer.from_priv_key_uri(address, known, pin)
    except UnsupportedLibraryError as error:
        raise _missing(uri) from error

    def sign(data: bytes) -> str:
        with _library(uri):
            return str(signer.sign(data).signature)

    return OpenedKey(uri, public, sign)


def _imported(uri: KeyUri, pin: Callable[[str], str]) -> tuple[str, SSlibKey]:
    """Return the canonical URI and the public key that the device or service gives for `uri`."""
    from securesystemslib.signer import AWSSigner, AzureSigner, GCPSigner, HSMSigner, VaultSigner  # noqa: PLC0415

    if uri.scheme == "hsm":
        return HSMSigner.import_(int(uri.path), uri.label or None, pin)
    if uri.scheme == "azurekms":
        place = urlsplit(uri.text)
        names = place.path.split("/")
        if not place.netloc.endswith(_AZURE) or len(names) not in (3, 4) or names[1] != "keys":
            raise _bad(uri.text, "not the URI of a key in a vault", expected=f"azurekms://VAULT{_AZURE}/keys/NAME")
        address, key = AzureSigner.import_(place.netloc.removesuffix(_AZURE), names[2])
        if len(names) == 4 and urlsplit(address).path != place.path:  # noqa: PLR2004  the parts of the path above
            raise _bad(uri.text, "not the newest version of that key", expected=printable(address))
        return address, key
    if uri.scheme == "awskms":
        return AWSSigner.import_(uri.path)
    return GCPSigner.import_(uri.path) if uri.scheme == "gcpkms" else VaultSigner.import_(uri.path)


def _usable(known: SSlibKey, uri: KeyUri) -> PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415  heavy
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  heavy

    text = known.keyval["public"]
    if known.scheme == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    key = load_pem_public_key(text.encode())
    if isinstance(key, ec.EllipticCurvePublicKey) and known.scheme == _SCHEMES.get(kind_of(key)):
        return key
    raise UsageError(
        KEY_DEVICE,
        "not a kind of key that signs here",
        where=str(uri),
        got=printable(known.scheme),
        expected=" or ".join(KEY_KINDS),
    )


@contextlib.contextmanager
def _library(uri: KeyUri) -> Iterator[None]:
    """Name the PKCS#11 library where securesystemslib looks for it, while it looks."""
    before = os.environ.get(_LIBRARY)
    if uri.library:
        os.environ[_LIBRARY] = uri.library
    try:
        yield
    finally:
        if uri.library:
            os.environ.pop(_LIBRARY)
            if before is not None:
                os.environ[_LIBRARY] = before


def _faults(uri: KeyUri, what: str, *, but: type[Exception] | None = None) -> ForeignFaults:
    return ForeignFaults(KEY_DEVICE, what, _PACKAGES, where=str(uri), but=but)


def _missing(uri: KeyUri) -> MissingExtraError:
    extra = _EXTRAS[uri.scheme]
    return MissingExtraError(
        EXTRA_MISSING,
        f"keys of this kind need the extra '{extra}'",
        where=str(uri),
        hint=f"pip install 'dbom[{extra}]'",
    )


def _bad(text: str, what: str, *, expected: str | None = None) -> UsageError:
    return UsageError(KEY_DEVICE, what, where=printable(text), expected=expected)
