"""What somebody else needs to verify what was signed: the exact commands, and the files to hand them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.bundle import Bundle
from attest.certificates import OWN_AUTHORITY_PREFIX, identity_of, load_certificate
from attest.identity import Identity, KeyIdentity
from attest.signers.key_signing import KeySigner, RecordedKeySigner
from dbom.errors import DbomError
from dbom.model import Kind
from dbom.names import SIDECAR_MANIFEST
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.publishing import Published
    from attest.signers.signing import Choice, Signer

__all__ = ["PUBLIC_FILE", "ROOT_FILE", "HandedOver", "Handover", "Trust", "handovers", "shell_line", "verify_command"]

ROOT_FILE: Final = "trusted_root.json"
"""The name that the commands give to an exported trust root."""

PUBLIC_FILE: Final = "signer.pub"
"""The name that the commands give to an exported public key."""

STAMPER_FILE: Final = "time-stamps.pem"
"""The name that the commands give to the PEM chain of whoever vouches for times beside one's own authority."""

_BUNDLE_NAME: Final = "the new bundle"
_MAX_KEY_BYTES: Final = 64 * 1024

_COSIGN_KINDS: Final = ("ecdsa-p256", "ed25519")
"""The kinds of keys whose signatures cosign verifies: by SHA-256 alone where they are of a curve that asks for more."""

_MODEL_SIGNING_KINDS: Final = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521")
"""The kinds of keys that model-signing knows."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a verifier expects, the files it rests on, and the command that writes those that aren't there yet.

    `file` is the public key, the trust root, or the chain of one's own authority; empty where the verifier has it
    already (the public Sigstore's root). `vouching` is the file that tells who vouches for log and time beside that: a
    key's trust root, or an own authority's time stampers. `export` is empty where the files are there. `config` is the
    client trust configuration of the Sigstore that signed, where there is one. `kind` is the kind of the signing key,
    where it isn't one that was made for a single signature.
    """

    signer: Identity | KeyIdentity
    file: str
    export: str = ""
    config: str = ""
    vouching: str = ""
    kind: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files to hand over."""
        return tuple(file for file in (self.file, self.vouching) if file)


@dataclass(frozen=True, slots=True)
class Handover:
    """One signed artifact: the `dbom verify` line, and a line of cosign or model-signing for each bundle beside it.

    A line is empty where that program can't be told whom to trust, or knows no such key.
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

    @property
    def files(self) -> tuple[str, ...]:
        """The files to hand over: those that the lines name, and that a verifier can't have."""
        named = any("--trust_config" in line for item in self.artifacts for line in item.others)
        return (*self.trust.files, *([self.trust.config] if named else []))


def handovers(published: Sequence[Published], signer: Signer, choice: Choice, *, here: Path) -> HandedOver:
    """Return what to hand over for artifacts that `signer` signed, as was chosen; paths are shown as seen from `here`.

    Beside a key, the file is read that should hold its public half.
    """
    trust = _trust(published, signer, choice, _Place(published, here))
    return HandedOver(signer.describe(), trust, tuple(_handover(item, trust, here) for item in published))


def verify_command(trust: Trust, artifact: str, *stores: str) -> str:
    """Return the `dbom verify` line for somebody who has the artifact, its evidence and the files."""
    if isinstance(trust.signer, Identity) and _is_own(trust.signer):
        who = ["--identity", trust.signer.subject, "--certificate-chain", trust.file]
        who += ["--timestamp-certificate-chain", trust.vouching]
    elif isinstance(trust.signer, Identity):
        who = ["--identity", trust.signer.subject, "--issuer", trust.signer.issuer]
        who += ["--trusted-root", trust.file] if trust.file else []
    else:
        who = ["--key", trust.file]
        who += ["--trusted-root", trust.vouching] if trust.vouching else []
    return shell_line("dbom", "verify", artifact, *(word for url in stores for word in ("--store", url)), *who)


def shell_line(*words: str) -> str:
    """Return a line for a shell, safe to show: what could move a cursor stands as an escape that bash reads back."""
    return " ".join(_quoted(word) for word in words)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to write files that are handed over: here, but never inside an artifact, which they would change."""

    published: Sequence[Published]
    here: Path

    def new(self, name: str) -> str:
        """Return the path of a file of this name."""
        trees = [Path(os.path.realpath(self.here / item.prepared.path)) for item in self.published]
        around = [tree for tree in trees if self.here.is_relative_to(tree)]
        return str(min(around, key=lambda tree: len(tree.parts)).parent / name) if around else name

    @staticmethod
    def there(path: Path) -> str:
        """Return a path as it was given, and never as a flag."""
        return _unflagged(str(path))


def _trust(published: Sequence[Published], signer: Signer, choice: Choice, place: _Place) -> Trust:
    if isinstance(signer, KeySigner | RecordedKeySigner):
        return _trust_of_key(signer, choice, place)
    root = place.new(ROOT_FILE)
    if signer.identity is not None:
        return Trust(signer.identity, root, _root_export(None, root))
    if choice.trust_config is None:
        return Trust(_certified(published), "")
    config = place.there(choice.trust_config)
    return Trust(_certified(published), root, _root_export(config, root), config)


def _trust_of_key(signer: KeySigner | RecordedKeySigner, choice: Choice, place: _Place) -> Trust:
    from attest.signers.keys import kind_of  # noqa: PLC0415  heavy

    kind = kind_of(signer.key.public_key())
    if choice.certificate_chain is not None:
        chain = place.there(choice.certificate_chain)
        return Trust(signer.identity, chain, vouching=place.new(STAMPER_FILE), kind=kind)
    trust = _public_half(signer, choice, place)
    if choice.trust_config is None and not choice.local:
        return replace(trust, kind=kind)
    root = place.new(ROOT_FILE)
    config = "" if choice.trust_config is None else place.there(choice.trust_config)
    exports = [trust.export, _root_export(config, root)]
    return replace(trust, export=" && ".join(filter(None, exports)), config=config, vouching=root, kind=kind)


def _public_half(signer: KeySigner | RecordedKeySigner, choice: Choice, place: _Place) -> Trust:
    """Return the file beside the key that holds its public half, else the command that writes one."""
    key = choice.signing_key
    if isinstance(key, Path):
        beside = key.with_suffix(".pub")
        if _holds(place.here / beside, signer):
            return Trust(signer.identity, place.there(beside))
    named = place.there(key) if isinstance(key, Path) else "" if key is None else key.text
    file = place.new(PUBLIC_FILE)
    return Trust(signer.identity, file, shell_line("dbom", "keys", "export", named, "-o", file))


def _holds(file: Path, signer: KeySigner | RecordedKeySigner) -> bool:
    from attest.files import read_file  # noqa: PLC0415  only a key's owner pays for it
    from attest.signers.keys import key_identity  # noqa: PLC0415  heavy
    from attest.verifier.key_verifying import VerifyingKey  # noqa: PLC0415  heavy

    try:
        found = VerifyingKey.parse(read_file(file, limit=_MAX_KEY_BYTES, what="public key"), where=printable(str(file)))
    except DbomError:
        return False
    return found.identity == key_identity(signer.key)


def _root_export(config: str | None, root: str) -> str:
    return shell_line("dbom", "trust", "export", *(["--trust-config", config] if config else []), "-o", root)


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
    if trust.kind and trust.kind not in _COSIGN_KINDS:
        return ""
    before = ""
    if isinstance(trust.signer, KeyIdentity):
        who = ["--key", trust.file]
        who += ["--trusted-root", trust.vouching] if trust.vouching else ["--insecure-ignore-tlog"]
    elif _is_own(trust.signer):
        # It takes one's own authority in a trusted root alone, and makes that itself. There is no log in it, no SCT in
        # such a certificate, and no issuer that an identity provider is.
        root = str(Path(trust.vouching).with_name(ROOT_FILE))
        before = f"{_cosign_root(trust, root)} && "
        who = ["--trusted-root", root, "--certificate-identity", trust.signer.subject]
        who += ["--certificate-oidc-issuer-regexp", ".*", "--use-signed-timestamps"]
        who += ["--insecure-ignore-tlog", "--insecure-ignore-sct"]
    else:
        who = ["--trusted-root", trust.file] if trust.file else []
        who += ["--certificate-identity", trust.signer.subject, "--certificate-oidc-issuer", trust.signer.issuer]
    words = ["verify-blob-attestation", "--bundle", bundle, *who, "--type", predicate_type, blob]
    return before + shell_line("cosign", *words)


def _cosign_root(trust: Trust, root: str) -> str:
    """Return the line that makes a trusted root of PEM chains; its addresses are names, and never asked."""
    authority = f"--fulcio=url=https://authority.invalid,certificate-chain={trust.file}"
    stamper = f"--tsa=url=https://time-stamps.invalid,certificate-chain={trust.vouching}"
    return shell_line("cosign", "trusted-root", "create", authority, stamper, "--out", root)


def _model_signing(trust: Trust, bundle: str, artifact: str) -> str:
    """Return the line for model-signing; a private Sigstore it takes by a client trust configuration alone."""
    words = ["model_signing", "verify"]
    if trust.kind and trust.kind not in _MODEL_SIGNING_KINDS:
        return ""
    if isinstance(trust.signer, KeyIdentity):
        return shell_line(*words, "key", artifact, "--signature", bundle, "--public_key", trust.file)
    if _is_own(trust.signer):
        return shell_line(*words, "certificate", artifact, "--signature", bundle, "--certificate_chain", trust.file)
    if trust.file and not trust.config:
        return ""
    config = ["--trust_config", trust.config] if trust.config else []
    who = ["--identity", trust.signer.subject, "--identity_provider", trust.signer.issuer]
    return shell_line(*words, "sigstore", artifact, "--signature", bundle, *config, *who)


def _seen(path: Path, here: Path) -> str:
    """Return a path as somebody in the folder `here` would write it."""
    absolute = here / path
    shown = os.path.relpath(absolute, here) if absolute.is_relative_to(here) else str(absolute)
    return _unflagged(shown)


def _unflagged(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path


def _quoted(word: str) -> str:
    if printable(word, limit=len(word)) == word.replace("\\", "\\\\"):
        return shlex.quote(word)
    octets = "".join(_octet(octet) for octet in word.encode("utf-8", "surrogateescape"))
    return f"$'{octets}'"


def _octet(octet: int) -> str:
    plain = 0x20 <= octet < 0x7F and octet not in b"'\\"  # noqa: PLR2004  printable ASCII
    return chr(octet) if plain else f"\\x{octet:02x}"
