"""The gate in a real cluster: API server, controllers and etcd of Kubernetes, our manifests applied as they are.

Everything runs in a network namespace: the API server calls the webhook through its Service, whose EndpointSlice is
made by hand, since there are no nodes; `admission serve` and `admission controller` run as their Deployments say
(`pod_process`). The controller makes the certificates, and hands policies and evidence to the webhook. The fixture
`gate_cluster` (tests/conftest.py) gives one `GateCluster` a session, installed in enforce:

- `.kubectl(*words, document=…, user=…)`: what it printed; `.refused(…)`: what it said when it was refused;
- `.namespace("prod")`: a namespace in which pods can be made; `.until(what, check)`: look until it is so;
- `.install(mode, policy)`: another mode, another policy, by the API alone: nobody is restarted for that;
- `.apply_policy(policy)`, `.synced()`: another policy object, other evidence in the store, and the webhook knows it;
- `.kill()`, `.serve()`, `.control()`, `.stop_controller()`: the processes; `.status()`: what it says;
- `.audit_events()`: the API server's audit log.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from cluster import Cluster, cluster
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from gate_samples import BEFORE, UNKNOWN, before_documents, pod, run_dbom, write_evidence
from mounted_files import Api, Volumes
from netns import Namespace, namespace
from pod_process import PodProcess, pod_process
from policy_reports import POLICY_REPORTS
from programs import program
from sigstore_keys import certificate_pem, self_signed, serving_certificate

from admission.policy_sources import PolicySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["HOST", "PROGRAMS", "Authority", "GateCluster", "gate_cluster"]

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "unshare", "nsenter", "setpriv", "ip")
"""What has to be there."""

ADDRESS = "10.99.0.1"
"""Where the webhook and the API server are, on the loopback of their namespace."""
_API_PORT, _WEBHOOK_PORT, _CONTROLLER_PORT = 26443, 8443, 8080
_SYSTEM = "dbom-system"
HOST = f"dbom.{_SYSTEM}.svc"
"""The name by which the API server calls the webhook."""
_LOOKS = 900

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
    api: Api = field(repr=False)
    process: PodProcess | None = None
    serving: bool = False
    controlling: tuple[str, ...] = ()
    printed: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)
    audited: list[dict[str, Any]] = field(default_factory=list, repr=False)
    audit_read: int = 0

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
        found = self.api.get_as_kubectl(*words)
        return found if found is not None else dict(json.loads(self.kubectl("get", *words, "--output=json")))

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
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(self.audit_read)
            whole = log.read().rpartition(b"\n")[0]
        self.audit_read += len(whole) + 1 if whole else 0
        self.audited += [json.loads(line) for line in whole.splitlines()]
        return [*self.audited]

    def events(self, namespace: str, reason: str) -> list[str]:
        """Return the messages of a namespace's events of one reason."""
        found = self.get("events", f"--namespace={namespace}", f"--field-selector=reason={reason}")
        return [str(item["message"]) for item in found["items"]]

    def manifests(self, mode: str, *parts: str) -> str:
        """Return what `dbom admission manifests` prints, by the real command: with the site's store, or as `parts`.

        Without a controller the certificate is one of `authority`'s.
        """
        (self.site / "webhook-ca.crt").write_bytes(self.authority.pem)
        image = f"registry.example.com/dbom@sha256:{'d' * 64}"
        given = ["--ca-bundle", "webhook-ca.crt"] if "--no-controller" in parts else []
        rest = parts or (f"--store={(self.site / 'store').as_uri()}",)
        words = ("--image", image, "--mode", mode, *given, *rest)
        if words not in self.printed:
            self.printed[words] = self.dbom("admission", "manifests", *words)
        return self.printed[words]

    def dbom(self, *words: str) -> str:
        """Run the real command at the site, outside the cluster, and return what it printed."""
        return run_dbom(self.site, *words)

    def prepare(self) -> None:
        """Make what nodes bring to our namespace."""
        self.kubectl("create", "namespace", _SYSTEM)
        self.kubectl("apply", "--filename=-", document=_by_hand())

    def take_away(self) -> None:
        """Uninstall by the guide's one line while nothing answers, and make the ground for who installs next."""
        self.kill()
        self.stop_controller()
        guide = Path(__file__).resolve().parents[1] / "docs" / "guide" / "rollout.md"
        (line,) = re.findall(r"^kubectl (delete .*part-of=dbom.*)$", guide.read_text(encoding="utf-8"), re.MULTILINE)
        self.kubectl(*line.split())
        self.prepare()

    def install(self, mode: str, policy: str, manifests: str = "") -> None:
        """Apply the manifests of a mode (or these) as they are, and this policy alone; run what they say.

        With a controller, which is in them where none are given, the policy is an object, and a program that runs as
        they say goes on. Without one, it is a file, and the webhook is (re)started. Returns when the webhook is called
        and decides by this policy.
        """
        found = manifests or self.manifests(mode)
        objects = {(item["kind"], item["metadata"]["name"]) for item in _loaded(found)}
        self._change_certificates(is_own=("Secret", "dbom-tls") in objects)
        self.kubectl("apply", "--filename=-", stdin=found)
        if ("Deployment", "dbom-controller") in objects:
            self._install_controlled(policy)
        else:
            self._install_alone(policy)
        self.until("a call of the webhook", self._is_called)

    install_controlled = install

    def _install_controlled(self, policy: str) -> None:
        kind = "customresourcedefinition/provenancepolicies.dbom.dev"
        self.kubectl("wait", "--for=condition=Established", kind, "--timeout=60s")
        self._replace_policies(policy)
        self.control()
        self.serve()
        self.until("the policy", self.is_in_force)

    def _replace_policies(self, policy: str) -> None:
        self.kubectl("apply", f"--namespace={_SYSTEM}", "--filename=-", stdin=policy)
        names = {item["metadata"]["name"] for item in _loaded(policy)}
        for item in self._policies():
            name, namespace = item["metadata"]["name"], item["metadata"]["namespace"]
            if namespace != _SYSTEM or name not in names:
                self.kubectl("delete", "provenancepolicy", name, f"--namespace={namespace}")

    def _install_alone(self, policy: str) -> None:
        self.stop_controller()
        data = {"policy.yaml": policy}
        self.kubectl("apply", "--filename=-", document={**_object("ConfigMap", "dbom-policies"), "data": data})
        self.until("the policy's file", lambda: self.volumes.holds("dbom-policies", data))
        self.kill()
        self.serve()

    def apply_policy(self, policy: str, namespace: str = _SYSTEM) -> None:
        """Apply a policy object, and wait until the webhook decides by it."""
        self.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=policy)
        self.until("the policy", self.is_in_force)

    def apply_only(self, policy: str) -> None:
        """Apply these policies for the whole cluster, and take all others away; wait as `apply_policy` does."""
        self._replace_policies(policy)
        self.until("the policy", self.is_in_force)

    def is_in_force(self) -> bool:
        """Return whether the webhook decides by the cluster's policy objects as they are now, as it says itself."""
        found = [policy for item in self._policies() for policy in PolicySource.of_object(item).policies()]
        said = {(item["name"], item["digest"]) for item in self.status()["policies"]}
        return said == {(policy.name, policy.digest) for policy in found}

    def _policies(self) -> list[dict[str, Any]]:
        return list(self.get("provenancepolicies", "--all-namespaces")["items"])

    def synced(self) -> None:
        """Wait until the webhook decides by what is in the stores now."""
        moment = datetime.now(UTC)

        def is_newer() -> bool:
            said = self.status()["evidence"]["syncedAt"]
            return said is not None and datetime.fromisoformat(said) > moment

        self.until("evidence of now", is_newer)

    def status(self) -> dict[str, Any]:
        """Return what the webhook says of itself."""
        return dict(json.loads(self.page("/status")))

    def page(self, path: str) -> bytes:
        """Return one of the webhook's own pages."""
        port = self.network.outside(_WEBHOOK_PORT)
        with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=_unchecked())) as to:
            to.request("GET", path)
            return to.getresponse().read()

    def served(self) -> x509.Certificate:
        """Return the certificate that the webhook shows."""
        port = self.network.outside(_WEBHOOK_PORT)
        with socket.create_connection(("127.0.0.1", port), 30) as plain, _unchecked().wrap_socket(plain) as found:
            return x509.load_der_x509_certificate(found.getpeercert(binary_form=True) or b"")

    def controller_metrics(self) -> dict[str, float]:
        """Return what the controller counts, by the names of its metrics, labels included."""
        port = self.network.outside(_CONTROLLER_PORT)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as to:
            to.request("GET", "/metrics")
            lines = [line for line in to.getresponse().read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def give_certificate(self, certificate: bytes, key: bytes) -> None:
        """Put a certificate and its key, in PEM, into the webhook's Secret, and wait until its files are these."""
        data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
        if self._secret_kind():
            patch = f"--patch={json.dumps({'data': data})}"
            self.kubectl("patch", "secret", "dbom-tls", f"--namespace={_SYSTEM}", "--type=merge", patch)
        else:
            document = {"type": "kubernetes.io/tls", **_object("Secret", "dbom-tls"), "data": data}
            self.kubectl("apply", "--filename=-", document=document)
        self.until("the certificate's file", lambda: self.volumes.holds("dbom-tls", data))

    def webhook_authority(self) -> Authority:
        """Return the authority by which the controller signs."""
        data = self.get("secret", "dbom-ca", f"--namespace={_SYSTEM}")["data"]
        key = load_pem_private_key(base64.b64decode(data["tls.key"]), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return Authority(key, x509.load_pem_x509_certificate(base64.b64decode(data["tls.crt"])))

    def _change_certificates(self, *, is_own: bool) -> None:
        """Leave the Secrets to the controller, or give them, whoever had them before."""
        if self._secret_kind() == ("kubernetes.io/tls" if is_own else "Opaque"):
            self.stop_controller()
            self.kubectl("delete", "secret", "dbom-tls", "dbom-ca", f"--namespace={_SYSTEM}", "--ignore-not-found")
        if not is_own:
            self.give_certificate(*self.authority.serving(HOST))

    def _secret_kind(self) -> str:
        """Return the type of the Secret of the serving certificate; empty where there is none."""
        words = ["get", "secret", "dbom-tls", f"--namespace={_SYSTEM}", "--ignore-not-found"]
        return self.kubectl(*words, "--output=jsonpath={.type}")

    def _is_called(self) -> bool:
        """Return whether the API server calls the webhook by now, as its audit log says of a dry run."""
        self.said("create", f"--namespace={BEFORE}", "--dry-run=server", "--filename=-", document=pod("asked", UNKNOWN))
        last = [event for event in self.audit_events() if event["objectRef"].get("name") == "asked"][-1:]
        return any("provenance.dbom.dev/verdict" in event.get("annotations", {}) for event in last)

    def serve(self) -> None:
        """Have the webhook run as its Deployment says, and wait until it is ready. One that does so goes on."""
        found = self._process("serve", "dbom-0", self.folder / "pod")
        if self.serving and found == self.process:
            return
        self.kill()
        if self.process is not None and found.words != self.process.words:
            found.replace()
        self.process = found
        self.until("every volume", self.volumes.are_there)
        self.network.start("webhook", self.process.words, environment=self.process.environment)
        self.serving = True
        ready = self.network.answers(_WEBHOOK_PORT, "/readyz", tls=_unchecked())
        self.network.ready("webhook", ready)

    def control(self, *more: str) -> None:
        """Have the controller run as its Deployment says, with its own token, but reading the stores each second.

        One that does so goes on. `more` are flags that make it quicker still.
        """
        found = self._process("controller", "dbom-controller-0", self.folder / "controller")
        place = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(_API_PORT)}
        account = self._account("dbom-controller", self.folder / "controller")
        words = (*found.words, "--sync-every=1", *account, *more)
        if self.controlling == words:
            return
        self.stop_controller()
        self.network.start("controller", words, environment={**found.environment, **place})
        self.controlling = words

    def stop_controller(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the controller; nothing where it isn't running."""
        if self.controlling:
            self.network.stop("controller", how)
            self.controlling = ()

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
    network = namespace(folder / "logs", [_API_PORT, _WEBHOOK_PORT, _CONTROLLER_PORT], [f"{ADDRESS}/32"])
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
        gate = GateCluster(made, folder, folder / "site", authority, volumes, api)
        gate.kubectl("apply", "--filename=-", document=POLICY_REPORTS)
        gate.namespace(BEFORE)
        gate.kubectl("apply", f"--namespace={BEFORE}", "--filename=-", document=before_documents())
        signing()
        gate.prepare()
        gate.install("enforce", (gate.site / "policy.yaml").read_text())
        yield gate
        gate.kill()
        gate.stop_controller()


def _loaded(text: str) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [item for item in yaml.load_all(text, loader) if item is not None]


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
