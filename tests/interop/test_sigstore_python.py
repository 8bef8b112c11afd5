"""Unmodified sigstore-python takes what we sign, given nothing but the trust root, and refuses what was changed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

from attest.local import LocalSigstore, open_local
from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import DSSE_PAYLOAD_TYPE, PREDICATE_BOM

if TYPE_CHECKING:
    from pathlib import Path

_STATEMENT = Statement.build(
    Subject.of("data", Digest(Kind.FILE, hashlib.sha256(b"rows").hexdigest())),
    PREDICATE_BOM,
    {"bomFormat": "CycloneDX"},
)


@pytest.fixture
def sigstore(tmp_path: Path) -> LocalSigstore:
    return open_local(tmp_path / "home")


@pytest.fixture
def bundle(sigstore: LocalSigstore) -> bytes:
    return sigstore.signer(now=lambda: datetime.now(UTC)).sign(_STATEMENT)


def _verify(root: bytes, bundle: bytes, sigstore: LocalSigstore, folder: Path) -> tuple[str, bytes]:
    (folder / "root.json").write_bytes(root)
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(folder / "root.json")))
    expected = policy.Identity(identity=sigstore.identity.subject, issuer=sigstore.identity.issuer)
    return verifier.verify_dsse(Bundle.from_json(bundle), expected)


def test_accepts_it_and_hands_out_our_exact_bytes(sigstore: LocalSigstore, bundle: bytes, tmp_path: Path) -> None:
    expected = (DSSE_PAYLOAD_TYPE, _STATEMENT.payload)
    assert expected == _verify(sigstore.trusted_root(), bundle, sigstore, tmp_path)


def test_its_own_command_line_accepts_it_without_a_network(
    sigstore: LocalSigstore, bundle: bytes, tmp_path: Path
) -> None:
    for name, data in (("root.json", sigstore.trusted_root()), ("bundle.json", bundle), ("blob", b"rows")):
        (tmp_path / name).write_bytes(data)
    words = ["--trusted-root=root.json", "verify", "identity", "--offline", "--bundle=bundle.json"]
    who = [f"--cert-identity={sigstore.identity.subject}", f"--cert-oidc-issuer={sigstore.identity.issuer}"]
    result = subprocess.run(
        ["unshare", "-rn", sys.executable, "-m", "sigstore", *_config(sigstore, tmp_path, words), *who, "blob"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"HOME": str(tmp_path)},
    )
    assert (0, "OK: blob") == (result.returncode, result.stderr.strip().splitlines()[-1])


def _config(sigstore: LocalSigstore, folder: Path, words: list[str]) -> list[str]:
    """Give the command line its trust by a client trust config, since it has no flag for a root alone."""
    service = {"majorApiVersion": 1, "validFor": {"start": "2020-01-01T00:00:00Z"}, "operator": "nobody"}
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(sigstore.trusted_root()),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [{"url": "https://ca.invalid", **service}],
            "oidcUrls": [{"url": "https://oidc.invalid", **service}],
            "rekorTlogUrls": [{"url": "https://log.invalid", **service}],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [],
            "tsaConfig": {"selector": "ANY"},
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    return ["--trust-config=config.json", *words[1:]]


def test_refuses_a_tampered_payload(sigstore: LocalSigstore, bundle: bytes, tmp_path: Path) -> None:
    document = json.loads(bundle)
    payload = b64decode(document["dsseEnvelope"]["payload"])
    document["dsseEnvelope"]["payload"] = b64encode(payload.replace(b"CycloneDX", b"CycloneDY")).decode()
    with pytest.raises(Error):
        _verify(sigstore.trusted_root(), json.dumps(document).encode(), sigstore, tmp_path)


@pytest.mark.parametrize("part", ["certificateAuthorities", "ctlogs", "tlogs", "timestampAuthorities"])
def test_refuses_a_root_in_which_one_authority_is_another_machine_s(
    sigstore: LocalSigstore, bundle: bytes, tmp_path: Path, part: str
) -> None:
    """A bad time stamp alone isn't fatal to sigstore-python, which then takes the log's time: only the rest refuses."""
    document = json.loads(sigstore.trusted_root())
    document[part] = json.loads(open_local(tmp_path / "other").trusted_root())[part]
    if part == "timestampAuthorities":
        assert _STATEMENT.payload == _verify(json.dumps(document).encode(), bundle, sigstore, tmp_path)[1]
    else:
        with pytest.raises(Error):
            _verify(json.dumps(document).encode(), bundle, sigstore, tmp_path)


def test_refuses_the_root_of_another_machine(sigstore: LocalSigstore, bundle: bytes, tmp_path: Path) -> None:
    with pytest.raises(Error):
        _verify(open_local(tmp_path / "other").trusted_root(), bundle, sigstore, tmp_path)


@pytest.mark.parametrize("field", ["identity", "issuer"])
def test_refuses_another_identity(sigstore: LocalSigstore, bundle: bytes, tmp_path: Path, field: str) -> None:
    (tmp_path / "root.json").write_bytes(sigstore.trusted_root())
    who = {
        "identity": sigstore.identity.subject,
        "issuer": sigstore.identity.issuer,
        field: "https://elsewhere.example",
    }
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(tmp_path / "root.json")))
    with pytest.raises(Error):
        verifier.verify_dsse(Bundle.from_json(bundle), policy.Identity(**who))
