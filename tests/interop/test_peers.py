"""The real peers that the other tests rest on do what they are there for."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster import Cluster
    from kms import Kms
    from registry import Registry
    from sigstore_stack import PrivateSigstore
    from softhsm import Token


def _status(url: str, **headers: str) -> int:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  a registry on loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  a registry on loopback
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def _push(oras: str, registry: Registry, folder: Path) -> str:
    """Push an artifact and one that refers to it; return the tag-less reference of the first."""
    (folder / "a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    reference = f"{registry.host}/models/a:1"
    plain = ["--plain-http", "--disable-path-validation", "--artifact-type", "application/vnd.example"]
    environment = {"DOCKER_CONFIG": str(registry.login(folder / "docker").parent), "HOME": str(folder)}
    words = [[oras, "push", *plain, reference, "a.txt"], [oras, "attach", *plain, reference, "b.txt"]]
    for command in words:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    found = [oras, "resolve", "--plain-http", reference]
    digest = subprocess.run(found, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    return f"{registry.url}/v2/models/a/referrers/{digest}"


@pytest.mark.peer("registry")
@pytest.mark.peer("oras")
def test_a_native_registry_lists_what_refers_to_an_artifact(
    peer: Callable[[str], str], native_registry: Registry, tmp_path: Path
) -> None:
    url = _push(peer("oras"), native_registry, tmp_path)
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  a registry on loopback
        assert len(json.load(answer)["manifests"]) == 1


@pytest.mark.peer("crane")
@pytest.mark.peer("oras")
def test_a_plain_registry_knows_no_referrers_and_keeps_them_under_a_tag(
    peer: Callable[[str], str], plain_registry: Registry, tmp_path: Path
) -> None:
    url = _push(peer("oras"), plain_registry, tmp_path)
    assert _status(url) == 404
    tag = url.rpartition("/")[2].replace(":", "-")
    assert _status(f"{plain_registry.url}/v2/models/a/manifests/{tag}") == 200


@pytest.mark.peer("registry")
@pytest.mark.peer("oras")
def test_a_guarded_registry_answers_only_who_knows_the_password(
    peer: Callable[[str], str], guarded_registry: Registry, tmp_path: Path
) -> None:
    url = _push(peer("oras"), guarded_registry, tmp_path)
    assert _status(url) == 401


@pytest.mark.peer("fulcio")
def test_a_private_sigstore_serves_the_authority_that_its_trust_files_name(private_sigstore: PrivateSigstore) -> None:
    url = private_sigstore.urls["fulcio"] + "/api/v2/trustBundle"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  a server on loopback
        served = json.load(answer)["chains"][0]["certificates"]
    assert [Path(private_sigstore.keys["fulcio.pem"]).read_text().strip()] == [text.strip() for text in served]
    chain = json.loads(private_sigstore.trusted_root.read_text())["certificateAuthorities"][0]["certChain"]
    assert chain["certificates"][0]["rawBytes"] in served[0].replace("\n", "")


@pytest.mark.peer("kube-apiserver")
def test_an_api_server_gives_tokens_of_its_service_accounts(cluster_issuer: Cluster) -> None:
    import jwt

    token = cluster_issuer.service_account_token("ci", "signer")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert [cluster_issuer.issuer, ["sigstore"]] == [claims["iss"], claims["aud"]]
    assert claims["sub"] == "system:serviceaccount:ci:signer"


@pytest.mark.peer("softhsm2-util")
def test_a_token_holds_its_key(peer: Callable[[str], str], hsm: Token) -> None:
    shown = subprocess.run([peer("softhsm2-util"), "--show-slots"], check=True, capture_output=True, text=True)
    assert hsm.label in shown.stdout
    assert hsm.public_pem.startswith(b"-----BEGIN PUBLIC KEY-----")


def test_a_key_of_the_kms_signs(kms: Kms) -> None:
    import boto3  # type: ignore[import-untyped]  # it has no types
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    arn = kms.key()
    signed = boto3.client("kms").sign(KeyId=arn, Message=b"bytes", SigningAlgorithm="ECDSA_SHA_256")
    public = load_pem_public_key(kms.public_pem(arn))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signed["Signature"], b"bytes", ec.ECDSA(hashes.SHA256()))
