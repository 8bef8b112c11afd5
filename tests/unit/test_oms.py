"""Model Signing's statements: what four releases of model-signing wrote, and what nobody should write."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from attest.oms.manifest import GIT_PATHS, OmsManifest, oms_parts
from dbom.errors import EvidenceError, UsageError
from dbom.model import Digest, Kind, Unknown
from dbom.names import PREDICATE_OMS
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import JsonObject

OMS = Path(__file__).parents[1] / "oms"
MODEL = OMS / "model"


def payload(name: str) -> JsonObject:
    bundle = json.loads((OMS / "signatures" / f"{name}.sig").read_bytes())
    document: JsonObject = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    return document


def read(document: JsonObject) -> OmsManifest:
    found = OmsManifest.read(document, where="here")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name",
    [
        "0.2.0-digests",
        "0.2.0-digests-certificate",
        "0.2.0-digest-of-digests",
        "0.3.1-files",
        "1.0.1-files",
        "1.0.1-files-certificate",
        "1.1.1-files",
        "1.1.1-files-certificate",
    ],
)
def test_from_files_by_sha256_the_tree_follows(name: str) -> None:
    assert fingerprint_path(MODEL).digest == read(payload(name)).digest


@pytest.mark.parametrize("release", ["0.3.1", "1.0.1", "1.1.1"])
def test_from_a_single_file_its_sha256_follows(release: str) -> None:
    assert fingerprint_path(MODEL / "a" / "b.bin").digest == read(payload(f"{release}-file")).digest


def test_ignored_paths_are_an_ignore_list_of_the_tree() -> None:
    manifest = read(payload("1.1.1-ignored"))
    assert manifest.ignores == (*sorted(f"/{path}" for path in GIT_PATHS), "/a", "/notes.txt")
    assert manifest.is_ignored_recorded
    assert fingerprint_path(MODEL, ignores=manifest.ignores).digest == manifest.digest


@pytest.mark.parametrize("release", ["0.3.1", "1.0.1"])
def test_earlier_releases_left_out_git_s_files_without_a_word(release: str, tmp_path: Path) -> None:
    manifest = read(payload(f"{release}-files"))
    assert not manifest.is_ignored_recorded
    assert manifest.ignored == GIT_PATHS
    with_git = tmp_path / "model"
    shutil.copytree(MODEL, with_git)
    (with_git / ".gitattributes").write_text("*.bin filter=lfs\n")
    assert isinstance(manifest.ignores, tuple)
    assert fingerprint_path(with_git, ignores=manifest.ignores).digest == manifest.digest


def test_git_s_files_that_were_signed_are_not_left_out() -> None:
    document = payload("0.2.0-digests")
    subjects = document["subject"]
    assert isinstance(subjects, list)
    subjects.append({**subjects[0], "name": ".gitattributes"})  # type: ignore[dict-item]  # an object of strings
    assert ".gitattributes" not in read(document).ignored


@pytest.mark.parametrize(
    ("name", "algorithm", "size"),
    [
        ("0.2.0-digests-blake2", "blake2b", None),
        ("0.2.0-shard-digests", "sha256", 1000),
        ("0.2.0-digest-of-shard-digests", "sha256", 1000),
        ("0.3.1-files-blake2", "blake2b", None),
        ("1.1.1-files-blake3", "blake3", None),
        ("1.1.1-shards", "sha256", 1000),
    ],
)
def test_from_other_digests_nothing_follows(name: str, algorithm: str, size: int | None) -> None:
    manifest = read(payload(name))
    assert (manifest.algorithm, manifest.shard_size) == (algorithm, size)
    assert isinstance(manifest.digest, Unknown)


def test_another_predicate_is_nothing_of_model_signing_s() -> None:
    assert OmsManifest.read({"predicateType": "https://cyclonedx.org/bom"}, where="here") is None


def resources(document: JsonObject) -> list[dict[str, str]]:
    predicate = document["predicate"]
    assert isinstance(predicate, dict)
    found = predicate["resources"]
    assert isinstance(found, list)
    return found  # type: ignore[return-value]  # what a signature of ours' test folder holds


def rename(name: str) -> Callable[[JsonObject], None]:
    def change(document: JsonObject) -> None:
        resources(document)[0]["name"] = name

    return change


def add_subject(document: JsonObject) -> None:
    assert isinstance(document["subject"], list)
    document["subject"].append({"name": "other", "digest": {"sha256": "0" * 64}})


def set_serialization(key: str, value: object) -> Callable[[JsonObject], None]:
    def change(document: JsonObject) -> None:
        document["predicate"]["serialization"][key] = value  # type: ignore[index,call-overload,assignment]  # it is an object

    return change


def drop_resource(document: JsonObject) -> None:
    resources(document).pop()


def shorten(document: JsonObject) -> None:
    resources(document)[0]["digest"] = resources(document)[0]["digest"][:60]


def upper(document: JsonObject) -> None:
    resources(document)[0]["digest"] = resources(document)[0]["digest"].upper()


def other_way(document: JsonObject) -> None:
    resources(document)[0]["algorithm"] = "blake3"


def unknown_way(document: JsonObject) -> None:
    for resource in resources(document):
        resource["algorithm"] = "md5"


def twice(document: JsonObject) -> None:
    resources(document)[1]["name"] = resources(document)[0]["name"]


def no_predicate(document: JsonObject) -> None:
    document["predicate"] = []


def no_resources(document: JsonObject) -> None:
    resources(document).clear()
    document["subject"] = [{"name": "model", "digest": {"sha256": hashlib.sha256().hexdigest()}}]


@pytest.mark.parametrize(
    ("change", "rule", "said"),
    [
        (add_subject, "DBOM-385", "one subject"),
        (drop_resource, "DBOM-386", "root digest"),
        (shorten, "DBOM-386", "root digest"),
        (upper, "DBOM-385", "lower-case hex"),
        (other_way, "DBOM-385", "several ways"),
        (unknown_way, "DBOM-385", "unknown way"),
        (no_predicate, "DBOM-385", "the predicate isn't an object"),
        (no_resources, "DBOM-385", "without resources"),
        (set_serialization("method", "shards"), "DBOM-385", "method"),
        (set_serialization("hash_type", "blake2b"), "DBOM-385", "hash"),
        (set_serialization("ignore_paths", "x"), "DBOM-385", "isn't a list"),
        (set_serialization("ignore_paths", ["a/../b"]), "DBOM-387", ".. segment"),
        (set_serialization("ignore_paths", ["a"]), "DBOM-387", "said to be ignored"),
        (rename("../../etc/passwd"), "DBOM-387", ".. segment"),
        (rename("/etc/passwd"), "DBOM-387", "not relative"),
        (rename("a\nb"), "DBOM-387", "newline"),
        (rename("."), "DBOM-387", "can't be a model and a part of it"),
        (rename("a/b.bin/x"), "DBOM-387", "folder of another"),
        (twice, "DBOM-387", "stands twice"),
    ],
)
def test_what_nobody_should_sign_is_refused_for_its_own_reason(
    change: Callable[[JsonObject], None], rule: str, said: str
) -> None:
    document = copy.deepcopy(payload("1.1.1-files"))
    change(document)
    with pytest.raises(EvidenceError, match=said) as caught:
        OmsManifest.read(document, where="here")
    assert rule == caught.value.rule.id


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".hidden:0:2000", "not a shard"),
        (".hidden:1:11", "not a shard"),
        (".hidden", "isn't PATH:START:END"),
        (".hidden:11:0", "isn't PATH:START:END"),
        (".hidden:1000:1011", "first shard of a file is missing"),
        ("a/b.bin:0:900", "overlap or leave a gap"),
    ],
)
def test_shards_that_aren_t_a_whole_file_are_refused(name: str, said: str) -> None:
    document = copy.deepcopy(payload("1.1.1-shards"))
    resources(document)[0]["name"] = name
    with pytest.raises(EvidenceError, match=said):
        OmsManifest.read(document, where="here")


def test_an_ignored_path_that_leads_out_of_the_model_leaves_nothing_out() -> None:
    document = copy.deepcopy(payload("1.1.1-files"))
    set_serialization("ignore_paths", ["../model.sig", "/etc", "./x/"])(document)
    assert read(document).ignored == ("x",)


def test_an_ignored_path_with_a_wildcard_can_t_be_said_as_ours() -> None:
    document = copy.deepcopy(payload("1.1.1-files"))
    set_serialization("ignore_paths", ["x*"])(document)
    assert isinstance(read(document).digest, Unknown)


def signed(document_of: tuple[str, JsonObject], name: str) -> OmsManifest:
    root, predicate = document_of
    return read(
        {
            "predicateType": PREDICATE_OMS,
            "subject": [{"name": name, "digest": {"sha256": root}}],
            "predicate": predicate,
        }
    )


def test_what_we_write_is_read_back_as_the_same_tree() -> None:
    found = fingerprint_path(MODEL)
    manifest = signed(oms_parts(found), found.name)
    assert (found.digest, "model", ()) == (manifest.digest, manifest.name, manifest.ignored)


def test_what_we_write_of_a_file_is_read_back_as_that_file() -> None:
    found = fingerprint_path(MODEL / "a.bin")
    assert found.digest == signed(oms_parts(found), found.name).digest


def test_git_s_files_are_left_out_and_named(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    (model / ".gitattributes").write_text("*.bin filter=lfs\n")
    manifest = signed(oms_parts(fingerprint_path(model)), "model")
    assert manifest.ignored == (".gitattributes",)
    assert fingerprint_path(MODEL).digest == manifest.digest


def test_a_folder_of_nothing_but_git_s_files_is_no_model(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("x")
    with pytest.raises(UsageError, match="nothing but git's files"):
        oms_parts(fingerprint_path(tmp_path))


def test_the_root_digest_is_never_an_identity() -> None:
    document = payload("1.1.1-files")
    subjects = document["subject"]
    assert isinstance(subjects, list)
    assert isinstance(subjects[0], dict)
    assert isinstance(subjects[0]["digest"], dict)
    root = subjects[0]["digest"]["sha256"]
    assert isinstance(root, str)
    assert read(document).digest not in (Digest(Kind.TREE, root), Digest(Kind.FILE, root))


def listing(*names: str, ignored: tuple[str, ...] = ()) -> JsonObject:
    """Return a statement of these resources."""
    digest = hashlib.sha256(b"bytes").digest()
    serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": list(ignored)}
    resources = [{"name": name, "algorithm": "sha256", "digest": digest.hex()} for name in names]
    return {
        "subject": [{"name": "m", "digest": {"sha256": hashlib.sha256(digest * len(names)).hexdigest()}}],
        "predicateType": PREDICATE_OMS,
        "predicate": cast("JsonObject", {"serialization": serialization, "resources": resources}),
    }


def test_a_file_that_is_a_folder_of_another_is_found_whatever_stands_between_them() -> None:
    """In the order of their bytes, `a-b` stands between `a` and `a/b`."""
    read(listing("a", "a-b", "ab"))
    with pytest.raises(EvidenceError, match=r"a file is a folder of another: got a$"):
        read(listing("a", "a-b", "a/b"))


@pytest.mark.parametrize(
    ("ignored", "covers"), [("a", True), ("a/b", True), ("a/b/c", False), ("a-", False), ("b", False)]
)
def test_what_is_ignored_isn_t_listed(ignored: str, *, covers: bool) -> None:
    document = listing("a-b", "a/b", "a0", ignored=(ignored,))
    if covers:
        with pytest.raises(EvidenceError, match="is said to be ignored: got a/b"):
            read(document)
    else:
        assert (ignored,) == read(document).ignored


def test_names_and_lists_as_long_as_a_bundle_allows_take_no_more_than_their_length() -> None:
    """Each folder of a deep name, or each ignored path with each resource, would take gigabytes, or hours."""
    deep = "/".join("a" * 100_000)
    assert (deep,) == tuple(resource.path for resource in read(listing(deep)).resources)
    names = tuple(f"part-{number}" for number in range(20_000))
    ignored = tuple(f"left-out-{number}" for number in range(20_000))
    assert len(ignored) == len(read(listing(*names, ignored=ignored)).ignored)
