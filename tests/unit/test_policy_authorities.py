"""Authorities as sigstore policy-controller words them: what is read, and what is refused by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from evidence import public_pem
from own_authority import OwnAuthority
from policies import policy_document, small_spec, some_key

from admission.explaining import explain_match, explain_policy, reference_of
from admission.policy import Policy
from attest.demands import Demands
from attest.local import open_local
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

    from attest.authority import Authority
    from dbom.canonical import JsonObject


@pytest.fixture(name="root", scope="module")
def make_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return open_local(tmp_path_factory.mktemp("home"), now=lambda: datetime.now(UTC)).trusted_root().decode()


def chains(root: str) -> tuple[str, str]:
    """Return the PEM chains of a root's certificate authority and of its time stamper."""
    found = []
    for kind in ("certificateAuthorities", "timestampAuthorities"):
        (authority,) = json.loads(root)[kind]
        certificates = [item["rawBytes"] for item in authority["certChain"]["certificates"]]
        found.append(
            "".join(f"-----BEGIN CERTIFICATE-----\n{raw}\n-----END CERTIFICATE-----\n" for raw in certificates)
        )
    return found[0], found[1]


def read(authority: JsonObject, *roots: JsonObject, base: Path | None = None) -> Policy:
    spec: JsonObject = {**small_spec(), "authorities": [{"name": "signer", **authority}], "trustRoots": [*roots]}
    (policy,) = Policy.parse(json.dumps(policy_document(spec)).encode(), where="p", base=base)
    return policy


def authority_of(authority: JsonObject, *roots: JsonObject) -> Authority:
    return read(authority, *roots).authorities[0]


def refused(authority: JsonObject, *roots: JsonObject) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        read(authority, *roots)
    return caught.value.rule.id, " | ".join(caught.value.faults or (caught.value.what,))


def keyless(**more: object) -> JsonObject:
    identity: JsonObject = {"issuer": "https://i.example", "subject": "s"}
    return {"keyless": {"trustRootRef": "root", "identities": [identity], **more}}  # type: ignore[dict-item]  # JSON


def test_a_keyless_authority_must_show_log_sct_and_time(root: str) -> None:
    assert authority_of(keyless(), {"name": "root", "data": root}).must_show == Demands(log=True, sct=True, time=True)


def test_the_url_of_a_service_narrows_the_root_to_its_authority(root: str) -> None:
    url = json.loads(root)["certificateAuthorities"][0]["uri"]
    found = authority_of(keyless(url=url + "/"), {"name": "root", "data": root})
    assert found.root is not None
    assert len(found.root.authorities) == 1
    rule, fault = refused(keyless(url="https://evil.example"), {"name": "root", "data": root})
    assert (rule, "no certificate authority at 'https://evil.example'" in fault) == ("DBOM-501", True)


def test_a_key_with_a_root_must_be_logged_there(root: str) -> None:
    key: JsonObject = {"key": {"data": some_key(), "trustRootRef": "root"}}
    assert authority_of(key, {"name": "root", "data": root}).must_show == Demands(log=True, sct=False, time=False)
    assert authority_of({"key": {"data": some_key()}}).must_show == Demands(log=False, sct=False, time=False)
    assert "no trust root is called 'root'" in refused(key)[1]


def test_an_authority_of_ones_own_is_its_own_issuer_and_has_no_log() -> None:
    certificates: JsonObject = {"authority": {"data": OwnAuthority().authorities.decode()}}
    found = authority_of(
        {"keyless": {"trustRootRef": "own", "identities": [{"subject": "s"}]}},
        {"name": "own", "certificates": certificates},
    )
    assert str(found.identities[0].issuer).startswith("ca:sha256:")
    assert found.must_show == Demands(log=False, sct=False, time=False)


@pytest.mark.parametrize(
    ("certificates", "fault"),
    [
        ({}, "certificates.authority: missing"),
        ({"authority": {"data": "x"}}, "not a chain of certificates in PEM"),
        ({"authority": {"data": "x", "path": "y"}}, "expected one of path and data"),
        ({"authority": {"path": "gone"}}, "no folder"),
        ({"authority": {"data": "x"}, "timestamps": {}}, "expected one of path and data"),
    ],
)
def test_certificates_that_are_none_are_faults(certificates: JsonObject, fault: str) -> None:
    assert fault in refused(keyless(), {"name": "root", "certificates": certificates})[1]


def test_a_root_is_given_in_one_way(root: str) -> None:
    certificates: JsonObject = {"authority": {"data": chains(root)[0]}}
    found = refused(keyless(), {"name": "root", "data": root, "certificates": certificates})[1]
    assert "expected one of path, data and certificates" in found


@pytest.mark.parametrize(
    ("authority", "word"),
    [
        ({"static": {"action": "pass"}}, "static"),
        ({"key": {"data": some_key()}, "source": [{"oci": "x"}]}, "source"),
        ({"key": {"data": some_key()}, "ctlog": {"url": "x"}}, "ctlog"),
        ({"key": {"data": some_key()}, "rfc3161timestamp": {}}, "rfc3161timestamp"),
        ({"key": {"data": some_key()}, "attestations": []}, "attestations"),
        ({"key": {"data": some_key()}, "signatureFormat": "bundle"}, "signatureFormat"),
        ({"key": {"kms": "awskms://x"}}, "kms"),
        ({"key": {"secretRef": {"name": "x"}}}, "secretRef"),
        (keyless(**{"ca-cert": {"data": "x"}}), "ca-cert"),
        (keyless(insecureIgnoreSCT=True), "insecureIgnoreSCT"),
    ],
)
def test_what_policy_controller_has_and_this_has_not_is_refused_by_name(
    authority: JsonObject, word: str, root: str
) -> None:
    assert word in refused(authority, {"name": "root", "data": root})[1]


def test_a_key_is_checked_with_the_hash_of_its_kind_and_no_other() -> None:
    wide = public_pem(ec.generate_private_key(ec.SECP384R1())).decode()
    edwards = public_pem(ed25519.Ed25519PrivateKey.generate()).decode()
    assert authority_of({"key": {"data": wide, "hashAlgorithm": "sha384"}}).key_pem == wide.encode()
    for pem, named in ((wide, "sha256"), (some_key(), "sha512"), (edwards, "sha256")):
        rule, fault = refused({"key": {"data": pem, "hashAlgorithm": named}})
        assert (rule, "checked with no other" in fault) == ("DBOM-502", True)


@pytest.mark.parametrize("path", ["../root.json", "/etc/hostname", "a/../../x", "..", "x\0"])
def test_a_path_stays_in_the_folder_of_its_policy(path: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="leads out of the policy's folder"):
        read({"key": {"path": path}}, base=tmp_path)


def test_policies_of_a_cluster_have_no_folder() -> None:
    assert "no folder" in refused({"key": {"path": "signer.pub"}})[1]


def test_images_and_rego_are_refused_by_name() -> None:
    for key in ("images", "policy"):
        document = policy_document({**small_spec(), key: [{"glob": "**"}]})
        with pytest.raises(DocumentError) as caught:
            Policy.parse(json.dumps(document).encode(), where="p", base=None)
        assert caught.value.rule.id == "DBOM-502"


def test_a_policy_of_our_own_namespace_holds_for_the_cluster_and_of_another_tightens() -> None:
    for namespace, expected in (("dbom-system", ""), ("team-a", "team-a")):
        document = policy_document(small_spec(), namespace=namespace)
        (policy,) = Policy.parse(json.dumps(document).encode(), where="p", base=None)
        assert policy.namespace == expected
        assert ("only tightens" in explain_policy(policy)[0]) is bool(expected)


@pytest.mark.parametrize(
    ("match", "metadata", "because"),
    [
        ({"namespaces": ["dev"]}, {}, "the namespace isn't one of dev"),
        ({"roles": ["dataset"]}, {}, "the role model isn't one of dataset"),
        ({"models": ["hf://**"]}, {}, "the place isn't one of hf://**"),
        ({"models": ["oci://**"]}, {}, "the place is one of oci://**"),
        ({}, {"namespace": "team-a"}, "it holds in the namespace team-a alone"),
    ],
)
def test_explaining_says_why_a_policy_judges_or_does_not(
    match: JsonObject, metadata: dict[str, str], because: str
) -> None:
    spec: JsonObject = {**small_spec(), **({"match": match} if match else {})}
    (policy,) = Policy.parse(json.dumps(policy_document(spec, **metadata)).encode(), where="p", base=None)
    asked, then = explain_match([policy], reference_of("oci://r.example/m@sha256:" + "1" * 64, "model"), "prod")
    assert [item.because for item in asked] == [because]
    assert then
    assert len(explain_policy(policy)) > 1
