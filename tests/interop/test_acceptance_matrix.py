"""The acceptance matrix, cell by cell: who takes what dbom signs, and whose signatures dbom takes.

Whoever reads has no network at all. Where somebody can't, that is seen too: asked to, it says what the table says.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from acceptance import OMS, PEERS, ROWS, THEY_READ, THEY_WRITE, No, as_markdown
from cryptography.hazmat.primitives.asymmetric import ec
from peer_clients import (
    READERS,
    Evidence,
    Said,
    Trust,
    cosign_attests,
    dbom,
    model_signing_reads,
    run_client,
    sigstore_js,
    sigstore_js_attests,
    sigstore_python_attests,
)
from programs import program
from sigstore_keys import certificate_pem, issued, private_pem, public_pem, self_signed

from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import DSSE_PAYLOAD_TYPE, PREDICATE_BOM, PREDICATE_OMS, PREDICATE_PROVENANCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sigstore_stack import PrivateSigstore

    from dbom.canonical import JsonObject

_PROGRAMS = {
    "cosign": "cosign",
    "sigstore-python": "sigstore",
    "sigstore-js": "node",
    "model_signing": "model_signing",
}
_READ = {**READERS, "model_signing": model_signing_reads}
_PROVENANCE: JsonObject = {
    "buildDefinition": {"buildType": "https://example.com/training/v1", "externalParameters": {}},
    "runDetails": {"builder": {"id": "https://example.com/trainer"}},
}
_SIGNER = "trainer@example.com"


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder with a file to sign, or a model that is a folder, and the services there are."""

    folder: Path
    request: pytest.FixtureRequest
    is_model: bool
    services: str = "private_sigstore"

    @property
    def artifact(self) -> Path:
        return self.folder / ("model" if self.is_model else "model.bin")

    @property
    def bundle(self) -> Path:
        return self.folder / ("model.sig" if self.is_model else "bundle.sigstore.json")

    @property
    def stack(self) -> PrivateSigstore:
        running: PrivateSigstore = self.request.getfixturevalue(self.services)
        return running

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def statement(self) -> Path:
        """Return a statement for others to sign; one of Model Signing's is as model_signing itself makes it."""
        if self.is_model:
            signed = self.folder / "thrown-away.sig"
            key = self.write("thrown-away.pem", private_pem(ec.generate_private_key(ec.SECP256R1())))
            words = ["sign", "key", f"--private_key={key}", f"--signature={signed}", str(self.artifact)]
            run_client([program("model_signing"), *words], self.folder)
            payload = json.loads(signed.read_bytes())["dsseEnvelope"]["payload"]
            return self.write("statement.json", base64.b64decode(payload))
        digest = Digest(Kind.FILE, hashlib.sha256(self.artifact.read_bytes()).hexdigest())
        made = Statement.build(Subject.of("model.bin", digest), PREDICATE_PROVENANCE, _PROVENANCE)
        return self.write("statement.json", made.payload)

    def evidence(self, predicate_type: str, trust: Trust) -> Evidence:
        return Evidence(self.artifact, self.bundle, PREDICATE_OMS if self.is_model else predicate_type, trust)


@pytest.fixture(scope="module")
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], _Place]:
    """Return a function from a row to a place to sign in."""

    def make(row: str) -> _Place:
        place = _Place(tmp_path_factory.mktemp("place"), request, row.startswith(OMS))
        if not place.is_model:
            place.artifact.write_bytes(b"weights")
            return place
        (place.artifact / "deep").mkdir(parents=True)
        for name in ("model.bin", "deep/model.bin", "deep.json", ".gitattributes"):
            (place.artifact / name).write_bytes(f"what {name} holds".encode())
        return place

    return make


# What dbom signs


def _sign(place: _Place, *words: str, environment: dict[str, str] | None = None) -> JsonObject:
    """Sign with dbom, put the sidecar away but for the bundle that is looked at, and return who signed."""
    command = ["sign", str(place.artifact), "--format=json", *words]
    command += [f"--oms={place.bundle}"] if place.is_model else []
    said = dbom(*command, folder=place.folder, environment=environment)
    assert said.accepted, said.words
    sidecar = place.artifact.with_name(f"{place.artifact.name}.dbom")
    if not place.is_model:
        (written,) = sidecar.glob("bom-*.sigstore.json")
        written.rename(place.bundle)
    sidecar.rename(place.folder / "put-away")
    signer: JsonObject = json.loads(said.words[: said.words.rindex("\n}") + 2])["signer"]
    return signer


def _our_local(place: _Place) -> Evidence:
    signer = _sign(place, "--local")
    root = place.folder / "trusted_root.json"
    assert dbom("trust", "export", f"--output={root}", folder=place.folder).accepted
    trust = Trust(trusted_root=root, identity=str(signer["identity"]), issuer=str(signer["issuer"]))
    return place.evidence(PREDICATE_BOM, trust)


def _our_keyless(place: _Place) -> Evidence:
    token = {"SIGSTORE_ID_TOKEN": place.stack.token(email=_SIGNER)}
    _sign(place, f"--trust-config={place.stack.client_trust_config}", environment=token)
    return place.evidence(PREDICATE_BOM, _keyless(place.stack))


def _keyless(stack: PrivateSigstore) -> Trust:
    return Trust(trusted_root=stack.trusted_root, identity=_SIGNER, issuer=stack.issuer)


def _key_pair(place: _Place) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    return place.write("key.pem", private_pem(key)), place.write("key.pub", public_pem(key))


def _our_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    _sign(place, f"--signing-key={private}")
    return place.evidence(PREDICATE_BOM, Trust(key=public, log=False, sct=False))


def _our_logged_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    _sign(place, f"--signing-key={private}", f"--trust-config={place.stack.client_trust_config}")
    return place.evidence(PREDICATE_BOM, Trust(trusted_root=place.stack.trusted_root, key=public, sct=False))


@dataclass(frozen=True, slots=True)
class _OwnAuthority:
    """A certificate of one's own authority: files, and how a verifier is to know it."""

    key: Path
    certificate: Path
    chain: Path
    trust: Trust


def _own_authority(place: _Place) -> _OwnAuthority:
    """Make an authority, let it certify a key, and write the trusted root that names it and the time stamps."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = self_signed("somebody's own authority", ca_key)
    leaf = issued(ca_key, ca, key.public_key(), _SIGNER)
    chain = place.write("ca.pem", certificate_pem(ca))
    keys, root = place.stack.keys, place.folder / "own_root.json"
    stamps = Path(keys["tsa-chain.pem"])
    start = f"start-time={keys.start}"
    words = [f"--fulcio=url=https://ca.example.com,certificate-chain={chain},{start}", f"--out={root}"]
    words += [f"--tsa=url={place.stack.urls['tsa']},certificate-chain={stamps},{start}"]
    run_client([program("cosign"), "trusted-root", "create", *words], place.folder)
    return _OwnAuthority(
        place.write("key.pem", private_pem(key)),
        place.write("leaf.pem", certificate_pem(leaf)),
        chain,
        Trust(trusted_root=root, identity=_SIGNER, chain=chain, stamps=stamps, log=False, sct=False),
    )


def _our_certificate(place: _Place) -> Evidence:
    own = _own_authority(place)
    both = place.write("chain.pem", own.certificate.read_bytes() + own.chain.read_bytes())
    by = [f"--signing-key={own.key}", f"--certificate-chain={both}", f"--timestamp-url={place.stack.urls['tsa']}"]
    _sign(place, *by)
    return place.evidence(PREDICATE_BOM, own.trust)


_OUR_WAYS: dict[str, Callable[[_Place], Evidence]] = {
    "keyless, local": _our_local,
    "keyless, private": _our_keyless,
    "key": _our_key,
    "key + log": _our_logged_key,
    "certificate": _our_certificate,
}
_OURS = {**_OUR_WAYS, **{f"{OMS}{way}": sign for way, sign in _OUR_WAYS.items()}}


@pytest.fixture(scope="module")
def ours(places: Callable[[str], _Place]) -> Callable[[str], Evidence]:
    """Return a function from a row to what dbom signed so, once each."""
    made: dict[str, Evidence] = {}

    def get(row: str) -> Evidence:
        if row not in made:
            made[row] = _OURS[row](places(row))
        return made[row]

    return get


def _changed(evidence: Evidence, folder: Path) -> Evidence:
    """Return the evidence for an artifact of which one byte is another."""
    other = folder / evidence.artifact.name
    if evidence.artifact.is_dir():
        shutil.copytree(evidence.artifact, other)
    else:
        shutil.copy(evidence.artifact, other)
    file = other / "deep" / "model.bin" if other.is_dir() else other
    file.write_bytes(file.read_bytes().swapcase())
    return replace(evidence, artifact=other)


def _stands(said: Said, no: No | None) -> None:
    """Check that a client said what the table says."""
    if no is None:
        assert said.accepted, said.words
    else:
        assert not said.accepted
        assert re.search(no.said, " ".join(said.words.split())), said.words


@pytest.mark.parametrize(("row", "by"), THEY_READ)
def test_what_dbom_signs_is_read_by(
    ours: Callable[[str], Evidence], row: str, by: str, peer: Callable[[str], str], tmp_path: Path
) -> None:
    peer(_PROGRAMS[by])
    evidence = ours(row)
    _stands(_READ[by](evidence), THEY_READ[row, by])
    assert not _READ[by](_changed(evidence, tmp_path)).accepted


@pytest.mark.parametrize("row", _OURS)
def test_what_dbom_signs_dbom_reads(ours: Callable[[str], Evidence], row: str, tmp_path: Path) -> None:
    evidence = ours(row)
    said = _READ["dbom"](evidence)
    assert said.accepted, said.words
    assert 1 == _READ["dbom"](_changed(evidence, tmp_path)).code


def test_a_key_whose_log_is_demanded_is_not_taken_without_an_entry(
    ours: Callable[[str], Evidence], private_sigstore: PrivateSigstore
) -> None:
    bare = ours("key")
    logged = replace(bare, trust=replace(bare.trust, trusted_root=private_sigstore.trusted_root, log=True))
    assert [0, 1] == [_READ["dbom"](bare).code, _READ["dbom"](logged).code]


# What others sign


def _keyless_by(write: Callable[..., None]) -> Callable[[_Place], Evidence]:
    def sign(place: _Place) -> Evidence:
        write(place.artifact, place.statement(), place.stack.token(email=_SIGNER), place.stack, place.bundle)
        return place.evidence(PREDICATE_PROVENANCE, _keyless(place.stack))

    return sign


def _on_ours(sign: Callable[[_Place], Evidence]) -> Callable[[_Place], Evidence]:
    """Have it signed against the Sigstore that we serve."""
    return lambda place: sign(replace(place, services="served_sigstore"))


def _cosign_key(place: _Place) -> tuple[Path, Path]:
    """Give cosign a key, in the form in which it keeps its own."""
    private, public = _key_pair(place)
    words = ["import-key-pair", f"--key={private}", "--output-key-prefix=cosign"]
    run_client([program("cosign"), *words], place.folder, environment={"COSIGN_PASSWORD": ""})
    return place.folder / "cosign.key", public


def _cosign_attests(place: _Place, *words: str) -> None:
    command = [program("cosign"), "attest-blob", f"--statement={place.statement()}", f"--bundle={place.bundle}"]
    run_client([*command, "--yes", *words, str(place.artifact)], place.folder, environment={"COSIGN_PASSWORD": ""})


def _signing_config(place: _Place, *kept: str) -> Path:
    """Return the private Sigstore's signing config with no other services than these."""
    config = json.loads(place.stack.signing_config.read_bytes())
    for name in ("caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls"):
        if name not in kept:
            config.pop(name, None)
    return place.write("signing_config.json", json.dumps(config).encode())


def _cosign_by_key(place: _Place) -> Evidence:
    key, public = _cosign_key(place)
    _cosign_attests(place, f"--key={key}", f"--signing-config={_signing_config(place)}")
    return place.evidence(PREDICATE_PROVENANCE, Trust(key=public, log=False, sct=False))


def _cosign_by_logged_key(place: _Place) -> Evidence:
    key, public = _cosign_key(place)
    config = _signing_config(place, "rekorTlogUrls", "tsaUrls")
    root = place.stack.trusted_root
    _cosign_attests(place, f"--key={key}", f"--signing-config={config}", f"--trusted-root={root}")
    return place.evidence(PREDICATE_PROVENANCE, Trust(trusted_root=root, key=public, sct=False))


def _cosign_by_certificate(place: _Place) -> Evidence:
    own = _own_authority(place)
    words = ["import-key-pair", f"--key={own.key}", "--output-key-prefix=cosign"]
    run_client([program("cosign"), *words], place.folder, environment={"COSIGN_PASSWORD": ""})
    by = [f"--key={place.folder / 'cosign.key'}", f"--certificate={own.certificate}"]
    by += [f"--certificate-chain={own.chain}", f"--signing-config={_signing_config(place, 'tsaUrls')}"]
    _cosign_attests(place, *by)
    return place.evidence(PREDICATE_PROVENANCE, own.trust)


def _python_by_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    words = [f"--key={private}", f"--predicate={place.statement()}", f"--predicate-type={PREDICATE_PROVENANCE}"]
    run_client([program("sigstore"), "attest", *words, str(place.artifact)], place.folder)
    return place.evidence(PREDICATE_PROVENANCE, Trust(key=public, log=False, sct=False))


def _js(place: _Place, **request: object) -> None:
    payload = base64.b64encode(place.statement().read_bytes()).decode()
    asked = {"payload": payload, "payloadType": DSSE_PAYLOAD_TYPE, **request}
    place.bundle.write_bytes(sigstore_js("sign", asked, place.folder))


def _js_by_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    _js(place, key=private.read_text())
    return place.evidence(PREDICATE_PROVENANCE, Trust(key=public, log=False, sct=False))


def _js_by_logged_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    _js(place, key=private.read_text(), log=place.stack.urls["rekor"])
    return place.evidence(PREDICATE_PROVENANCE, Trust(trusted_root=place.stack.trusted_root, key=public, sct=False))


def _js_by_certificate(place: _Place) -> Evidence:
    own = _own_authority(place)
    stamps = place.stack.urls["tsa"].removesuffix("/api/v1/timestamp")
    _js(place, key=own.key.read_text(), certificate=own.certificate.read_text(), stamps=stamps)
    return place.evidence(PREDICATE_PROVENANCE, own.trust)


def _model_signing(place: _Place, *words: str) -> None:
    command = [program("model_signing"), "sign", *words, f"--signature={place.bundle}", str(place.artifact)]
    other = [] if place.is_model else [f"--predicate_type={PREDICATE_PROVENANCE}"]
    run_client([*command, *other], place.folder)


def _model_signing_keyless(place: _Place) -> Evidence:
    token = place.stack.token(email=_SIGNER)
    _model_signing(place, "sigstore", f"--trust_config={place.stack.client_trust_config}", f"--identity_token={token}")
    return place.evidence(PREDICATE_OMS, _keyless(place.stack))


def _model_signing_by_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    _model_signing(place, "key", f"--private_key={private}")
    return place.evidence(PREDICATE_OMS, Trust(key=public, log=False, sct=False))


def _model_signing_by_logged_key(place: _Place) -> Evidence:
    private, public = _key_pair(place)
    _model_signing(place, "key", f"--private_key={private}", f"--trust_config={place.stack.client_trust_config}")
    return place.evidence(PREDICATE_OMS, Trust(trusted_root=place.stack.trusted_root, key=public, sct=False))


def _model_signing_by_certificate(place: _Place) -> Evidence:
    own = _own_authority(place)
    by = [f"--private_key={own.key}", f"--signing_certificate={own.certificate}", f"--certificate_chain={own.chain}"]
    _model_signing(place, "certificate", *by)
    return place.evidence(PREDICATE_OMS, replace(own.trust, stamps=None))


_THEIR_WAYS: dict[tuple[str, str], Callable[[_Place], Evidence]] = {
    ("keyless, local", "cosign"): _on_ours(_keyless_by(cosign_attests)),
    ("keyless, local", "sigstore-python"): _on_ours(_keyless_by(sigstore_python_attests)),
    ("keyless, local", "sigstore-js"): _on_ours(_keyless_by(sigstore_js_attests)),
    ("keyless, local", "model_signing"): _on_ours(_model_signing_keyless),
    ("keyless, private", "cosign"): _keyless_by(cosign_attests),
    ("keyless, private", "sigstore-python"): _keyless_by(sigstore_python_attests),
    ("keyless, private", "sigstore-js"): _keyless_by(sigstore_js_attests),
    ("keyless, private", "model_signing"): _model_signing_keyless,
    ("key", "cosign"): _cosign_by_key,
    ("key", "sigstore-python"): _python_by_key,
    ("key", "sigstore-js"): _js_by_key,
    ("key", "model_signing"): _model_signing_by_key,
    ("key + log", "cosign"): _cosign_by_logged_key,
    ("key + log", "sigstore-python"): _python_by_key,
    ("key + log", "sigstore-js"): _js_by_logged_key,
    ("key + log", "model_signing"): _model_signing_by_logged_key,
    ("certificate", "cosign"): _cosign_by_certificate,
    ("certificate", "sigstore-python"): _python_by_key,
    ("certificate", "sigstore-js"): _js_by_certificate,
    ("certificate", "model_signing"): _model_signing_by_certificate,
}
_THEIRS = {**_THEIR_WAYS, **{(f"{OMS}{way}", by): sign for (way, by), sign in _THEIR_WAYS.items()}}


@pytest.mark.parametrize(("row", "by"), THEY_WRITE)
def test_what_others_sign_is_read_by_dbom(
    places: Callable[[str], _Place], row: str, by: str, peer: Callable[[str], str], tmp_path: Path
) -> None:
    peer(_PROGRAMS[by])
    no = THEY_WRITE[row, by]
    if no is not None:
        with pytest.raises(RuntimeError) as refused:
            _THEIRS[row, by](places(row))
        assert re.search(no.said, str(refused.value)), str(refused.value)
        return
    evidence = _THEIRS[row, by](places(row))
    said = _READ["dbom"](evidence)
    assert said.accepted, said.words
    assert 1 == _READ["dbom"](_changed(evidence, tmp_path)).code


# The page


def test_every_cell_of_the_table_is_tested() -> None:
    assert set(THEY_READ) == {(row, peer) for row in _OURS for peer in PEERS}
    assert set(THEY_WRITE) == set(_THEIRS)
    assert set(ROWS) == {row for row, _ in (*THEY_READ, *THEY_WRITE)}


def test_the_page_shows_what_is_tested() -> None:
    """Write it again with `python -P tests/acceptance.py > …` where the table changed."""
    page = (Path(__file__).parents[2] / "docs" / "guide" / "acceptance.md").read_text()
    assert as_markdown() in page
