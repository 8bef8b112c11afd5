"""The log on disk only grows, forgets nothing it acknowledged, and says so where it no longer can tell."""

from __future__ import annotations

import fcntl
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from local_logs import SIGNER, WRITER, new_log, old_home

from attest.local.checkpoints import Checkpoint, LogSigner
from attest.local.log import LogReader, MerkleLog
from attest.local.merkle import check_consistency, leaf_hash, root_from_proof
from dbom.errors import DbomError, PathError, SigningError


@pytest.fixture
def log(tmp_path: Path) -> MerkleLog:
    return new_log(tmp_path / "log")


def _filled(log: MerkleLog, count: int) -> MerkleLog:
    for number in range(count):
        log.append(b"entry %d" % number)
    return log


def _flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_each_entry_is_proven_to_be_in_the_log(log: MerkleLog) -> None:
    for number in range(9):
        entry = b"entry %d" % number
        proof = log.append(entry)
        assert (number, number + 1) == (proof.index, proof.size)
        assert proof.root == root_from_proof(leaf_hash(entry), proof.index, proof.size, proof.path)
        head = Checkpoint.parse(proof.checkpoint.encode())
        assert (proof.size, proof.root, True) == (head.size, head.root, head.is_signed_by(SIGNER.key.public_key()))
    assert [b"entry %d" % number for number in range(9)] == list(log.entries())
    assert [b"entry 7", b"entry 8"] == list(log.entries(7))


def test_an_entry_is_proven_again_at_any_later_size(log: MerkleLog) -> None:
    _filled(log, 13)
    for index in range(13):
        proof = log.inclusion(index)
        assert b"entry %d" % index == log.entry(index)
        assert proof.root == root_from_proof(leaf_hash(log.entry(index)), index, 13, proof.path)
    for index in (-1, 13):
        with pytest.raises(IndexError):
            log.inclusion(index)
        with pytest.raises(IndexError):
            log.entry(index)


def test_every_size_is_proven_to_begin_every_later_one(log: MerkleLog) -> None:
    heads = [log.head(), *(Checkpoint.parse(log.append(b"%d" % n).checkpoint.encode()) for n in range(9))]
    for old in heads:
        for new in heads[old.size :]:
            assert check_consistency(old.size, new.size, old.root, new.root, log.consistency(old.size, new.size))
    assert log.consistency(3) == log.consistency(3, 9)
    with pytest.raises(IndexError):
        log.consistency(3, 10)


def test_a_torn_last_entry_is_cut_off_and_the_rest_stays(log: MerkleLog) -> None:
    log.append(b"whole")
    for name in ("entries", "tree"):
        with (log.folder / name).open("ab") as file:
            file.write(b"half of an ent")
    assert [b"whole"] == list(log.entries())
    assert 28 == log.unacknowledged_bytes()
    proof = log.append(b"next")
    assert (1, 2) == (proof.index, proof.size)
    assert [b"whole", b"next"] == list(log.entries())
    assert len(b"wholenext") == (log.folder / "entries").stat().st_size


def test_an_entry_that_was_written_but_never_acknowledged_stays_in_the_log(log: MerkleLog) -> None:
    log.append(b"first")
    head = (log.folder / "checkpoint").read_bytes()
    _filled(log, 4)
    (log.folder / "checkpoint").write_bytes(head)
    assert [b"first"] == list(log.entries())
    assert 6 == log.append(b"last").size
    assert [b"first", *(b"entry %d" % n for n in range(4)), b"last"] == list(log.entries())


@pytest.mark.parametrize("name", ["entries", "tree"])
def test_what_stands_behind_the_head_and_is_not_whole_is_cut_off(log: MerkleLog, name: str) -> None:
    log.append(b"first")
    head = (log.folder / "checkpoint").read_bytes()
    log.append(b"second")
    (log.folder / "checkpoint").write_bytes(head)
    _flip(log.folder / name, -1)
    assert 1 == log.append(b"other").index
    assert [b"first", b"other"] == list(log.entries())


@pytest.mark.parametrize(
    ("name", "keep", "said"),
    [
        ("tree", 40, "lost entries"),
        ("entries", 3, "cut short"),
        ("checkpoint", 10, "head is malformed"),
        ("checkpoint", 5000, "head is malformed"),
    ],
)
def test_a_log_that_lost_something_is_refused(log: MerkleLog, name: str, keep: int, said: str) -> None:
    _filled(log, 2)
    data = (log.folder / name).read_bytes()
    (log.folder / name).write_bytes(data[:keep].ljust(keep, b"x"))
    with pytest.raises(SigningError, match=said) as caught:
        log.append(b"third")
    assert ("DBOM-341", 3) == (caught.value.rule.id, caught.value.exit_code)


@pytest.mark.parametrize("name", ["checkpoint", "tree", "entries", "lock"])
def test_a_file_that_is_missing_is_named(log: MerkleLog, name: str) -> None:
    _filled(log, 2)
    (log.folder / name).unlink()
    with pytest.raises(DbomError, match=r"head is missing|No such file") as caught:
        log.append(b"third")
    assert str(log.folder) in (caught.value.where or "")


def test_a_head_of_another_log_is_refused(log: MerkleLog, tmp_path: Path) -> None:
    _filled(log, 2)
    others = (LogSigner("log.example", ec.generate_private_key(ec.SECP256R1())), LogSigner("other", SIGNER.key))
    for number, signer in enumerate(others):
        other = MerkleLog.create(tmp_path / str(number), signer)
        _filled(other, 2)
        shutil.copy(other.folder / "checkpoint", log.folder)
        with pytest.raises(SigningError, match="isn't signed by this log's key"):
            log.append(b"third")


def test_a_log_whose_tree_does_not_lead_to_its_head_is_refused(log: MerkleLog) -> None:
    _filled(log, 2)
    _flip(log.folder / "tree", -1)
    with pytest.raises(SigningError, match="not those that were acknowledged"):
        log.append(b"third")


def test_no_proof_is_handed_out_that_does_not_hold(log: MerkleLog) -> None:
    """A change inside the tree isn't on the way of the next entry, but is on the way of the one that it concerns."""
    _filled(log, 8)
    _flip(log.folder / "tree", 8)
    log.append(b"next")
    with pytest.raises(SigningError, match="doesn't lead from entry 1"):
        log.inclusion(1)
    with pytest.raises(SigningError, match="entry 0 is not what was logged"):
        log.entry(0)


def test_an_entry_whose_bytes_were_changed_is_not_handed_out(log: MerkleLog) -> None:
    log.append(b"first")
    (log.folder / "entries").write_bytes(b"First")
    with pytest.raises(SigningError, match="entry 0 is not what was logged"):
        list(log.entries())


def test_entries_that_are_cut_short_while_they_are_read_are_said(log: MerkleLog) -> None:
    _filled(log, 3)
    reading = LogReader(log.folder).entries()
    next(reading)
    (log.folder / "entries").write_bytes(b"entry 0")
    with pytest.raises(SigningError, match="cut short"):
        next(reading)
    (log.folder / "tree").write_bytes(b"")
    with pytest.raises(SigningError, match="lost entries"):
        log.entry(0)


def test_a_log_that_another_program_holds_is_waited_for_and_then_given_up(log: MerkleLog) -> None:
    with (log.folder / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SigningError, match="another program") as caught:
            MerkleLog(log.folder, SIGNER, patience=0.05).append(b"entry")
    assert "DBOM-340" == caught.value.rule.id
    assert 0 == log.append(b"entry").index


def test_two_programs_that_write_at_once_lose_nothing(log: MerkleLog) -> None:
    program = WRITER + "for n in range(10): log.append(f'{sys.argv[2]} {n}'.encode())"
    writers = [subprocess.Popen([sys.executable, "-c", program, str(log.folder), name]) for name in ("a", "b")]
    assert [0, 0] == [writer.wait() for writer in writers]
    assert {f"{name} {n}".encode() for name in "ab" for n in range(10)} == set(log.entries())


def test_threads_of_one_program_that_write_at_once_lose_nothing(log: MerkleLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        proofs = list(pool.map(log.append, (b"%d" % n for n in range(40))))
    assert list(range(40)) == sorted(proof.index for proof in proofs)
    assert [b"%d" % n for n in sorted(range(40), key=lambda n: proofs[n].index)] == list(log.entries())


@pytest.mark.parametrize("room", range(0, 700, 50))
def test_a_full_disk_adds_nothing_loses_nothing_and_is_said(log: MerkleLog, room: int) -> None:
    """The limit of a file's size stands in for the disk's: a write takes a part, and the next one is refused."""
    entries = [b"%d" % n * 90 for n in range(4)]
    program = WRITER + (
        "import resource; from dbom.errors import PathError\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {resource.RLIM_INFINITY}))\n"
        f"try:\n for entry in {entries!r}: log.append(entry); print('ok', flush=True)\n"
        "except PathError as error: print(error.rule.id)"
    )
    said = subprocess.check_output([sys.executable, "-c", program, str(log.folder)], text=True).split()
    assert ("DBOM-365" in said) is (room < 360)
    acknowledged = said.count("ok")
    assert entries[:acknowledged] == list(log.entries())[:acknowledged]
    log.append(b"more")
    kept = list(log.entries())
    assert (entries[:acknowledged], b"more") == (kept[:acknowledged], kept[-1])
    # What was whole on disk and not yet acknowledged may stay, and nothing else.
    assert kept[:-1] in (entries[:acknowledged], entries[: acknowledged + 1])


def test_a_read_only_log_can_be_read_and_is_not_written(log: MerkleLog) -> None:
    _filled(log, 3)
    program = WRITER + (
        "from dbom.errors import PathError\n"
        "print(len(list(log.entries())), log.inclusion(1).size)\n"
        "try: log.append(b'more')\nexcept PathError as error: print(error.rule.id)"
    )
    mount = 'mount --bind "$2" "$2" && mount -o remount,ro,bind "$2" && exec "$0" -c "$1" "$2"'
    words = ["unshare", "-rm", "sh", "-c", mount, sys.executable, program, str(log.folder)]
    assert ["3", "3", "DBOM-365"] == subprocess.check_output(words, text=True).split()


def test_a_log_of_an_older_dbom_is_read_as_it_is(tmp_path: Path) -> None:
    folder = old_home(tmp_path) / "local-sigstore" / "log"
    reader, before = LogReader(folder), sorted(folder.iterdir())
    assert (True, 3, 1) == (reader.is_old, len(list(reader.entries())), len(list(reader.entries(2))))
    with pytest.raises(SigningError, match="no signed head yet"):
        reader.head()
    assert before == sorted(folder.iterdir())


def test_a_log_of_an_older_dbom_is_brought_into_today_s_form_by_the_next_writer(tmp_path: Path) -> None:
    folder = old_home(tmp_path) / "local-sigstore" / "log"
    entries, root = list(LogReader(folder).entries()), (folder / "head").read_bytes()[8:]
    log = MerkleLog(folder, SIGNER)
    log.migrate()
    assert (False, 3, root) == (log.is_old, log.head().size, log.head().root)
    assert ["checkpoint", "entries", "lock", "tree"] == sorted(path.name for path in folder.iterdir())
    proof = log.append(b"fourth")
    assert (3, 4) == (proof.index, proof.size)
    assert [*entries, b"fourth"] == list(log.entries())
    assert log.inclusion(1).root == proof.root


@pytest.mark.parametrize("done", ["nothing", "tree", "checkpoint", "head"])
def test_a_move_to_today_s_form_that_was_cut_short_is_finished(tmp_path: Path, done: str) -> None:
    folder, whole = (old_home(tmp_path / name) / "local-sigstore" / "log" for name in ("cut", "whole"))
    entries = list(LogReader(folder).entries())
    MerkleLog(whole, SIGNER).migrate()
    for name in {"nothing": (), "tree": ("tree",)}.get(done, ("tree", "checkpoint")):
        shutil.copy(whole / name, folder)
    if done == "head":
        (folder / "head").unlink()
    (folder / "checkpoint.new").write_bytes(b"half")
    assert 3 == MerkleLog(folder, SIGNER).append(b"fourth").index
    assert [*entries, b"fourth"] == list(LogReader(folder).entries())
    assert not (folder / "index").exists()


@pytest.mark.parametrize(
    ("name", "keep", "said"),
    [
        ("index", 40, "lost entries"),
        ("entries", 3, "cut short"),
        ("head", 10, "head is malformed"),
        ("head", -1, "not those that were acknowledged"),
    ],
)
def test_a_log_of_an_older_dbom_that_lost_something_is_left_as_it_is(
    tmp_path: Path, name: str, keep: int, said: str
) -> None:
    folder = old_home(tmp_path) / "local-sigstore" / "log"
    if keep < 0:
        _flip(folder / name, keep)
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:keep])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SigningError, match=said):
        MerkleLog(folder, SIGNER).append(b"fourth")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_entry_of_an_older_log_that_was_changed_is_not_handed_out(tmp_path: Path) -> None:
    folder = old_home(tmp_path) / "local-sigstore" / "log"
    _flip(folder / "entries", 0)
    with pytest.raises(SigningError, match="entry 0 is not what was logged"):
        list(LogReader(folder).entries())
    (folder / "entries").unlink()
    with pytest.raises(PathError, match="No such file"):
        list(LogReader(folder).entries())


def test_an_older_log_that_never_had_an_entry_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for name in ("entries", "index", "lock"):
        (tmp_path / "log" / name).touch()
    assert 0 == MerkleLog(tmp_path / "log", SIGNER).append(b"first").index


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n1\n" + "A" * 44 + "\n\n\u2014 log x\n",
        "log\n01\n" + "A" * 43 + "=\n\n\u2014 log x\n",
        "\n1\n" + "A" * 43 + "=\n\n\u2014 log x\n",
        "log\n1\n" + "A" * 43 + "=\n",
        "log\n1\n" + "A" * 43 + "=\nmore\n\n\u2014 log x\n",
        "log\n1\nAAAA\n\n\u2014 log x\n",
        "x" * 5000,
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Checkpoint.parse(text.encode())


def test_a_checkpoint_counts_only_with_a_signature_by_the_log_s_key_under_its_name() -> None:
    text, public = SIGNER.checkpoint(3, bytes(32)), SIGNER.key.public_key()
    assert Checkpoint.parse(text.encode()).is_signed_by(public)
    assert not Checkpoint.parse(text.replace("\n3\n", "\n4\n").encode()).is_signed_by(public)
    assert not Checkpoint.parse(text.replace("\u2014 log.example", "\u2014 other").encode()).is_signed_by(public)
    assert not Checkpoint.parse(text.replace("\u2014 log.example ", "\u2014 log.example !").encode()).is_signed_by(
        public
    )
    assert not Checkpoint.parse(text.encode()).is_signed_by(ec.generate_private_key(ec.SECP256R1()).public_key())
    assert "log.example" == Checkpoint.parse(text.encode()).name


def test_the_files_are_those_that_the_specification_shows(log: MerkleLog) -> None:
    """docs/formats/local-log.md: the tree over nothing, a zero byte and 10 (hex)."""
    page = (Path(__file__).parents[2] / "docs" / "formats" / "local-log.md").read_text(encoding="utf-8")
    shown = page.split("```text\n")[1].split("```")[0]
    for entry in (b"", b"\x00", b"\x10"):
        log.append(entry)
    assert bytes.fromhex("".join(shown.split())) == (log.folder / "tree").read_bytes()
    assert log.head().root.hex() in page
