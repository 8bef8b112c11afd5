"""docs/formats/oms.md: its test vector is what model-signing wrote and what the program computes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from attest.statement import Statement
from dbom.model import Unknown
from dbom.names import OMS_PREDICATES
from dbom.tree import fingerprint_path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "formats" / "oms.md").read_text()
OMS = ROOT / "tests" / "oms"
LABELLED = dict(re.findall(r"^    (root digest|ignore list|artifact) +(.+)$", PAGE, re.MULTILINE))
MANIFEST = "".join(f"{line}\n" for line in re.findall(r"^    ([0-9a-f]{64}  .+)$", PAGE, re.MULTILINE))
PAYLOAD = base64.b64decode(json.loads((OMS / "signatures" / "1.1.1-files.sig").read_bytes())["dsseEnvelope"]["payload"])


def test_the_artifact_is_the_sha256_of_the_lines_on_the_page() -> None:
    assert LABELLED["artifact"] == f"tree:sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"


def test_the_statement_is_about_the_artifact_on_the_page() -> None:
    statement = Statement.parse(PAYLOAD, where="vector")
    (subject,) = statement.subjects
    assert (LABELLED["artifact"], LABELLED["ignore list"].split()) == (
        str(subject.digest),
        list(subject.ignores() or ()),
    )
    assert statement.model is not None
    assert not isinstance(statement.model.digest, Unknown)


def test_the_root_digest_is_the_statement_s_own_and_matches_nothing() -> None:
    assert LABELLED["root digest"] == json.loads(PAYLOAD)["subject"][0]["digest"]["sha256"]
    assert LABELLED["root digest"] not in LABELLED["artifact"]


def test_the_model_on_the_disk_is_that_artifact() -> None:
    ignores = LABELLED["ignore list"].split()
    assert LABELLED["artifact"] == str(fingerprint_path(OMS / "model", ignores=ignores).digest)


def test_the_page_names_every_kind_that_is_read() -> None:
    assert all(name in PAGE or name.replace("https://model_signing", "…") in PAGE for name in OMS_PREDICATES)
