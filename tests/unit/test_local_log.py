"""The log on disk only grows, forgets nothing it acknowledged, and says so where it no longer can tell."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from attest.local.log import MerkleLog
from attest.local.merkle import leaf_hash, root_from_proof
from dbom.errors import SigningError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    MerkleLog.create(tmp_path / "log")
    return tmp_path / "log"


def test_each_entry_is_proven_to_be_in_the_log(folder: Path) -> None:
    log = MerkleLog(folder)
    for number in range(9):
        entry = b"entry %d" % number
        proof = log.append(entry)
        assert (number, number + 1) == (proof.index, proof.size)
        assert proof.root == root_from_proof(leaf_hash(entry), proof.index, proof.size, proof.path)
    assert tuple(b"entry %d" % number for number in range(9)) == log.entries()


def test_a_torn_last_entry_is_cut_off_and_the_rest_stays(folder: Path) -> None:
    log = MerkleLog(folder)
    log.append(b"whole")
    with (folder / "entries").open("ab") as file:
        file.write(b"half of an ent")
    with (folder / "index").open("ab") as file:
        file.write(b"\x00" * 17)
    assert (b"whole",) == log.entries()
    proof = log.append(b"next")
    assert (1, 2) == (proof.index, proof.size)
    assert (b"whole", b"next") == log.entries()
    assert len(b"wholenext") == (folder / "entries").stat().st_size


def test_an_entry_that_was_written_but_never_acknowledged_stays_in_the_log(folder: Path) -> None:
    log = MerkleLog(folder)
    log.append(b"first")
    head = (folder / "head").read_bytes()
    log.append(b"second")
    (folder / "head").write_bytes(head)
    assert 3 == log.append(b"third").size


@pytest.mark.parametrize(
    ("name", "keep", "said"),
    [("index", 40, "lost entries"), ("entries", 3, "cut short"), ("head", 10, "head is malformed")],
)
def test_a_log_that_lost_something_is_refused(folder: Path, name: str, keep: int, said: str) -> None:
    log = MerkleLog(folder)
    for entry in (b"first", b"second"):
        log.append(entry)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:keep])
    with pytest.raises(SigningError, match=said) as caught:
        log.append(b"third")
    assert ("DBOM-341", 3) == (caught.value.rule.id, caught.value.exit_code)


def test_a_log_whose_history_was_changed_is_refused(folder: Path) -> None:
    log = MerkleLog(folder)
    for entry in (b"first", b"second"):
        log.append(entry)
    index = bytearray((folder / "index").read_bytes())
    index[0] ^= 1
    (folder / "index").write_bytes(index)
    with pytest.raises(SigningError, match="not those that were acknowledged"):
        log.append(b"third")


def test_an_entry_whose_bytes_were_changed_is_not_handed_out(folder: Path) -> None:
    MerkleLog(folder).append(b"first")
    (folder / "entries").write_bytes(b"First")
    with pytest.raises(SigningError, match="entry 0 is not what was logged"):
        MerkleLog(folder).entries()


def test_a_log_that_another_program_holds_is_waited_for_and_then_given_up(folder: Path) -> None:
    with (folder / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SigningError, match="another program") as caught:
            MerkleLog(folder, patience=0.05).append(b"entry")
    assert "DBOM-340" == caught.value.rule.id
    assert 0 == MerkleLog(folder).append(b"entry").index


def test_two_programs_that_write_at_once_lose_nothing(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from attest.local.log import MerkleLog\n"
        "for n in range(10): MerkleLog(Path(sys.argv[1])).append(f'{sys.argv[2]} {n}'.encode())"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(folder), name]) for name in ("a", "b")]
    assert [0, 0] == [writer.wait() for writer in writers]
    assert {f"{name} {n}".encode() for name in "ab" for n in range(10)} == set(MerkleLog(folder).entries())
