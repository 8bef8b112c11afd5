"""The demo's own parts: a trainer that always makes the same model, and an image that anybody can check."""

from __future__ import annotations

import hashlib
import json
import socket
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from admission.certificates import write_self_signed
from attest.identity import Identity
from dbom.demo import train
from dbom.demo.files import flip_one_label, pod_of, policy_text, write_dataset, write_trainer
from dbom.demo.gate import Gate, open_gate, review_of
from dbom.demo.image import write_image
from dbom.errors import DocumentError, StoreError
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "penguins")
    return tmp_path / "penguins"


def test_the_same_data_gives_the_same_model(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train.main(data, tmp_path / "one")
    train.main(data, tmp_path / "two")
    assert fingerprint_path(tmp_path / "one").digest == fingerprint_path(tmp_path / "two").digest
    told = capsys.readouterr().out.splitlines()
    assert told[0] == told[1]
    assert told[0].startswith("trained on 273 birds; ")


def test_the_model_is_better_than_guessing_the_commonest_species(data: Path) -> None:
    birds, names = train.read_birds(data / "penguins.csv")
    species = sorted(set(names))
    assert (len(birds), species) == (342, ["Adelie", "Chinstrap", "Gentoo"])
    labels = [species.index(name) for name in names]
    means, spreads = train.standardise(birds)
    scaled = [[(x - m) / s for x, m, s in zip(bird, means, spreads, strict=True)] for bird in birds]
    weights = train.fit(scaled[::2], labels[::2], 3)
    assert train.accuracy(weights, scaled[1::2], labels[1::2]) > 0.9


def test_one_flipped_label_gives_another_model(data: Path, tmp_path: Path) -> None:
    train.main(data, tmp_path / "good")
    before = fingerprint_path(data)
    line, old, new = flip_one_label(data / "penguins.csv")
    assert (line, old, new) == (2, "Adelie", "Gentoo")
    train.main(data, tmp_path / "bad")
    assert fingerprint_path(tmp_path / "good").digest != fingerprint_path(tmp_path / "bad").digest
    flip_one_label(data / "penguins.csv", back_to=old)
    assert fingerprint_path(data) == before


def test_the_weights_are_read_by_our_own_safetensors_reader(data: Path, tmp_path: Path) -> None:
    from dbom.bom.generating import generate_bom
    from dbom.bom.summary import bom_summary

    train.main(data, tmp_path / "model")
    bom = generate_bom(tmp_path / "model", fingerprint_path(tmp_path / "model"))
    assert "parameters: 23 F32" in bom_summary(bom)
    assert bom.licenses == ("Apache-2.0",)


def test_the_trainer_needs_nothing_but_python(tmp_path: Path) -> None:
    write_trainer(tmp_path / "train.py")
    text = (tmp_path / "train.py").read_text()
    imported = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= {"__future__", "csv", "json", "math", "struct", "sys", "pathlib"}


def test_every_blob_of_the_image_is_its_digest(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.bin").write_bytes(b"weights")
    layout = tmp_path / "image"
    digest = write_image(tmp_path / "model", layout)
    for blob in (layout / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    manifest = json.loads((layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_text())
    layer = layout / "blobs" / "sha256" / manifest["layers"][0]["digest"].removeprefix("sha256:")
    with tarfile.open(layer) as archive:
        assert archive.getnames() == ["a.bin"]
    assert json.loads((layout / "index.json").read_text())["manifests"][0]["digest"] == digest


def test_the_images_digest_depends_on_the_files_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.bin").write_bytes(b"weights")
    (tmp_path / "two" / "a.bin").chmod(0o600)
    assert write_image(tmp_path / "one", tmp_path / "i1") == write_image(tmp_path / "two", tmp_path / "i2")
    (tmp_path / "two" / "a.bin").write_bytes(b"other")
    assert write_image(tmp_path / "one", tmp_path / "i1") != write_image(tmp_path / "two", tmp_path / "i3")


def test_names_of_any_kind_stay_data_in_the_policy() -> None:
    text = policy_text(Identity('eve"\n  mode: audit', "https://x"), "root.json")
    assert '"eve\\"\\n  mode: audit"' in text


def test_the_pod_pins_the_image() -> None:
    pod = pod_of("p", "sha256:" + "ab" * 32)
    assert json.dumps(pod).count("@sha256:" + "ab" * 32) == 1


def test_a_gate_with_a_malformed_policy_never_opens(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("kind: Poem\n")
    with (
        pytest.raises(DocumentError),
        open_gate(tmp_path / "tls", [tmp_path / "policy.yaml"], [], clock=lambda: datetime.now(UTC)),
    ):
        pytest.fail("it opened")


def test_a_webhook_out_of_reach_is_could_not_tell(tmp_path: Path) -> None:
    """A machine without a loopback interface, such as a bare network namespace, can't play the demo to its end."""
    certificate = write_self_signed(tmp_path, now=datetime.now(UTC)).authority
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(StoreError, match="can't be reached: Connection refused") as caught:
        Gate("127.0.0.1", port, certificate).ask(review_of({}))
    assert caught.value.exit_code == 3
