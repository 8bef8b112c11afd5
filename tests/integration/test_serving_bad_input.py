"""A webhook's files as they go wrong under it: certificates, policies, snapshots, stores, clocks, clients."""

from __future__ import annotations

import json
import os
import shutil
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving_process import GOOD, Serving, asked, model_pod, serving, sign_model

from admission.certificates import issue_serving, make_authority
from admission.policy_files import policy_files
from admission.policy_sources import read_sources, sourced_policies
from admission.snapshot import pack_snapshot, write_snapshot
from admission.syncing import load_evidence
from attest.stores.store import open_store
from dbom.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from admission.certificates import Issued

MODEL = asked(model_pod())
EVIL = asked(model_pod(GOOD.replace("1" * 64, "2" * 64)))
PLAIN = asked({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "nginx"}]}})
DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(name="site")
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with a signed model, a policy for it, and an authority with a serving certificate by it."""
    monkeypatch.chdir(tmp_path)
    sign_model()
    return tmp_path


class Authority:
    """An authority whose certificate is `name`.crt here."""

    def __init__(self, name: str) -> None:
        self.issued, self.file = make_authority(name, now=now(), lasts=30 * DAY), Path(f"{name}.crt").absolute()
        self.file.write_bytes(self.issued.certificate)

    def issue(self, *, at: datetime | None = None, lasts: timedelta = 7 * DAY) -> Issued:
        """Return a serving certificate for localhost that begins at a moment (five minutes before it)."""
        return issue_serving(self.issued, ("localhost", "127.0.0.1"), now=at or now(), lasts=lasts)


def put(issued: Issued, folder: Path) -> Path:
    """Write a pair as a Secret is mounted, whole in one step."""
    new = folder.with_name(f".{folder.name}-{os.urandom(4).hex()}")
    new.mkdir()
    (new / "tls.crt").write_bytes(issued.certificate)
    (new / "tls.key").write_bytes(issued.key)
    link = folder.with_name(f".link-{folder.name}")
    link.symlink_to(new.name)
    link.replace(folder)
    return folder


def shown(up: Serving) -> bytes:
    """Return the certificate that is served, in DER."""
    with up.connect() as connection:
        return connection.getpeercert(binary_form=True) or b""


def test_certificates_that_are_no_good_leave_the_one_in_use_until_a_good_one_comes(site: Path) -> None:
    authority = Authority("authority")
    words = ("--policy", "policy.yaml", "--store", "store")
    tls = put(authority.issue(), site / "tls")
    with serving(site, *words, authority=authority.file, certificate=tls) as up:
        first = shown(up)

        def spoil(make: Callable[[], object], said: str) -> None:
            make()
            assert up.eventually(lambda: said in up.status()["certificate"]["error"]), up.status()["certificate"]
            assert first == shown(up)
            assert up.review(MODEL)["allowed"] is True

        spoil(lambda: put(authority.issue(at=now() - 30 * DAY), tls), "it expired")
        spoil(lambda: put(authority.issue(at=now() + DAY), tls), "it isn't valid before")
        swapped = put(authority.issue(), tls)
        spoil(lambda: (swapped / "tls.crt").write_bytes(authority.issue().certificate), "MISMATCH")
        spoil(lambda: (tls / "tls.crt").write_bytes(authority.issue().certificate[:300]), "can't be used")
        spoil(lambda: (tls / "tls.key").write_bytes(b""), "can't be used")
        spoil((tls / "tls.key").unlink, "No such file")
        assert up.eventually(lambda: up.status()["reloadFailures"])
        put(authority.issue(), tls)
        assert up.eventually(lambda: not up.status()["certificate"]["error"])
        assert first != shown(up)
        assert "certificate" in {line["event"] for line in up.lines}


def test_a_certificate_is_taken_when_its_time_comes_though_its_file_stays(site: Path) -> None:
    authority = Authority("authority")
    tls = put(authority.issue(), site / "tls")
    with serving(site, "--policy", "policy.yaml", "--store", "store", authority=authority.file, certificate=tls) as up:
        first = shown(up)
        put(authority.issue(at=now() + timedelta(minutes=5, seconds=3)), tls)
        assert up.eventually(lambda: "it isn't valid before" in up.status()["certificate"]["error"])
        assert up.eventually(lambda: not up.status()["certificate"]["error"])
        assert first != shown(up)


def make_client(authority: Authority, name: str, *, at: datetime | None = None, usage: str = "client") -> Any:  # noqa: ANN401  paths
    """Write a client's certificate and its key, and return their paths."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    signing = load_pem_private_key(authority.issued.key, None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(authority.issued.certificate)
    key, begins = ec.generate_private_key(ec.SECP256R1()), (at or now()) - timedelta(minutes=5)
    used = ExtendedKeyUsageOID.CLIENT_AUTH if usage == "client" else ExtendedKeyUsageOID.SERVER_AUTH
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([used]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    files = Path(f"{name}.crt").absolute(), Path(f"{name}.key").absolute()
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.fixture(name="guarded")
def make_guarded(site: Path) -> Iterator[tuple[Serving, Authority]]:
    """Run a webhook that takes reviews only from clients of an authority, which is given, too."""
    clients = Authority("clients")
    words = ("--policy", "policy.yaml", "--store", "store", "--client-ca", str(clients.file))
    with serving(site, *words) as up:
        yield up, clients


def test_reviews_are_taken_from_clients_of_the_authority_alone(guarded: tuple[Serving, Authority]) -> None:
    up, clients = guarded
    known = up.context(make_client(clients, "known"))
    assert up.review(MODEL, context=known)["allowed"] is True
    assert up.review(EVIL, context=known)["allowed"] is False
    assert 401 == up.ask("POST", "/validate", MODEL)[0]
    assert 200 == up.ask("GET", "/readyz")[0]
    for other in (
        make_client(Authority("foreign"), "stranger"),
        make_client(clients, "expired", at=now() - 3 * DAY),
        make_client(clients, "early", at=now() + DAY),
        make_client(clients, "server", usage="server"),
    ):
        with pytest.raises((OSError, HTTPException)):
            up.ask("POST", "/validate", MODEL, context=up.context(other))
    assert ["verified", "refused"] == sorted((item["verdict"] for item in up.status()["decisions"]), reverse=True)


def test_who_was_known_to_an_authority_that_is_taken_away_is_known_no_more(guarded: tuple[Serving, Authority]) -> None:
    """A session that is taken up again would bring back what was verified then."""
    up, clients = guarded
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        known = up.context(make_client(clients, "known"))
        known.minimum_version = known.maximum_version = version
        with up.connect(known) as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            session = connection.session
        assert session is None or not session.has_ticket
    old = up.context(make_client(clients, "old"))
    Authority("clients")
    with pytest.raises((OSError, HTTPException)):
        up.ask("POST", "/validate", MODEL, context=old)
    clients.file.write_text("half")
    with pytest.raises((OSError, HTTPException)):
        up.ask("POST", "/validate", MODEL, context=old)


def test_an_empty_store_lets_in_what_loads_no_model_and_nothing_else(site: Path) -> None:
    (site / "empty").mkdir()
    with serving(site, "--policy", "policy.yaml", "--store", "empty") as up:
        assert up.ask("GET", "/readyz")[0] == 200
        assert up.review(PLAIN)["allowed"] is True
        found = up.review(MODEL)
        assert (False, "can't tell") == (found["allowed"], found["auditAnnotations"]["verdict"])
        assert 0 == up.status()["evidence"]["bundles"]
        shutil.copytree(site / "store", site / "empty", dirs_exist_ok=True)
        assert up.eventually(lambda: up.review(MODEL)["allowed"])
        for folder in list((site / "empty").iterdir()):
            shutil.rmtree(folder)
        assert up.eventually(lambda: not up.review(MODEL)["allowed"])
        assert up.ask("GET", "/readyz")[0] == 200


def fails_again(up: Serving, before: int) -> bool:
    return bool(up.status()["reloadFailures"] > before)


def test_bad_policies_leave_the_last_good_ones(site: Path) -> None:
    (site / "policies").mkdir()
    policy = site / "policies" / "policy.yaml"
    good = (site / "policy.yaml").read_text()
    policy.write_text(good)
    with serving(site, "--policy", "policies", "--store", "store") as up:
        for bad in ("", "{", good.replace("mode: enforce", "mode: maybe"), good.replace("spec:", "specs:"), "\0"):
            failures = up.status()["reloadFailures"]
            policy.write_text(bad)
            assert up.eventually(partial(fails_again, up, failures)), bad
            assert up.review(MODEL)["allowed"] is True
            assert up.review(EVIL)["allowed"] is False
            assert up.status()["lastError"]["what"]
        failures = up.status()["reloadFailures"]
        policy.unlink()
        assert up.eventually(partial(fails_again, up, failures))
        assert up.review(EVIL)["allowed"] is False
        policy.write_text(good.replace("mode: enforce", "mode: audit"))
        assert up.eventually(lambda: up.review(EVIL)["allowed"])


def hand_over(folder: Path, at: datetime, *, sequence: int, policy: str = "policy.yaml") -> None:
    """Write a snapshot of what is here, by a clock that says `at`."""
    sources = read_sources(policy_files([Path(policy)]), own_namespace="dbom-system")
    evidence = load_evidence([open_store("store")], sourced_policies(sources, own_namespace="dbom-system"), at)
    write_snapshot(str(folder), pack_snapshot(sources, evidence), sequence=sequence, made_at=at)


def test_snapshots_that_are_no_good_leave_the_last_good_one(site: Path) -> None:
    place = site / "snapshot"
    place.mkdir()
    with serving(site, "--snapshot", "snapshot") as up:
        assert 503 == up.ask("GET", "/readyz")[0]
        assert up.review(PLAIN)["allowed"] is False
        hand_over(place, now(), sequence=5)
        assert up.eventually(lambda: up.ask("GET", "/readyz")[0] == 200)
        assert up.review(MODEL)["allowed"] is True
        manifest, good = place / "snapshot.json", (place / "snapshot.json").read_bytes()

        def refuses(said: str) -> None:
            assert up.eventually(lambda: said in (up.status()["lastError"] or {"what": ""})["what"]), up.status()
            assert (5, True) == (up.status()["source"]["sequence"], up.review(MODEL)["allowed"])
            assert up.review(EVIL)["allowed"] is False

        manifest.write_bytes(good[:100])
        refuses("snapshot")
        hand_over(place, now(), sequence=4)
        refuses("newer snapshot")
        (site / "lax.yaml").write_text((site / "policy.yaml").read_text().replace("mode: enforce", "mode: audit"))
        for spoil in (lambda data: data[:-1], lambda data: data[::-1], None):
            half = site / "half"
            hand_over(half, now(), sequence=6, policy="lax.yaml")
            for piece in sorted(half.iterdir(), key=lambda path: path.name == "snapshot.json"):
                data = piece.read_bytes()
                if piece.name == "snapshot.json":
                    (place / piece.name).write_bytes(data)
                elif spoil is not None:
                    (place / piece.name).write_bytes(spoil(data))
                else:
                    (place / piece.name).unlink()
            refuses("isn't there" if spoil is None else "bytes")
            shutil.rmtree(half)
        shutil.rmtree(place)
        refuses("isn't there")
        place.mkdir()
        hand_over(place, now(), sequence=7, policy="lax.yaml")
        assert up.eventually(lambda: up.review(EVIL)["allowed"])


def test_clocks_that_differ_are_no_yes(site: Path) -> None:
    """The controller's clock is a day ahead, then a day behind: with a bound on age, neither is fresh."""
    policy = site / "policy.yaml"
    policy.write_text(policy.read_text() + '  evidence: {notOlderThan: "1h"}\n')
    place = site / "snapshot"
    hand_over(place, now() + DAY, sequence=1)
    with serving(site, "--snapshot", "snapshot") as up:
        found = up.review(MODEL)
        assert (False, "can't tell") == (found["allowed"], found["auditAnnotations"]["verdict"])
        assert "in the future" in found["status"]["message"]
        assert up.status()["evidence"]["ageSeconds"] < 0
        hand_over(place, now() - DAY, sequence=2)
        assert up.eventually(lambda: up.status()["source"]["sequence"] == 2)
        assert up.review(MODEL)["allowed"] is False
        hand_over(place, now(), sequence=3)
        assert up.eventually(lambda: up.review(MODEL)["allowed"])


def test_a_gate_that_runs_is_told_of(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Asked over the network it always ended with 1, as if its certificate had ended."""
    words = ("--policy", "policy.yaml", "--store", "store", "--journal", str(site / "journal"))
    with serving(site, *words) as up:
        assert up.review(MODEL)["allowed"] is True
        capsys.readouterr()
        asked_of = ["admission", "status", "--url", f"https://localhost:{up.port}", "--ca-cert", str(up.authority)]
        assert 0 == run(asked_of)
        said = capsys.readouterr().out
        assert 0 == run([*asked_of, "-f", "json"])
        assert json.loads(capsys.readouterr().out)["ready"] is True
    assert "decisions: verdict verified, mode enforce, allowed yes, count 1" in said
    assert "lastError none" in said
    assert "{" not in said


def test_a_log_that_nobody_reads_stops_nothing(site: Path) -> None:
    """A pipe holds 64 KiB: some 170 decisions."""
    with serving(site, "--policy", "policy.yaml", "--store", "store", is_log_read=False) as up:
        for _ in range(400):
            assert up.review(MODEL)["allowed"] is True
        assert 0 == up.stop()


@pytest.mark.parametrize("spoil", ["edited", "cut", "another gate's", "in use"])
def test_a_gate_does_not_go_on_with_a_journal_that_is_broken_or_somebody_else_s(
    spoil: str, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--policy", "policy.yaml", "--store", "store", "--journal", "journal")
    with serving(site, *words) as up:
        assert up.review(MODEL)["allowed"] is True
        assert up.review(EVIL)["allowed"] is False
        if spoil == "in use":
            assert 0 != run(["admission", "serve", *words, "--self-signed", "other"])
            assert "another" in capsys.readouterr().err
            return
    journal = site / "journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    if spoil == "edited":
        journal.write_bytes(b"".join(lines).replace(b'"allowed":false', b'"allowed":true'))
    elif spoil == "cut":
        journal.write_bytes(b"".join(lines[:2] + lines[3:]))
    else:
        with serving(site, *words[:-1], "other-journal"):
            pass
        theirs = (site / "other-journal").read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines + theirs))
    capsys.readouterr()
    assert 1 == run(["admission", "serve", *words, "--self-signed", "other"])
    assert "journal" in capsys.readouterr().err
