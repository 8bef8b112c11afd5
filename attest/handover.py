"""What somebody else needs to verify what was signed: the exact commands, and the file to hand them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.bundle import Bundle
from attest.certificates import OWN_AUTHORITY_PREFIX, identity_of, load_certificate
from attest.identity import Identity, KeyIdentity
from dbom.model import Kind
from dbom.names import SIDECAR_MANIFEST
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.devices import KeyUri
    from attest.publishing import Published
    from attest.signing import Signer

__all__ = ["PUBLIC_FILE", "ROOT_FILE", "HandedOver", "Handover", "Trust", "handovers", "shell_line", "verify_command"]

ROOT_FILE: Final = "trusted_root.json"
"""The name that the commands give to an exported trust root."""

PUBLIC_FILE: Final = "signer.pub"
"""The name that the commands give to the exported public key of a device or service."""

AUTHORITY_FILE: Final = "authority.pem"
STAMPER_FILE: Final = "time-stamps.pem"
"""The names that the commands give to the PEM chains of one's own authority and of the time-stamp authority."""

_BUNDLE_NAME: Final = "the new bundle"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a verifier expects, the file it rests on, and the command that writes that file.

    `file` is empty where the verifier has it already (the public Sigstore's root), `export` where the file is there.
    `config` is the client trust configuration of the Sigstore that signed, where there is one.
    """

    signer: Identity | KeyIdentity
    file: str
    export: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Handover:
    """One signed artifact: the `dbom verify` line, and a line of cosign or model-signing for each bundle beside it.

    A line is empty where that program can't be told whom to trust.
    """

    published: Published
    verify: str
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Everything that one signing gave: who signed in words, whom to expect, and each artifact."""

    described: str
    trust: Trust
    artifacts: tuple[Handover, ...]


def handovers(
    published: Sequence[Published],
    signer: Signer,
    *,
    signing_key: Path | KeyUri | None,
    trust_config: Path | None,
    here: Path,
) -> HandedOver:
    """Return what to hand over for artifacts that `signer` signed; paths are shown as seen from `here`."""
    trust = _trust(published, signer, signing_key, trust_config, _root_file(published, here))
    return HandedOver(signer.describe(), trust, tuple(_handover(item, trust, here) for item in published))


def verify_command(trust: Trust, artifact: str, *stores: str) -> str:
    """Return the `dbom verify` line for somebody who has the artifact, its evidence and the trust file."""
    if isinstance(trust.signer, Identity) and _is_own(trust.signer):
        who = ["--identity", trust.signer.subject, "--certificate-chain", trust.file]
        who += ["--timestamp-certificate-chain", STAMPER_FILE]
    elif isinstance(trust.signer, Identity):
        who = ["--identity", trust.signer.subject, "--issuer", trust.signer.issuer]
        who += ["--trusted-root", trust.file] if trust.file else []
    else:
        who = ["--key", trust.file]
    return shell_line("dbom", "verify", artifact, *(word for url in stores for word in ("--store", url)), *who)


def shell_line(*words: str) -> str:
    """Return a line for a shell, safe to show: what could move a cursor stands as an escape that bash reads back."""
    return " ".join(_quoted(word) for word in words)


def _trust(
    published: Sequence[Published],
    signer: Signer,
    signing_key: Path | KeyUri | None,
    trust_config: Path | None,
    root: str,
) -> Trust:
    known = signer.identity
    if isinstance(known, KeyIdentity) and signing_key is not None:
        if isinstance(signing_key, Path):
            return Trust(known, str(signing_key.with_suffix(".pub")))
        return Trust(known, PUBLIC_FILE, shell_line("dbom", "keys", "export", signing_key.text, "-o", PUBLIC_FILE))
    if known is not None and signing_key is None:
        return Trust(known, root, shell_line("dbom", "trust", "export", "-o", root))
    if known is not None:
        return Trust(known, AUTHORITY_FILE)
    if trust_config is None:
        return Trust(_certified(published), "")
    export = shell_line("dbom", "trust", "export", "--trust-config", str(trust_config), "-o", root)
    return Trust(_certified(published), root, export, str(trust_config))


def _root_file(published: Sequence[Published], here: Path) -> str:
    """Return where to write the trust root: here, but never inside an artifact, which it would change."""
    trees = [Path(os.path.realpath(here / item.prepared.path)) for item in published]
    around = [tree for tree in trees if here.is_relative_to(tree)]
    return str(min(around, key=lambda tree: len(tree.parts)).parent / ROOT_FILE) if around else ROOT_FILE


def _certified(published: Sequence[Published]) -> Identity:
    certificate = Bundle.parse(published[0].prepared.signed[0].bundle, where=_BUNDLE_NAME).certificate
    return identity_of(load_certificate(certificate or b"", where=_BUNDLE_NAME), where=_BUNDLE_NAME)


def _handover(item: Published, trust: Trust, here: Path) -> Handover:
    artifact = _seen(item.prepared.path, here)
    stores = () if item.sidecar is not None else tuple(url for url, _ in item.stored)
    return Handover(
        item,
        verify_command(trust, artifact, *stores),
        tuple(
            _model_signing(trust, _seen(file, here), artifact)
            if signed.statement.model is not None
            else _cosign(trust, _seen(file, here), signed.statement.predicate_type, _blob(item, artifact, here))
            for file, signed in zip(item.files, item.prepared.signed, strict=False)
            if not _is_own(trust.signer)
        ),
    )


def _is_own(signer: Identity | KeyIdentity) -> bool:
    """Return whether one's own authority vouches for the signer, whom other clients name otherwise."""
    return isinstance(signer, Identity) and signer.issuer.startswith(OWN_AUTHORITY_PREFIX)


def _blob(item: Published, artifact: str, here: Path) -> str:
    """Return the file whose sha256 is the subject: the artifact itself, or a tree's manifest."""
    if item.prepared.fingerprint.kind is Kind.FILE or item.sidecar is None:
        return artifact
    return _seen(item.sidecar / SIDECAR_MANIFEST, here)


def _cosign(trust: Trust, bundle: str, predicate_type: str, blob: str) -> str:
    if isinstance(trust.signer, Identity):
        root = ["--trusted-root", trust.file] if trust.file else []
        who = ["--certificate-identity", trust.signer.subject, "--certificate-oidc-issuer", trust.signer.issuer]
        words = [*root, *who]
    else:
        words = ["--key", trust.file, "--insecure-ignore-tlog"]
    return shell_line("cosign", "verify-blob-attestation", "--bundle", bundle, *words, "--type", predicate_type, blob)


def _model_signing(trust: Trust, bundle: str, artifact: str) -> str:
    """Return the line for model-signing; a private Sigstore it takes by a client trust configuration alone."""
    words = ["model_signing", "verify"]
    if isinstance(trust.signer, KeyIdentity):
        return shell_line(*words, "key", artifact, "--signature", bundle, "--public_key", trust.file)
    if trust.file and not trust.config:
        return ""
    config = ["--trust_config", trust.config] if trust.config else []
    who = ["--identity", trust.signer.subject, "--identity_provider", trust.signer.issuer]
    return shell_line(*words, "sigstore", artifact, "--signature", bundle, *config, *who)


def _seen(path: Path, here: Path) -> str:
    """Return a path as somebody in the folder `here` would write it."""
    absolute = here / path
    shown = os.path.relpath(absolute, here) if absolute.is_relative_to(here) else str(absolute)
    return f"./{shown}" if shown.startswith("-") else shown


def _quoted(word: str) -> str:
    if printable(word, limit=len(word)) == word.replace("\\", "\\\\"):
        return shlex.quote(word)
    octets = "".join(_octet(octet) for octet in word.encode("utf-8", "surrogateescape"))
    return f"$'{octets}'"


def _octet(octet: int) -> str:
    plain = 0x20 <= octet < 0x7F and octet not in b"'\\"  # noqa: PLR2004  printable ASCII
    return chr(octet) if plain else f"\\x{octet:02x}"
