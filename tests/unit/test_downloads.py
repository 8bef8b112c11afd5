"""What a container downloads is found where it is a model's, in every tool's own words, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attacks import COMMIT, found_in, pod

from admission.references import Pinning, Role
from admission.references.hub_places import names_download
from admission.references.telling import is_model_file, is_model_host, role_of

if TYPE_CHECKING:
    from dbom.canonical import Json

HEX = "b" * 64


def briefly(line: str, image: str = "any:1", env: Json = None) -> list[tuple[Role, Pinning, str]]:
    """Return what is found in a line of words, split at blanks."""
    container: Json = {"name": "c", "image": image, "command": list(line.split()), "env": env}
    return [(item.role, item.pinning, item.target.base) for item in found_in(pod(container, volumes=[]))]


@pytest.mark.parametrize(
    ("line", "pinning", "base"),
    [
        ("hf download org/m", Pinning.UNPINNED, "hf://org/m"),
        (f"hf download org/m --revision {COMMIT}", Pinning.CLAIMED, "hf://org/m"),
        (f"huggingface-cli download --rev {COMMIT} org/m file.bin --quiet", Pinning.CLAIMED, "hf://org/m"),
        ("hf download org/m/x/y", Pinning.OPAQUE, ""),
        ("s5cmd cp s3://b/models/* /m", Pinning.UNPINNED, "s3://b/models/*"),
        ("s5cmd --endpoint-url http://x cp s3://b/models/m /m", Pinning.OPAQUE, ""),
        ("aws s3 mv s3://b/k.safetensors .", Pinning.UNPINNED, "s3://b/k.safetensors"),
        ("aws s3api get-object --bucket b --key m.onnx out", Pinning.UNPINNED, "s3://b/m.onnx"),
        ("aws s3api get-object --bucket b --key m.onnx --version-id $(X) out", Pinning.OPAQUE, ""),
        ("gcloud storage rsync gs://b/weights /w", Pinning.UNPINNED, "gs://b/weights"),
        ("gsutil -o GSUtil:x=y cp gs://b/model.bin /m", Pinning.OPAQUE, ""),
        ("mc cp store/models/m.gguf /m", Pinning.OPAQUE, ""),
        ("azcopy copy https://a.blob.core.windows.net/models/m?sig=secret /m", Pinning.OPAQUE, ""),
        ("aria2c -o m.gguf https://e.example/x", Pinning.OPAQUE, ""),
        ("wget https://civitai.com/api/download/models/1", Pinning.OPAQUE, ""),
        ("curl --url https://huggingface.co/org/m/resolve/main/x -O", Pinning.UNPINNED, "hf://org/m"),
        ("crane pull r.example.com/llm/model:1 /m.tar", Pinning.UNPINNED, "oci://r.example.com/llm/model"),
        (f"crane export r.example.com/llm/model@sha256:{HEX} /m.tar", Pinning.OPAQUE, ""),
        ("modelscope download --model org/m", Pinning.OPAQUE, ""),
        ("ngc registry model download-version nvidia/x:1", Pinning.OPAQUE, ""),
        ("git clone git@hf.co:org/m", Pinning.UNPINNED, "hf://org/m"),
        ("git clone https://huggingface.co/org/m.git /m", Pinning.UNPINNED, "hf://org/m"),
        ("git clone https://[x /models", Pinning.OPAQUE, ""),
    ],
)
def test_models_that_are_downloaded(line: str, pinning: Pinning, base: str) -> None:
    assert briefly(line) == [(Role.MODEL, pinning, base)]


@pytest.mark.parametrize(
    "line",
    [
        "hf auth login",
        "hf upload org/m /m",
        "aws s3 ls s3://b/models",
        "aws s3 cp /models/m.onnx s3://b/models/m.onnx",
        "aws s3 cp s3://b/models/a s3://c/models/a",
        "aws s3api put-object --bucket b --key m.onnx",
        "aws s3api get-object --bucket b",
        "aws s3api get-object --bucket b --key x.sql out",
        "gsutil ls gs://b/models",
        "gcloud storage cp gs://b/x.sql /x.sql",
        "s5cmd ls s3://b/models",
        "rclone copy /models remote:models",
        "rclone lsd remote:models",
        "wget --spider https://huggingface.co/org/m/resolve/main/m.gguf",
        "wget -qO- https://e.example/models",
        "wget -O /dev/null https://huggingface.co/org/m/resolve/main/m.gguf",
        "curl -sf http://localhost:8000/v1/models",
        "curl -sI -o x https://huggingface.co/org/m/resolve/main/m.gguf",
        "curl --head -O https://huggingface.co/org/m/resolve/main/m.gguf",
        "curl -o x https://huggingface.co/api/models/org/m",
        "curl -o x https://huggingface.co",
        "curl -o /x.conf https://e.example/models.conf",
        "oras push ghcr.io/a/model:1",
        "skopeo copy docker://r.example.com/model:1 docker://s.example.com/model:1",
        "skopeo copy oci:/model:1 dir:/models",
        "skopeo inspect docker://r.example.com/model:1",
        "kit list",
        "crane digest r.example.com/model:1",
        "git pull",
        "git clone https://github.com/acme/data-models.git /src",
        "git clone https://huggingface.co/docs/hub /src",
        "kaggle competitions list",
    ],
)
def test_what_is_no_download_of_a_model(line: str) -> None:
    assert briefly(line) == []


@pytest.mark.parametrize(
    "name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_CONFIG_FILE", "S3_ENDPOINT_URL"]
)
def test_a_version_in_a_bucket_is_claimed_only_where_nothing_leads_elsewhere(name: str) -> None:
    line = "aws s3api get-object --bucket b --key m.onnx --version-id v out"
    assert briefly(line) == [(Role.MODEL, Pinning.CLAIMED, "s3://b/m.onnx")]
    assert briefly(line, env=[{"name": name, "value": "x"}]) == [(Role.MODEL, Pinning.OPAQUE, "")]


@pytest.mark.parametrize("name", ["HF_ENDPOINT", "CURL_HOME", "SSL_CERT_FILE"])
def test_a_file_of_the_hub_is_claimed_only_where_nothing_leads_elsewhere(name: str) -> None:
    line = f"curl -fsSL -o m https://huggingface.co/org/m/resolve/{COMMIT}/m.gguf"
    assert briefly(line) == [(Role.MODEL, Pinning.CLAIMED, "hf://org/m")]
    assert briefly(line, env=[{"name": name, "value": "x"}]) == [(Role.MODEL, Pinning.OPAQUE, "")]


@pytest.mark.parametrize(("kind", "role"), [("dataset", Role.DATASET), ("space", Role.CODE), ("model", Role.MODEL)])
def test_kinds_of_repositories(kind: str, role: Role) -> None:
    (found,) = briefly(f"hf download org/x --repo-type {kind}")
    assert found[0] is role


def test_a_secret_in_a_query_is_not_shown() -> None:
    container: Json = {"name": "c", "command": ["wget", "https://e.example/m.gguf?sig=hush"]}
    (found,) = found_in(pod(container, volumes=[]))
    assert found.text == "https://e.example/m.gguf"


@pytest.mark.parametrize(
    ("source", "to", "role"),
    [
        ("s3://b/models/x", "", Role.MODEL),
        ("s3://b/x", "/models", Role.MODEL),
        ("s3://b/x", "/data", None),
        ("s3://b/datasets/x", "/models", Role.DATASET),
        ("https://e.example/llama3.bin", "", Role.MODEL),
        ("https://models.example/x.bin", "", None),
        ("https://e.example/x?model=y", "", None),
        ("https://e.example/" + "a" * 20_000 + "/m.safetensors", "", Role.MODEL),
        ("https://e.example/m%2Egguf", "", Role.MODEL),
        ("s3://b/models.yaml", "", None),
    ],
)
def test_which_texts_tell_of_a_model(source: str, to: str, role: Role | None) -> None:
    assert role_of(source, to) is role


def test_files_and_hosts_of_models() -> None:
    assert is_model_file("/a/B.SAFETENSORS")
    assert not is_model_file("https://[/x")
    assert is_model_host("Civitai.com:443")
    assert not is_model_host("example.com")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("case x in x) hf download org/m;; esac", True),
        ("case x in x) aws s3 sync s3://b/models /m;; esac", True),
        ("case x in x) curl -O https://e.example/m.gguf;; esac", True),
        ("case x in x) curl -O https://huggingface.co/org/m/resolve/main/x;; esac", True),
        ("case x in x) curl http://localhost/v1/models;; esac", False),
        ("case x in x) curl https://hf.co/api/models/org/m;; esac", False),
        ("case x in x) aws s3 sync s3://b/pictures /p;; esac", False),
    ],
)
def test_a_script_that_can_not_be_followed_may_still_name_a_model(script: str, expected: bool) -> None:  # noqa: FBT001  a table
    assert names_download(script) is expected
    container: Json = {"name": "c", "command": ["sh", "-c", script]}
    assert [item.pinning for item in found_in(pod(container, volumes=[]))] == [Pinning.OPAQUE] * expected


def test_a_flag_without_a_name_is_no_crash() -> None:
    """Found by the fuzzer (seed cfb86096, case 176211)."""
    url = "https://huggingface.co/org/m/resolve/main/m.gguf"
    found = found_in(pod({"name": "c", "image": "b", "command": ["wget", "-=", "/models/m.gguf", url]}))
    assert "hf://org/m" in {item.target.base for item in found}
