"""Policies, evidence and certificates that change while a webhook runs: swapped whole, or not at all, and said."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from admission.certificates import write_self_signed
from admission.counts import Counts
from admission.live import Live
from admission.mounted import MountedFiles, MountedSnapshot
from admission.policy_sources import read_sources
from admission.snapshot import pack_snapshot, write_snapshot
from attest.http_server import Certificate
from attest.stores.store import open_store
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

    from dbom.canonical import JsonObject

POLICY = """apiVersion: dbom.dev/v1alpha1
kind: ProvenancePolicy
metadata: {name: NAME}
spec:
  mode: MODE
  authorities: [{name: a, key: {path: a.pub}}]
  locations: [{pattern: 'oci://**', authorities: [a]}]
  attestations: [{predicateType: 'https://cyclonedx.org/bom', authorities: [a]}]
"""


def now() -> datetime:
    return datetime.now(UTC)


def write_policy(folder: Path, name: str = "p", mode: str = "enforce") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "policy.yaml").write_text(POLICY.replace("NAME", name).replace("MODE", mode))


@pytest.fixture(name="folder")
def make_folder(tmp_path: Path) -> Path:
    """Write a policy with the key that it names."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    folder = tmp_path / "policies"
    write_policy(folder)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (folder / "a.pub").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "store").mkdir()
    return folder


def live_of(folder: Path, logs: list[JsonObject]) -> Live:
    store = folder.parent / "store"
    found = Live(MountedFiles([folder], [open_store(str(store))], (), [store]), now, logs.append, Counts())
    found.load()
    return found


def review(uid: str = "u") -> bytes:
    pod = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "c", "image": "i"}]}}
    pod["spec"]["volumes"] = [{"name": "m", "image": {"reference": f"r.example/m@sha256:{'1' * 64}"}}]  # type: ignore[index]  # it is an object
    request = {"uid": uid, "operation": "CREATE", "kind": {"group": "", "kind": "Pod"}, "namespace": "n", "object": pod}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def allowed(live: Live) -> bool:
    found = json.loads(live.webhook.answer(review()).body)["response"]["allowed"]
    assert isinstance(found, bool)
    return found


def test_a_new_policy_is_answered_by_and_no_old_answer_is_given_for_it(folder: Path) -> None:
    logs: list[JsonObject] = []
    live = live_of(folder, logs)
    assert (False, False) == (allowed(live), live.check())
    write_policy(folder, mode="audit")
    assert (True, True) == (live.check(), allowed(live))
    write_policy(folder, mode="enforce")
    assert (True, False) == (live.check(), allowed(live))
    assert ["loaded", "loaded", "loaded"] == [line["event"] for line in logs]


def test_a_bad_policy_leaves_the_last_good_one_and_is_said_once(folder: Path) -> None:
    logs: list[JsonObject] = []
    live = live_of(folder, logs)
    (folder / "policy.yaml").write_text("apiVersion: nonsense")
    assert (False, False, False) == (live.check(), live.check(), allowed(live))
    assert ["loaded", "reload"] == [line["event"] for line in logs]
    assert "" == live.not_ready
    status = live.status()
    assert isinstance(status["lastError"], dict)
    assert (1, logs[1]["rule"]) == (status["reloadFailures"], status["lastError"]["rule"])
    assert b"dbom_admission_reload_failures_total 1\n" in live.counts.metrics.text()
    write_policy(folder, name="again")
    assert live.check()
    assert ["again"] == [item.name for item in live.loaded.policies]


def test_a_file_that_a_policy_names_is_watched_too(folder: Path) -> None:
    live = live_of(folder, [])
    before = live.source.stamp()
    os.utime(folder / "a.pub", ns=(1, 1))
    assert before != live.source.stamp()


def test_a_bundle_more_in_a_folder_of_the_store_is_seen(folder: Path) -> None:
    inside = folder.parent / "store" / "x" / "y"
    inside.mkdir(parents=True)
    live = live_of(folder, [])
    before = live.loaded.evidence
    (inside / "b.sigstore.json").write_text("{}")
    os.utime(inside, ns=(1, 1))
    live.check()
    assert (0, 1) == (before.read + len(before.findings), len(live.loaded.evidence.findings))


def test_the_link_that_a_kubelet_swaps_is_followed(tmp_path: Path, folder: Path) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    for number, mode in enumerate(("enforce", "audit")):
        write_policy(mount / f"..{number}", mode=mode)
        (mount / f"..{number}" / "a.pub").write_bytes((folder / "a.pub").read_bytes())
    (mount / "..data").symlink_to("..0")
    for name in ("policy.yaml", "a.pub"):
        (mount / name).symlink_to(f"..data/{name}")
    live = live_of(mount, [])
    assert not allowed(live)
    (mount / "..new").symlink_to("..1")
    (mount / "..new").rename(mount / "..data")
    assert (True, True) == (live.check(), allowed(live))


def test_a_webhook_is_not_ready_and_says_no_until_its_snapshot_is_whole(tmp_path: Path, folder: Path) -> None:
    logs: list[JsonObject] = []
    place = tmp_path / "snapshot"
    place.mkdir()
    live = Live(MountedSnapshot(place), now, logs.append, Counts())
    assert (False, False) == (live.check(), allowed(live))
    assert live.not_ready.startswith("no policies and evidence yet")
    packed = pack_snapshot(read_sources([folder / "policy.yaml"]), live.loaded.evidence)
    write_snapshot(str(place), packed, sequence=7, made_at=now())
    assert (True, "", 7) == (live.check(), live.not_ready, live.loaded.sequence)
    assert b"dbom_admission_snapshot_sequence 7\n" in live.counts.metrics.text()
    write_snapshot(str(place), packed, sequence=6, made_at=now())
    assert (False, 7) == (live.check(), live.loaded.sequence)
    assert ["reload", "loaded", "reload"] == [line["event"] for line in logs]
    for piece in packed.pieces:
        (place / piece.name).write_bytes(b"half")
    assert "" == live.not_ready


def test_a_bad_policy_at_the_start_is_said(folder: Path) -> None:
    (folder / "policy.yaml").write_text("kind: nonsense")
    with pytest.raises(DocumentError):
        live_of(folder, [])


def test_a_gate_that_ends_or_reads_no_more_is_not_ready(folder: Path) -> None:
    live = live_of(folder, [])
    stop = threading.Event()
    stop.set()
    live.run(stop)
    assert "" == live.not_ready
    live.draining = True
    assert "it is ending" == live.not_ready
    assert live.status()["draining"] is True


def test_certificates_that_expired_or_do_not_fit_their_key_leave_the_one_in_use(tmp_path: Path, folder: Path) -> None:
    logs: list[JsonObject] = []
    files = write_self_signed(tmp_path / "tls", now=now())
    certificate = Certificate(files.certificate, files.key, logs.append)
    live = live_of(folder, [])
    live.certificate = certificate
    live.check()
    good, end = certificate.context(), certificate.expires
    write_self_signed(tmp_path / "tls", now=now() - timedelta(days=30))
    live.check()
    assert (good, end) == (certificate.context(), certificate.expires)
    assert "expired" in certificate.error
    other = write_self_signed(tmp_path / "other", now=now())
    files.certificate.write_bytes(other.certificate.read_bytes())
    live.check()
    assert good is certificate.context()
    assert 2 == live.counts.reload_failures.total
    assert ["certificate", "certificate"] == [line["event"] for line in logs]
    files.key.write_bytes(other.key.read_bytes())
    live.check()
    assert ("", False) == (certificate.error, good is certificate.context())


def test_a_stopped_watch_is_not_ready(folder: Path) -> None:
    live = live_of(folder, [])

    class Broken:
        """A source that fails in a way that nobody foresaw."""

        kind, again_after = "files", 0.0

        def stamp(self) -> tuple[()]:
            """Fail."""
            raise RuntimeError

        load = stamp

    live.source = Broken()  # type: ignore[assignment]  # it isn't one that works
    with pytest.raises(RuntimeError):
        live.run(threading.Event(), every=0.0)
    assert "what is mounted isn't read any more" == live.not_ready


def test_a_snapshot_that_says_the_same_later_is_taken_without_a_word(tmp_path: Path, folder: Path) -> None:
    """Stores are read each minute; a log says what changed, and the status how fresh it is."""
    logs: list[JsonObject] = []
    place = tmp_path / "snapshot"
    place.mkdir()
    live = Live(MountedSnapshot(place), now, logs.append, Counts())
    packed = pack_snapshot(read_sources([folder / "policy.yaml"]), live.loaded.evidence)
    for sequence in (1, 2):
        write_snapshot(str(place), packed, sequence=sequence, made_at=now())
        assert live.check() is (sequence == 1)
        assert sequence == live.loaded.sequence
    assert ["loaded"] == [line["event"] for line in logs]
    write_policy(folder, mode="audit")
    other = pack_snapshot(read_sources([folder / "policy.yaml"]), live.loaded.evidence)
    write_snapshot(str(place), other, sequence=3, made_at=now())
    assert (True, True) == (live.check(), allowed(live))
    assert ["loaded", "loaded"] == [line["event"] for line in logs]
