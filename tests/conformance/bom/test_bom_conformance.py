"""A folder a case: `bom.json` is read whole, or, where the folder ends in `_fail`, refused for what `why.txt` says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbom.bom import Bom
from dbom.errors import DocumentError

CASES = sorted(path for path in Path(__file__).parent.iterdir() if (path / "bom.json").is_file())


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_case(case: Path) -> None:
    data, why = (case / "bom.json").read_bytes(), (case / "why.txt").read_text().strip()
    if not case.name.endswith("_fail"):
        assert why
        assert json.loads(Bom.parse(data, where=case.name).to_json()) == json.loads(data)
        return
    with pytest.raises(DocumentError) as caught:
        Bom.parse(data, where=case.name)
    assert any(why in fault for fault in (*caught.value.faults, str(caught.value)))


def test_cases_are_found() -> None:
    assert len(CASES) >= 20
