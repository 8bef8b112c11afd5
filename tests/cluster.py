"""A Kubernetes control plane of real binaries (etcd, API server, optionally the controllers), in a network namespace.

The fixture `cluster_issuer` (tests/conftest.py) gives one `Cluster` a session, whose service-account tokens the private
Sigstore takes: `.service_account_token("ci", "signer")`, `.identity("ci", "signer")`, `.issuer`, `.kubectl("get", …)`.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from programs import program
from sigstore_keys import private_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from netns import Namespace

__all__ = ["PROGRAMS", "Cluster", "cluster"]

PROGRAMS = ("etcd", "kube-apiserver", "kubectl", "unshare", "setpriv", "ip")
"""What has to be there for a control plane to start; its controllers need kube-controller-manager too."""

_ETCD, _ETCD_PEER = 22379, 22380
_ADMIN = "made-up-admin-token"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running control plane; `issuer` is who its service-account tokens say they come from."""

    network: Namespace = field(repr=False)
    folder: Path
    issuer: str
    server: tuple[str, ...] = field(default=(), repr=False)
    is_ready: Callable[[], bool] = field(default=lambda: False, repr=False)

    @property
    def kubeconfig(self) -> Path:
        """Return the administrator's configuration, for programs inside the namespace."""
        return self.folder / "kubeconfig"

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl as the administrator and return what it printed. Raises where it fails."""
        command = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'cache'}"]
        return self.network.run([*command, *words], stdin=stdin.encode()).decode()

    def service_account_token(self, namespace: str, name: str, *, audience: str = "sigstore") -> str:
        """Return a fresh token of a service account, made where it isn't there."""
        for kind, words in (("namespace", [namespace]), ("serviceaccount", [name, f"--namespace={namespace}"])):
            manifest = self.kubectl("create", kind, *words, "--dry-run=client", "--output=yaml")
            self.kubectl("apply", "--filename=-", stdin=manifest)
        return self.kubectl("create", "token", name, f"--namespace={namespace}", f"--audience={audience}").strip()

    def stop_server(self) -> None:
        """Kill the API server as `kill -9` does."""
        self.network.stop("kube-apiserver")

    def start_server(self) -> None:
        """Start the API server, and wait until it is ready."""
        self.network.start("kube-apiserver", self.server)
        self.network.ready("kube-apiserver", self.is_ready)

    def identity(self, namespace: str, name: str) -> str:
        """Return who Fulcio says that a service account is."""
        return f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{name}"


@contextlib.contextmanager
def cluster(
    network: Namespace,
    folder: Path,
    *,
    port: int,
    certificates: tuple[str, str, str],
    controllers: bool = False,
    service_accounts: bool = False,
    options: Sequence[str] = (),
) -> Iterator[Cluster]:
    """Run etcd and an API server at `port` inside `network`, which must lead to it from outside.

    `certificates` are paths: the authority's certificate, the server's for 127.0.0.1, the server's key. `options` are
    added to the API server's, and may say again what is said here. With `service_accounts` every pod gets one with its
    token, as in real life: the controllers, which make the namespaces' own, have to run then, each by one of its own.
    """
    folder.mkdir(parents=True)
    authority, certificate, key = certificates
    issuer = f"https://127.0.0.1:{port}"
    (folder / "sa.key").write_bytes(private_pem(rsa.generate_private_key(65537, 2048)))
    (folder / "tokens.csv").write_text(f'{_ADMIN},admin,1,"system:masters"\n')
    etcd = f"http://127.0.0.1:{_ETCD}"
    at = [f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"]
    at += [f"--listen-peer-urls=http://127.0.0.1:{_ETCD_PEER}", "--unsafe-no-fsync"]
    network.start("etcd", [program("etcd"), f"--data-dir={folder / 'etcd'}", *at])
    words = _api_server(folder, issuer, f"--etcd-servers={etcd}", port)
    words += [f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}", *options]
    if not service_accounts:
        words.append("--disable-admission-plugins=ServiceAccount")
    tls = ssl.create_default_context(cafile=authority)
    is_ready = network.answers(port, "/readyz", tls=tls)
    made = Cluster(network, folder, issuer, (program("kube-apiserver"), *words), is_ready)
    made.kubeconfig.write_text(json.dumps(_kubeconfig(issuer, authority)))
    started = ["kube-apiserver", "etcd"]  # in the order in which they must end
    try:
        made.start_server()
        made.kubectl("apply", "--filename=-", stdin=json.dumps(_DISCOVERY))
        if controllers:
            words = _controllers(folder, made.kubeconfig)
            words.append(f"--use-service-account-credentials={str(service_accounts).lower()}")
            network.start("kube-controller-manager", words)
            started.insert(0, "kube-controller-manager")
        yield made
    finally:
        for name in started:
            network.stop(name)


def _kubeconfig(server: str, authority: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "admin", "user": {"token": _ADMIN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }


def _api_server(folder: Path, issuer: str, store: str, port: int) -> list[str]:
    return [
        store,
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-issuer={issuer}",
        f"--service-account-jwks-uri={issuer}/openid/v1/jwks",
        f"--api-audiences={issuer}",
        f"--service-account-key-file={folder / 'sa.key'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
    ]


def _controllers(folder: Path, kubeconfig: Path) -> list[str]:
    keys = [f"--service-account-private-key-file={folder / 'sa.key'}", f"--kubeconfig={kubeconfig}"]
    return [program("kube-controller-manager"), *keys, "--controllers=*", "--leader-elect=false", "--secure-port=0"]


_DISCOVERY = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "everybody-reads-the-issuer"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "system:service-account-issuer-discovery",
    },
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}],
}
"""Lets Fulcio read the issuer's documents: it brings no credentials."""
