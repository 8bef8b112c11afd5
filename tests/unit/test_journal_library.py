"""A replay's evidence: what was in a store at a moment, told by when its bundles were signed, and by their digest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from evidence import authority_of, clock, local_sigstore, statement_about

from admission.evidence import Evidence, digest_of_bundles
from admission.journal import library as library_module
from admission.journal.library import SnapshotLibrary, StoresLibrary
from admission.policy import LocationRule, Match, Mode, Policy
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from attest.signers.key_signing import KeySigner
from attest.signers.keys import generate_key
from attest.stores.store import Store, StoredBundle, open_store
from dbom.model import Digest, Kind, Unknown
from dbom.names import PREDICATE_BOM

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from attest.local import LocalSigstore
    from attest.signers.signing import Signer

START = clock().replace(microsecond=0) + timedelta(hours=1)  # later than a long run of tests makes its authority
LATER = START + timedelta(hours=2)
MODEL, OTHER = Digest(Kind.FILE, "a" * 64), Digest(Kind.FILE, "b" * 64)


class Site:
    """A store to which two statements were added, two hours apart, and a policy that takes both."""

    def __init__(self, folder: Path) -> None:
        self.local: LocalSigstore = local_sigstore(folder / "home")
        self.store: Store = open_store(str(folder / "store"))
        authority = authority_of(self.local)
        required = AttestationsRule((RequiredAttestation(PREDICATE_BOM, ("local",)),))
        rules = (LocationRule("oci://**", ("local",)),)
        self.policy = Policy("p", Mode.ENFORCE, Match(), (authority,), rules, (required,), "d" * 64)
        self.first = self.add(MODEL, START)
        self.second = self.add(OTHER, LATER)

    def add(self, digest: Digest, at: datetime) -> str:
        """Sign a statement at a time, put it into the store, and return its bundle's digest."""
        return put(self.store, self.local.signer(now=lambda: at), digest)

    def library(self) -> StoresLibrary:
        """Return what a replay by the policy and the store is made with."""
        return StoresLibrary((self.policy,), (self.store,))


def put(store: Store, signer: Signer, digest: Digest) -> str:
    statement = statement_about(digest)
    raw = signer.sign(statement)
    store.add(raw, statement)
    return StoredBundle.of(raw, where="").sha256


@pytest.fixture(name="site")
def make_site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def read(library: StoresLibrary, at: datetime, digest: str = "") -> Evidence:
    found = library.evidence(at, digest)
    assert isinstance(found, Evidence)
    return found


def knows(evidence: Evidence, site: Site, digest: Digest) -> bool:
    return bool(evidence.of(site.policy).about(digest, PREDICATE_BOM))


def test_what_was_signed_later_was_not_there_yet(site: Site) -> None:
    """And the digest says so: it is that of the one bundle that was there."""
    then = read(site.library(), START + timedelta(minutes=1))
    assert (knows(then, site, MODEL), knows(then, site, OTHER)) == (True, False)
    assert (then.digest, then.read) == (digest_of_bundles([site.first]), 1)
    now = read(site.library(), LATER + timedelta(minutes=1))
    assert (knows(now, site, MODEL), knows(now, site, OTHER)) == (True, True)
    assert now.digest == digest_of_bundles([site.second, site.first])


def test_where_the_digest_is_that_of_all_no_clock_leaves_any_out(site: Site) -> None:
    """A log's clock may be ahead of the gate's; what is of the far future doesn't count all the same."""
    everything = digest_of_bundles([site.first, site.second])
    shortly_before = LATER - timedelta(seconds=10)
    assert read(site.library(), shortly_before).digest != everything
    found = read(site.library(), shortly_before, everything)
    assert (found.digest, knows(found, site, OTHER)) == (everything, True)
    long_before = read(site.library(), START, everything)
    assert (long_before.digest, knows(long_before, site, OTHER)) == (everything, False)


def test_an_earlier_moment_is_not_told_by_a_later_one(site: Site) -> None:
    """What was verified as of a later moment is verified again as of the earlier one."""
    library = site.library()
    assert knows(read(library, LATER + timedelta(minutes=1)), site, OTHER)
    everything = digest_of_bundles([site.first, site.second])
    assert not knows(read(library, START, everything), site, OTHER)
    assert knows(read(library, LATER + timedelta(minutes=2)), site, OTHER)


def test_what_was_signed_about_when_it_was_read_is_told_by_the_digest(tmp_path: Path) -> None:
    """Three bundles of one second, of which a reading in that second saw one; and one that was published late."""
    site = Site(tmp_path)
    parts = [site.add(Digest(Kind.FILE, letter * 64), LATER) for letter in "cde"]
    read_at = LATER + timedelta(milliseconds=500)
    for seen in ([site.first, parts[1]], [site.first, site.second, parts[0], parts[2]], [site.first]):
        digest = digest_of_bundles(seen)
        assert read(site.library(), read_at, digest).digest == digest
    late = site.add(Digest(Kind.FILE, "f" * 64), LATER - timedelta(seconds=30))
    before = digest_of_bundles([site.first])
    assert read(site.library(), read_at, before).digest == before
    unknown = read(site.library(), read_at, "0" * 64)
    assert unknown.digest == digest_of_bundles([site.first, site.second, *parts, late])


def test_a_bundle_without_a_time_is_never_left_out(site: Site) -> None:
    third = put(site.store, KeySigner(generate_key()), Digest(Kind.FILE, "c" * 64))
    assert read(site.library(), START + timedelta(minutes=1)).digest == digest_of_bundles([site.first, third])


def test_what_is_no_bundle_has_no_time_and_what_cannot_be_read_stays_a_finding(site: Site, tmp_path: Path) -> None:
    (tmp_path / "store" / "bom-0000000000000000.sigstore.json").write_bytes(b"{}")
    (tmp_path / "store" / "bom-1111111111111111.sigstore.json").mkdir()
    found = read(site.library(), START + timedelta(minutes=1))
    assert found.read == 2
    assert any("000000.sigstore.json" in item.where for item in found.findings)


def test_what_cannot_be_had_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    library = site.library()
    assert isinstance(library.evidence(None, ""), Unknown)
    assert StoresLibrary((site.policy,)).evidence(None, "") == Evidence()
    monkeypatch.setattr(library_module, "MOST_READINGS", 1)
    assert isinstance(library.evidence(START, ""), Evidence)
    refused = library.evidence(LATER, "")
    assert isinstance(refused, Unknown)
    assert "narrow --since and --until" in refused.reason


def test_a_snapshot_is_of_its_own_moment() -> None:
    given = Evidence()
    library = SnapshotLibrary((), given)
    assert library.evidence(START, "") is given
    assert library.evidence(None, "0" * 64) is given
