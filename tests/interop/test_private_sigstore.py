"""A private Sigstore of unmodified servers: what we sign there others verify, and what they sign there we verify.

Signed as a person (an e-mail token) and as a Kubernetes service account. Verified where there is no network at all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from peer_clients import (
    READERS,
    Evidence,
    Said,
    Trust,
    conformance_reads,
    cosign_attests,
    cosign_signs,
    dbom,
    sigstore_js_attests,
    sigstore_js_signs,
    sigstore_python_attests,
    sigstore_python_signs,
)

from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluster import Cluster
    from sigstore_stack import PrivateSigstore

    from dbom.canonical import JsonObject

pytestmark = [pytest.mark.peer("fulcio"), pytest.mark.peer("kube-apiserver")]

_WRITERS = {"cosign": cosign_attests, "sigstore-python": sigstore_python_attests}
_PROGRAMS = {"cosign": "cosign", "sigstore-python": "sigstore", "sigstore-js": "node", "dbom": "unshare"}
_PROVENANCE: JsonObject = {
    "buildDefinition": {"buildType": "https://example.com/training/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://example.com/trainer"}},
}


@dataclass(frozen=True, slots=True)
class _Who:
    """Somebody who may sign: a way to a fresh token, and who its issuer and Fulcio make of it."""

    token: Callable[[], str]
    identity: str
    issuer: str


@pytest.fixture(scope="module", params=["a person", "a service account"])
def who(request: pytest.FixtureRequest, private_sigstore: PrivateSigstore, cluster_issuer: Cluster) -> _Who:
    if request.param == "a person":
        return _Who(private_sigstore.token, "someone@example.com", private_sigstore.issuer)
    name = ("ci", "signer")
    return _Who(
        lambda: cluster_issuer.service_account_token(*name), cluster_issuer.identity(*name), cluster_issuer.issuer
    )


def _sign(artifact: Path, token: str, config: Path) -> Said:
    given = {"SIGSTORE_ID_TOKEN": token}
    return dbom("sign", str(artifact), f"--trust-config={config}", folder=artifact.parent, environment=given)


@pytest.fixture(scope="module")
def ours(who: _Who, private_sigstore: PrivateSigstore, tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Sign a file with `dbom sign`; return the BOM's bundle, moved away from the file."""
    folder = tmp_path_factory.mktemp("ours")
    artifact = folder / "flowers.csv"
    artifact.write_text("petals\n5\n")
    said = _sign(artifact, who.token(), private_sigstore.client_trust_config)
    assert 0 == said.code, said.words
    (written,) = (folder / "flowers.csv.dbom").glob("bom-*.sigstore.json")
    (folder / "alone").mkdir()
    bundle = written.rename(folder / "alone" / "bundle.sigstore.json")
    moved = artifact.rename(folder / "alone" / "flowers.csv")
    trust = Trust(trusted_root=private_sigstore.trusted_root, identity=who.identity, issuer=who.issuer)
    return Evidence(moved, bundle, PREDICATE_BOM, trust)


@pytest.mark.parametrize("client", READERS)
def test_what_we_sign_there_everybody_verifies(ours: Evidence, client: str, peer: Callable[[str], str]) -> None:
    """A service account's token is as good as a person's. Nobody has a network."""
    peer(_PROGRAMS[client])
    said = READERS[client](ours)
    assert said.accepted, said.words


@pytest.mark.parametrize("client", READERS)
@pytest.mark.parametrize("change", ["other bytes", "another signer", "another issuer"])
def test_what_we_sign_there_nobody_takes_for_something_else(
    ours: Evidence, client: str, change: str, peer: Callable[[str], str], tmp_path: Path
) -> None:
    peer(_PROGRAMS[client])
    changed = ours
    if change == "other bytes":
        changed = replace(ours, artifact=tmp_path / "flowers.csv")
        changed.artifact.write_text("petals\n6\n")
    elif change == "another signer":
        changed = replace(ours, trust=replace(ours.trust, identity="somebody-else@example.com"))
    else:
        changed = replace(ours, trust=replace(ours.trust, issuer="https://issuer.example"))
    assert not READERS[client](changed).accepted


def _to_be_signed(folder: Path) -> tuple[Path, Path, Path]:
    """Write a model and a statement about it; return their paths, and where the bundle is to go."""
    artifact, statement = folder / "model.bin", folder / "statement.json"
    artifact.write_bytes(b"weights")
    subject = Subject.of("model.bin", Digest(Kind.FILE, hashlib.sha256(b"weights").hexdigest()))
    statement.write_bytes(Statement.build(subject, PREDICATE_PROVENANCE, _PROVENANCE).payload)
    return artifact, statement, folder / "bundle.sigstore.json"


@pytest.mark.parametrize("client", _WRITERS)
def test_what_others_sign_there_we_verify(
    who: _Who, private_sigstore: PrivateSigstore, client: str, peer: Callable[[str], str], tmp_path: Path
) -> None:
    peer(_PROGRAMS[client])
    artifact, statement, bundle = _to_be_signed(tmp_path)
    _WRITERS[client](artifact, statement, who.token(), private_sigstore, bundle)
    trust = Trust(trusted_root=private_sigstore.trusted_root, identity=who.identity, issuer=who.issuer)
    evidence = Evidence(artifact, bundle, PREDICATE_PROVENANCE, trust)
    said = READERS["dbom"](evidence)
    assert said.accepted, said.words
    artifact.write_bytes(b"Weights")
    assert 1 == READERS["dbom"](evidence).code


@pytest.mark.peer("node")
def test_what_sigstore_js_would_sign_there_the_log_refuses(
    who: _Who, private_sigstore: PrivateSigstore, peer: Callable[[str], str], tmp_path: Path
) -> None:
    """sigstore-js 5.0 logs a statement as a `dsse` entry; Rekor 2.3 takes `hashedrekord` alone."""
    peer("node")
    artifact, statement, bundle = _to_be_signed(tmp_path)
    with pytest.raises(RuntimeError, match="invalid type, must be hashedrekord"):
        sigstore_js_attests(artifact, statement, who.token(), private_sigstore, bundle)


_FILE_SIGNERS = {
    "cosign": cosign_signs,
    "sigstore-python": sigstore_python_signs,
    "sigstore-js": sigstore_js_signs,
}


@pytest.mark.parametrize("client", _FILE_SIGNERS)
def test_a_file_that_others_sign_there_our_conformance_door_verifies(
    who: _Who, private_sigstore: PrivateSigstore, client: str, peer: Callable[[str], str], tmp_path: Path
) -> None:
    """The bare signature of a file says nothing about it, and so is no evidence; that it is one can be verified."""
    peer(_PROGRAMS[client])
    artifact, _, bundle = _to_be_signed(tmp_path)
    _FILE_SIGNERS[client](artifact, who.token(), private_sigstore, bundle)
    trust = Trust(trusted_root=private_sigstore.trusted_root, identity=who.identity, issuer=who.issuer)
    evidence = Evidence(artifact, bundle, "", trust)
    said = conformance_reads(evidence)
    assert said.accepted, said.words
    assert not READERS["dbom"](evidence).accepted
    artifact.write_bytes(b"Weights")
    assert not conformance_reads(evidence).accepted


_SWAPPED = {"fulcio": "DBOM-326", "ctlog": "DBOM-328", "rekor": "DBOM-338", "tsa": "DBOM-335"}
"""The services, and the rule by which a bundle of ours is refused where the root has another key for one."""


@pytest.mark.parametrize("service", _SWAPPED)
def test_a_root_in_which_one_service_has_another_s_key_is_refused(
    ours: Evidence, private_sigstore: PrivateSigstore, service: str, tmp_path: Path
) -> None:
    """Whichever of the four it is, with hosts and windows of validity as they were, and the rule says why."""
    said = READERS["dbom"](_under(ours, private_sigstore.swapped(service), tmp_path))
    assert (1, True) == (said.code, f"({_SWAPPED[service]}, " in said.words), said.words


@pytest.mark.parametrize(("service", "rule"), [("ctlog", "DBOM-328"), ("rekor", "DBOM-331")])
def test_a_log_that_keeps_its_id_and_has_another_key_is_refused(
    ours: Evidence, private_sigstore: PrivateSigstore, service: str, rule: str, tmp_path: Path
) -> None:
    """An id is a hint; what counts is the signature."""
    said = READERS["dbom"](_under(ours, private_sigstore.swapped(service, keep_id=True), tmp_path))
    assert (1, True) == (said.code, f"({rule}, " in said.words), said.words


def _under(evidence: Evidence, config: bytes, folder: Path) -> Evidence:
    """Return the evidence with the trusted root of another client trust config to judge it by."""
    root = folder / "trusted_root.json"
    root.write_text(json.dumps(json.loads(config)["trustedRoot"]))
    return replace(evidence, trust=replace(evidence.trust, trusted_root=root))


@pytest.mark.parametrize(
    ("service", "rules"),
    [
        ("fulcio", ("DBOM-344", "DBOM-358")),
        ("ctlog", ("DBOM-350", "DBOM-358")),
        ("rekor", ("DBOM-359",)),
        ("tsa", ("DBOM-360",)),
    ],
)
def test_nothing_is_signed_where_a_service_has_another_key_than_the_root_says(
    private_sigstore: PrivateSigstore, service: str, rules: tuple[str, ...], tmp_path: Path
) -> None:
    """What would not verify is never given away. A wrong certificate shows to sigstore-python first, or to us."""
    config = tmp_path / "config.json"
    config.write_bytes(private_sigstore.swapped(service))
    said = _refused(tmp_path, private_sigstore.token(), config)
    assert (3, True) == (said.code, any(f"({rule})" in said.words for rule in rules)), said.words


def _refused(folder: Path, token: str, config: Path) -> Said:
    """Return what `dbom sign` said, having seen that it wrote nothing."""
    artifact = folder / "flowers.csv"
    artifact.write_text("petals\n5\n")
    said = _sign(artifact, token, config)
    assert not list(folder.glob("**/*.sigstore.json"))
    return said


@pytest.mark.parametrize("list_", ["caUrls", "rekorTlogUrls", "tsaUrls"])
def test_nothing_is_signed_where_a_service_does_not_answer(
    private_sigstore: PrivateSigstore, list_: str, tmp_path: Path
) -> None:
    """A failed time stamp or log entry is an error, not a warning."""
    config = tmp_path / "config.json"
    document = json.loads(private_sigstore.client_trust_config.read_bytes())
    document["signingConfig"][list_][0]["url"] = "http://127.0.0.1:9"
    config.write_text(json.dumps(document))
    said = _refused(tmp_path, private_sigstore.token(), config)
    assert (3, True) == (said.code, "DBOM-350" in said.words), said.words


@pytest.mark.parametrize(
    ("claims", "code", "rule"),
    [
        pytest.param({"exp": 1}, 2, "DBOM-356", id="expired"),
        pytest.param({"audience": "elsewhere"}, 2, "DBOM-357", id="for another audience"),
        pytest.param({"iss": "http://127.0.0.1:1"}, 3, "DBOM-350", id="of another issuer"),
        pytest.param({"email_verified": False}, 3, "DBOM-350", id="with an unchecked address"),
    ],
)
def test_nothing_is_signed_with_a_token_that_is_no_good(
    private_sigstore: PrivateSigstore, claims: dict[str, Any], code: int, rule: str, tmp_path: Path
) -> None:
    """The first two we see ourselves, the others Fulcio does."""
    said = _refused(tmp_path, private_sigstore.token(**claims), private_sigstore.client_trust_config)
    assert (code, True) == (said.code, f"({rule})" in said.words), said.words
