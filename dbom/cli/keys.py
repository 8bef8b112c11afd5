"""`dbom keys generate` and `dbom keys export`."""

from __future__ import annotations

from typing import Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.session import current_session
from dbom.cli.signers import PASSWORD_VARIABLE, ask_password, ask_pin
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.attestations import KEY_PASSWORD

__all__ = ["export", "generate"]


def generate(
    *,
    out: Annotated[str, typer.Option("--out", metavar="PREFIX", help="Write PREFIX.key and PREFIX.pub.")] = "dbom",
    type_: Annotated[
        str, typer.Option("--kind", "--type", metavar="KIND", help="ecdsa-p256, ecdsa-p384, ecdsa-p521 or ed25519.")
    ] = "ecdsa-p256",
    no_password: Annotated[bool, typer.Option("--no-password", help="Don't encrypt the private key.")] = False,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Make a key pair to sign with.

    The private key is encrypted with a password from DBOM_KEY_PASSWORD, or from you at the terminal. Keep it; give
    the public one to whoever verifies. cosign takes the kinds ecdsa-p256 and ed25519.

    Example: dbom keys generate --out release
    """
    from attest.signers.keyfiles import write_key_pair
    from attest.signers.keys import generate_key, key_identity

    key = generate_key(type_)
    password = None if no_password else ask_password(again=True)
    if password is None and not no_password:
        raise UsageError(
            KEY_PASSWORD,
            "no password for the new key",
            hint=f"set {PASSWORD_VARIABLE}, type the same one twice, or say --no-password",
        )
    private, public = (printable(str(path)) for path in write_key_pair(out, key, password=password))
    identity = key_identity(key)
    if format_ is TextOrJson.JSON:
        json_result(
            "keys-generate",
            {
                "privateKey": private,
                "publicKey": public,
                "kind": type_,
                "encrypted": password is not None,
                "spkiSha256": identity.spki_sha256,
            },
            output,
        )
        return
    write_result(f"private key {private}\npublic key  {public}\n{identity}", output)
    say(f"sign with: dbom sign ARTIFACT --signing-key {private}; others verify with --key {public}")


def export(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A private key file, or the URI of a key.")],
    *,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
) -> None:
    """Print the public half of a key, wherever the key is.

    It is PEM, and what others verify with. A key in a device or service is asked for it: awskms:, gcpkms:,
    azurekms:, hv: (Vault), hsm: or pkcs11:. A PIN is read from DBOM_PKCS11_PIN, or from you at the terminal.

    Example: dbom keys export awskms:alias/release -o release.pub
    """
    from attest.signers.devices import KeyUri, named_key, open_key
    from attest.signers.keyfiles import read_key
    from attest.signers.keys import SigningKey, key_identity, kind_of, public_pem

    named = named_key(key)
    found: SigningKey
    if isinstance(named, KeyUri):
        found = open_key(named, ask_pin=ask_pin, offline=current_session().offline)
    else:
        found = read_key(named, ask_password=ask_password)
    pem = public_pem(found).decode()
    if format_ is TextOrJson.JSON:
        kind = kind_of(found.public_key())
        known = {"kind": kind, "spkiSha256": key_identity(found).spki_sha256}
        json_result("keys-export", {"publicKey": pem, **known}, output)
        return
    write_result(pem.rstrip("\n"), output)
