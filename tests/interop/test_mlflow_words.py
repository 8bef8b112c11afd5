"""MLflow's own parser takes the same words for the model as ours, and the same URIs for its tracking server's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from read_objects import pod

from admission.references import Pinning, find_references

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbom.canonical import Json

WORDS = [
    ["-m", "s3://b/m"],
    ["-ms3://b/m"],
    ["--model-uri", "s3://b/m", "--port", "80"],
    ["--model-uri=s3://b/m", "-h", "example.com", "--env-manager", "local"],
    ["-p", "80", "-w", "2", "-m", "gs://b/m"],
    ["-m", "s3://b/m", "--model-uri", "gs://b/n"],
    ["-m", "runs:/0a1b2c/model"],
    ["-m", "models:/wine@champion"],
    ["-m", "models:/wine/3"],
    ["-m", "mlflow-artifacts:/0/a"],
    ["-m", "/opt/model"],
]

ASKED = """
import json, sys
from mlflow.models.cli import commands
from mlflow.utils.uri import get_uri_scheme
uris = [commands.commands["serve"].make_context("serve", words).params["model_uri"] for words in json.load(sys.stdin)]
json.dump([[uri, get_uri_scheme(uri)] for uri in uris], sys.stdout)
"""


def found(words: list[str]) -> list[tuple[str, Pinning]]:
    """Return the texts that we take for the model, and how firmly each is pinned."""
    command: list[Json] = ["mlflow", "models", "serve", *words]
    document = pod({"name": "c", "image": "i", "command": command})
    return [(item.text, item.pinning) for item in find_references(document, group="", kind="Pod", where="test")]


@pytest.fixture(scope="module")
def served(peer: Callable[[str], str]) -> list[tuple[str, str]]:
    """Ask MLflow what it would serve: for each of `WORDS` the URI and its scheme."""
    python = Path(peer("mlflow")).with_name("python")
    words = json.dumps(WORDS)
    answer = subprocess.run([python, "-c", ASKED], input=words, capture_output=True, text=True, check=True)
    return [(uri, scheme) for uri, scheme in json.loads(answer.stdout)]


def test_mlflow_serves_what_we_find_last(served: list[tuple[str, str]]) -> None:
    assert [uri for uri, _ in served] == [found(words)[-1][0] for words in WORDS]


def test_what_mlflow_asks_its_server_for_can_not_be_told(served: list[tuple[str, str]]) -> None:
    asks = [scheme in ("runs", "models", "mlflow-artifacts") for _, scheme in served]
    assert asks == [found(words)[-1][1] is Pinning.OPAQUE for words in WORDS]
