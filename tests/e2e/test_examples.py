"""Every example runs end to end, as its README says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dbom
from dbom.demo.files import PLACE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HOME = Path(dbom.__file__).resolve().parent.parent


def _run(example: str, work: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    programs.mkdir()
    for name, words in (("dbom", "-P -m dbom"), ("python3", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    work.mkdir()
    return subprocess.run(
        [str(EXAMPLES / example / "run.sh"), str(work)],
        env={**os.environ, "PYTHONPATH": str(HOME), "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_from_bytes_to_a_refused_pod(tmp_path: Path) -> None:
    done = _run("01-from-bytes-to-a-refused-pod", tmp_path / "a folder", tmp_path / "programs")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = done.stdout.split("\n== ")[1:]
    assert [step.splitlines()[0] for step in steps] == [
        "a dataset: what it is, described and signed",
        "a model trained on it, the training recorded",
        "the model, described and signed, and the image that holds it",
        "checked",
        "a pod with this model may start",
        "one flipped label, and the verdict is no",
        "a model trained on that, and the pod that would load it",
        "a report for people who don't have to trust us",
    ]
    assert "penguins.csv" in steps[5]
    assert "refused" in steps[6]
    assert (tmp_path / "a folder" / "report.html").exists()


def test_the_example_and_the_demo_are_one_story() -> None:
    folder = EXAMPLES / "01-from-bytes-to-a-refused-pod"
    assert (folder / "train.py").read_bytes() == (HOME / "dbom" / "demo" / "train.py").read_bytes()
    assert PLACE in (folder / "pod.yaml").read_text()


def test_a_dataset_two_hops_up(tmp_path: Path) -> None:
    done = _run("02-a-dataset-two-hops-up", tmp_path / "work", tmp_path / "programs")
    assert done.returncode == 0, done.stdout + done.stderr
    refused = next(step for step in done.stdout.split("\n== ") if step.startswith("the pod that would load it"))
    assert "got CC-BY-NC-4.0" in refused
    assert "[model model <- dataset clean (trained on) <- dataset scraped (derived from)]" in refused
    (result,) = json.loads((tmp_path / "work" / "review.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "DBOM-540"


def test_a_load_time_proof(tmp_path: Path) -> None:
    done = _run("03-load-time-proof", tmp_path / "work", tmp_path / "programs")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = done.stdout.split("\n== ")[1:]
    assert "1 reviewed: 1 verified; 0 would be denied" in steps[1]
    assert "volume/penguins is tree:sha256:" in steps[2]
    assert "other-volume" not in steps[3]
    assert "mounts the volume so that it can write to it" in steps[4]
    assert "none of those whose word counts" in steps[5]
