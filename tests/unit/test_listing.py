"""A listing holds little, can be looked at again, and ends in an answer or one error for the most hostile of trees."""

from __future__ import annotations

import os
import subprocess
import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from dbom.errors import ChangedError, PathError
from dbom.ignores import Ignores
from dbom.listing import list_again, list_tree
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NONE = Ignores.of(())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    for name in ("b", "a", "sub/c", "sub/d"):
        (root / name).write_bytes(name.encode())
    (root / "link").symlink_to("sub/c")
    return root


def test_a_listing_is_a_sequence_of_items(tree: Path) -> None:
    listing = list_tree(str(tree), NONE)
    assert 5 == len(listing)
    assert {"a": "a", "b": "b", "link": "sub/c", "sub/c": "sub/c", "sub/d": "sub/d"} == {
        item.path: os.path.relpath(item.real, tree) for item in listing
    }
    assert list(listing) == [listing[place] for place in range(5)]


def test_looking_again_finds_the_same(tree: Path) -> None:
    listing = list_tree(str(tree), NONE)
    assert list_again(listing, NONE) is None


CHANGES: dict[str, Callable[[Path], object]] = {
    "a": lambda root: (root / "a").write_bytes(b"A"),
    "b": lambda root: (root / "b").unlink(),
    "aa": lambda root: (root / "aa").write_bytes(b""),
    "sub/e": lambda root: (root / "sub" / "e").write_bytes(b""),
    "sub/d": lambda root: (root / "sub" / "d").unlink(),
    "link": lambda root: relinked(root / "link"),
}


def relinked(link: Path) -> None:
    link.unlink()
    link.symlink_to("sub/d")


@pytest.mark.parametrize(("path", "change"), CHANGES.items())
def test_looking_again_names_what_differs(tree: Path, path: str, change: Callable[[Path], object]) -> None:
    listing = list_tree(str(tree), NONE)
    change(tree)
    assert path == list_again(listing, NONE)


def test_a_link_that_leads_to_another_file_of_the_same_state_differs(tree: Path) -> None:
    """Two names of one file (hard links) have one state; where the link leads still counts."""
    os.link(tree / "a", tree / "hard")
    (tree / "to").symlink_to("a")
    listing = list_tree(str(tree), NONE)
    (tree / "to").unlink()
    (tree / "to").symlink_to("hard")
    assert "to" == list_again(listing, NONE)


def test_a_file_costs_little_memory(tmp_path: Path) -> None:
    """A million files must fit into some hundred megabytes, listed, hashed and listed again."""
    for number in range(4000):
        (tmp_path / f"file{number:07}").touch()
    fingerprint_path(tmp_path)
    tracemalloc.start()
    found = fingerprint_path(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 4000 == len(found.entries)
    assert peak / 4000 < 600


# Hostile trees


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Give a tree of a thousand folders one in another, each with a name as long as disks hold."""
    root = tmp_path / "deep"
    root.mkdir()
    folder = os.open(root, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir("n" * 255, dir_fd=folder)
        inner = os.open("n" * 255, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    yield root
    subprocess.run(["rm", "-rf", str(root)], check=True)


def test_a_path_longer_than_the_system_takes_is_one_clear_error(deep: Path) -> None:
    """Quarter of a million characters: no digest of the part that can be reached."""
    with pytest.raises(PathError, match="File name too long") as caught:
        fingerprint_path(deep)
    assert len(str(caught.value)) < 20_000


def test_a_path_that_just_fits_is_read(tmp_path: Path) -> None:
    folder = tmp_path
    while len(os.fsencode(folder)) + 202 < 4000:
        folder /= "n" * 200
    folder.mkdir(parents=True)
    (folder / "f").write_bytes(b"x")
    (entry,) = fingerprint_path(tmp_path).entries
    assert entry.path.endswith("n/f")


def test_a_path_of_ten_thousand_characters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathError, match=r"there is nothing here|File name too long"):
        fingerprint_path(f"{tmp_path}/" + "x/" * 5000)


def test_a_link_of_ten_thousand_turns_is_read_or_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to("./" * 2000 + "f")
    assert ["f", "link"] == [entry.path for entry in fingerprint_path(tmp_path).entries]


def test_a_file_that_somebody_appends_to_all_the_time_is_an_error_and_not_read_forever(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 3_000_000)
    stop, wrote = threading.Event(), threading.Event()

    def append() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"y" * 100_000)
                wrote.set()
                if file.tell() > 200_000_000:
                    break

    class Waiting:
        def expect(self, size: int) -> None:
            """Do nothing."""

        def advance(self, size: int) -> None:
            """Let the writer be quicker than the reader."""
            wrote.clear()
            wrote.wait(1 if size else 0)

    writer = threading.Thread(target=append)
    writer.start()
    try:
        with pytest.raises(ChangedError):
            fingerprint_path(tmp_path, progress=Waiting())
    finally:
        stop.set()
        writer.join()
