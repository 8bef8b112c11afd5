"""What a signature of OpenSSF Model Signing says: which files of a model, or parts of them, have which digests.

Read are statements of the specification's version 1.0 (predicate `https://model_signing/signature/v1.0`, written since
release 0.3 of model-signing) and the four kinds of release 0.2 that list resources. The specification's root digest
hashes the resources' digests without their names, so it identifies no artifact here; from resources that are files by
sha256 the tree's `dirHash` follows, and that does (docs/formats/oms.md).
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final, Self

from dbom.errors import EvidenceError, UsageError
from dbom.model import Digest, Entry, Kind, Unknown, tree_digest
from dbom.names import OMS_PREDICATES, PREDICATE_OMS
from dbom.pathname import path_fault
from dbom.printable import printable
from dbom.rules.oms import OMS_INCONSISTENT, OMS_MALFORMED, OMS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dbom.canonical import Json, JsonObject
    from dbom.model import Fingerprint

__all__ = ["GIT_PATHS", "SINGLE_FILE", "OmsManifest", "Resource", "oms_parts"]

SINGLE_FILE: Final = "."
"""The name of the one resource of a model that is a file and no folder."""

GIT_PATHS: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What model-signing leaves out of every model unless it is told not to; up to release 1.0 without recording it."""

_DIGITS: Final = {"sha256": 64, "blake2b": 128, "blake3": 64}
_ALGORITHM: Final = re.compile(
    r"(?:file-)?(?P<name>sha256|blake2b|blake3)(?:-(?:sharded-)?(?P<size>[1-9][0-9]{0,18}))?"
)
_SHARD_NAME: Final = re.compile(r"(?P<path>.+):(?P<start>0|[1-9][0-9]{0,18}):(?P<end>[1-9][0-9]{0,18})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Resource:
    """A file or a part of one: its path in the model, its digest in hex, and from which byte to which it goes.

    `end` is the byte behind it. A whole file has no `start` and no `end`.
    """

    path: str
    digest: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class OmsManifest:
    """The resources of one signed model, all of them digested in one way.

    `name` is the model's, which nothing binds; `algorithm` is `sha256`, `blake2b` or `blake3`, `shard_size` the bytes
    of a shard or None for whole files. `ignored` are the paths that whoever signed left out, with all below them; where
    they weren't recorded (`is_ignored_recorded`), those that model-signing leaves out by itself.
    """

    name: str
    algorithm: str
    shard_size: int | None
    resources: tuple[Resource, ...]
    ignored: tuple[str, ...]
    is_ignored_recorded: bool

    @classmethod
    def read(cls, document: JsonObject, *, where: str) -> Self | None:
        """Read a statement, or return None where it isn't one of Model Signing's.

        The steps are those of its specification, "Verification", and what it leaves to the reader: names. Raises
        `EvidenceError` where the statement isn't what it says that it is.
        """
        predicate_type, predicate = document.get("predicateType"), document.get("predicate")
        if predicate_type not in OMS_PREDICATES or not isinstance(predicate_type, str):
            return None
        subjects = [_object(item, "a subject", where) for item in _list(document.get("subject"), "subject", where)]
        # 1. What is listed: in the predicate, or (0.2) as the subjects themselves.
        key = OMS_PREDICATES[predicate_type]
        listed = _of_subjects(subjects, where) if key is None else _of_predicate(predicate, key, where)
        if not listed:
            raise EvidenceError(OMS_MALFORMED, "a model without resources", where=where)
        if key is not None:
            # 2. One subject, whose digest is that of all the resources' digests.
            _demand_root(subjects, listed, where)
        algorithm, shard_size = _algorithm({item.algorithm for item in listed}, where)
        # 3. What was left out.
        serialization = predicate.get("serialization") if isinstance(predicate, dict) else None
        if predicate_type == PREDICATE_OMS:
            _demand_agreement(_object(serialization, "serialization", where), algorithm, shard_size, where)
        recorded = serialization.get("ignore_paths") if isinstance(serialization, dict) else None
        # 4. Names, which the root digest doesn't bind.
        resources = tuple(_resource(item, algorithm, shard_size, where) for item in listed)
        _demand_names(resources, where)
        paths = _by_folder(resource.path for resource in resources)
        ignored = _usual(paths) if recorded is None else _recorded(recorded, paths, where)
        name = subjects[0].get("name") if key is not None else ""
        return cls(
            name if isinstance(name, str) and name != SINGLE_FILE else "",
            algorithm,
            shard_size,
            resources,
            ignored,
            recorded is not None,
        )

    @cached_property
    def digest(self) -> Digest | Unknown:
        """The identity of the artifact that was signed, where it follows from the resources, or why it doesn't.

        For a folder the tree's `dirHash`, with `ignores` as its ignore list; for a single file its sha256.
        """
        if self.algorithm != "sha256" or self.shard_size is not None:
            how = (
                self.algorithm if self.shard_size is None else f"shards of {self.shard_size} bytes by {self.algorithm}"
            )
            return Unknown(f"the model was signed by {how}, from which no sha256 of a file follows")
        if self.is_single_file:
            return Digest(Kind.FILE, self.resources[0].digest)
        if isinstance(self.ignores, Unknown):
            return self.ignores
        return tree_digest([Entry(resource.path, 0, resource.digest) for resource in self.resources])

    @property
    def is_single_file(self) -> bool:
        """Whether the model is a file and no folder."""
        return {resource.path for resource in self.resources} == {SINGLE_FILE}

    @property
    def ignores(self) -> tuple[str, ...] | Unknown:
        """What was left out, as ignore patterns of ours, or why they can't say it."""
        for path in self.ignored:
            if set("*?") & set(path):
                return Unknown(f"an ignored path holds a wildcard: {printable(path)}")
        return tuple(f"/{path}" for path in self.ignored)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A resource as it stands in a statement."""

    name: str
    algorithm: str
    digest: str


def _of_predicate(predicate: Json, key: str, where: str) -> list[_Listed]:
    listed = _list(_object(predicate, "the predicate", where).get(key), key, where)
    return [
        _Listed(
            *(_text(resource.get(field), f"{field} of a resource", where) for field in ("name", "algorithm", "digest"))
        )
        for resource in (_object(item, "a resource", where) for item in listed)
    ]


def _of_subjects(subjects: Sequence[JsonObject], where: str) -> list[_Listed]:
    """Read 0.2's list of subjects: their `sha256` may be of another algorithm, which an annotation then names."""
    found = []
    for subject in subjects:
        digests = _object(subject.get("digest"), "the digest of a subject", where)
        annotations = subject.get("annotations")
        stated = annotations.get("actual_hash_algorithm") if isinstance(annotations, dict) else None
        found.append(
            _Listed(
                _text(subject.get("name"), "name of a subject", where),
                "sha256" if stated is None else _text(stated, "the algorithm of a subject", where),
                _text(digests.get("sha256"), "sha256 of a subject", where),
            )
        )
    return found


def _demand_root(subjects: Sequence[JsonObject], listed: Iterable[_Listed], where: str) -> None:
    if len(subjects) != 1:
        raise EvidenceError(
            OMS_MALFORMED, "a signed model has one subject", where=where, got=str(len(subjects)), expected="1"
        )
    stated = _text(_object(subjects[0].get("digest"), "the digest of the subject", where).get("sha256"), "root", where)
    sha256 = hashlib.sha256()
    for item in listed:
        sha256.update(_bytes(item.digest, where))
    if sha256.hexdigest() != stated:
        raise EvidenceError(
            OMS_INCONSISTENT,
            "the root digest isn't that of the resources",
            where=where,
            got=printable(stated),
            expected=sha256.hexdigest(),
        )


def _algorithm(stated: set[str], where: str) -> tuple[str, int | None]:
    """Return what all resources are digested with: `sha256`, `file-sha256`, `sha256-sharded-N` or `file-sha256-N`."""
    if len(stated) != 1:
        raise EvidenceError(
            OMS_MALFORMED, "resources digested in several ways", where=where, got=printable(", ".join(sorted(stated)))
        )
    found = _ALGORITHM.fullmatch(next(iter(stated)))
    if found is None:
        raise EvidenceError(
            OMS_MALFORMED,
            "resources digested in an unknown way",
            where=where,
            got=printable(*stated),
            expected=", ".join(_DIGITS),
        )
    return found["name"], int(found["size"]) if found["size"] else None


def _demand_agreement(serialization: JsonObject, algorithm: str, shard_size: int | None, where: str) -> None:
    """Check that what is said of all resources is what each of them says."""
    method = "files" if shard_size is None else "shards"
    if serialization.get("method") != method:
        raise EvidenceError(
            OMS_MALFORMED,
            "the method isn't that of the resources",
            where=where,
            got=printable(str(serialization.get("method"))),
            expected=method,
        )
    stated = _ALGORITHM.fullmatch(_text(serialization.get("hash_type"), "hash_type", where))
    size = serialization.get("shard_size")
    if stated is None or stated["name"] != algorithm or (size is not None and size != shard_size):
        raise EvidenceError(
            OMS_MALFORMED,
            "the hash isn't that of the resources",
            where=where,
            got=printable(f"{serialization.get('hash_type')}, shards of {size}"),
            expected=f"{algorithm}, shards of {shard_size}",
        )


def _resource(item: _Listed, algorithm: str, shard_size: int | None, where: str) -> Resource:
    if len(item.digest) != _DIGITS[algorithm]:
        raise EvidenceError(
            OMS_MALFORMED,
            f"not a {algorithm} digest: {printable(item.name)}",
            where=where,
            got=f"{len(item.digest)} digits",
            expected=str(_DIGITS[algorithm]),
        )
    if shard_size is None:
        return Resource(item.name, item.digest)
    part = _SHARD_NAME.fullmatch(item.name)
    if part is None:
        raise _refused("the name of a shard isn't PATH:START:END", item.name, where)
    start, end = int(part["start"]), int(part["end"])
    if start % shard_size or not start < end <= start + shard_size:
        raise _refused(f"not a shard of {shard_size} bytes", item.name, where)
    return Resource(part["path"], item.digest, start, end)


def _demand_names(resources: Sequence[Resource], where: str) -> None:
    paths = {resource.path for resource in resources}
    for path in paths - {SINGLE_FILE}:
        fault = path_fault(path)
        if fault is not None:
            raise _refused(f"the name of a resource {fault}", path, where)
    if SINGLE_FILE in paths and len(paths) > 1:
        raise _refused("a file can't be a model and a part of it", SINGLE_FILE, where)
    for folder, inside in pairwise(_by_folder(paths)):
        if inside.startswith(f"{folder}\0"):
            raise _refused("a file is a folder of another", folder.replace("\0", "/"), where)
    ordered = sorted(resources, key=lambda resource: (resource.path, resource.start or 0))
    for before, after in pairwise(ordered):
        if before.path == after.path and (before.end is None or before.end != after.start):
            raise _refused("a resource stands twice, or its shards overlap or leave a gap", after.path, where)
    for path, shards in groupby(ordered, key=lambda resource: resource.path):
        if next(shards).start:
            raise _refused("the first shard of a file is missing", path, where)


def _recorded(value: Json, paths: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the recorded list; what leads out of the model leaves nothing of it out."""
    found = []
    for item in _list(value, "ignore_paths", where):
        text = _text(item, "an ignored path", where)
        path = text.removeprefix("./").removesuffix("/")
        if path.startswith(("/", "../")) or path == "..":
            continue
        fault = path_fault(path)
        if fault is not None:
            raise _refused(f"an ignored path {fault}", text, where)
        covered = _first_below(path, paths)
        if covered is not None:
            raise _refused("a resource is under a path that is said to be ignored", covered, where)
        found.append(path)
    return tuple(sorted(set(found)))


def _usual(paths: Sequence[str]) -> tuple[str, ...]:
    if paths[0] == SINGLE_FILE:
        return ()
    return tuple(path for path in GIT_PATHS if _first_below(path, paths) is None)


def _by_folder(paths: Iterable[str]) -> list[str]:
    """Return paths, each once, in an order in which all that is below one comes right behind it.

    They stand there with a NUL, which no path holds, in the place of the slash. The time this takes grows with the
    length of the list, and not with the depth of its folders: whoever signs chooses both.
    """
    return sorted({path.replace("/", "\0") for path in paths})


def _first_below(ignored: str, paths: Sequence[str]) -> str | None:
    """Return the first of `paths` (as from `_by_folder`) that is `ignored` or below it, or None where none is."""
    key = ignored.replace("/", "\0")
    place = bisect_left(paths, key)
    if place == len(paths) or not f"{paths[place]}\0".startswith(f"{key}\0"):
        return None
    return paths[place].replace("\0", "/")


def _is_below(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above}/")


def _refused(what: str, name: str, where: str) -> EvidenceError:
    return EvidenceError(OMS_NAMES, what, where=where, got=printable(name))


def _list(value: Json, what: str, where: str) -> list[Json]:
    if not isinstance(value, list):
        raise EvidenceError(OMS_MALFORMED, f"{what} isn't a list", where=where)
    return value


def _object(value: Json, what: str, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise EvidenceError(OMS_MALFORMED, f"{what} isn't an object", where=where)
    return value


def _text(value: Json, what: str, where: str) -> str:
    if not isinstance(value, str):
        raise EvidenceError(OMS_MALFORMED, f"{what} isn't a text", where=where)
    return value


def _bytes(digits: str, where: str) -> bytes:
    if re.fullmatch(r"(?:[0-9a-f]{2})+", digits) is None:
        raise EvidenceError(OMS_MALFORMED, "a digest isn't lower-case hex", where=where, got=printable(digits[:130]))
    return bytes.fromhex(digits)


def oms_parts(fingerprint: Fingerprint) -> tuple[str, JsonObject]:
    """Return the root digest in hex and the predicate with which Model Signing would sign this artifact.

    Files by sha256, without git's at the root of a folder, as model-signing leaves them out; these and what the
    fingerprint left out are recorded. Raises `UsageError` where nothing but git's files is there.
    """
    if fingerprint.kind is Kind.FILE:
        listed, ignored = [(SINGLE_FILE, fingerprint.digest.hex)], []
    else:
        left_out = {path for entry in fingerprint.entries for path in GIT_PATHS if _is_below(entry.path, path)}
        kept = [entry for entry in fingerprint.entries if not any(_is_below(entry.path, path) for path in GIT_PATHS)]
        # Model Signing orders paths segment by segment, not by their bytes.
        listed = sorted(((entry.path, entry.sha256) for entry in kept), key=lambda item: item[0].split("/"))
        ignored = sorted({*left_out, *(path.removesuffix("/") for path in fingerprint.ignored)})
    if not listed:
        raise UsageError(OMS_MALFORMED, "holds nothing but git's files", where=printable(fingerprint.name))
    root = hashlib.sha256(b"".join(bytes.fromhex(digits) for _, digits in listed)).hexdigest()
    serialization: JsonObject = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": True,
        "ignore_paths": list(ignored),
    }
    resources: list[Json] = [{"name": name, "algorithm": "sha256", "digest": digits} for name, digits in listed]
    return root, {"serialization": serialization, "resources": resources}
