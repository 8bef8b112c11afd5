"""Snapshots in ConfigMaps: ended between any two writes, what lies there is whole; nobody overwrites another's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from judging import NOW
from memory_api import MemoryApi
from snapshot_samples import BUNDLES, evidence_of, source

from admission.controller.publishing import Publisher
from admission.manifests.naming import SNAPSHOT_SLOTS
from admission.snapshot import PackedSnapshot, pack_snapshot
from dbom.errors import DocumentError, UndecidedError
from dbom.rules.cluster import CLUSTER_REFUSED

MAPS = "/api/v1/namespaces/ns/configmaps"
SOURCES = [source("p", "", "revocation")]


def packed(count: int) -> PackedSnapshot:
    return pack_snapshot(SOURCES, evidence_of(SOURCES, BUNDLES[:count]))


class Clock:
    """A clock that a test moves, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.now


def publisher(api: MemoryApi, clock: Clock | None = None) -> Publisher:
    return Publisher(api, "ns", lambda: None, clock or Clock())


def digest_in(api: MemoryApi) -> str | None:
    """Return what a webhook that reads now would take."""
    found = publisher(api).read()
    return None if found is None else found.digest


def test_what_is_handed_over_is_read_again() -> None:
    api = MemoryApi()
    assert publisher(api).read() is None
    manifest = publisher(api).publish(packed(5), now=NOW)
    found = publisher(api).read()
    assert found is not None
    assert (manifest, packed(5).manifest(sequence=manifest.sequence, made_at=NOW)) == (found.manifest, manifest)


def test_ended_after_any_write_there_is_a_whole_snapshot_the_old_or_the_new() -> None:
    first, second, third = (packed(count) for count in (3, 9, len(BUNDLES)))
    known = [item.manifest(sequence=1, made_at=NOW).digest for item in (first, second, third)]
    api, count = MemoryApi(), 0
    publisher(api).publish(first, now=NOW)
    seen = []
    for new in (second, third):
        while True:
            api.state["writes_left"] = count
            try:
                publisher(api).publish(new, now=NOW)
            except UndecidedError:
                seen.append(digest_in(api))
                count += 1
                continue
            seen.append(digest_in(api))
            break
        count = 0
    assert known == [item for place, item in enumerate(seen, 0) if place == seen.index(item)]


def test_the_manifest_is_written_last_and_what_is_the_same_is_not_written_again() -> None:
    api = MemoryApi()
    writer = publisher(api)
    writer.publish(packed(5), now=NOW)
    assert f"POST {MAPS}" == api.state["written"][-1]
    assert "dbom-snapshot" in api.at(f"{MAPS}/dbom-snapshot")["metadata"]["name"]
    api.state["written"].clear()
    before = writer.manifest
    writer.publish(packed(5), now=NOW)
    assert [f"PUT {MAPS}/dbom-snapshot"] == api.state["written"]
    assert before is not None
    assert writer.manifest is not None
    assert before.sequence + 1 == writer.manifest.sequence


def test_who_no_longer_leads_overwrites_nothing() -> None:
    api = MemoryApi()
    paused, other = publisher(api), publisher(api)
    paused.publish(packed(3), now=NOW)
    other.read()
    other.publish(packed(9), now=NOW)
    digest = digest_in(api)
    with pytest.raises(UndecidedError) as caught:
        paused.publish(packed(12), now=NOW)
    assert CLUSTER_REFUSED == caught.value.rule
    assert digest == digest_in(api)
    # It looks again before it writes anything more.
    paused.publish(packed(12), now=NOW)
    assert digest != digest_in(api)


def test_who_does_not_lead_writes_nothing() -> None:
    def refuse() -> None:
        raise UndecidedError(CLUSTER_REFUSED, "another leads")

    api = MemoryApi()
    with pytest.raises(UndecidedError):
        Publisher(api, "ns", refuse, Clock()).publish(packed(3), now=NOW)
    assert api.state["written"] == []


def test_pieces_stay_for_a_while_after_the_last_manifest_that_needs_them() -> None:
    api, clock = MemoryApi(), Clock()
    writer = publisher(api, clock)
    writer.publish(packed(3), now=NOW)
    old = {key: value for key, value in api.state["objects"].items() if value.get("binaryData")}
    writer.publish(packed(9), now=NOW)
    assert [writer.collect(), writer.collect()] == [0, 0]
    assert all(api.at(key)["binaryData"] == value["binaryData"] for key, value in old.items())
    clock.now = 601
    assert writer.collect() == 2  # its statements and its evidence; the policies are still needed
    assert writer.collect() == 0
    assert digest_in(api) == packed(9).manifest(sequence=1, made_at=NOW).digest


@pytest.mark.parametrize(
    "spoilt",
    [
        {"data": {}},
        {"data": {"snapshot.json": "{"}},
        {"data": {"snapshot.json": 7}},
        {},
    ],
)
def test_a_spoilt_manifest_is_none_and_is_written_anew(spoilt: dict[str, Any]) -> None:
    api = MemoryApi()
    publisher(api).publish(packed(3), now=NOW)
    api.put(f"{MAPS}/dbom-snapshot", spoilt)
    assert publisher(api).read() is None
    publisher(api).publish(packed(3), now=NOW + timedelta(seconds=5))
    assert digest_in(api) is not None


@pytest.mark.parametrize("data", ["aGFsZg==", "not base64", 7])
def test_a_spoilt_piece_is_written_anew(data: object) -> None:
    api = MemoryApi()
    publisher(api).publish(packed(3), now=NOW)
    path, slot = next((key, value) for key, value in api.state["objects"].items() if value.get("binaryData"))
    api.put(path, {**slot, "binaryData": dict.fromkeys(slot["binaryData"], data)})
    assert digest_in(api) is None
    publisher(api).publish(packed(3), now=NOW)
    assert digest_in(api) is not None


def test_where_too_few_config_maps_are_free_nothing_is_written() -> None:
    api = MemoryApi()
    writer = publisher(api)
    writer.publish(packed(3), now=NOW)
    needed = {name for name, _ in (writer.manifest.pieces if writer.manifest else ())}
    writer._slots = [slot for slot in writer._slots if slot.sha256 in needed]  # noqa: SLF001  a cluster of few
    assert len(writer._slots) < SNAPSHOT_SLOTS  # noqa: SLF001  the same
    with pytest.raises(DocumentError, match="too few"):
        writer.publish(packed(9), now=NOW)
