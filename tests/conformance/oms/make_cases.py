"""Makes the cases of this folder anew, the same bytes each time: `python -P make_cases.py` with `tests` on the path.

A case is a folder: `artifact` (a model, file or folder), `bundle.sigstore.json` with a statement of OpenSSF Model
Signing, the key of whoever signs it (`key.pub`), and `case.json` with what must come of it and why. A case that ends in
`_fail` must never be a yes, and names its twin: the case that is like it but for the one fault.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_sigstore import SIGNED_AT, MadeSigstore, fixed_key, pem_of, spki_of, written

from dbom.canonical import canonical_json
from dbom.names import PREDICATE_OMS, STATEMENT_V1

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import Json, JsonObject

__all__ = ["Case", "all_cases"]

MADE, KEY = MadeSigstore(), fixed_key("signing key")
NOW = SIGNED_AT + timedelta(days=10)
FILES = {"config.json": b"{}\n", "deep/model.bin": b"more weights\n", "model.bin": b"weights\n"}
SHARD = 4


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Model:
    """What is said of a model: each resource with its digest, and the rest of the statement."""

    resources: tuple[tuple[str, str], ...] = tuple((name, _sha256(data)) for name, data in FILES.items())
    ignored: tuple[str, ...] = ()
    algorithm: str = "sha256"
    serialization: dict[str, Any] = field(default_factory=lambda: {"method": "files", "hash_type": "sha256"})
    root: str | None = None
    more_subjects: tuple[str, ...] = ()

    def bundle(self) -> bytes:
        """Return the bundle, signed by a bare key. Without a `root`, that is the digest of all digests."""
        root = self.root or _sha256(b"".join(bytes.fromhex(digits) for _, digits in self.resources))
        listed: list[Json] = [
            {"name": name, "algorithm": self.algorithm, "digest": digits} for name, digits in self.resources
        ]
        said = {"allow_symlinks": False, "ignore_paths": list(self.ignored), **self.serialization}
        statement: JsonObject = {
            "_type": STATEMENT_V1,
            "subject": [{"name": "model", "digest": {"sha256": digits}} for digits in (root, *self.more_subjects)],
            "predicateType": PREDICATE_OMS,
            "predicate": {"serialization": said, "resources": listed},
        }
        return written(MADE.bundle(canonical_json(statement), key=KEY, log=False, stamps=()))


@dataclass(frozen=True)
class Case:
    """One case: what is there, what was signed, and what must come of it. `rule` says why it isn't a yes."""

    why: str
    model: Model = Model()
    rule: str | None = None
    twin: str | None = None
    files: dict[str, bytes] = field(default_factory=lambda: {f"artifact/{name}": data for name, data in FILES.items()})

    def contents(self) -> dict[str, bytes]:
        """Return every file of the case's folder."""
        said = {"why": self.why, "exit": int(self.rule is not None), "rule": self.rule, "twin": self.twin}
        said |= {"expect": {"key": "key.pub"}, "now": NOW.isoformat()}
        return {
            **self.files,
            "bundle.sigstore.json": self.model.bundle(),
            "key.pub": pem_of(spki_of(KEY.public_key()), "PUBLIC KEY"),
            "case.json": json.dumps(said, indent=2).encode() + b"\n",
        }


def _renamed(name: str, other: str) -> Model:
    """Return the model with a resource under another name: the root digest, over digests alone, stays."""
    return Model(tuple((other if listed == name else listed, digits) for listed, digits in Model().resources))


def _with(**files: bytes | None) -> dict[str, bytes]:
    """Return the files of the model, with some others, or without those that are None."""
    return {f"artifact/{name}": data for name, data in {**FILES, **files}.items() if data is not None}


def _shards(cut: Callable[[int, int], bool] = lambda _start, _size: False) -> Model:
    """Return the model in shards, but for those that are cut."""
    parts = [
        (f"{name}:{start}:{min(start + SHARD, len(data))}", _sha256(data[start : start + SHARD]))
        for name, data in FILES.items()
        for start in range(0, len(data), SHARD)
        if not cut(start, len(data))
    ]
    said = {"method": "shards", "hash_type": "sha256", "shard_size": SHARD}
    return Model(tuple(parts), algorithm=f"sha256-{SHARD}", serialization=said)


def all_cases() -> dict[str, Case]:
    """Return every case by its name."""
    return {**_accepted(), **_of_names(), **_of_statements(), **_of_bytes()}


def _accepted() -> dict[str, Case]:
    single = Model(((".", _sha256(FILES["model.bin"])),))
    there = _with(**{"notes.txt": b"notes\n", "logs/one": b"1\n"})
    return {
        "files": Case("every file of the folder, by its sha256"),
        "single_file": Case("a model that is a file", single, files={"artifact": FILES["model.bin"]}),
        "shards": Case("every file in shards", _shards()),
        "ignored": Case("paths that were left out, and are there", Model(ignored=("notes.txt", "logs")), files=there),
        "ignored_outside": Case("an ignored path that leads out leaves nothing out", Model(ignored=("../x", "/etc"))),
    }


def _fail(why: str, rule: str, model: Model | None = None, *, twin: str = "files", **more: Any) -> Case:  # noqa: ANN401  a case's other fields
    return Case(why, Model() if model is None else model, rule, twin, **more)


def _of_names() -> dict[str, Case]:
    first, second, third = Model().resources
    swapped = Model(((first[0], first[1]), (third[0], second[1]), (second[0], third[1])))
    half = _shards(lambda start, size: start == 0 and size > SHARD)
    there = _with(**{"notes.txt": b"notes\n"})
    return {
        "names_swapped_fail": _fail(
            "two files under each other's names, and the same root digest", "DBOM-313", swapped
        ),
        "renamed_fail": _fail(
            "a file under another name, and the same root digest", "DBOM-313", _renamed("model.bin", "other.bin")
        ),
        "parent_name_fail": _fail("a name that leads out", "DBOM-387", _renamed("model.bin", "../model.bin")),
        "inner_parent_name_fail": _fail(
            "a name that leads out and in", "DBOM-387", _renamed("model.bin", "deep/../model.bin")
        ),
        "absolute_name_fail": _fail("an absolute name", "DBOM-387", _renamed("model.bin", "/etc/passwd")),
        "dotted_name_fail": _fail("a second way to write a name", "DBOM-387", _renamed("model.bin", "./model.bin")),
        "newline_name_fail": _fail("a name of two lines", "DBOM-387", _renamed("model.bin", "model\n.bin")),
        "twice_fail": _fail("one name for two files", "DBOM-387", _renamed("config.json", "model.bin")),
        "file_is_folder_fail": _fail("a file that is a folder of another", "DBOM-387", _renamed("config.json", "deep")),
        "file_beside_itself_fail": _fail(
            "a model that is a file and a folder", "DBOM-387", _renamed("config.json", ".")
        ),
        "ignored_resource_fail": _fail(
            "a resource that is said to be ignored", "DBOM-387", Model(ignored=("deep",)), twin="ignored"
        ),
        "ignored_parent_fail": _fail(
            "an ignored path that leads out and in", "DBOM-387", Model(ignored=("a/../deep",)), twin="ignored"
        ),
        "ignored_wildcard_fail": _fail(
            "an ignored path that could be a pattern", "DBOM-322", Model(ignored=("*",)), twin="ignored"
        ),
        "shard_missing_fail": _fail("files whose first shards are missing", "DBOM-387", half, twin="shards"),
        "unlisted_file_fail": _fail(
            "a file that was neither signed nor left out", "DBOM-313", files=there, twin="ignored"
        ),
    }


def _of_statements() -> dict[str, Case]:
    first, *others = Model().resources
    upper = Model(((first[0], first[1].upper()), *others), root=_whole_root())
    return {
        "second_subject_fail": _fail(
            "a second subject", "DBOM-385", Model(more_subjects=(_sha256(FILES["model.bin"]),))
        ),
        "root_digest_fail": _fail("a root digest that isn't that of the resources", "DBOM-386", Model(root="0" * 64)),
        "resource_dropped_fail": _fail(
            "a resource less, under the whole root digest", "DBOM-386", Model(tuple(others), root=_whole_root())
        ),
        "reordered_fail": _fail(
            "the resources in another order", "DBOM-386", Model((*others, first), root=_whole_root())
        ),
        "no_resources_fail": _fail("a model without resources", "DBOM-385", Model(())),
        "upper_case_digest_fail": _fail("a digest in capitals", "DBOM-385", upper),
        "unknown_algorithm_fail": _fail("an algorithm that nobody knows", "DBOM-385", Model(algorithm="md5")),
        "method_fail": _fail(
            "files that are said to be shards",
            "DBOM-385",
            Model(serialization={"method": "shards", "hash_type": "sha256"}),
        ),
    }


def _whole_root() -> str:
    return _sha256(b"".join(bytes.fromhex(digits) for _, digits in Model().resources))


def _of_bytes() -> dict[str, Case]:
    digests = b"".join(bytes.fromhex(digits) for _, digits in Model().resources)
    one, other = FILES["deep/model.bin"], FILES["model.bin"]
    return {
        "changed_file_fail": _fail("a file of other bytes", "DBOM-313", files=_with(**{"model.bin": b"Weights\n"})),
        "missing_file_fail": _fail("a file that isn't there", "DBOM-313", files=_with(**{"config.json": None})),
        "files_swapped_fail": _fail(
            "two files in each other's places", "DBOM-313", files=_with(**{"model.bin": one, "deep/model.bin": other})
        ),
        "shard_changed_fail": _fail(
            "a shard of other bytes", "DBOM-390", _shards(), twin="shards", files=_with(**{"model.bin": b"Weights\n"})
        ),
        "root_is_no_identity_fail": _fail(
            "a file that hashes to the root digest", "DBOM-315", files={"artifact": digests}
        ),
        "file_for_a_folder_fail": _fail(
            "a folder, where a file was signed",
            "DBOM-315",
            Model(((".", _sha256(other)),)),
            twin="single_file",
            files={"artifact/model.bin": other},
        ),
    }


def main() -> None:
    """Write every case into this folder, and nothing else."""
    here = Path(__file__).parent
    for old in here.iterdir():
        if (old / "case.json").exists():
            shutil.rmtree(old)
    for name, case in all_cases().items():
        for path, data in case.contents().items():
            (here / name / path).parent.mkdir(parents=True, exist_ok=True)
            (here / name / path).write_bytes(data)


if __name__ == "__main__":
    main()
