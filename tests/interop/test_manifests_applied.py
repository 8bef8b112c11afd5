"""A real API server takes all that the manifests hold, decides our policies in CEL, and is itself again afterwards."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cluster import Cluster, cluster
from cryptography.hazmat.primitives.asymmetric import ec
from installed import INSTALLATIONS, installation, objects
from netns import namespace
from programs import missing, program
from sigstore_keys import certificate_pem, self_signed, serving_certificate

from admission.manifests import render_manifests
from admission.manifests.chart import chart_files
from admission.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PORT = 27443
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "unshare", "nsenter", "setpriv", "ip")
_POLICIES = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "rollout.md"

DIGEST = "registry.example.com/models/m@sha256:" + "1" * 64
TAG = "registry.example.com/models/m:latest"


@pytest.fixture(name="api", scope="module")
def make_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    absent = missing(*_PROGRAMS)
    if absent:
        pytest.skip(f"{', '.join(absent)} not there: run `make peers`")
    folder = tmp_path_factory.mktemp("applied")
    key = ec.generate_private_key(ec.SECP256R1())
    authority = self_signed("made-up cluster", key)
    files = {"ca.pem": certificate_pem(authority), **serving_certificate("api", key, authority, ("127.0.0.1",))}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    certificates = str(folder / "ca.pem"), str(folder / "api.pem"), str(folder / "api.key")
    with contextlib.ExitStack() as stack:
        inside = stack.enter_context(namespace(folder / "logs", [_PORT]))
        yield stack.enter_context(
            cluster(inside, folder / "state", port=_PORT, certificates=certificates, controllers=True)
        )


@pytest.fixture(name="policies", scope="module")
def make_policies(api: Cluster) -> Cluster:
    """Return the cluster with our policies in audit, but for the namespace team-a, which is enforced."""
    for name in ("team-a", "team-b"):
        api.kubectl("create", "namespace", name)
    apply_policies(api, mode=Mode.AUDIT, enforced=("team-a",), accelerator_accounts=("kube-system/plugin",))
    until(lambda: "dbom-image-volumes" in tried(api, "team-a", pod(TAG)))
    until(lambda: "dbom-excluded-namespaces" in tried(api, "kube-system", pod(DIGEST)))
    return api


def apply_policies(api: Cluster, **changes: Any) -> None:  # noqa: ANN401  fields of an Installation
    found = objects(render_manifests(installation(**changes)))
    wanted = [item for (kind, _), item in found.items() if kind in _POLICIES]
    api.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(wanted))


def until(check: Callable[[], bool]) -> None:
    """Look until it is so: an API server takes new policies within a second or two."""
    for _ in range(300):
        if check():
            return
        threading.Event().wait(0.1)
    raise AssertionError("never came")


def tried(api: Cluster, where: str, *documents: dict[str, Any]) -> str:
    """Return what kubectl says, warnings included, of creating objects in a namespace, which only is a dry run."""
    text = yaml.safe_dump_all(documents)
    command = ["sh", "-c", '"$@" 2>&1 || true', "sh", *kubectl(api), "create", "--dry-run=server", "--filename=-"]
    return api.network.run([*command, f"--namespace={where}"], stdin=text.encode()).decode()


def kubectl(api: Cluster) -> list[str]:
    return [program("kubectl"), f"--kubeconfig={api.kubeconfig}", f"--cache-dir={api.folder / 'cache'}"]


def pod_spec(*references: str, **fields: object) -> dict[str, Any]:
    volumes = [{"name": f"m{number}", "image": {"reference": text}} for number, text in enumerate(references)]
    return {"containers": [{"name": "c", "image": "registry.example.com/app:1"}], "volumes": volumes, **fields}


def pod(*references: str, **fields: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod_spec(*references, **fields)}


def template(reference: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"a": "b"}}, "spec": pod_spec(reference)}


def workload(kind: str, reference: str) -> dict[str, Any]:
    selected = {"selector": {"matchLabels": {"a": "b"}}, "template": template(reference)}
    job = {"template": {"spec": pod_spec(reference, restartPolicy="Never")}}
    shapes: dict[str, tuple[str, dict[str, Any]]] = {
        "Deployment": ("apps/v1", {"spec": selected}),
        "StatefulSet": ("apps/v1", {"spec": {**selected, "serviceName": "w"}}),
        "DaemonSet": ("apps/v1", {"spec": selected}),
        "ReplicaSet": ("apps/v1", {"spec": selected}),
        "Job": ("batch/v1", {"spec": job}),
        "CronJob": ("batch/v1", {"spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}}),
        "PodTemplate": ("v1", {"template": template(reference)}),
        "ReplicationController": ("v1", {"spec": {"selector": {"a": "b"}, "template": template(reference)}}),
    }
    version, rest = shapes[kind]
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "w"}, **rest}


KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "PodTemplate",
    "ReplicationController",
)


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_the_server_takes_every_object_and_knows_every_field(api: Cluster, name: str) -> None:
    """Strictly: a field that it doesn't know is an error. Only kinds of cert-manager's own aren't there to be asked."""
    where = INSTALLATIONS[name].get("namespace", "dbom-system")
    api.kubectl("apply", "--filename=-", stdin=json.dumps(named(where)))
    found = objects(render_manifests(installation(**INSTALLATIONS[name])))
    known = [item for item in found.values() if not item["apiVersion"].startswith("cert-manager.io/")]
    words = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-", "--output=name"]
    said = api.kubectl(*words, stdin=yaml.safe_dump_all(known))
    assert len(known) == len(said.splitlines())
    assert ("cert-manager" in name) is (len(known) < len(found))


def named(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_the_server_finds_no_fault_in_the_types_of_our_expressions(policies: Cluster) -> None:
    def checked() -> bool:
        found = json.loads(policies.kubectl("get", "validatingadmissionpolicies", "--output=json"))["items"]
        states = [item.get("status", {}) for item in found]
        assert [] == [
            warning for state in states for warning in state.get("typeChecking", {}).get("expressionWarnings", ())
        ]
        return len(states) == 3 and all("observedGeneration" in state for state in states)

    until(checked)


@pytest.mark.parametrize("kind", ["Pod", *KINDS])
def test_an_image_volume_without_a_digest_is_refused_where_it_is_enforced(policies: Cluster, kind: str) -> None:
    bad, good = (pod(text) if kind == "Pod" else workload(kind, text) for text in (TAG, DIGEST))
    said = tried(policies, "team-a", bad)
    assert "ValidatingAdmissionPolicy 'dbom-image-volumes' with binding 'dbom-image-volumes-enforced' denied" in said
    assert f"these do not: {TAG} (DBOM-521)" in said
    assert "created (server dry run)" in tried(policies, "team-a", good)


def test_elsewhere_it_is_a_warning_in_audit(policies: Cluster) -> None:
    said = tried(policies, "team-b", pod(TAG))
    assert said.startswith("Warning: Validation failed for ValidatingAdmissionPolicy 'dbom-image-volumes'")
    assert "pod/p created (server dry run)" in said


@pytest.mark.parametrize(
    "reference",
    [TAG, f"{DIGEST}:latest", DIGEST.upper(), DIGEST[:-1], DIGEST.replace("sha256", "sha512"), f"{DIGEST}\nevil"],
)
def test_only_a_whole_digest_at_the_end_is_one(policies: Cluster, reference: str) -> None:
    assert "created" not in tried(policies, "team-a", workload("Deployment", reference))


def test_one_volume_without_a_digest_among_others_is_named(policies: Cluster) -> None:
    assert f"these do not: {TAG} (DBOM-521)" in tried(policies, "team-a", pod(DIGEST, TAG, DIGEST))


def test_what_was_there_before_is_scaled_and_labelled_but_gets_nothing_new(policies: Cluster) -> None:
    """A namespace that is enforced from today on holds what was made before."""
    name = f"--namespace={'team-before'}"
    policies.kubectl("create", "namespace", "team-before")
    policies.kubectl("create", "--filename=-", name, stdin=json.dumps(workload("Deployment", TAG)))
    apply_policies(
        policies, mode=Mode.AUDIT, enforced=("team-a", "team-before"), accelerator_accounts=("kube-system/plugin",)
    )
    until(lambda: "denied" in tried(policies, "team-before", pod(TAG)))
    policies.kubectl("label", "deployment/w", name, "x=y")
    policies.kubectl("scale", "deployment/w", name, "--replicas=3")
    other = TAG.replace("latest", "newer")
    patch = [{"op": "replace", "path": "/spec/template/spec/volumes/0/image/reference", "value": other}]
    with pytest.raises(RuntimeError, match=re.escape(f"these do not: {other}")):
        policies.kubectl("patch", "deployment/w", name, "--type=json", f"--patch={json.dumps(patch)}")
    policies.kubectl("delete", "deployment/w", name)


def limited(resource: str, kind: str = "limits", **fields: object) -> dict[str, Any]:
    container = {
        "name": "c",
        "image": "registry.example.com/app:1",
        "resources": {"limits": {resource: "1"}, **({"requests": {resource: "1"}} if kind == "requests" else {})},
    }
    return pod(containers=[container], **fields)


GUARDED = {
    "a GPU": limited("nvidia.com/gpu"),
    "a part of one": limited("nvidia.com/mig-1g.5gb"),
    "a TPU": limited("google.com/tpu"),
    "an init container's": pod(initContainers=[{**limited("amd.com/gpu")["spec"]["containers"][0], "name": "i"}]),
    "an image volume": pod(DIGEST),
    "a claimed device": pod(resourceClaims=[{"name": "d", "resourceClaimName": "gpu"}]),
    "an account of another name": limited("nvidia.com/gpu", serviceAccountName="plugin2"),
}


@pytest.mark.parametrize("name", GUARDED)
def test_the_excluded_namespaces_are_watched_by_the_server_itself(policies: Cluster, name: str) -> None:
    said = tried(policies, "kube-system", GUARDED[name])
    assert "Warning: Validation failed for ValidatingAdmissionPolicy 'dbom-excluded-namespaces'" in said
    assert "created (server dry run)" in said
    assert "excluded-namespaces" not in tried(policies, "team-b", GUARDED[name])


@pytest.mark.parametrize(
    "document",
    [
        pod(),
        limited("cpu"),
        limited("nvidia.com/gpu", serviceAccountName="plugin"),
        pod(DIGEST, serviceAccountName="plugin"),
    ],
    ids=["nothing", "a CPU", "a listed account's GPU", "a listed account's volume"],
)
def test_what_a_cluster_needs_is_not_said_a_word_about(policies: Cluster, document: dict[str, Any]) -> None:
    assert tried(policies, "kube-system", document) == "pod/p created (server dry run)\n"


def left(api: Cluster) -> list[str]:
    """Return what is there of us, but for the definition of policies."""
    kinds = (
        "validatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "clusterroles",
        "clusterrolebindings",
        "namespaces",
    )
    words = ["get", ",".join(kinds), "--selector=app.kubernetes.io/part-of=dbom", "--output=name"]
    return api.kubectl(*words).split()


def blocks(api: Cluster) -> bool:
    """Return whether a pod can't be made, since nothing answers for the webhook."""
    return "failed calling webhook" in tried(api, "default", pod())


def uninstall_line() -> list[str]:
    """Return the words after `kubectl` of the line by which the guide uninstalls."""
    (line,) = re.findall(r"^kubectl (delete .*part-of=dbom.*)$", _GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    return [word.strip("'") for word in line.split()]


@pytest.fixture(name="bare")
def make_bare(api: Cluster) -> Iterator[Cluster]:
    """Return the cluster without anything of ours, before and after."""

    def clear() -> None:
        api.kubectl(*uninstall_line())
        api.kubectl("delete", "namespace", "dbom-system", "--ignore-not-found")
        api.kubectl("delete", "customresourcedefinition/provenancepolicies.dbom.dev", "--ignore-not-found")
        until(lambda: not blocks(api))

    clear()
    yield api
    clear()


def test_the_guide_s_one_line_uninstalls_and_nothing_that_blocks_is_left(bare: Cluster) -> None:
    """In enforce, with no webhook that answers: the worst case."""
    bare.kubectl("create", "--filename=-", stdin=render_manifests(installation()))
    until(lambda: blocks(bare))
    bare.kubectl(*uninstall_line())
    assert [] == left(bare)
    until(lambda: tried(bare, "default", pod(TAG)) == "pod/p created (server dry run)\n")


def test_the_gate_s_own_deployments_may_recover_while_nothing_answers(bare: Cluster) -> None:
    """Our namespace and kube-system are never asked about, and deletes are none of ours."""
    bare.kubectl("create", "--filename=-", stdin=json.dumps({**pod(), "metadata": {"name": "kept"}}))
    bare.kubectl("create", "--filename=-", stdin=render_manifests(installation()))
    until(lambda: blocks(bare))
    assert "created" in tried(bare, "kube-system", pod())
    assert "failed calling webhook" not in tried(bare, "dbom-system", pod())
    bare.kubectl("delete", "pod/kept", "--force", "--grace-period=0")
    bare.kubectl("delete", "validatingwebhookconfiguration", "dbom")
    until(lambda: not blocks(bare))


def test_helm_installs_upgrades_and_uninstalls(bare: Cluster, peer: Callable[[str], str], tmp_path: Path) -> None:
    """The controller writes the CA into both webhooks: no upgrade takes it away, or stumbles over it."""
    for name, text in chart_files(installation(mode=Mode.AUDIT), "0.1.0").items():
        (tmp_path / "chart" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart" / name).write_text(text, encoding="utf-8")

    def helm(*words: str) -> str:
        state = [f"{name}={tmp_path}" for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")]
        command = ["env", *state, peer("helm"), f"--kubeconfig={bare.kubeconfig}", *words]
        return bare.network.run(command).decode()

    def webhooks() -> list[dict[str, Any]]:
        words = ["get", "validatingwebhookconfiguration/dbom", "--output=json"]
        return list(json.loads(bare.kubectl(*words))["webhooks"])

    helm("install", "dbom", str(tmp_path / "chart"))
    bundle = base64.b64encode(Path(certificate_of(bare)).read_bytes()).decode()
    patch = [{"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": bundle} for number in (0, 1)]
    written = ["--type=json", f"--patch={json.dumps(patch)}", "--field-manager=dbom-controller"]
    bare.kubectl("patch", "validatingwebhookconfiguration/dbom", *written)
    for values, failures, key in (
        (['enforced=["default"]'], ["Ignore", "Fail"], "In"),
        (["enforced=[]"], ["Ignore", "Fail"], "DoesNotExist"),
        (['mode="enforce"', "enforced=[]"], ["Fail", "Fail"], "DoesNotExist"),
    ):
        helm("upgrade", "dbom", str(tmp_path / "chart"), *(f"--set-json={value}" for value in values))
        found = webhooks()
        assert failures == [item["failurePolicy"] for item in found]
        assert [bundle, bundle] == [item["clientConfig"].get("caBundle") for item in found]
        assert key == found[1]["namespaceSelector"]["matchExpressions"][0]["operator"]
    until(lambda: blocks(bare))
    helm("uninstall", "dbom", "--wait")
    until(lambda: left(bare) == [])
    assert not blocks(bare)
    # Policies outlive the chart.
    assert "provenancepolicies.dbom.dev" in bare.kubectl("get", "customresourcedefinitions", "--output=name")


def certificate_of(api: Cluster) -> str:
    """Return the path of the authority by which the API server is known."""
    return str(json.loads(api.kubeconfig.read_text())["clusters"][0]["cluster"]["certificate-authority"])
