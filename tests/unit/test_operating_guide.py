"""The guides of the controller and of operating the gate name what there is: rights, metrics, keys of the status."""

from __future__ import annotations

import json
import re
from pathlib import Path

from running_webhook import now

import admission
from admission.controller.rights import CERTIFICATE_RIGHTS, CLUSTER_RIGHTS, CONFIGURATION_RIGHTS, NAMESPACE_RIGHTS
from admission.counts import Counts
from admission.live import Live
from admission.mounted import MountedSnapshot

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"
_OPERATING = (_GUIDE / "operating.md").read_text(encoding="utf-8")
_QUOTED = re.compile(r"`([^`]+)`")


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table that follows a line, without its head."""
    _, _, rest = page.partition(heading)
    lines = [line for line in rest.split("\n\n| ")[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_each_metric_of_the_gate_is_explained_and_no_other() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(admission.__file__).parent.rglob("*.py"))
    assert set(re.findall(r'"(dbom_(?:admission|controller)_[a-z_]+)"', source)) == set(
        re.findall(r"`(dbom_[a-z_]+)`", _OPERATING)
    )


def test_each_alert_is_about_a_metric_that_the_guide_explains() -> None:
    alerts = (_GUIDE / "prometheus-rules.yaml").read_text(encoding="utf-8")
    names = {name.removesuffix("_bucket") for name in re.findall(r"\bdbom_[a-z_]+", alerts)}
    assert set() == names - set(re.findall(r"`(dbom_[a-z_]+)`", _OPERATING))


def test_each_key_of_the_status_is_explained_and_no_other(tmp_path: Path) -> None:
    live = Live(MountedSnapshot(tmp_path), now, print, Counts())
    told = {key for row in rows(_OPERATING, "## Status") for key in _QUOTED.findall(row[0])}
    assert set(json.loads(json.dumps(live.status()))) - {"schema"} == told


def test_each_right_of_the_controller_is_in_its_guide_and_no_other() -> None:
    page = (_GUIDE / "controller.md").read_text(encoding="utf-8")
    told = {
        (row[0].partition(",")[0], "" if row[1] == "core" else row[1].strip("`"), resource, verb.strip())
        for row in rows(page, "## What it may do")
        for resource in _QUOTED.findall(row[2])
        for verb in row[3].split(",")
    }
    cluster = ("everywhere", (*CLUSTER_RIGHTS, *CONFIGURATION_RIGHTS))
    own = ("its namespace", (*NAMESPACE_RIGHTS, *CERTIFICATE_RIGHTS))
    there = {
        (where, right.group, resource, verb)
        for where, rights in (cluster, own)
        for right in rights
        for resource in right.resources
        for verb in right.verbs
    }
    assert there == told
    names = {name for _, rights in (cluster, own) for right in rights for name in right.names}
    assert all(f"`{name}`" in page for name in names if not re.search(r"-\d\d$", name))
