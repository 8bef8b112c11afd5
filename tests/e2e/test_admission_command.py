"""`dbom policy` and `dbom admission` from the outside: exit codes, one clear line, nothing half written."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from dbom.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

PODS = {
    "nothing.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: nginx}]}\n",
    "opaque.yaml": "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: vllm/vllm, args: [/m]}]}\n",
    "broken.yaml": "apiVersion: v1\nkind: Pod\nspec: {containers: 3}\n",
    "widget.yaml": "apiVersion: example.com/v1\nkind: Widget\n",
    "nonsense.yaml": "a: [\n",
}


@pytest.fixture(name="site")
def make_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    from attest.local import open_local

    open_local()
    assert run(["policy", "init", "--local", "-o", "policy.yaml"]) == 0
    for name, text in PODS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "store").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (["nothing.yaml"], 0),
        (["opaque.yaml"], 1),
        (["broken.yaml"], 2),
        (["widget.yaml"], 3),
        (["nonsense.yaml"], 2),
        (["gone.yaml"], 2),
        (["nothing.yaml", "widget.yaml", "broken.yaml"], 2),
        (["nothing.yaml", "widget.yaml", "broken.yaml", "opaque.yaml"], 1),
    ],
)
@pytest.mark.usefixtures("site")
def test_exit_codes_of_a_review(files: list[str], code: int) -> None:
    assert run(["admission", "review", *files, "--policy", "policy.yaml", "--store", "store"]) == code


@pytest.mark.usefixtures("site")
def test_nothing_found_is_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    run(["admission", "review", "nothing.yaml", "--policy", "policy.yaml"])
    assert capsys.readouterr().out.splitlines()[-1] == "1 reviewed: 1 nothing found; 0 would be denied"


@pytest.mark.parametrize(
    "arguments",
    [
        ["admission", "review", "nothing.yaml"],
        ["admission", "serve", "--policy", "policy.yaml"],
        ["admission", "serve", "--policy", "policy.yaml", "--tls-cert", "gone", "--tls-key", "gone"],
        ["admission", "serve", "--policy", "policy.yaml", "--tls-cert", "x", "--self-signed", "tls"],
        ["admission", "serve", "--policy", "policy.yaml", "--self-signed", "tls", "--listen", "nowhere"],
        ["admission", "manifests", "--image", "dbom:latest"],
        ["admission", "manifests", "--image", "d@sha256:" + "a" * 64, "--mode", "loud"],
        ["admission", "manifests", "--image", "d@sha256:" + "a" * 64, "--ca-bundle", "gone"],
        ["policy", "init", "--identity", "me@example.com"],
        ["policy", "init", "--identity", "me@example.com", "--issuer", "https://i"],
        ["policy", "init", "--local", "--key", "key.pub"],
        ["policy", "init", "--key", "gone"],
        ["policy", "init", "--mode", "loud"],
        ["policy", "init", "--location", "registry.example.com"],
        ["policy", "check", "nothing.yaml"],
        ["policy", "check", "gone.yaml"],
    ],
)
@pytest.mark.usefixtures("site")
def test_bad_usage_and_input_end_with_2_and_one_clear_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "error: " in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.usefixtures("site")
def test_a_policy_is_checked(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    capsys.readouterr()
    assert run(["policy", "check", "policy.yaml", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["policies"][0]["name"] == "models"
    text = (site / "policy.yaml").read_text()
    (site / "bad.yaml").write_text(
        text.replace("  mode:", "  modes:").replace("authorities: [signer]", "authorities: [singer]")
    )
    assert run(["policy", "check", "bad.yaml"]) == 2
    shown = capsys.readouterr().err
    assert "did you mean 'mode'" in shown
    assert "did you mean 'signer'" in shown


def test_policy_and_store_may_be_settings(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "config").mkdir()
    (site / "config" / "config.toml").write_text(f'policy = "{site}/policy.yaml"\nstore = ["{site}/store"]\n')
    capsys.readouterr()
    assert run(["admission", "review", "nothing.yaml"]) == 0
    assert "0 bundles read" in capsys.readouterr().err
    monkeypatch.setenv("DBOM_POLICY", str(site / "gone.yaml"))
    assert run(["admission", "review", "nothing.yaml"]) == 2
    assert run(["admission", "review", "nothing.yaml", "--policy", "policy.yaml"]) == 0


@pytest.mark.usefixtures("site")
def test_a_policy_of_the_project_is_an_error(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "dbom.toml").write_text('policy = "policy.yaml"\n')
    assert run(["admission", "review", "nothing.yaml", "--policy", "policy.yaml"]) == 2
    assert "dbom.toml" in capsys.readouterr().err


def test_a_policy_to_start_from_accepts_whom_the_settings_expect(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_IDENTITY", "me@example.com")
    monkeypatch.setenv("DBOM_ISSUER", "https://issuer.example.com")
    assert run(["trust", "export", "-o", "root.json"]) == 0
    monkeypatch.setenv("DBOM_TRUSTED_ROOT", str(site / "root.json"))
    capsys.readouterr()
    assert run(["policy", "init"]) == 0
    assert 'subject: "me@example.com"' in capsys.readouterr().out
    assert run(["policy", "init", "--local"]) == 0
    assert "me@example.com" not in capsys.readouterr().out


def test_without_a_local_identity_local_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DBOM_HOME", str(tmp_path / "empty"))
    assert run(["policy", "init", "--local"]) == 2
    assert "no local identity" in capsys.readouterr().err
    assert not (tmp_path / "empty").exists()


@pytest.mark.usefixtures("site")
def test_a_policy_for_a_named_identity_holds_its_root(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    from attest.local import open_local

    local = open_local()
    (site / "root.json").write_bytes(local.trusted_root())
    flags = ["--identity", local.identity.subject, "--issuer", local.identity.issuer, "--trusted-root", "root.json"]
    assert run(["policy", "init", *flags, "--name", "named", "-o", "named.yaml"]) == 0
    assert run(["policy", "check", "named.yaml"]) == 0
    assert "named: no fault (enforce" in capsys.readouterr().out


OPAQUE = PODS["opaque.yaml"]


@pytest.mark.usefixtures("site")
def test_the_same_verdict_from_file_folder_and_standard_input(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "folder" / "inner").mkdir(parents=True)
    (site / "folder" / "inner" / "pod.yaml").write_text(OPAQUE)
    (site / "folder" / "README.md").write_text("not read")
    shown: list[object] = []
    for source in ("opaque.yaml", "folder", "-"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(OPAQUE.encode())))
        capsys.readouterr()
        assert run(["admission", "review", source, "--policy", "policy.yaml", "-f", "json"]) == 1
        (found,) = json.loads(capsys.readouterr().out)["objects"]
        shown.append({key: value for key, value in found.items() if key not in ("where", "at", "evidenceReadAt")})
    assert shown[0] == shown[1] == shown[2]


@pytest.mark.usefixtures("site")
def test_sarif_names_rule_file_line_and_path(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    (site / "two.yaml").write_text(PODS["nothing.yaml"] + "---\n# a comment\n" + OPAQUE)
    capsys.readouterr()
    assert run(["admission", "review", "two.yaml", "--policy", "policy.yaml", "-f", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    (ran,) = log["runs"]
    (result,) = ran["results"]
    assert (log["version"], result["ruleId"], result["level"]) == ("2.1.0", "DBOM-521", "error")
    assert ran["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "DBOM-521"
    (place,) = result["locations"]
    assert place["physicalLocation"] == {"artifactLocation": {"uri": "two.yaml"}, "region": {"startLine": 7}}
    assert "spec.containers[0].args[0]" in place["logicalLocations"][0]["fullyQualifiedName"]


@pytest.mark.usefixtures("site")
def test_junit_has_a_case_for_each_object_and_fails_what_is_no_yes(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    files = ["nothing.yaml", "opaque.yaml", "widget.yaml"]
    assert run(["admission", "review", *files, "--policy", "policy.yaml", "-f", "junit"]) == 1
    (suite,) = ET.fromstring(capsys.readouterr().out)  # noqa: S314  our own output
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.find("failure") is None for case in suite] == [True, False, False]


@pytest.mark.usefixtures("site")
def test_annotations_of_github_are_escaped(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    (site / "a,b.yaml").write_text(OPAQUE.replace("[/m]", '["/m%\\n::error::x"]'))
    capsys.readouterr()
    assert run(["admission", "review", "a,b.yaml", "--policy", "policy.yaml", "-f", "github"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("::error file=a%2Cb.yaml,line=1,title=DBOM-5")
    assert "%25" in first
    assert last == "::notice title=dbom::1 reviewed, 0 without a finding"


@pytest.mark.usefixtures("site")
def test_explain_shows_class_policies_and_what_a_file_cant_show(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["admission", "review", "opaque.yaml", "--policy", "policy.yaml", "--explain"]) == 1
    shown = capsys.readouterr().out
    for expected in ("class    unpinned", "models (enforce)", "evidence for models: none", "mutating webhooks"):
        assert expected in shown
    assert run(["admission", "review", "opaque.yaml", "--policy", "policy.yaml", "--explain", "-f", "json"]) == 2


def _refused_for_now(site: Path) -> None:
    image = "vllm/vllm-openai@sha256:" + "a" * 64
    (site / "pod.yaml").write_text(OPAQUE.replace("vllm/vllm", image).replace("[/m]", "[--model, org/m]"))
    text = (site / "policy.yaml").read_text()
    (site / "policy.yaml").write_text(text + "  breakGlass:\n    authorities: [signer]\n    longest: 2h\n")


@pytest.mark.parametrize(("lasting", "denied"), [("1h", 0), ("3h", 1)])
def test_break_glass_lets_in_for_as_long_as_the_policy_allows(
    site: Path, capsys: pytest.CaptureFixture[str], lasting: str, denied: int
) -> None:
    _refused_for_now(site)
    gate = ["--policy", "policy.yaml", "--store", "store"]
    assert run(["admission", "break-glass", "pod.yaml", *gate, "--local", "--reason", "INC-1", "--for", lasting]) == 0
    capsys.readouterr()
    assert run(["admission", "review", "pod.yaml", *gate]) == 1
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == f"1 reviewed: 1 refused; {denied} would be denied"
    assert ("not verified: INC-1" in shown) is (denied == 0)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (["nothing.yaml"], "DBOM-589"),
        (["opaque.yaml"], "DBOM-589"),
        (["broken.yaml"], "DBOM-589"),
        (["pod.yaml", "--for", "always"], "DBOM-901"),
        (["pod.yaml", "--reason", " "], "DBOM-901"),
    ],
)
def test_break_glass_is_refused_where_it_means_nothing(
    site: Path, capsys: pytest.CaptureFixture[str], change: list[str], rule: str
) -> None:
    _refused_for_now(site)
    capsys.readouterr()
    gate = ["--policy", "policy.yaml", "--store", "store", "--local", "--reason", "x"]
    assert run(["admission", "break-glass", *gate, *change]) == 2
    assert rule in capsys.readouterr().err
    assert list((site / "store").iterdir()) == []
