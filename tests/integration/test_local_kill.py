"""Programs that sign are killed at any moment: the log stays whole, and holds every bundle that was handed out."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.local import find_local
from attest.local.auditing import audit
from attest.local.logged import read_logged
from attest.local.rotation import rotate
from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# One program that has everything loaded; each of its children is killed some moments after its first signatures.
_KILLING = """
import hashlib, os, random, select, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from attest.local import open_local
from attest.local.rotation import rotate
from attest.statement import Statement, Subject
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_BOM

home, out, kills, rotating = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "rotating"
statement = Statement.build(
    Subject.of("data", Digest(Kind.FILE, hashlib.sha256(b"rows").hexdigest())),
    PREDICATE_BOM,
    {"bomFormat": "CycloneDX"},
)

def now():
    return datetime.now(UTC)

def sign_for_ever(name, said):
    signer, number = open_local(home).signer(now=now), 0
    while True:
        bundle = signer.sign(statement)
        (out / f".{name}-{number}").write_bytes(bundle)
        (out / f".{name}-{number}").rename(out / f"{name}-{number}.json")
        os.write(said, b"x")
        number += 1

def rotate_for_ever(said):
    os.write(said, b"x")
    while True:
        rotate(open_local(home), now=now())
        os.write(said, b"x")

def killed(work, lines, wait):
    heard, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work(said)
        finally:
            os._exit(1)
    os.close(said)
    for _ in range(lines):
        os.read(heard, 1)
    select.select([], [], [], wait)
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, "it ended by itself"
    os.close(heard)

open_local(home).signer(now=now).sign(statement)
chance = random.Random(9)
for number in range(kills):
    if rotating:
        killed(rotate_for_ever, 1 + number % 2, chance.random() / 30)
    killed(lambda said: sign_for_ever(number, said), chance.randint(1, 3), chance.random() / 20)
"""


def _kill(home: Path, out: Path, kills: int, how: str) -> None:
    out.mkdir()
    subprocess.run([sys.executable, "-c", _KILLING, str(home), str(out), str(kills), how], check=True)


def test_kill_9_in_a_loop_of_signing_loses_no_bundle_that_was_handed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    monkeypatch.setenv("DBOM_HOME", str(home))
    _kill(home, out, 30, "signing")
    given = sorted(out.glob("*.json"))
    assert len(given) >= 30
    words = [word for path in given for word in ("--bundle", str(path))]
    assert 0 == run(["trust", "log", "verify", *words]), capsys.readouterr()


def test_kill_9_in_a_rotation_leaves_the_old_keys_or_the_new_and_they_work(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    _kill(home, out, 10, "rotating")
    found = find_local(home)
    assert found is not None
    given = [read_logged(path.read_bytes(), where=path.name) for path in out.glob("*.json")]
    answer = audit(found, bundles=given)
    assert answer.holds, answer
    assert len(given) >= 10
    # What a rotation that was cut short leaves behind is gone after the next one.
    rotate(found, now=datetime.now(UTC))
    assert ["log.key"] == [path.name for path in home.rglob("log.key")]
    assert not list(home.rglob(".new.*"))
