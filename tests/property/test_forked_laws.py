"""Whoever reads a tree, this process or children of it, the fingerprint and the BOM are the same, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

REPOSITORY = str(Path(__file__).parents[2])
FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate, Phase.reuse]
)
ENOUGH = 1_000  # files, for a fork to be worth it

# This process may have threads, and then isn't forked: so the two are compared in one of its own.
PROGRAM = """
import os, sys
from dbom.bom.facts import ArtifactType
from dbom.bom.generating import Options, describe_path
from dbom.formats.glances import Glances
from dbom.tree import fingerprint_path

FORKS = []
os.register_at_fork(before=lambda: FORKS.append(1))

def told(**how):
    glances = Glances()
    found = fingerprint_path(sys.argv[1], onlooker=glances, **how)
    description = describe_path(sys.argv[1], found, Options(type=ArtifactType.DATASET), glances=glances)
    return found, glances, description.bom.to_json(), description.findings

# First, since what describes tables has threads of its own.
forked = told(jobs=int(sys.argv[2]), forked=True)
forks = len(FORKS)
assert 2 < forks <= int(sys.argv[2]) + 1, forks
assert told(jobs=1) == forked
assert len(FORKS) == forks
"""

# Bytes, or as many zeros.
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"a,b\n1,2\n", b'{"a": 1}\n', b"PAR1", b"GGUF", b"\x80\x04K\x01.", b"\x89PNG\r\n\x1a\n"]),
    st.sampled_from([65_535, 65_537, 262_143, 262_144, 262_145, 1_048_576, 2_000_000]),
)


@FEW
@given(
    contents=st.lists(CONTENTS, min_size=1, max_size=12),
    flat=st.integers(1, ENOUGH),
    links=st.sets(st.integers(0, ENOUGH - 1), max_size=3),
    jobs=st.integers(2, 5),
)
def test_children_and_threads_tell_the_same_of_any_tree(
    contents: list[bytes | int], flat: int, links: set[int], jobs: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "tree")
        for number in range(ENOUGH):
            place = root / str(number // flat)
            place.mkdir(parents=True, exist_ok=True)
            # Large ones are few: each content stands once, and then what is short stands again.
            data = bytes(contents[number % len(contents)])
            (place / f"f{number}.csv").write_bytes(data if number < len(contents) else data[:1_000])
        for number in links:
            (root / f"link{number}").symlink_to(f"{number // flat}/f{number}.csv")
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM, str(root), str(jobs)],
            env={**os.environ, "PYTHONPATH": REPOSITORY},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (0, "") == (done.returncode, done.stderr)
