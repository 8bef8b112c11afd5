"""A tree's digest is what an auditor's shell says, whatever the names, links and ignores are."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from subprocess import run

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dbom.difference import compare, parse_manifest
from dbom.pathname import path_fault
from dbom.recipe import shell_line
from dbom.tree import fingerprint_path

# The line of the design, word for word.
PIPELINE = r"find -L . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r sha256sum -- | sha256sum"

NAMES = st.one_of(
    st.text(alphabet="ab-* ?['\"$`.é\u0301\u202e\x07\U0001f600", min_size=1, max_size=4),
    st.sampled_from(
        ["-rf", "--", "-n", "a b", "*", "~", ".hidden", "naïve", "[x]", "$(id)", "a;b", "CON", ".DS_Store"]
    ),
).filter(lambda name: path_fault(name) is None and len(name.encode()) < 200)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.binary(max_size=40), min_size=1, max_size=8)
FEW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Tree:
    """A tree on the disk for as long as one example lasts, in a folder with an awkward name."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.base = Path(tempfile.mkdtemp())
        self.root = self.base / "it's a $tree; \t(really)"
        self.root.mkdir()
        for path, data in files.items():
            target = self.root / path
            if not target.exists() and not any(above.is_file() for above in target.parents):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)

    def __enter__(self) -> Path:
        return self.root

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.base)


def shell(line: str, where: Path) -> str:
    result = run(["bash", "-c", line], cwd=where, capture_output=True, text=True, check=True)
    assert "" == result.stderr
    return result.stdout


@FEW
@given(files=TREES)
def test_the_digest_is_the_pipelines(files: dict[str, bytes]) -> None:
    with Tree(files) as root:
        found = fingerprint_path(root, ignores=())
        assert f"{found.digest.hex}  -\n" == shell(PIPELINE, root)


@FEW
@given(files=TREES, data=st.data())
def test_the_digest_is_the_pipelines_with_links_inside(files: dict[str, bytes], data: st.DataObject) -> None:
    with Tree(files) as root:
        before = fingerprint_path(root, ignores=())
        targets = sorted({*(e.path for e in before.entries), *(e.path.split("/")[0] for e in before.entries)})
        link = data.draw(NAMES)
        assume(not os.path.lexists(root / link))
        (root / link).symlink_to(data.draw(st.sampled_from(targets)))
        found = fingerprint_path(root, ignores=())
        assert len(found.entries) > len(before.entries)
        assert f"{found.digest.hex}  -\n" == shell(PIPELINE, root)


@FEW
@given(files=TREES, data=st.data())
def test_the_line_that_how_prints_gives_the_digest_with_its_ignores(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    with Tree(files) as root:
        (root / "kept").write_bytes(b"")
        segments = sorted({segment for path in files for segment in path.split("/")} - {"kept"})
        patterns = [segment.replace("*", "?") for segment in segments]
        patterns += [f"/{pattern}/" for pattern in patterns] + ["*a", "?*-"]
        chosen = data.draw(st.lists(st.sampled_from(patterns), max_size=3))
        found = fingerprint_path(root, ignores=chosen)
        assert f"{found.digest.hex}  -\n" == shell(shell_line(str(root.resolve()), found), Path("/"))


@FEW
@given(files=TREES)
def test_sha256sum_checks_the_manifest_and_we_read_it_back(files: dict[str, bytes]) -> None:
    with Tree(files) as root:
        found = fingerprint_path(root, ignores=())
        (root.parent / "manifest").write_bytes(found.manifest())
        shell("sha256sum --strict -c ../manifest", root)
        assert hashlib.sha256(found.manifest()).hexdigest() == found.digest.hex
        read = parse_manifest(found.manifest(), where="manifest")
        assert [(e.path, e.sha256) for e in found.entries] == [(e.path, e.sha256) for e in read]
        assert compare({entry.path: entry.sha256 for entry in read}, found).is_empty


@FEW
@given(files=TREES, data=st.data())
def test_one_changed_byte_is_another_digest_and_is_named(files: dict[str, bytes], data: st.DataObject) -> None:
    with Tree(files) as root:
        before = fingerprint_path(root, ignores=())
        entry = data.draw(st.sampled_from(before.entries))
        content = (root / entry.path).read_bytes()
        place = data.draw(st.integers(0, len(content)))
        (root / entry.path).write_bytes(content[:place] + b"\x00" + content[place:])
        after = fingerprint_path(root, ignores=())
        assert before.digest != after.digest
        assert (entry.path,) == compare(before, after).changed


@FEW
@given(files=TREES)
def test_the_order_of_making_changes_nothing(files: dict[str, bytes]) -> None:
    files = {path: files[path] for path in files if not any(other.startswith(path + "/") for other in files)}
    with Tree(files) as one, Tree(dict(reversed(files.items()))) as other:
        assert fingerprint_path(one, ignores=()) == fingerprint_path(other, ignores=())


def test_ten_thousand_files_are_as_the_pipeline_says(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"folder {number}").mkdir()
        for inner in range(100):
            (tmp_path / f"folder {number}" / f"-{inner}.txt").write_bytes(b"%d" % (number * inner))
    found = fingerprint_path(tmp_path)
    assert 10_000 == len(found.entries)
    assert f"{found.digest.hex}  -\n" == shell(PIPELINE, tmp_path)
