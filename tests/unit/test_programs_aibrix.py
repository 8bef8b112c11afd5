"""AIBrix's downloader names what it fetches, and the pods of AIBrix's kinds are read."""

from __future__ import annotations

import pytest
from serving_pods import EMPTY, found

IMAGE = "aibrix/runtime:v0.5.0"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["aibrix_download", "--model-uri", "org/m"], ["model command[2] unpinned hf://org/m"]),
        (["aibrix_download", "--model-uri=s3://b/m"], ["model command[1] unpinned s3://b/m"]),
        (["aibrix_download", "--model_uri", "gs://b/m"], ["model command[2] unpinned gs://b/m"]),
        (["aibrix_download", "--model-uri", "tos://b/m"], ["model command[2] opaque"]),
        (["python", "-m", "aibrix.downloader", "--model-u", "org/m"], ["model command[4] unpinned hf://org/m"]),
        (["aibrix_download", "--model-uri", "/models/m"], ["model command[2] opaque"]),
        (["aibrix_download", "--model-uri", "$(PLACE)"], ["model command[2] opaque"]),
        (["aibrix_download"], ["model image opaque"]),
        (["aibrix_runtime", "--port", "8080"], []),
    ],
)
def test_the_downloader(words: list[str], expected: list[str]) -> None:
    assert found(IMAGE, command=words, mounts={"/models": EMPTY}) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--model_name_or_path", "org/m"], ["model args[1] unpinned hf://org/m"]),
        (["--pretrained-model-name-or-path=org/m"], ["model args[0] unpinned hf://org/m"]),
        (["--tokenizer-name-or-path", "org/t"], ["tokenizer args[1] unpinned hf://org/t"]),
        (["--dataset_name", "org/d"], ["dataset args[1] unpinned hf://datasets/org/d"]),
        (["--dataset", "wikitext", "--dataset=./data/train", "--dataset-name=/data/x"], []),
        (["--dataset=$(DATA)"], []),
    ],
)
def test_flags_of_training_scripts(words: list[str], expected: list[str]) -> None:
    assert found("registry.example.com/tune:1", command=["python", "tune.py"], args=words) == expected
