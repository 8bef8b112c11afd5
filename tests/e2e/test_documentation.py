"""Every command that the documentation shows runs, or says why not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_TOP = Path(__file__).resolve().parents[2]
_PAGES = [_TOP / "README.md", *sorted((_TOP / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"(?P<before>[^\n]*)\n```(?:sh|console|bash)\n(?P<script>.*?)```", re.DOTALL)


def _scripts(page: Path) -> list[str]:
    blocks = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [block["script"] for block in blocks if not block["before"].startswith("<!-- not run: ")]


@pytest.mark.parametrize(
    "page", [page for page in _PAGES if _scripts(page)], ids=lambda page: str(page.relative_to(_TOP))
)
def test_the_commands_of_a_page_run_in_the_order_they_are_shown(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    script = "\n".join(_scripts(page))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"


def test_every_block_that_does_not_run_says_why() -> None:
    silent = [
        f"{page.relative_to(_TOP)}: {block['before']}"
        for page in _PAGES
        for block in _BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block["before"].startswith("<!-- not run")
        and not re.match(r"<!-- not run: \w[^>]{10,} -->", block["before"])
    ]
    assert [] == silent


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(_TOP)} -> {target}"
        for page in [*_PAGES, _TOP / "SECURITY.md"]
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert [] == broken
