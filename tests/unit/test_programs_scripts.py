"""A script that can't be followed hides no program that it speaks of."""

from __future__ import annotations

import pytest
from serving_pods import found

HEREDOC = "cat > /c.yaml <<END\nkey: value\nEND\n"


@pytest.mark.parametrize(
    "line",
    [
        "python3 -m sglang.launch_server --model-path org/m",
        "sglang serve org/m",
        "text-generation-launcher --model-id org/m",
        "text-embeddings-router --model-id org/m",
        "llama-server -hf org/m",
        "ollama pull m",
        "ollama serve",
        "trtllm-serve org/m --extra_llm_api_options /c.yaml",
        "bentoml serve iris:latest",
        "openllm serve m:1b",
        "curl http://ollama:11434/api/pull -d @body.json",
    ],
)
@pytest.mark.parametrize("form", [HEREDOC + "{}", 'eval "{}"', "for x in 1; do {}; done", "start() {{ {}; }}; start"])
def test_a_script_that_can_not_be_followed_is_never_silent(line: str, form: str) -> None:
    assert found("x/y", command=["bash", "-c", form.format(line)]) != []


@pytest.mark.parametrize("script", ["for x in 1; do echo llama-3 $x; done", 'eval "echo nim tei llama"'])
def test_a_script_of_something_else_is_none(script: str) -> None:
    assert found("x/y", command=["bash", "-c", script]) == []


@pytest.mark.parametrize(
    "line",
    [
        "tritonserver $WORDS",
        "torchserve $WORDS",
        "mlflow models serve $WORDS",
        "tensorflow_model_server ${WORDS}",
        "python -m huggingfaceserver $WORDS",
        "llama-server $WORDS",
        "text-generation-launcher $WORDS",
    ],
)
def test_words_that_a_script_takes_from_elsewhere_are_never_silent(line: str) -> None:
    told = found("x/y", command=["sh", "-c", f"exec {line}"], env={"WORDS": None})
    assert any(item.endswith("opaque") for item in told)


SERVERS = ("lmsysorg/sglang", "ghcr.io/huggingface/text-generation-inference", "ghcr.io/ggml-org/llama.cpp")


@pytest.mark.parametrize("image", [*SERVERS, "ghcr.io/huggingface/text-embeddings-inference", "vllm/vllm-openai"])
def test_an_image_that_is_given_another_command_starts_no_server(image: str) -> None:
    assert found(f"{image}:v1", command=["sleep", "infinity"]) == []
    assert found(f"{image}:v1", command=["ray", "start", "--head"]) == []
    for command in ([], ["tini", "--", "/entrypoint.sh"], ["python3", "/serve.py"]):
        assert any(item.endswith("opaque") for item in found(f"{image}:v1", command=command))


def test_words_behind_a_script_are_its_own_whichever_key_holds_them() -> None:
    words = ['exec vllm serve "$@"', "sh", "org/m", "--lora-modules", "a=org/b"]
    told = [item.rpartition(" ")[2] for item in found("x/y", command=["bash", "-c"], args=words)]
    assert told == [item.rpartition(" ")[2] for item in found("x/y", command=["bash", "-c", *words])]
    assert "org/b" in str(found("x/y", command=["bash", "-c"], args=words))
