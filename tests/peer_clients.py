"""Other people's clients, and ours beside them: each reads a bundle, and signs, by its own unmodified command line.

A client's `…_reads(evidence)` verifies in a network namespace without interfaces and tells what was said. Each
`…_attests` signs keyless, against a private Sigstore, and returns the bundle.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from programs import peers_folder, program

from dbom.names import BUNDLE_V03, DSSE_PAYLOAD_TYPE, PREDICATE_OMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sigstore_stack import PrivateSigstore

__all__ = [
    "READERS",
    "Evidence",
    "Said",
    "Trust",
    "conformance_reads",
    "cosign_attests",
    "cosign_reads",
    "cosign_signs",
    "dbom",
    "dbom_reads",
    "model_signing_reads",
    "run_client",
    "sigstore_js",
    "sigstore_js_attests",
    "sigstore_js_reads",
    "sigstore_js_signs",
    "sigstore_python_attests",
    "sigstore_python_reads",
    "sigstore_python_signs",
]

_JS = Path(__file__).with_name("peers") / "clients" / "sigstore_js.cjs"
_CONFIG_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_NOWHERE = {"majorApiVersion": 1, "validFor": {"start": "2020-01-01T00:00:00Z"}, "operator": "nobody"}
_NO_SERVICES = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "caUrls": [{"url": "https://ca.invalid", **_NOWHERE}],
    "oidcUrls": [{"url": "https://oidc.invalid", **_NOWHERE}],
    "rekorTlogUrls": [{"url": "https://log.invalid", **_NOWHERE}],
    "rekorTlogConfig": {"selector": "ANY"},
    "tsaUrls": [],
    "tsaConfig": {"selector": "ANY"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a verifier is to expect: an identity of an issuer under a trusted root, or the owner of a public key.

    `chain` are the certificates of an authority of one's own, in PEM, and `stamps` those of who vouches for times (None
    where nobody does), for who takes no trusted root for that. `log` and `sct` say whether evidence of such a signer
    shows them.
    """

    trusted_root: Path | None = None
    identity: str = ""
    issuer: str = ""
    key: Path | None = None
    chain: Path | None = None
    stamps: Path | None = None
    log: bool = True
    sct: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file or model, a bundle with a statement about it, the statement's predicate type, and whom to expect."""

    artifact: Path
    bundle: Path
    predicate_type: str
    trust: Trust

    @property
    def blob(self) -> Path:
        """The file whose sha256 is the statement's subject: of a model, the digests of its files, one behind the other.

        That is what clients that know files alone are given in a model's place.
        """
        if self.predicate_type != PREDICATE_OMS:
            return self.artifact
        document = json.loads(self.bundle.read_bytes())
        statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
        names = [resource["name"] for resource in statement["predicate"]["resources"]]
        digests = [hashlib.sha256((self.artifact / name).read_bytes()).digest() for name in names]
        path = self.bundle.parent / "digests"
        path.write_bytes(b"".join(digests))
        return path


@dataclass(frozen=True, slots=True)
class Said:
    """What a client answered."""

    code: int
    words: str

    @property
    def accepted(self) -> bool:
        """Whether it took the evidence."""
        return self.code == 0


def _run(
    command: Sequence[str],
    folder: Path,
    *,
    alone: bool,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a client, `alone` where there is no interface at all but a loopback that is down."""
    home = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}
    return subprocess.run(
        [*(["unshare", "-rn"] if alone else []), *command],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=folder,
        env={**home, **(environment or {})},
    )


def _asked(command: Sequence[str], evidence: Evidence, *, stdin: bytes = b"") -> Said:
    done = _run(command, evidence.bundle.parent, alone=True, stdin=stdin)
    return Said(done.returncode, (done.stderr + done.stdout).decode(errors="replace"))


def run_client(command: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
    """Run a client that signs, where it can reach loopback. Raises with what it said where it refuses."""
    done = _run(command, folder, alone=False, environment=environment)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stderr + done.stdout).decode()[-2000:]}")


def cosign_reads(evidence: Evidence) -> Said:
    """Return what cosign says of the evidence."""
    trust = evidence.trust
    words = [f"--bundle={evidence.bundle}", f"--type={evidence.predicate_type}"]
    words += [f"--trusted-root={trust.trusted_root}"] if trust.trusted_root else []
    if trust.key:
        words += [f"--key={trust.key}"]
    else:
        issuer = f"--certificate-oidc-issuer={trust.issuer}" if trust.issuer else "--certificate-oidc-issuer-regexp=.*"
        words += [f"--certificate-identity={trust.identity}", issuer, "--use-signed-timestamps"]
    words += [] if trust.log else ["--insecure-ignore-tlog"]
    words += [] if trust.sct or trust.key else ["--insecure-ignore-sct"]
    words += ["--allow-certificate-chain"] if trust.chain else []
    return _asked([program("cosign"), "verify-blob-attestation", *words, str(evidence.blob)], evidence)


def sigstore_python_reads(evidence: Evidence) -> Said:
    """Return what sigstore-python says of the evidence."""
    trust, folder = evidence.trust, evidence.bundle.parent
    given: list[str] = []
    if trust.trusted_root:
        given = [f"--trust-config={_config_of(trust.trusted_root, folder)}"]
    words = ["verify", "identity", "--offline", f"--bundle={evidence.bundle}"]
    who = [f"--cert-identity={trust.identity}", f"--cert-oidc-issuer={trust.issuer}"]
    return _asked([program("sigstore"), *given, *words, *who, str(evidence.blob)], evidence)


def sigstore_js_reads(evidence: Evidence) -> Said:
    """Return what sigstore-js says of the evidence. It looks at no subject, so that is looked at here."""
    trust = evidence.trust
    request = {
        "bundle": json.loads(evidence.bundle.read_bytes()),
        "identity": trust.identity,
        "issuer": trust.issuer,
        "log": trust.log,
        "sct": trust.sct,
        "time": trust.key is None,
        **({"trustedRoot": json.loads(trust.trusted_root.read_bytes())} if trust.trusted_root else {}),
        **({"key": trust.key.read_text()} if trust.key else {}),
    }
    said = _asked(_node("verify"), evidence, stdin=json.dumps(request).encode())
    if said.accepted:
        statement = json.loads(base64.b64decode(json.loads(said.words[said.words.index("{") :])["payload"]))
        digest = hashlib.sha256(evidence.blob.read_bytes()).hexdigest()
        if digest not in [subject["digest"]["sha256"] for subject in statement["subject"]]:
            return Said(1, "about something else")
    return said


def _node(verb: str) -> list[str]:
    return [program("node"), "--no-warnings", str(_JS), str(peers_folder() / "node_modules"), verb]


def sigstore_js(verb: str, request: Mapping[str, object], folder: Path) -> bytes:
    """Have sigstore-js do something outside any namespace, and return what it printed. Raises where it refuses."""
    done = _run(_node(verb), folder, alone=False, stdin=json.dumps(request).encode())
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    return done.stdout


def model_signing_reads(evidence: Evidence) -> Said:
    """Return what model_signing says of the evidence."""
    trust, folder = evidence.trust, evidence.bundle.parent
    words = ["sigstore", f"--identity={trust.identity}", f"--identity_provider={trust.issuer}"]
    signature = evidence.bundle
    if trust.key:
        words = ["key", f"--public_key={trust.key}"]
        signature = signature if evidence.predicate_type == PREDICATE_OMS else _without_hint(signature)
    elif trust.chain:
        words = ["certificate", f"--certificate_chain={trust.chain}"]
    elif trust.trusted_root:
        words += [f"--trust_config={_config_of(trust.trusted_root, folder)}"]
    command = [program("model_signing"), "verify", *words, f"--signature={signature}", str(evidence.artifact)]
    return _asked(command, evidence)


def _without_hint(bundle: Path) -> Path:
    """Return the path of the bundle without its hint: model_signing compares it with its own digest of the key."""
    document = json.loads(bundle.read_bytes())
    document["verificationMaterial"]["publicKey"] = {"hint": ""}
    path = bundle.with_name("without_hint.sigstore.json")
    path.write_text(json.dumps(document))
    return path


def _config_of(trusted_root: Path, folder: Path) -> Path:
    """Return the path of a client trust config with this trusted root, for who takes no root alone."""
    root = {"tlogs": [], "ctlogs": [], **json.loads(trusted_root.read_bytes())}
    config = {"mediaType": _CONFIG_TYPE, "trustedRoot": root}
    path = folder / "given_trust_config.json"
    path.write_text(json.dumps({**config, "signingConfig": _NO_SERVICES}))
    return path


def dbom(*words: str, folder: Path, alone: bool = False, environment: Mapping[str, str] | None = None) -> Said:
    """Run our own command line."""
    home = {"DBOM_HOME": str(folder / "dbom-home"), "DBOM_CONFIG_HOME": str(folder / "dbom-config")}
    home["DBOM_CACHE_HOME"] = str(folder / "dbom-cache")
    command = [sys.executable, "-P", "-m", "dbom", *words]
    done = _run(command, folder, alone=alone, environment={**home, **(environment or {})})
    return Said(done.returncode, (done.stdout + done.stderr).decode(errors="replace"))


def dbom_reads(evidence: Evidence) -> Said:
    """Return what dbom says of the evidence."""
    trust = evidence.trust
    words = [f"--bundle={evidence.bundle}"]
    words += [f"--identity={trust.identity}"] if trust.identity else []
    words += [f"--issuer={trust.issuer}"] if trust.issuer else []
    words += [f"--key={trust.key}"] if trust.key else []
    if trust.chain:
        stamps = "--valid-now" if trust.stamps is None else f"--timestamp-certificate-chain={trust.stamps}"
        words += [f"--certificate-chain={trust.chain}", stamps]
    elif trust.trusted_root:
        words += [f"--trusted-root={trust.trusted_root}"]
    return dbom("verify", str(evidence.artifact), *words, folder=evidence.bundle.parent, alone=True)


READERS: dict[str, Callable[[Evidence], Said]] = {
    "dbom": dbom_reads,
    "cosign": cosign_reads,
    "sigstore-python": sigstore_python_reads,
    "sigstore-js": sigstore_js_reads,
}
"""Who verifies bundles with any statement in them."""


def cosign_attests(artifact: Path, statement: Path, token: str, stack: PrivateSigstore, bundle: Path) -> None:
    """Have cosign sign a statement, keyless."""
    (bundle.parent / "token").write_text(token)  # without a newline, which cosign doesn't bear
    words = [f"--statement={statement}", f"--bundle={bundle}", f"--signing-config={stack.signing_config}", "--yes"]
    words += [f"--trusted-root={stack.trusted_root}", f"--identity-token={bundle.parent / 'token'}"]
    run_client([program("cosign"), "attest-blob", *words, str(artifact)], bundle.parent)


def sigstore_python_attests(artifact: Path, statement: Path, token: str, stack: PrivateSigstore, bundle: Path) -> None:
    """Have sigstore-python sign a statement, keyless. Its command line wants the predicate, and makes the rest."""
    said = json.loads(statement.read_bytes())
    (bundle.parent / "predicate.json").write_text(json.dumps(said["predicate"]))
    words = ["--predicate=predicate.json", f"--predicate-type={said['predicateType']}", f"--bundle={bundle}"]
    words += [f"--identity-token={token}", "--overwrite"]
    config = f"--trust-config={stack.client_trust_config}"
    run_client([program("sigstore"), config, "attest", *words, str(artifact)], bundle.parent)


def sigstore_js_attests(artifact: Path, statement: Path, token: str, stack: PrivateSigstore, bundle: Path) -> None:
    """Have sigstore-js sign a statement, keyless."""
    del artifact  # the statement names it
    request = {
        "payload": base64.b64encode(statement.read_bytes()).decode(),
        "payloadType": DSSE_PAYLOAD_TYPE,
        "signingConfig": json.loads(stack.signing_config.read_bytes()),
        "token": token,
    }
    bundle.write_bytes(sigstore_js("sign", request, bundle.parent))
    assert json.loads(bundle.read_bytes())["mediaType"] == BUNDLE_V03


def cosign_signs(artifact: Path, token: str, stack: PrivateSigstore, bundle: Path) -> None:
    """Have cosign sign a file itself, keyless, without a statement."""
    (bundle.parent / "token").write_text(token)
    words = [f"--bundle={bundle}", f"--signing-config={stack.signing_config}", "--yes"]
    words += [f"--trusted-root={stack.trusted_root}", f"--identity-token={bundle.parent / 'token'}"]
    run_client([program("cosign"), "sign-blob", *words, str(artifact)], bundle.parent)


def sigstore_python_signs(artifact: Path, token: str, stack: PrivateSigstore, bundle: Path) -> None:
    """Have sigstore-python sign a file itself, keyless, without a statement."""
    words = [f"--trust-config={stack.client_trust_config}", "sign", f"--bundle={bundle}", f"--identity-token={token}"]
    run_client([program("sigstore"), *words, str(artifact)], bundle.parent)


def sigstore_js_signs(artifact: Path, token: str, stack: PrivateSigstore, bundle: Path) -> None:
    """Have sigstore-js sign a file itself, keyless, without a statement."""
    request = {
        "payload": base64.b64encode(artifact.read_bytes()).decode(),
        "signingConfig": json.loads(stack.signing_config.read_bytes()),
        "token": token,
    }
    bundle.write_bytes(sigstore_js("sign", request, bundle.parent))


def conformance_reads(evidence: Evidence) -> Said:
    """Return what our door for sigstore-conformance says of a bundle that holds the bare signature of a file."""
    trust = evidence.trust
    words = ["verify-bundle", f"--bundle={evidence.bundle}", f"--trusted-root={trust.trusted_root}"]
    words += [f"--certificate-identity={trust.identity}", f"--certificate-oidc-issuer={trust.issuer}"]
    command = [sys.executable, "-P", "-m", "attest.conformance", *words, str(evidence.artifact)]
    return _asked(command, evidence)
