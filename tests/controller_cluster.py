"""A control plane for the controller: the installed objects that it works on, its own token, and what it asked.

Our manifests' parts for the controller are applied as they are; there is no webhook and there are no nodes. Every
request of the controller's stands in the API server's audit log, and goes with its service account's token.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster import Cluster, cluster
from cryptography.hazmat.primitives.asymmetric import ec
from netns import Namespace, namespace
from sigstore_keys import certificate_pem, self_signed, serving_certificate

from admission.controller.client import Api
from admission.manifests.installation import Installation
from admission.manifests.parts import installed_objects
from admission.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["PORT", "PROGRAMS", "SYSTEM", "USER", "ControllerCluster", "controller_cluster"]

PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "unshare", "nsenter", "setpriv", "ip")
SYSTEM = "dbom-system"
USER = f"system:serviceaccount:{SYSTEM}:dbom-controller"
PORT = 27443
METRICS = 8081
_PARTS = ("namespace", "definition", "controller-access", "certificate-access", "certificate-secrets")
_AUDIT: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
}
_LOOKS = 900


@dataclass(frozen=True, slots=True)
class ControllerCluster:
    """A running control plane in which the controller is installed; `token` is its own."""

    cluster: Cluster
    folder: Path
    authority: Path
    token: Path = field(repr=False)

    @property
    def network(self) -> Namespace:
        """The network namespace in which all of it runs."""
        return self.cluster.network

    def api(self) -> Api:
        """Return the API server as this process reaches it, with the controller's token."""
        port = self.network.outside(PORT)
        return Api.open(f"https://127.0.0.1:{port}", self.token, self.authority)

    def kubectl(self, *words: str, document: object = None) -> str:
        """Run kubectl as the administrator; `document` is what `--filename=-` reads."""
        return self.cluster.kubectl(*words, stdin="" if document is None else json.dumps(document))

    def get(self, *words: str) -> dict[str, Any]:
        """Return an object, or a list of them."""
        return dict(json.loads(self.kubectl("get", *words, "--output=json")))

    def apply(self, document: object) -> None:
        """Make an object, or change it."""
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", document=document)

    def start(self, name: str, *words: str) -> None:
        """Start a controller as a process with its own token; its log goes to NAME.log."""
        import sys

        command = [sys.executable, "-P", "-m", "dbom", "admission", "controller", "--sync-every=1"]
        place = [f"--server=https://127.0.0.1:{PORT}", f"--token-file={self.token}", f"--server-ca={self.authority}"]
        home = str(self.folder / "home")
        environment = {"POD_NAME": name, "POD_NAMESPACE": SYSTEM, "DBOM_HOME": home, "DBOM_CONFIG_HOME": home}
        self.network.start(name, [*command, *place, *words], environment=environment)

    def log(self, name: str) -> list[dict[str, Any]]:
        """Return what a controller wrote so far, line by line."""
        lines = (self.network.logs / f"{name}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def until(self, what: str, check: Callable[[], object]) -> None:
        """Look until `check` says yes, a bounded number of times. Raises where it never does."""
        for _ in range(_LOOKS):
            if check():
                return
            threading.Event().wait(0.1)
        raise AssertionError(f"{what} never came")

    def asked(self) -> list[tuple[str, str, str, str]]:
        """Return what the controller asked so far: verb, API group, resource (with its part), name where it is one."""
        found = []
        for line in (self.folder / "audit.log").read_text().splitlines(keepends=True):
            where = json.loads(line).get("objectRef") if line.endswith("\n") else None
            if where is not None:
                resource = "/".join(filter(None, (where["resource"], where.get("subresource"))))
                found.append((json.loads(line)["verb"], where.get("apiGroup", ""), resource, where.get("name", "")))
        return found

    def written(self) -> list[tuple[str, str]]:
        """Return what the controller wrote so far, by resource and name, its Lease aside."""
        writes = [item for item in self.asked() if item[0] in ("create", "update", "patch")]
        return [(resource, name) for _, _, resource, name in writes if resource != "leases"]


@contextlib.contextmanager
def controller_cluster(folder: Path) -> Iterator[ControllerCluster]:
    """Run a control plane in which the controller is installed, but doesn't run."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    own = self_signed("made-up cluster", key)
    (folder / "ca.pem").write_bytes(certificate_pem(own))
    for name, data in serving_certificate("api", key, own, ("127.0.0.1",)).items():
        (folder / name).write_bytes(data)
    (folder / "audit.json").write_text(json.dumps(_AUDIT))
    options = [f"--audit-policy-file={folder / 'audit.json'}", f"--audit-log-path={folder / 'audit.log'}"]
    certificates = str(folder / "ca.pem"), str(folder / "api.pem"), str(folder / "api.key")
    with (
        namespace(folder / "logs", [PORT, METRICS]) as network,
        cluster(network, folder / "state", port=PORT, certificates=certificates, options=options) as made,
    ):
        token = folder / "token"
        found = ControllerCluster(made, folder, folder / "ca.pem", token)
        parts = installed_objects(Installation(f"i@sha256:{'d' * 64}", mode=Mode.AUDIT))
        for part in _PARTS:
            for document in parts[part]:
                found.apply(document)
        configuration = next(
            item for item in parts["webhook-configuration"] if item["kind"] == "ValidatingWebhookConfiguration"
        )
        # Nobody answers for the webhook here: it is asked for nothing, and what is written into it is looked at.
        hooks = configuration["webhooks"]
        assert isinstance(hooks, list)
        found.apply({**configuration, "webhooks": [{**hook, "rules": []} for hook in hooks if isinstance(hook, dict)]})
        kind = "customresourcedefinition/provenancepolicies.dbom.dev"
        found.kubectl("wait", "--for=condition=Established", kind, "--timeout=60s")
        token.write_text(found.kubectl("create", "token", "dbom-controller", f"--namespace={SYSTEM}").strip())
        yield found
