"""Ray's own types read the Serve configurations that we read, and say of them what we say."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from admission.references import Role, find_references

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

PARSER = Path(__file__).parents[1] / "peers" / "parsers" / "parse.py"
CASES = 300
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCES: list[Json] = [None, "org/source", "/models/m", "s3://b/m", {"bucket_uri": "gs://b/m"}]


def configuration(chance: random.Random) -> JsonObject:
    """Return a Serve configuration as people write them, with one to three applications."""
    applications: list[Json] = []
    for number in range(chance.randint(1, 3)):
        configs: list[Json] = []
        for at in range(chance.randint(1, 3)):
            loading: JsonObject = {"model_id": f"org/id-{number}-{at}"}
            source = chance.choice(SOURCES)
            if source is not None or chance.random() < 0.5:
                loading["model_source"] = source
            if chance.random() < 0.3:
                loading["tokenizer_source"] = "org/tokenizer"
            config: JsonObject = {"model_loading_config": loading}
            if chance.random() < 0.5:
                config["engine_kwargs"] = {"max_model_len": 8, "revision": COMMIT, "trust_remote_code": True}
            if chance.random() < 0.3:
                config["lora_config"] = {"dynamic_lora_loading_path": "s3://b/adapters"}
            configs.append(config)
        application: JsonObject = {
            "name": f"app-{number}",
            "import_path": "ray.serve.llm:build_openai_app",
            "route_prefix": f"/{number}",
            "args": {"llm_configs": configs},
        }
        if chance.random() < 0.3:
            application["runtime_env"] = {"working_dir": "https://x.example/code.zip", "env_vars": {"A": "1"}}
        applications.append(application)
    return {"applications": applications}


def names(answer: JsonObject) -> set[tuple[Role, str]]:
    """Return what Ray's types say that a Serve configuration loads."""
    found: set[tuple[Role, str]] = set()
    models, code = answer["models"], answer["code"]
    assert isinstance(models, list)
    assert isinstance(code, list)
    for model in models:
        assert isinstance(model, dict)
        found.add((Role.MODEL, str(model["model"])))
        found |= {(Role.TOKENIZER, str(model["tokenizer"]))} if model["tokenizer"] else set()
        found |= {(Role.ADAPTER, str(model["adapters"]))} if model["adapters"] else set()
        found |= {(Role.CODE, "--trust-remote-code")} if model["trust_remote_code"] else set()
    return found | {(Role.CODE, str(place)) for place in code}


def by_us(text: str) -> set[tuple[Role, str]]:
    document: JsonObject = {"spec": {"serveConfigV2": text}}
    return {(item.role, item.text) for item in find_references(document, group="ray.io", kind="RayService", where="t")}


def test_ray_reads_the_same_models_from_a_configuration() -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not there: pip install ray")
    chance = random.Random(11)  # noqa: S311  reproducible, nothing secret
    texts = [
        yaml.safe_dump(configuration(chance), default_flow_style=bool(number % 2), sort_keys=bool(number % 3))
        for number in range(CASES)
    ]
    asked = json.dumps({"program": "ray", "cases": [[text] for text in texts]})
    words = [sys.executable, "-P", str(PARSER)]
    said = subprocess.run(words, input=asked, capture_output=True, text=True, check=True)
    for text, answer in zip(texts, json.loads(said.stdout), strict=True):
        assert names(answer) == by_us(text), text
