"""An artifact in a registry is the tree that mounting it shows: files, archives, layers with whiteouts, links."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from memory_registry import (
    EMPTY,
    IMAGE_CONFIG,
    INDEX,
    MANIFEST,
    TITLE,
    MemoryRegistry,
    digest_of,
    file_layer,
    memory_registry,
    packed,
    tar_layer,
)

from dbom.errors import (
    DocumentError,
    MismatchError,
    MissingExtraError,
    NameRefusedError,
    PathError,
    StoreError,
    UsageError,
)
from dbom.fingerprinting import fingerprint
from dbom.oci import pinned_artifact
from dbom.storage.oci import Descriptor, Reference, Registry, parse_platform, read_artifact
from dbom.storage.oci.blobs import BlobFile
from dbom.storage.oci.source import OciSource, blob_object
from dbom.storage.retries import Retries
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from memory_registry import Layer

_UNPACK = "io.deis.oras.content.unpack"
_UNPACKED_DIGEST = "io.deis.oras.content.digest"
_MODEL = "application/vnd.cncf.model."
_FILEPATH = "org.cncf.model.filepath"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.storage.retries.RETRIES", Retries(attempts=3, first=0.0))


@pytest.fixture
def registry() -> Iterator[MemoryRegistry]:
    with memory_registry() as running:
        yield running


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def _hard(name: str, target: str) -> tarfile.TarInfo:
    info = _link(name, target)
    info.type = tarfile.LNKTYPE
    return info


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def _image(registry: MemoryRegistry, *layers: Layer) -> str:
    return registry.url(registry.add_artifact(*layers, config=IMAGE_CONFIG))


def _paths(url: str) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in fingerprint(url, ignores=()).entries}


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _tree(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_files_of_an_artifact_are_the_tree_that_they_would_be_on_a_disk(
    registry: MemoryRegistry, tmp_path: Path
) -> None:
    files = {"weights.bin": b"w" * 100, "sub/config.json": b"{}"}
    digest = registry.add_artifact(*(file_layer(path, data) for path, data in files.items()))
    expected = fingerprint_path(_tree(tmp_path / "iris", files))
    attested = fingerprint(registry.url(digest))
    assert (expected.digest, "iris") == (attested.digest, attested.name)
    assert f"store-attested ({registry.host})" == str(attested.known)
    assert not any("/blobs/" in path for _, path, _ in registry.seen)
    computed = fingerprint(registry.url("v1"), computed=True)
    assert (expected.digest, "computed") == (computed.digest, str(computed.known))


def test_the_test_vector_of_the_format(registry: MemoryRegistry) -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats" / "oci.md").read_text()
    files = (("a", b"1"), ("b/c", b"2"))
    for url in (
        registry.url(registry.add_artifact(*(file_layer(path, data) for path, data in files))),
        _image(registry, tar_layer(*files, packing="gzip")),
    ):
        assert f"\n    {fingerprint(url).digest}\n" in page


def test_a_registry_without_ranges_gives_the_same_digest(
    registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = registry.url(registry.add_artifact(file_layer("a", b"x" * 5000), file_layer("b", b"y" * 10)))
    expected = fingerprint(url, computed=True).digest
    registry.ranges = False
    monkeypatch.setattr("dbom.oci.STREAMED_BYTES", 1000)
    assert expected == fingerprint(url, computed=True).digest


def test_other_bytes_than_the_blob_s_are_no_fingerprint(registry: MemoryRegistry) -> None:
    data, media_type, notes = file_layer("a", b"good")
    url = registry.url(registry.add_artifact((data, media_type, notes)))
    for change in (lambda _: b"evil", lambda data: data + b"more"):
        registry.spoilt[digest_of(data)] = change
        with pytest.raises(MismatchError):
            fingerprint(url, computed=True)


def test_a_streamed_blob_that_is_longer_than_announced_is_refused(
    registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = registry.url(registry.add_artifact(file_layer("a", b"good")))
    registry.ranges = False
    registry.spoilt[digest_of(b"good")] = lambda data: data * 3
    monkeypatch.setattr("dbom.oci.STREAMED_BYTES", 1)
    with pytest.raises(MismatchError) as caught:
        fingerprint(url, computed=True)
    assert caught.value.rule.id == "DBOM-377"


def test_a_connection_that_breaks_goes_on_where_it_was(registry: MemoryRegistry) -> None:
    layer = tar_layer(("a", bytes(range(256)) * 2000), packing="gzip")
    url = _image(registry, layer)
    registry.breaks[digest_of(layer[0])] = 2
    assert {"a": _sha(bytes(range(256)) * 2000)} == _paths(url)
    ranges = [headers.get("Range") for _, path, headers in registry.seen if "/blobs/" in path]
    assert ranges[0] is None
    assert all(item is not None for item in ranges[1:])
    registry.breaks[digest_of(layer[0])] = 2
    registry.ranges = False
    assert {"a": _sha(bytes(range(256)) * 2000)} == _paths(url)


@pytest.mark.parametrize("packing", ["", "gzip", "zstd"])
def test_a_folder_that_oras_packed_is_unpacked(registry: MemoryRegistry, packing: str) -> None:
    data = packed(_folder("data"), ("data/a", b"1"), ("data/sub/b", b"2"), packing=packing)
    notes = {TITLE: "data", _UNPACK: "true"}
    url = registry.url(registry.add_artifact((data, "application/x", notes), file_layer("README", b"r")))
    assert {"data/a": _sha(b"1"), "data/sub/b": _sha(b"2"), "README": _sha(b"r")} == _paths(url)
    assert str(fingerprint(url).known).startswith("store-attested")


def test_what_oras_says_of_the_unpacked_folder_is_checked(registry: MemoryRegistry) -> None:
    raw = packed(("data/a", b"1"))
    notes = {TITLE: "data", _UNPACK: "true", _UNPACKED_DIGEST: digest_of(raw)}
    assert _paths(registry.url(registry.add_artifact((gzip.compress(raw), "application/x", notes))))
    notes[_UNPACKED_DIGEST] = digest_of(b"else")
    with pytest.raises(PathError, match="unpacks to"):
        _paths(registry.url(registry.add_artifact((gzip.compress(raw), "application/x", notes))))


@pytest.mark.parametrize("member", ["other/a", "data2/a"])
def test_a_packed_folder_holds_nothing_beside_itself(registry: MemoryRegistry, member: str) -> None:
    notes = {TITLE: "data", _UNPACK: "true"}
    with pytest.raises(PathError, match="below data"):
        _paths(registry.url(registry.add_artifact((packed((member, b"1")), "application/x", notes))))


def test_a_whole_folder_packed_as_a_dot_is_the_tree(registry: MemoryRegistry) -> None:
    notes = {TITLE: ".", _UNPACK: "true"}
    url = registry.url(registry.add_artifact((packed(_folder("."), ("./a", b"1")), "application/x", notes)))
    assert {"a": _sha(b"1")} == _paths(url)


def test_a_model_pack_is_read_by_its_media_types(registry: MemoryRegistry) -> None:
    layers: tuple[Layer, ...] = (
        (b"weights", f"{_MODEL}weight.v1.raw", {_FILEPATH: "model.safetensors"}),
        (packed(("docs/README.md", b"read")), f"{_MODEL}doc.v1.tar", {_FILEPATH: "docs"}),
        (packed(("cfg.json", b"{}"), packing="gzip"), f"{_MODEL}weight.config.v1.tar+gzip", {}),
        (packed(("code.py", b"pass"), packing="zstd"), f"{_MODEL}code.v1.tar+zstd", {}),
        (b"old", "application/vnd.cnai.model.weight.v1.raw", {"org.cnai.model.filepath": "old.bin"}),
    )
    url = registry.url(registry.add_artifact(*layers, config=f"{_MODEL}config.v1+json"))
    expected = {"model.safetensors": b"weights", "docs/README.md": b"read", "cfg.json": b"{}", "code.py": b"pass"}
    assert {path: _sha(data) for path, data in {**expected, "old.bin": b"old"}.items()} == _paths(url)


@pytest.mark.parametrize(
    "layer",
    [
        (b"x", "application/octet-stream", {}),
        (b"x", f"{_MODEL}weight.v1.raw", {}),
        (b"x", "application/vnd.oci.image.layer.v1.tar", {}),
    ],
)
def test_a_layer_that_nobody_can_place_is_refused_and_not_skipped(registry: MemoryRegistry, layer: Layer) -> None:
    with pytest.raises(PathError) as caught:
        _paths(registry.url(registry.add_artifact(file_layer("a", b"1"), layer)))
    assert caught.value.rule.id == "DBOM-379"


def test_an_artifact_without_files_is_refused(registry: MemoryRegistry) -> None:
    with pytest.raises(PathError, match="nothing"):
        fingerprint(registry.url(registry.add_artifact((b"{}", EMPTY, {}))))


@pytest.mark.parametrize("name", ["/abs", "../up", "a/../b", "a\\b", "new\nline", "-", "a//b"])
def test_names_that_no_tree_can_hold_are_refused(registry: MemoryRegistry, name: str) -> None:
    with pytest.raises(NameRefusedError):
        _paths(registry.url(registry.add_artifact(file_layer(name, b"1"))))
    with pytest.raises(NameRefusedError):
        _paths(_image(registry, tar_layer((name, b"1"))))


def test_the_same_path_twice_in_an_artifact_is_refused(registry: MemoryRegistry) -> None:
    with pytest.raises(PathError, match="twice"):
        _paths(registry.url(registry.add_artifact(file_layer("a", b"1"), file_layer("a", b"2"))))
    tar: Layer = (packed(("a", b"2")), f"{_MODEL}weight.v1.tar", {})
    with pytest.raises(PathError, match="twice"):
        _paths(registry.url(registry.add_artifact(file_layer("a", b"1"), tar)))
    with pytest.raises(PathError, match="below a file"):
        _paths(registry.url(registry.add_artifact(file_layer("a", b"1"), file_layer("a/b", b"2"))))
    assert _paths(
        registry.url(
            registry.add_artifact(
                (packed(_folder("d"), ("d/a", b"1")), f"{_MODEL}doc.v1.tar", {}),
                (packed(_folder("d"), ("d/b", b"1")), f"{_MODEL}doc.v1.tar", {}),
            )
        )
    )


def test_layers_lie_over_one_another_and_whiteouts_take_away(registry: MemoryRegistry) -> None:
    url = _image(
        registry,
        tar_layer(("a", b"1"), ("gone", b"1"), ("dir/x", b"1"), ("dir/y", b"1"), ("opaque/old", b"1"), packing="gzip"),
        tar_layer(
            (".wh.gone", b""), ("a", b"2"), ("dir/.wh.x", b""), ("opaque/.wh..wh..opq", b""), ("opaque/new", b"2")
        ),
    )
    expected = {"a": b"2", "dir/y": b"1", "opaque/new": b"2"}
    assert {path: _sha(data) for path, data in expected.items()} == _paths(url)


def test_a_whiteout_hides_nothing_of_its_own_layer_and_may_hide_a_folder(registry: MemoryRegistry) -> None:
    url = _image(
        registry,
        tar_layer(("d/a", b"1"), ("keep", b"1")),
        tar_layer(("d/b", b"2"), (".wh.d", b""), (".wh.never-there", b""), ("x/.wh.y", b"")),
    )
    assert {"d/b": _sha(b"2"), "keep": _sha(b"1")} == _paths(url)


def test_an_opaque_root_hides_all_below(registry: MemoryRegistry) -> None:
    url = _image(registry, tar_layer(("a", b"1")), tar_layer((".wh..wh..opq", b""), ("b", b"2")))
    assert {"b": _sha(b"2")} == _paths(url)


def test_a_later_kind_takes_the_place_of_an_earlier_one(registry: MemoryRegistry) -> None:
    url = _image(
        registry,
        tar_layer(("a/x", b"1"), ("b", b"1"), _link("c", "b")),
        tar_layer(("a", b"2"), _folder("b"), ("b/y", b"2"), _folder("c"), ("c/z", b"2")),
    )
    assert {"a": _sha(b"2"), "b/y": _sha(b"2"), "c/z": _sha(b"2")} == _paths(url)


def test_links_within_are_read_as_what_they_point_to_as_on_a_disk(registry: MemoryRegistry, tmp_path: Path) -> None:
    members = (
        ("real/deep/a", b"1"),
        ("b", b"2"),
        _link("real/up", "../b"),
        _link("folder", "real"),
        _link("chain", "./folder/deep"),
        _link("real/deep/round", "../../chain/a"),
        _hard("hard", "real/deep/a"),
    )
    layer = tar_layer(*members)
    with tarfile.open(fileobj=io.BytesIO(layer[0])) as archive:
        archive.extractall(tmp_path / "disk", filter="data")
    expected = fingerprint_path(tmp_path / "disk")
    assert expected.digest == fingerprint(_image(registry, layer)).digest
    assert "folder/deep/round" in {entry.path for entry in expected.entries}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/etc/passwd", "leads out"),
        ("../outside", "leads out"),
        ("d/../../outside", "leads out"),
        ("", "leads out"),
        ("nowhere", "isn't there"),
        ("f/x", "through a file"),
        ("l", "in circles"),
        (".", "in circles"),
    ],
)
def test_links_that_lead_out_nowhere_or_in_circles_are_refused(registry: MemoryRegistry, target: str, why: str) -> None:
    with pytest.raises(PathError, match=why):
        _paths(_image(registry, tar_layer(_folder("d"), ("f", b"1"), _link("l", target))))


def test_nothing_is_written_through_a_link_or_a_file(registry: MemoryRegistry) -> None:
    for first in (_link("d", "elsewhere"), ("d", b"1")):
        with pytest.raises(PathError, match="below a file or a link"):
            _paths(_image(registry, tar_layer(first, ("elsewhere/x", b"1")), tar_layer(("d/evil", b"2"))))


@pytest.mark.parametrize("marker", ["d/.wh.x", "d/.wh..wh..opq", "d/deeper/.wh.x"])
def test_nothing_is_taken_away_through_a_link_or_a_file(registry: MemoryRegistry, marker: str) -> None:
    for first in (_link("d", "elsewhere"), ("d", b"1")):
        with pytest.raises(PathError, match="whiteout below a file or a link"):
            _paths(_image(registry, tar_layer(first, ("elsewhere/x", b"1")), tar_layer((marker, b""))))


@pytest.mark.parametrize("target", ["nowhere", "d", "l"])
def test_a_hard_link_leads_to_a_file(registry: MemoryRegistry, target: str) -> None:
    with pytest.raises(PathError, match="hard link"):
        _paths(_image(registry, tar_layer(_folder("d"), ("d/f", b"1"), _link("l", "d/f"), _hard("h", target))))


def test_a_file_twice_in_one_layer_is_refused_and_a_folder_is_not(registry: MemoryRegistry) -> None:
    with pytest.raises(PathError, match="twice"):
        _paths(_image(registry, tar_layer(("a", b"1"), ("a", b"2"))))
    for pair in ((("a", b"1"), _folder("a")), (_folder("a"), ("a", b"1")), (_hard("a", "f"), _folder("a"))):
        with pytest.raises(PathError, match="twice"):
            _paths(_image(registry, tar_layer(("f", b"1"), *pair)))
    assert _paths(_image(registry, tar_layer(_folder("d"), ("d/a", b"1"), _folder("d"))))


@pytest.mark.parametrize("name", ["a/", "d/a///", "a" * 200 + "/"])
def test_a_file_that_is_named_as_a_folder_is_refused(registry: MemoryRegistry, name: str) -> None:
    for member in ((name, b"1"), _link(name, "f")):
        with pytest.raises(PathError, match="named as a folder"):
            _paths(_image(registry, tar_layer(("f", b"1"), member)))


def test_devices_and_pipes_are_refused(registry: MemoryRegistry) -> None:
    for kind in (tarfile.FIFOTYPE, tarfile.CHRTYPE):
        info = tarfile.TarInfo("x")
        info.type = kind
        with pytest.raises(PathError, match="special file"):
            _paths(_image(registry, tar_layer(info)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 3],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"x" * 512,
        lambda _: b"",
        lambda _: b"nonsense" * 200,
    ],
)
def test_a_damaged_layer_is_refused(registry: MemoryRegistry, damage: Any) -> None:  # noqa: ANN401  a function
    members = (("a", bytes(range(256)) * 40), ("b", b"2"))
    for data in (damage(packed(*members, packing=packing)) for packing in ("", "gzip", "zstd")):
        with pytest.raises(PathError):
            _paths(_image(registry, (data, "application/vnd.oci.image.layer.v1.tar", {})))


def test_a_bomb_is_refused_before_it_is_unpacked(registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.storage.oci.layers._SLACK", 1024)
    bomb = gzip.compress(gzip.compress(packed(("a", bytes(8 * 1024 * 1024)))))
    nested: Layer = (gzip.decompress(bomb), "application/vnd.oci.image.layer.v1.tar", {})
    monkeypatch.setattr("dbom.storage.oci.layers._RATIO", {b"": 1, b"\x1f\x8b": 100, b"\x28\xb5\x2f\xfd": 100})
    with pytest.raises(PathError, match="far more than an honest archive"):
        _paths(_image(registry, nested))


def test_too_many_members_are_refused(registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbom.storage.oci.layers._MOST_MEMBERS", 3)
    with pytest.raises(PathError, match="more than 3 members"):
        _paths(_image(registry, tar_layer(*((f"f{n}", b"") for n in range(5)))))
    monkeypatch.setattr("dbom.storage.oci.rootfs._MOST_ENTRIES", 3)
    with pytest.raises(PathError, match="more than 3 entries"):
        _paths(registry.url(registry.add_artifact(*(file_layer(f"f{n}", b"") for n in range(5)))))


def test_other_bytes_in_a_layer_are_named_as_that(registry: MemoryRegistry) -> None:
    layer = tar_layer(("a", b"1"))
    url = _image(registry, layer)
    for other in (packed(("a", b"2")), b"nonsense", layer[0] + bytes(1024)):
        padded = other.ljust(len(layer[0]), b"\0")
        registry.spoilt[digest_of(layer[0])] = partial(_instead, padded)
        with pytest.raises(MismatchError) as caught:
            _paths(url)
        assert caught.value.rule.id == "DBOM-377"


def test_an_image_with_a_layer_of_another_kind_is_refused(registry: MemoryRegistry) -> None:
    foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    with pytest.raises(PathError, match="isn't read"):
        _paths(_image(registry, (packed(("a", b"1")), foreign, {})))


def _instead(other: bytes, _: bytes) -> bytes:
    return other


def _index(registry: MemoryRegistry, *platforms: str) -> str:
    listed = []
    for platform in platforms:
        digest = registry.add_artifact(file_layer("a", platform.encode()), tags=())
        os_, architecture, *variant = platform.split("/")
        named = {"os": os_, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        size = len(registry.manifests[digest][0])
        listed.append({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": named})
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    return registry.url(registry.add_manifest(document, "multi", media_type=INDEX))


def test_each_platform_of_an_index_is_an_artifact_of_its_own(registry: MemoryRegistry) -> None:
    url = _index(registry, "linux/amd64", "linux/arm64/v8")
    with pytest.raises(UsageError) as caught:
        fingerprint(url)
    assert (caught.value.rule.id, "one of linux/amd64, linux/arm64/v8") == ("DBOM-378", caught.value.expected)
    one, other = pinned_artifact(url, platform="linux/amd64"), pinned_artifact(url, platform="linux/arm64")
    assert {"a": _sha(b"linux/amd64")} == _paths(one)
    assert {"a": _sha(b"linux/arm64/v8")} == _paths(other)
    assert pinned_artifact(one) == one


@pytest.mark.parametrize("platform", ["windows/amd64", "linux/arm", "linux/arm64/v9"])
def test_a_platform_that_is_not_there_or_there_twice_is_refused(registry: MemoryRegistry, platform: str) -> None:
    with pytest.raises(UsageError, match="just one"):
        pinned_artifact(_index(registry, "linux/amd64", "linux/arm/v6", "linux/arm/v7"), platform=platform)


def test_a_platform_of_what_is_no_index_is_refused(registry: MemoryRegistry) -> None:
    url = registry.url(registry.add_artifact(file_layer("a", b"1")))
    with pytest.raises(UsageError, match="not an index"):
        pinned_artifact(url, platform="linux/amd64")


@pytest.mark.parametrize("text", ["linux", "linux/", "Linux/amd64", "linux/amd64/v1/x", "linux/am d64"])
def test_a_platform_is_written_as_os_and_architecture(text: str) -> None:
    assert parse_platform("linux/arm64/v8") == "linux/arm64/v8"
    with pytest.raises(UsageError):
        parse_platform(text)


_GOOD = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": "x", "digest": digest_of(b""), "size": 0}}


@pytest.mark.parametrize(
    "document",
    [
        {**_GOOD},
        {**_GOOD, "schemaVersion": 1, "layers": []},
        {**_GOOD, "layers": [], "manifests": []},
        {**_GOOD, "layers": {}},
        {**_GOOD, "layers": ["x"]},
        {**_GOOD, "layers": [{"mediaType": "x", "digest": "sha256:short", "size": 1}]},
        {**_GOOD, "layers": [{"mediaType": "x", "digest": digest_of(b""), "size": -1}]},
        {**_GOOD, "layers": [{"mediaType": "x", "digest": digest_of(b""), "size": True}]},
        {**_GOOD, "layers": [{"mediaType": "", "digest": digest_of(b""), "size": 1}]},
        {**_GOOD, "layers": [{"mediaType": "x", "digest": digest_of(b""), "size": 1, "annotations": []}]},
        {**_GOOD, "layers": [{"mediaType": "x", "digest": digest_of(b""), "size": 1, "annotations": {"a": 1}}]},
        {**_GOOD, "layers": [{"mediaType": "x", "digest": digest_of(b""), "size": 1, "platform": 1}]},
        {**_GOOD, "layers": [], "artifactType": 7},
        {**_GOOD, "layers": [], "mediaType": INDEX},
        {**_GOOD, "layers": [], "mediaType": "application/vnd.docker.distribution.manifest.v1+json"},
        {"schemaVersion": 2, "layers": [], "config": None, "mediaType": MANIFEST},
    ],
)
def test_a_malformed_manifest_is_refused(registry: MemoryRegistry, document: dict[str, Any]) -> None:
    digest = registry.add_manifest(document)
    with pytest.raises(DocumentError) as caught:
        fingerprint(registry.url(digest))
    assert caught.value.rule.id == "DBOM-376"


def test_a_manifest_with_a_key_twice_is_refused(registry: MemoryRegistry) -> None:
    data = json.dumps({**_GOOD, "layers": []}).encode()[:-1] + b', "layers": [1]}'
    with pytest.raises(DocumentError):
        fingerprint(registry.url(registry.add_manifest(data)))


def test_what_is_neither_manifest_nor_index_is_refused(registry: MemoryRegistry) -> None:
    with pytest.raises(DocumentError, match="neither"):
        fingerprint(registry.url(registry.add_manifest({"schemaVersion": 2}, media_type="text/html")))


def test_what_is_read_of_an_archive_is_counted(registry: MemoryRegistry) -> None:
    layer = tar_layer(("a", b"1" * 1000))
    counted = _Counted()
    read_artifact(Reference.parse(_image(registry, layer)), progress=counted)
    assert len(layer[0]) == counted.expected == counted.advanced


def test_an_archive_that_is_longer_than_announced_is_refused(registry: MemoryRegistry) -> None:
    layer = tar_layer(("a", b"1"))
    registry.spoilt[digest_of(layer[0])] = lambda data: data + bytes(10240)
    with pytest.raises(MismatchError, match="other bytes"):
        _paths(_image(registry, layer))


def test_zstd_that_is_damaged_or_missing_is_said(registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    good = tar_layer(("a", b"1" * 5000), packing="zstd")
    with pytest.raises(PathError, match="can be read"):
        _paths(_image(registry, (good[0][:8] + b"\xff" * 20 + good[0][28:], good[1], good[2])))
    if sys.version_info < (3, 14):
        monkeypatch.setitem(sys.modules, "zstandard", None)
        with pytest.raises(MissingExtraError, match="zstd"):
            _paths(_image(registry, good))


def test_a_member_that_holds_less_than_it_announces_is_refused(registry: MemoryRegistry) -> None:
    data = packed(("a", b"1" * 2000), ("b", b"2"))
    with pytest.raises(PathError):
        _paths(_image(registry, (data[:1024], *tar_layer()[1:])))
    negative = tarfile.TarInfo("a")
    negative.pax_headers = {"size": "-5"}
    with pytest.raises(PathError, match="announced"):
        _paths(_image(registry, tar_layer(negative)))


def test_a_range_of_a_blob_is_just_that_range_and_a_longer_blob_is_refused(registry: MemoryRegistry) -> None:
    url = registry.url(registry.add_artifact(file_layer("a", b"0123456789")))
    source = OciSource(url, {"HOME": "/nowhere"})
    item = blob_object("a", 10, digest_of(b"0123456789").removeprefix("sha256:"))
    for ranges in (True, False):
        registry.ranges = ranges
        assert b"234" == b"".join(source.fetch(item, 2, 5))
        assert b"0123456789" == b"".join(source.fetch(item, 0, 10))
        assert not list(source.fetch(item, 3, 3))
    short = blob_object("a", 4, digest_of(b"0123456789").removeprefix("sha256:"))
    with pytest.raises(MismatchError, match="other bytes"):
        list(source.fetch(short, 0, 4))
    assert (f"{url}: a", url) == (source.shown("a"), source.shown(""))
    assert ("", url) == (source.location(item), source.tree_location(""))
    for ask in (source.find, lambda prefix: list(source.below(prefix))):
        with pytest.raises(NotImplementedError):
            ask("a")
    source.demand_same(item)
    source.close()


def test_a_blob_that_was_not_read_to_its_end_is_read_and_compared_all_the_same(registry: MemoryRegistry) -> None:
    data = b"0123456789" * 100_000
    blob = Descriptor("x", registry.add_blob(data), len(data))
    with closing(BlobFile(Registry(registry.host, {"HOME": "/nowhere"}), "models/iris", blob, "here")) as file:
        assert (b"", b"0123") == (file.read(0), file.read(4))
        file.finish()
    for change, error in (((lambda _: data[:-1]), StoreError), ((lambda _: data[:-1] + b"x"), MismatchError)):
        registry.spoilt[blob.digest] = change
        with (
            closing(BlobFile(Registry(registry.host, {"HOME": "/nowhere"}), "models/iris", blob, "here")) as file,
            pytest.raises(error),
        ):
            file.finish()


@dataclass
class _Counted:
    expected: int = 0
    advanced: int = 0

    def expect(self, size: int) -> None:
        self.expected += size

    def advance(self, size: int) -> None:
        self.advanced += size
