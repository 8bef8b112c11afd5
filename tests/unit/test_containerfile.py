"""The image file installs only what is pinned; its result runs as nobody, without a shell. It isn't built here."""

from __future__ import annotations

import json
import re
from pathlib import Path

_TOP = Path(__file__).resolve().parents[2]
_TEXT = (_TOP / "Containerfile").read_text(encoding="utf-8")
_LINES = [line for line in _TEXT.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def _last_stage() -> list[str]:
    start = max(number for number, line in enumerate(_LINES) if line.startswith("FROM "))
    return _LINES[start:]


def test_no_image_stands_in_it_by_name() -> None:
    """Whoever builds it says which, by digest; nothing has a default that would go stale."""
    assert ["FROM ${BUILD} AS build", "FROM ${BASE}"] == [line for line in _LINES if line.startswith("FROM ")]
    assert ["ARG BUILD", "ARG BASE"] == [line for line in _LINES if line.startswith("ARG ")]


def test_every_package_is_pinned_by_its_digest() -> None:
    installs = [line for line in _LINES if " pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    listed = (_TOP / "requirements" / "image.txt").read_text(encoding="utf-8")
    packages = re.findall(r"^([a-z0-9._-]+)==", listed, re.MULTILINE)
    assert {"cel-expr-python", "sigstore", "botocore"} <= {*packages}
    assert listed.count("--hash=sha256:") >= len(packages)


def test_the_result_needs_no_shell_and_is_nobody() -> None:
    stage = _last_stage()
    assert not any(line.startswith("RUN") for line in stage)
    assert "USER 65532:65532" in stage
    for word in ("ENTRYPOINT", "CMD"):
        (line,) = (line for line in stage if line.startswith(word))
        assert json.loads(line.removeprefix(word))
