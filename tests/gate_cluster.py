"""The gate in a real cluster: API server, controllers and etcd of Kubernetes, our manifests applied as they are.

Everything runs in a network namespace: the API server calls the webhook through its Service, whose EndpointSlice is
made by hand, since there are no nodes; `admission serve` runs as the Deployment says (`pod_process`). The fixture
`gate_cluster` (tests/conftest.py) gives one `GateCluster` a session, installed in enforce:

- `.kubectl(*words, document=…, user=…)`: what it printed; `.refused(…)`: what it said when it was refused;
- `.namespace("prod")`: a namespace in which pods can be made; `.until(what, check)`: look until it is so;
- `.kill()`, `.serve()`: the webhook's process; `.install(mode, policy)`: another mode, another policy;
- `.install_controlled(mode, policy)`: the same with the controller, by whom all later changes come;
- `.audit_events()`: the API server's audit log.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import yaml
from cluster import Cluster, cluster
from cryptography.hazmat.primitives.asymmetric import ec
from gate_samples import BEFORE, UNKNOWN, before_documents, pod, run_dbom, write_evidence
from mounted_files import Api, Volumes
from netns import Namespace, namespace
from pod_process import PodProcess, pod_process
from programs import program
from sigstore_keys import certificate_pem, self_signed, serving_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cryptography import x509

__all__ = ["HOST", "PROGRAMS", "Authority", "GateCluster", "gate_cluster"]

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "unshare", "nsenter", "setpriv", "ip")
"""What has to be there."""

ADDRESS = "10.99.0.1"
"""Where the webhook and the API server are, on the loopback of their namespace."""
_API_PORT, _WEBHOOK_PORT = 26443, 8443
_SYSTEM = "dbom-system"
HOST = f"dbom.{_SYSTEM}.svc"
"""The name by which the API server calls the webhook."""
_LOOKS = 300

_AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}, {"group": "coordination.k8s.io"}]},
        {"level": "Request", "resources": [{"group": "", "resources": ["pods", "pods/*"]}]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs the certificates of a cluster's servers."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @staticmethod
    def made(name: str) -> Authority:
        """Make one."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Authority(key, self_signed(name, key))

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return certificate_pem(self.certificate)

    def serving(self, *names: str, lasts: timedelta = timedelta(days=30)) -> tuple[bytes, bytes]:
        """Return a certificate for these names and its key, both in PEM; with `lasts` below nothing, an old one."""
        found = serving_certificate("made", self.key, self.certificate, names, lasts=lasts)
        return found["made.pem"], found["made.key"]


@dataclass(slots=True)
class GateCluster:
    """A running control plane with the gate in it; `site` holds what was signed, and the policies."""

    cluster: Cluster
    folder: Path
    site: Path
    authority: Authority = field(repr=False)
    volumes: Volumes = field(repr=False)
    process: PodProcess | None = None
    serving: bool = False
    controlling: bool = False

    @property
    def network(self) -> Namespace:
        """The network namespace in which all of it runs."""
        return self.cluster.network

    def said(self, *words: str, document: object = None, user: str = "", stdin: str = "", timeout: int = 60) -> Said:
        """Run kubectl as the administrator, or as somebody of the group `tenants`, and return what it said.

        `document` (or documents in a list) is what `--filename=-` reads.
        """
        config = [f"--kubeconfig={self.cluster.kubeconfig}", f"--cache-dir={self.cluster.folder / 'cache'}"]
        impersonated = [f"--as={user}", "--as-group=tenants", "--as-group=system:authenticated"] if user else []
        if document is not None:
            items = document if isinstance(document, list) else [document]
            stdin = yaml.safe_dump_all(items)
        command = self.network.inside([program("kubectl"), *config, *impersonated, *words])
        done = subprocess.run(
            command, input=stdin, capture_output=True, check=False, text=True, timeout=timeout, cwd=self.folder
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def kubectl(self, *words: str, document: object = None, user: str = "", stdin: str = "") -> str:
        """Run kubectl and return what it printed. Raises with what it said where it fails."""
        said = self.said(*words, document=document, user=user, stdin=stdin)
        if said.code:
            raise RuntimeError(f"kubectl {' '.join(words)} ended with {said.code}: {said.err}{said.out}")
        return said.out

    def refused(self, *words: str, document: object = None, user: str = "") -> str:
        """Run kubectl, which must be refused, and return what it said on stderr."""
        said = self.said(*words, document=document, user=user)
        if said.code == 0:
            raise AssertionError(f"kubectl {' '.join(words)} was not refused: {said.out}")
        return said.err.strip()

    def get(self, *words: str) -> dict[str, Any]:
        """Return an object, or a list of them, as the API server has it."""
        return dict(json.loads(self.kubectl("get", *words, "--output=json")))

    def namespace(self, name: str, **labels: str) -> str:
        """Make a namespace, wait until pods can be made in it, and let the group `tenants` edit in it."""
        document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.kubectl("apply", "--filename=-", document=[document, _edited_by_tenants(name)])
        self.kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={name}", "--timeout=30s")
        return name

    def until(self, what: str, check: Callable[[], bool]) -> None:
        """Look until `check` says yes, a bounded number of times. Raises where it never does."""
        for _ in range(_LOOKS):
            if check():
                return
            threading.Event().wait(0.1)
        raise AssertionError(f"{what} never came: the webhook's log ends with {self.log()[-2000:]}")

    def log(self) -> str:
        """Return what the webhook has written to stderr so far."""
        return (self.network.logs / "webhook.log").read_text(errors="replace")

    def audit_events(self) -> list[dict[str, Any]]:
        """Return the events that the API server's audit log holds so far."""
        lines = (self.folder / "audit.log").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def events(self, namespace: str, reason: str) -> list[str]:
        """Return the messages of a namespace's events of one reason."""
        found = self.get("events", f"--namespace={namespace}", f"--field-selector=reason={reason}")
        return [str(item["message"]) for item in found["items"]]

    def manifests(self, mode: str, *parts: str) -> str:
        """Return what `dbom admission manifests` prints, by the real command; without a controller, or as `parts`."""
        (self.site / "webhook-ca.crt").write_bytes(self.authority.pem)
        image = f"registry.example.com/dbom@sha256:{'d' * 64}"
        words = ["--image", image, "--mode", mode, "--ca-bundle", "webhook-ca.crt", *(parts or ["--no-controller"])]
        return self.dbom("admission", "manifests", *words)

    def dbom(self, *words: str) -> str:
        """Run the real command at the site, outside the cluster, and return what it printed."""
        return run_dbom(self.site, *words)

    def prepare(self) -> None:
        """Make what nodes, and whoever has the certificate, bring to our namespace."""
        self.kubectl("create", "namespace", _SYSTEM)
        self.kubectl("apply", "--filename=-", document=_by_hand())
        self.give_certificate(*self.authority.serving(HOST))

    def install(self, mode: str, policy: str, manifests: str = "") -> None:
        """Apply the manifests of a mode (or these) as they are, give the webhook this policy, and (re)start it."""
        self.stop_controller()
        self.kubectl("apply", "--filename=-", stdin=manifests or self.manifests(mode))
        data = {"policy.yaml": policy}
        self.kubectl("apply", "--filename=-", document={**_object("ConfigMap", "dbom-policies"), "data": data})
        self.until("the policy's file", lambda: self.volumes.holds("dbom-policies", data))
        self.kill()
        self.serve()
        self.until("a call of the webhook", self._is_called)

    def install_controlled(self, mode: str, policy: str, manifests: str = "") -> None:
        """Apply the manifests with the controller (or these), and the policy as an object, and (re)start both."""
        self.kill()
        self.stop_controller()
        found = manifests or self.manifests(mode, f"--store={(self.site / 'store').as_uri()}")
        self.kubectl("apply", "--filename=-", stdin=found)
        kind = "customresourcedefinition/provenancepolicies.dbom.dev"
        self.kubectl("wait", "--for=condition=Established", kind, "--timeout=60s")
        self.kubectl("apply", f"--namespace={_SYSTEM}", "--filename=-", stdin=policy)
        self.control()
        self.serve()
        self.until("a call of the webhook", self._is_called)

    def give_certificate(self, certificate: bytes, key: bytes) -> None:
        """Put a certificate and its key, in PEM, into the webhook's Secret, and wait until its files are these."""
        data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
        document = {"type": "kubernetes.io/tls", **_object("Secret", "dbom-tls"), "data": data}
        self.kubectl("apply", "--filename=-", document=document)
        self.until("the certificate's file", lambda: self.volumes.holds("dbom-tls", data))

    def _is_called(self) -> bool:
        """Return whether the API server calls the webhook by now, as its audit log says of a dry run."""
        self.said("create", f"--namespace={BEFORE}", "--dry-run=server", "--filename=-", document=pod("asked", UNKNOWN))
        last = [event for event in self.audit_events() if event["objectRef"].get("name") == "asked"][-1:]
        return any("provenance.dbom.dev/verdict" in event.get("annotations", {}) for event in last)

    def serve(self) -> None:
        """Start the webhook as its Deployment says, and wait until it is ready."""
        self.process = self._process("serve", "dbom-0", self.folder / "pod")
        self.until("every volume", self.volumes.are_there)
        self.network.start("webhook", self.process.words, environment=self.process.environment)
        self.serving = True
        ready = self.network.answers(_WEBHOOK_PORT, "/readyz", tls=_unchecked())
        self.network.ready("webhook", ready)

    def control(self) -> None:
        """Start the controller as its Deployment says, with its own token, but reading the stores each second."""
        found = self._process("controller", "dbom-controller-0", self.folder / "controller")
        place = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(_API_PORT)}
        words = [*found.words, "--sync-every=1", *self._account("dbom-controller", self.folder / "controller")]
        self.network.start("controller", words, environment={**found.environment, **place})
        self.controlling = True

    def stop_controller(self) -> None:
        """Kill the controller; nothing where it isn't running."""
        if self.controlling:
            self.network.stop("controller")
            self.controlling = False

    def _process(self, command: str, name: str, folder: Path) -> PodProcess:
        """Return how the Deployment whose program is `dbom admission COMMAND` is run."""
        templates = [item["spec"]["template"] for item in self.get("deployments", f"--namespace={_SYSTEM}")["items"]]
        pod = next(item["spec"] for item in templates if command in item["spec"]["containers"][0]["args"])
        claims = {"dbom-store": self.site / "store"}
        return pod_process(pod, name, folder, volumes=self.volumes, claims=claims, token=self._token)

    def _account(self, account: str, folder: Path) -> list[str]:
        """Return the flags for what a kubelet would mount where this machine has one place: token, authority."""
        token, authority = folder / "token", self.folder / "ca.pem"
        token.write_text(self._token(account))
        return [f"--token-file={token}", f"--server-ca={authority}"]

    def kill(self) -> None:
        """Kill the webhook as `kill -9` does; nothing where it isn't running."""
        if self.serving:
            self.network.stop("webhook")
            self.serving = False

    def _token(self, account: str, audience: str = "") -> str:
        words = [f"--audience={audience}"] if audience else []
        return self.kubectl("create", "token", account, f"--namespace={_SYSTEM}", *words).strip()


@contextlib.contextmanager
def gate_cluster(folder: Path) -> Iterator[GateCluster]:
    """Run a control plane, make what was there before the gate, and install the gate in enforce."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority.made("made-up cluster")
    (folder / "ca.pem").write_bytes(authority.pem)
    certificate, key = authority.serving("127.0.0.1", ADDRESS, "kubernetes.default.svc")
    (folder / "api.pem").write_bytes(certificate)
    (folder / "api.key").write_bytes(key)
    (folder / "audit-policy.yaml").write_text(json.dumps(_AUDIT_POLICY))
    options = [
        f"--advertise-address={ADDRESS}",
        "--enable-aggregator-routing=true",
        f"--audit-policy-file={folder / 'audit-policy.yaml'}",
        f"--audit-log-path={folder / 'audit.log'}",
    ]
    certificates = str(folder / "ca.pem"), str(folder / "api.pem"), str(folder / "api.key")
    network = namespace(folder / "logs", [_API_PORT, _WEBHOOK_PORT], [f"{ADDRESS}/32"])
    with contextlib.ExitStack() as stack:
        signing = write_evidence(folder / "site")
        inside = stack.enter_context(network)
        running = cluster(
            inside,
            folder / "state",
            port=_API_PORT,
            certificates=certificates,
            controllers=True,
            service_accounts=True,
            options=options,
        )
        made = stack.enter_context(running)
        user = json.loads(made.kubeconfig.read_text())["users"][0]["user"]
        api = Api(inside.outside(_API_PORT), user["token"], certificates[0])
        volumes = Volumes(api, _SYSTEM)
        stack.callback(volumes.close)
        gate = GateCluster(made, folder, folder / "site", authority, volumes)
        gate.namespace(BEFORE)
        gate.kubectl("apply", f"--namespace={BEFORE}", "--filename=-", document=before_documents())
        signing()
        gate.prepare()
        gate.install("enforce", (gate.site / "policy.yaml").read_text())
        yield gate
        gate.kill()
        gate.stop_controller()


def _by_hand() -> dict[str, Any]:
    """Return the EndpointSlice that nodes and their pods would bring."""
    labels = {"kubernetes.io/service-name": "dbom", "endpointslice.kubernetes.io/managed-by": "tests"}
    made = _object("EndpointSlice", "dbom-by-hand", api="discovery.k8s.io/v1")
    return {
        **made,
        "metadata": {**made["metadata"], "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": _WEBHOOK_PORT, "protocol": "TCP"}],
    }


def _object(kind: str, name: str, *, api: str = "v1") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": _SYSTEM}}


def _edited_by_tenants(namespace: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tenants", "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": "tenants"}],
    }


def _unchecked() -> ssl.SSLContext:
    """Return what a kubelet's probe checks of a certificate: nothing."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
