"""`dbom attest list|push|pull|attach|create` and `dbom fingerprint oci://`, as a person calls them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from evidence import local_sigstore, signed_artifact
from memory_registry import INDEX, MANIFEST, MemoryRegistry, digest_of, file_layer, memory_registry

from attest.stores.sidecar import Sidecar
from attest.stores.store import open_store
from dbom.cli.app import run
from dbom.storage.retries import Retries
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.storage.retries.RETRIES", Retries(attempts=2, first=0.0))


@pytest.fixture
def held() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        running.add_artifact(file_layer("a", b"content"))
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "iris"
    path.mkdir()
    (path / "a").write_bytes(b"content")
    signed_artifact(path, local_sigstore(Path(os.environ["DBOM_HOME"])))
    return path


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_evidence_goes_to_a_registry_and_comes_back(
    held: MemoryRegistry, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle,) = Sidecar.of(model).bundles()
    assert run(["attest", "push", str(model), held.url("v1"), "-f", "json"]) == 0
    pushed = _json(capsys)
    assert ("dbom.dev/attest-push/v1", []) == (pushed["schema"], pushed["leftOut"])
    assert [bundle.sha256] == [item["sha256"] for item in pushed["added"]]
    assert run(["attest", "list", held.url("v1"), "-f", "json"]) == 0
    listed = _json(capsys)
    assert (False, [bundle.sha256]) == (listed["verified"], [item["sha256"] for item in listed["claims"]])
    assert run(["attest", "pull", held.url("v1"), "--to", str(tmp_path / "store"), "-f", "json"]) == 0
    assert [bundle.raw] == [item.raw for item in open_store(str(tmp_path / "store")).bundles()]
    Sidecar.of(model).folder.rename(tmp_path / "away")
    capsys.readouterr()
    assert run(["attest", "pull", held.url("v1"), str(model)]) == 0
    assert [bundle.raw] == [item.raw for item in Sidecar.of(model).bundles()]
    assert "claims to be by" in capsys.readouterr().out


def test_what_is_about_something_else_stays_where_it_is(
    held: MemoryRegistry, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held.add_artifact(file_layer("a", b"else"), tags=("other",))
    assert run(["attest", "push", str(model), held.url("other")]) == 3
    assert "is not about" in capsys.readouterr().err
    assert run(["attest", "push", str(model), held.url("v1"), "-q"]) == 0
    (tmp_path / "elsewhere").write_bytes(b"else")
    assert run(["attest", "pull", held.url("v1"), str(tmp_path / "elsewhere")]) == 3
    assert not (tmp_path / "elsewhere.dbom").exists()


def test_a_given_bundle_is_attached_where_it_belongs_and_nowhere_else(
    held: MemoryRegistry, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle,) = (Path(item.where) for item in Sidecar.of(model).bundles())
    given = bundle.rename(tmp_path / "given.json")
    assert run(["attest", "attach", str(model), "--bundle", str(given)]) == 0
    assert bundle.exists()
    assert run(["attest", "attach", held.url("v1"), "--bundle", str(given)]) == 0
    assert run(["attest", "attach", str(model), "--bundle", str(given), "--store", str(tmp_path / "store")]) == 0
    assert len(list(open_store(held.url("v1")).bundles())) == 1
    assert len(list(open_store(str(tmp_path / "store")).bundles())) == 1
    (model / "a").write_bytes(b"changed")
    capsys.readouterr()
    assert run(["attest", "attach", str(model), "--bundle", str(given), "-f", "json"]) == 1
    assert _json(capsys)["rule"] == "DBOM-381"


def test_a_list_is_of_any_place_and_of_one_digest(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    assert run(["attest", "push", str(model), str(store), "-q"]) == 0
    (store / "broken.sigstore.json").write_text("{}")
    capsys.readouterr()
    assert run(["attest", "list", str(model), "--store", str(store)]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("claims to be by") == 1
    assert "DBOM-304" in shown.err
    assert run(["attest", "list", "--store", str(store), "--digest", str(fingerprint_path(model).digest)]) == 0
    assert run(["attest", "list", "--store", str(store), "--digest", "sha256:" + "a" * 64]) == 3
    assert run(["attest", "list", "--store", str(store), "--digest", "nonsense"]) == 2
    assert run(["attest", "list"]) == 2
    assert run(["attest", "list", str(tmp_path / "nothing")]) == 3


def test_words_that_say_too_little_are_usage_errors(held: MemoryRegistry, model: Path) -> None:
    assert run(["attest", "pull", held.url("v1")]) == 2
    assert run(["attest", "push", str(model), "oci://nowhere"]) == 2
    assert run(["attest", "push", "", held.url("v1")]) == 2
    assert run(["attest", "pull", held.url("v1"), str(model), "--platform", "linux"]) == 2
    assert run(["fingerprint", str(model), "--platform", "linux/amd64"]) == 2


def test_offline_reaches_no_registry(held: MemoryRegistry, model: Path) -> None:
    for words in (
        ["attest", "list", held.url("v1")],
        ["attest", "push", str(model), held.url("v1")],
        ["attest", "pull", held.url("v1"), str(model)],
        ["attest", "attach", held.url("v1"), "--bundle", str(next(Sidecar.of(model).folder.glob("*.sigstore.json")))],
        ["fingerprint", held.url("v1")],
        ["fingerprint", held.url(digest_of(held.manifests["v1"][0]))],
        ["verify", str(model), "--local", "--store", held.url("v1")],
    ):
        assert run([*words, "--offline"]) == 3
    assert held.seen == []


def test_a_tag_is_resolved_and_said(held: MemoryRegistry, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fingerprint", held.url("v1"), "-v"]) == 0
    shown = capsys.readouterr()
    digest = digest_of(held.manifests["v1"][0])
    assert f"{held.url('v1')} is {held.url(digest)}" in shown.err
    assert f"{fingerprint_path(model).digest}  {held.url(digest)}\n" == shown.out
    assert "store-attested" in shown.err


def test_a_platform_is_chosen(held: MemoryRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    digest = digest_of(held.manifests["v1"][0])
    entry = {"mediaType": MANIFEST, "digest": digest, "size": len(held.manifests["v1"][0])}
    index = {"manifests": [{**entry, "platform": {"os": "linux", "architecture": "amd64"}}]}
    held.add_manifest({"schemaVersion": 2, "mediaType": INDEX, **index}, "multi", media_type=INDEX)
    assert run(["fingerprint", held.url("multi")]) == 2
    assert "DBOM-378" in capsys.readouterr().err
    assert run(["fingerprint", held.url("multi"), "--platform", "linux/amd64"]) == 0
    assert held.url(digest) in capsys.readouterr().out


def test_a_location_that_was_read_is_computed(
    held: MemoryRegistry, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = held.url(digest_of(held.manifests["v1"][0]))
    assert run(["sign", str(model), "--local", "--location", url, "--computed", "-q"]) == 0
    (bundle,) = Sidecar.of(model).folder.glob("location-*")
    from attest.showing import claim_of

    assert claim_of(bundle.read_bytes(), where="").statement.predicate["known"] == {"basis": "computed"}
    (model / "a").write_bytes(b"changed")
    capsys.readouterr()
    assert run(["sign", str(model), "--local", "--location", url, "--computed", "-q"]) == 1
    assert "DBOM-383" in capsys.readouterr().err
    assert run(["sign", str(model), "--local", "--computed"]) == 2


def test_any_predicate_is_signed_and_malformed_ones_are_not(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.json").write_text('{"value": 1}')
    words = ["attest", "create", str(model), "--predicate", str(tmp_path / "p.json"), "--local", "--predicate-type"]
    assert run([*words, "https://example.org/evaluation/v1"]) == 0
    assert "other -> " in capsys.readouterr().out
    assert run([*words, "https://example.org/evaluation/v1", "-f", "json"]) == 0
    assert str(fingerprint_path(model).digest) == _json(capsys)["digest"]
    assert run(["verify", str(model), "--local"]) == 0
    assert run([*words, "https://slsa.dev/provenance/v1"]) == 2
    assert "DBOM-382" in capsys.readouterr().err
    assert run([*words, "https://example.org/x", "--digest", "sha256:" + "a" * 64]) == 2
    assert run(["attest", "create", *words[3:], "https://example.org/x", "--digest", "sha256:" + "a" * 64]) == 2
    (tmp_path / "p.json").write_text("[]")
    assert run([*words, "https://example.org/x"]) == 2


def test_a_statement_about_a_digest_goes_to_a_store(
    held: MemoryRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.json").write_text("{}")
    digest = digest_of(held.manifests["v1"][0])
    words = ["attest", "create", "--digest", digest, "--name", "iris", "--predicate", str(tmp_path / "p.json")]
    words += ["--predicate-type", "https://example.org/x", "--local"]
    assert run(words) == 2
    assert run([*words, "--store", held.url(digest)]) == 0
    assert digest in capsys.readouterr().out
    assert len(list(open_store(held.url(digest)).bundles())) == 1
