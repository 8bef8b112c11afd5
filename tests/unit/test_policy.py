"""Policies: strict, every fault at once, and nothing accepted that can't be checked."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from admission.policy import LocationRule, Match, Mode, Policy, matches_glob, strictest
from admission.policy_files import policies_at
from admission.requirements.licenses import LicenseRule, LicenseScope
from admission.starting_policy import Expected, render_policy
from attest.local import open_local
from attest.trust import TrustRoot
from dbom.errors import DocumentError, PathError
from dbom.model import Unknown
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject
    from dbom.rules import Rule


@pytest.fixture(name="pem", scope="module")
def make_pem() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(name="root", scope="module")
def make_root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return open_local(tmp_path_factory.mktemp("home"), now=lambda: datetime.now(UTC)).trusted_root()


def spec(pem: str) -> JsonObject:
    return {
        "authorities": [{"name": "signer", "key": {"data": pem}}],
        "locations": [{"pattern": "oci://registry.example.com/models/*", "authorities": ["signer"]}],
        "attestations": [{"predicateType": "https://cyclonedx.org/bom", "authorities": ["signer"]}],
    }


def document(body: JsonObject, name: str = "p") -> JsonObject:
    return {"apiVersion": "dbom.dev/v1alpha1", "kind": "ProvenancePolicy", "metadata": {"name": name}, "spec": body}


def parsed(content: object, base: Path) -> tuple[Policy, ...]:
    return Policy.parse(json.dumps(content).encode(), where="policy.yaml", base=base)


def faults_of(content: object, base: Path) -> tuple[str, ...]:
    with pytest.raises(DocumentError) as caught:
        parsed(content, base)
    return caught.value.faults or (caught.value.what,)


def test_a_whole_policy(pem: str, root: bytes, tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(root)
    (tmp_path / "key.pub").write_text(pem)
    body: JsonObject = {
        "mode": "warn",
        "match": {"namespaces": ["prod-*"]},
        "trustRoots": [
            {"name": "a", "path": "root.json"},
            {"name": "b", "data": json.loads(root)},
            {"name": "c", "data": base64.b64encode(root).decode()},
            {"name": "d", "data": root.decode()},
        ],
        "authorities": [
            {"name": "key", "key": {"path": "key.pub"}, "demands": {"log": False, "sct": False, "time": False}},
            {
                "name": "keyless",
                "keyless": {
                    "trustRootRef": "a",
                    "identities": [{"issuer": "https://i", "subjectRegExp": ".*@example[.]com"}],
                },
            },
        ],
        "locations": [
            {"pattern": "oci://registry.example.com/models/*", "authorities": ["key"]},
            {"pattern": "hf://org/**", "authorities": ["keyless"], "pinning": "claimed"},
            {"pattern": "oci://*.example.com/x", "authorities": ["key"]},
            {"pattern": "**", "authorities": ["key"]},
        ],
        "attestations": [{"predicateType": "https://cyclonedx.org/bom", "authorities": ["key", "keyless"]}],
        "licenses": {"allow": ["MIT"], "deny": ["GPL-3.0-only WITH X"], "unknown": "allow", "scope": "artifact"},
        "ancestors": {"signed": True, "authorities": ["key"], "noInputs": "allow"},
    }
    (policy,) = parsed(document(body), tmp_path)
    assert (policy.name, policy.mode, policy.match) == ("p", Mode.WARN, Match(("prod-*",)))
    assert [item.name for item in policy.authorities] == ["key", "keyless"]
    assert policy.locations[1] == LocationRule("hf://org/**", ("keyless",), allows_claimed=True)
    assert policy.find(LicenseRule) == LicenseRule(
        ("MIT",), ("GPL-3.0-only WITH X",), allows_unknown=True, scope=LicenseScope.ARTIFACT
    )
    assert policy.ancestors is not None
    assert (policy.ancestors.authorities, policy.ancestors.builders) == (("key",), ("key", "keyless"))
    assert policy.covers_namespace("prod-1")
    assert not policy.covers_namespace("dev")


def test_the_digest_covers_the_files_that_a_policy_reads(pem: str, root: bytes, tmp_path: Path) -> None:
    body = spec(pem)
    body["trustRoots"] = [{"name": "a", "path": "root.json"}]
    (tmp_path / "root.json").write_bytes(root)
    first = parsed(document(body), tmp_path)[0].digest
    assert parsed(document(body), tmp_path)[0].digest == first
    (tmp_path / "root.json").write_bytes(root + b"\n")
    assert parsed(document(body), tmp_path)[0].digest != first


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"modes": "warn"}, "spec.modes: unknown key; did you mean 'mode'?"),
        (
            {"mode": "enforced"},
            "spec.mode: got 'enforced', expected one of audit, enforce, warn; did you mean 'enforce'?",
        ),
        ({"mode": 1}, "spec.mode: got a number, expected a string"),
        (
            {"match": {"namespaces": []}},
            "spec.match.namespaces: an empty list would match no namespace; leave it out to match all",
        ),
        ({"match": {"namespaces": ["A/b"]}}, "spec.match.namespaces: 'A/b' is not a namespace or a pattern of one"),
        ({"match": {"labels": {}}}, "spec.match.labels: unknown key"),
        ({"authorities": []}, "spec.authorities: missing: a policy that enforces names at least one authority"),
        ({"authorities": [{"name": "signer"}]}, "spec.authorities[0]: expected one of keyless and key"),
        ({"authorities": [{"name": "signer", "key": {}}]}, "spec.authorities[0].key: expected one of path and data"),
        (
            {"authorities": [{"name": "signer", "key": {"path": "gone"}}]},
            "spec.authorities[0].key.path: there is no such part of the policy",
        ),
        (
            {"locations": []},
            "spec.locations: missing: without one no place can be bound to an artifact, so nothing could ever pass",
        ),
        (
            {"locations": [{"pattern": "oci://r.example/*", "authorities": ["singer"]}]},
            "spec.locations[0].authorities[0]: no authority is called 'singer'; did you mean 'signer'?",
        ),
        (
            {"locations": [{"pattern": "oci://r.example/*", "authorities": []}]},
            "spec.locations[0].authorities: missing: at least one authority",
        ),
        (
            {"locations": [{"pattern": "oci://r.example/*", "authorities": ["signer"], "pinning": "no"}]},
            "spec.locations[0].pinning: got 'no', expected one of claimed, enforced",
        ),
        ({"attestations": []}, "spec.attestations: missing: a policy demands at least one attestation of content"),
        ({"attestations": [{"authorities": ["signer"]}]}, "spec.attestations[0].predicateType: missing"),
        ({"licenses": {}}, "spec.licenses: neither allow nor deny lists a licence"),
        ({"licenses": {"allow": ["MIT OR X"]}}, "spec.licenses.allow[0]: 'MIT OR X' is not one SPDX licence"),
        ({"licenses": {"deny": ["OR"]}}, "spec.licenses.deny[0]: 'OR' is not one SPDX licence"),
        ({"ancestors": {}}, "spec.ancestors.signed: missing: true or false"),
        (
            {"ancestors": {"signed": False, "noInputs": "deny"}},
            "spec.ancestors: asks for nothing (signed: false), and yet sets noInputs",
        ),
        ({"ancestors": {"signed": "yes"}}, "spec.ancestors.signed: got a string, expected true or false"),
        ({"trustRoots": [{"name": "a"}]}, "spec.trustRoots[0]: expected one of path, data and certificates"),
        (
            {"trustRoots": [{"name": "a", "data": "???"}]},
            "spec.trustRoots[0].data: neither a trusted root in JSON nor one in base64",
        ),
        ({"trustRoots": [{"name": "a", "data": {}}]}, "spec.trustRoots[0]: not a trusted root: got None"),
    ],
)
def test_every_fault_has_its_place(change: JsonObject, fault: str, pem: str, tmp_path: Path) -> None:
    assert fault in faults_of(document({**spec(pem), **change}), tmp_path)


@pytest.mark.parametrize(
    "pattern",
    [
        "registry.example.com/m",
        "oci://registry.example.com*",
        "oci://reg*.example.com/x",
        "oci://r.example/m@sha256:1",
        "ftp://x/y",
        "oci://r.example",
    ],
)
def test_a_location_pattern_can_not_reach_further_than_it_looks(pattern: str, pem: str, tmp_path: Path) -> None:
    body: JsonObject = {**spec(pem), "locations": [{"pattern": pattern, "authorities": ["signer"]}]}
    (fault,) = faults_of(document(body), tmp_path)
    assert fault.startswith("spec.locations[0].pattern: got ")


@pytest.mark.parametrize(
    ("identity", "fault"),
    [
        ({"issuer": "i"}, "spec.authorities[0].keyless.identities[0]: expected one of subject and subjectRegExp"),
        (
            {"subject": "s", "subjectRegExp": "s", "issuer": "i"},
            "spec.authorities[0].keyless.identities[0]: expected one of subject and subjectRegExp",
        ),
        ({"subject": "", "issuer": "i"}, "spec.authorities[0].keyless.identities[0].subject: missing"),
        (
            {"subjectRegExp": "(", "issuer": "i"},
            "spec.authorities[0].keyless.identities[0].subjectRegExp: not an RE2 expression",
        ),
        (
            {"subjectRegExp": "(?=x)", "issuer": "i"},
            "spec.authorities[0].keyless.identities[0].subjectRegExp: not an RE2 expression",
        ),
    ],
)
def test_identities_need_both_sides_and_re2(
    identity: JsonObject, fault: str, pem: str, root: bytes, tmp_path: Path
) -> None:
    body = spec(pem)
    body["trustRoots"] = [{"name": "a", "data": json.loads(root)}]
    body["authorities"] = [{"name": "signer", "keyless": {"trustRootRef": "a", "identities": [identity]}}]
    assert any(item.startswith(fault) for item in faults_of(document(body), tmp_path))


def test_a_keyless_authority_needs_a_trust_root_that_is_there(pem: str, tmp_path: Path) -> None:
    body = spec(pem)
    body["authorities"] = [{"name": "signer", "keyless": {"trustRootRef": "a"}}]
    assert faults_of(document(body), tmp_path) == (
        "spec.authorities[0].keyless.identities: missing: a keyless authority names at least one identity",
        "spec.authorities[0].keyless.trustRootRef: no trust root is called 'a'",
    )


def test_a_broken_key_is_a_fault(pem: str, tmp_path: Path) -> None:
    body: JsonObject = {**spec(pem), "authorities": [{"name": "signer", "key": {"data": "nonsense"}}]}
    assert len(faults_of(document(body), tmp_path)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"authorities": [{"name": "signer", "key": {"kms": "awskms://x"}}]},
        {"authorities": [{"name": "signer", "key": {"secretRef": {"name": "x"}}}]},
        {"attestations": [{"predicateType": "https://dbom.dev/location/v1", "authorities": ["signer"]}]},
        {"attestations": [{"predicateType": "https://slsa.dev/verification_summary/v1", "authorities": ["signer"]}]},
        {"revokers": []},
        {"identity": "content"},
        {"residency": {"allow": ["s3://eu/**"], "countries": ["DE"]}},
    ],
)
def test_what_nothing_here_can_check_is_refused_when_the_policy_loads(
    change: JsonObject, pem: str, tmp_path: Path
) -> None:
    with pytest.raises(DocumentError) as caught:
        parsed(document({**spec(pem), **change}), tmp_path)
    assert caught.value.rule.id == "DBOM-502"


def test_demands_that_the_kind_does_not_meet_are_refused(pem: str, tmp_path: Path) -> None:
    given: list[JsonObject] = [{"log": True, "sct": False, "time": False}, {"log": True}]
    for demands in given:
        body: JsonObject = {**spec(pem), "authorities": [{"name": "signer", "key": {"data": pem}, "demands": demands}]}
        assert faults_of(document(body), tmp_path)


def test_names_are_given_once(pem: str, root: bytes, tmp_path: Path) -> None:
    body = spec(pem)
    body["trustRoots"] = [{"name": "a", "data": json.loads(root)}] * 2
    body["authorities"] = [{"name": "signer", "key": {"data": pem}}] * 2
    assert faults_of(document(body), tmp_path) == (
        "spec.trustRoots[1].name: another trust root is called 'a'",
        "spec.authorities[1].name: another authority is called 'signer', or as good as that",
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ([], "not a policy: expected an object with kind: ProvenancePolicy"),
        ({"kind": "Pod"}, "kind: got 'Pod', expected ProvenancePolicy"),
        ({"kind": "ProvenancePolicy"}, "spec: missing"),
        ({"metadata": {"name": "A_b"}}, "metadata.name: 'A_b' is not a name as Kubernetes writes them"),
        (
            {"metadata": {"name": "a", "namespace": "A/n"}},
            "metadata.namespace: 'A/n' is not a namespace as Kubernetes writes them",
        ),
    ],
)
def test_what_is_no_policy(content: object, fault: str, tmp_path: Path) -> None:
    assert fault in faults_of(content, tmp_path)


def test_every_fault_of_every_document_is_named_at_once(pem: str, tmp_path: Path) -> None:
    text = (
        json.dumps(document({**spec(pem), "mode": "x"}))
        + "\n---\n"
        + json.dumps(document({**spec(pem), "modes": 1}, "q"))
    )
    with pytest.raises(DocumentError) as caught:
        Policy.parse(text.encode(), where="policy.yaml", base=tmp_path)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "document 1.spec.mode",
        "document 2.spec.modes",
    ]


def test_two_policies_of_one_name_are_refused_in_one_file_and_in_two(pem: str, tmp_path: Path) -> None:
    text = json.dumps(document(spec(pem)))
    with pytest.raises(DocumentError) as caught:
        Policy.parse(f"{text}\n---\n{text}".encode(), where="policy.yaml", base=tmp_path)
    assert caught.value.rule.id == "DBOM-503"
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(text)
    with pytest.raises(DocumentError, match="two policies are called 'p'"):
        policies_at([tmp_path])


def test_a_folder_gives_the_policies_of_its_files_and_an_empty_one_none(pem: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps(document(spec(pem))))
    (tmp_path / "b.json").write_text(json.dumps(document(spec(pem), "q")))
    (tmp_path / ".hidden.yaml").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    assert [policy.name for policy in policies_at([tmp_path])] == ["p", "q"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match="no policy file"):
        policies_at([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("name", "what", "rule"),
    [
        ("gone.yaml", "there is no such policy", PATH_MISSING),
        ("policy.yaml/inside", "can't be read: Not a directory", PATH_UNREADABLE),
        ("x" * 300, "can't be read: File name too long", PATH_UNREADABLE),
        ("pipe", "can't be read as a policy: not a regular file", PATH_UNREADABLE),
    ],
)
def test_a_policy_file_that_can_not_be_read_is_a_matter_of_its_path(
    name: str, what: str, rule: Rule, tmp_path: Path
) -> None:
    """The hint of a malformed policy would send whoever misspelt a name to the format's page."""
    (tmp_path / "policy.yaml").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PathError) as caught:
        policies_at([tmp_path / name])
    assert (what, rule) == (caught.value.what, caught.value.rule)


def test_an_empty_file_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no policy in it"):
        Policy.parse(b"# nothing\n", where="policy.yaml", base=tmp_path)


def test_signed_false_asks_for_nothing(pem: str, tmp_path: Path) -> None:
    (policy,) = parsed(document({**spec(pem), "ancestors": {"signed": False}}), tmp_path)
    assert policy.ancestors is None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/**", "a/b/c", True),
        ("a/*/c", "a/b/c", True),
        ("*-x", "a-x", True),
        ("a", "ab", False),
        ("a", "a", True),
        ("**", "", True),
        ("a/**/d", "a/b/c/d", True),
        ("a/**/d", "a/d", False),
        ("a.c", "abc", False),
        ("z**", "a", False),
    ],
)
def test_globs_match_in_full(*, pattern: str, text: str, expected: bool) -> None:
    assert matches_glob(pattern, text) is expected


def test_the_strictest_mode() -> None:
    assert strictest((Mode.AUDIT, Mode.WARN)) is Mode.WARN
    assert isinstance(strictest(()), Unknown)


def test_a_starting_policy_for_a_key_and_for_an_identity_is_a_policy(pem: str, root: bytes, tmp_path: Path) -> None:
    from attest.identity import Identity

    trusted = TrustRoot.parse(root, where="root")
    identity = Identity("s'\"@example.com", trusted.issuer_scope or "")
    for expected in (Expected(key_pem=pem.encode()), Expected(identity, trusted)):
        text = render_policy(expected, name="models", mode="audit", location="oci://r.example/*")
        (policy,) = Policy.parse(text.encode(), where="new", base=tmp_path)
        assert (policy.name, policy.mode) == ("models", Mode.AUDIT)
