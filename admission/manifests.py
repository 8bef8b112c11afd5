"""The Kubernetes manifests that install the webhook, as YAML text. The same inputs give the same bytes."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

from admission.crd import render_crd
from admission.policy import Mode
from admission.references.kinds import WORKLOADS, plural_of, read_kinds
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.admission import MANIFEST_INPUT

__all__ = ["Installation", "render_manifests"]

_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9./:_-]*@sha256:[0-9a-f]{64}")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_CERTIFICATES = re.compile(rb"\s*(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


@dataclass(frozen=True, slots=True)
class Installation:
    """What differs between two installations. Raises `UsageError` for what Kubernetes doesn't take.

    `image` is that of dbom itself, by digest; `ca_bundle` the PEM certificates by which the API server knows the
    webhook, None where something else puts them in.
    """

    image: str
    namespace: str = "dbom-system"
    mode: Mode = Mode.ENFORCE
    ca_bundle: bytes | None = None

    def __post_init__(self) -> None:
        if _IMAGE.fullmatch(self.image) is None:
            raise UsageError(
                MANIFEST_INPUT, "the image is not pinned", got=printable(repr(self.image)), expected="IMAGE@sha256:…"
            )
        if _LABEL.fullmatch(self.namespace) is None or self.namespace == "kube-system":
            raise UsageError(MANIFEST_INPUT, "not a namespace to install into", got=printable(repr(self.namespace)))
        if self.ca_bundle is not None and _CERTIFICATES.fullmatch(self.ca_bundle) is None:
            raise UsageError(MANIFEST_INPUT, "the CA bundle is not PEM certificates, or holds something else too")

    @property
    def failure_policy(self) -> str:
        """What the API server does when the webhook doesn't answer: only enforce may block."""
        return "Fail" if self.mode is Mode.ENFORCE else "Ignore"


def render_manifests(installation: Installation) -> str:
    """Return the manifests, each gap of what they watch over as a comment at the top."""
    documents = (_NAMESPACE, render_crd(), _ACCOUNT, _DEPLOYMENT, _SERVICE, _BUDGET, _NETWORK, _WEBHOOK)
    bundle = installation.ca_bundle
    filled = {
        "@RULES@": _rules(),
        "@IMAGE@": installation.image,
        "@NAMESPACE@": installation.namespace,
        "@FAILURE_POLICY@": installation.failure_policy,
        "@CA_BUNDLE@": _NO_BUNDLE if bundle is None else f"caBundle: {base64.b64encode(bundle).decode()}",
    }
    text = _heading(installation) + "".join(f"---\n{document.strip()}\n" for document in documents)
    for mark, value in filled.items():
        text = text.replace(mark, value)
    return text


def _rules() -> str:
    """Return the rules for the kinds that programs bring, of any version, some of which have no namespace."""
    groups: dict[str, list[str]] = {}
    for group, kind in read_kinds():
        if (group, kind) not in WORKLOADS:
            groups.setdefault(group, []).append(plural_of(group, kind))
    rules = [_RULE.format(group=group, resources=", ".join(sorted(names))) for group, names in sorted(groups.items())]
    return "".join(rules).rstrip("\n")


def _heading(installation: Installation) -> str:
    gaps = [
        "static pods, and pods that were there before this webhook",
        f"everything in kube-system and in {installation.namespace}: excluded by name, so that the cluster can start",
        "kubectl exec, and whatever a container fetches without its object saying so",
        "a ValidatingWebhookConfiguration that somebody deletes: watch it with the API server's audit log",
        "kinds that aren't in the rules below, until they make pods; the pods are judged",
        "ProvenancePolicy objects of the cluster: this version reads the policy files that are mounted, and no others",
    ]
    if installation.mode is not Mode.ENFORCE:
        gaps.append(
            "everything while the webhook doesn't answer: failurePolicy is Ignore, since this mode never blocks"
        )
    if installation.ca_bundle is None:
        gaps.append("everything until caBundle is set below: the API server can't call the webhook without it")
    needs = [
        "Secret dbom-tls (kubernetes.io/tls) for the name dbom." + installation.namespace + ".svc",
        "ConfigMap dbom-policies: one file a ProvenancePolicy (`dbom policy init`, `dbom policy check`); its mode says",
        "  what a no means, and should be the mode that these manifests were printed for: " + installation.mode,
        "PersistentVolumeClaim dbom-store, mounted read-only: the store of attestations (`dbom sign --store`);",
        "  evidence is read when the webhook starts, so restart it after adding to the store",
    ]
    lines = ["dbom admission webhook", "", "You add, in the namespace " + installation.namespace + ":"]
    lines += [f"  {need}" if need.startswith("  ") else f"- {need}" for need in needs]
    lines += ["", "GAPS, which this webhook can't see:", *(f"- {gap}" for gap in gaps)]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


_NO_BUNDLE: Final = "# GAP: caBundle is missing. Print these manifests again with --ca-bundle FILE, or have it put in."

_NAMESPACE: Final = """
apiVersion: v1
kind: Namespace
metadata:
  name: @NAMESPACE@
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""

_ACCOUNT: Final = """
# No Role and no binding: the webhook reads mounted files and asks the cluster nothing.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: dbom
  namespace: @NAMESPACE@
automountServiceAccountToken: false
"""

_DEPLOYMENT: Final = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: dbom
  namespace: @NAMESPACE@
  labels: {app.kubernetes.io/name: dbom}
spec:
  replicas: 2
  strategy:
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels: {app.kubernetes.io/name: dbom}
  template:
    metadata:
      labels: {app.kubernetes.io/name: dbom}
    spec:
      serviceAccountName: dbom
      automountServiceAccountToken: false
      enableServiceLinks: false
      priorityClassName: system-cluster-critical
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {app.kubernetes.io/name: dbom}
      containers:
        - name: webhook
          image: @IMAGE@
          command: [dbom]
          args:
            - admission
            - serve
            - --listen=0.0.0.0:8443
            - --policy=/etc/dbom/policies
            - --store=/var/lib/dbom/store
            - --tls-cert=/etc/dbom/tls/tls.crt
            - --tls-key=/etc/dbom/tls/tls.key
            - --journal=/var/log/dbom/journal.jsonl
          env:
            - {name: HOME, value: /tmp}
          ports:
            - {name: https, containerPort: 8443}
          readinessProbe:
            httpGet: {path: /readyz, port: https, scheme: HTTPS}
            periodSeconds: 5
          livenessProbe:
            httpGet: {path: /healthz, port: https, scheme: HTTPS}
            periodSeconds: 10
            failureThreshold: 6
          startupProbe:
            httpGet: {path: /healthz, port: https, scheme: HTTPS}
            periodSeconds: 2
            failureThreshold: 60
          resources:
            requests: {cpu: 100m, memory: 256Mi}
            limits: {memory: 1Gi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: policies, mountPath: /etc/dbom/policies, readOnly: true}
            - {name: tls, mountPath: /etc/dbom/tls, readOnly: true}
            - {name: store, mountPath: /var/lib/dbom/store, readOnly: true}
            - {name: journal, mountPath: /var/log/dbom}
            - {name: tmp, mountPath: /tmp}
      volumes:
        - name: policies
          configMap: {name: dbom-policies}
        - name: tls
          secret: {secretName: dbom-tls}
        - name: store
          persistentVolumeClaim: {claimName: dbom-store, readOnly: true}
        # GAP: an emptyDir goes with its pod. Mount a volume that stays to keep the journal, one for each replica.
        - name: journal
          emptyDir: {sizeLimit: 1Gi}
        - name: tmp
          emptyDir: {sizeLimit: 64Mi}
"""

_SERVICE: Final = """
apiVersion: v1
kind: Service
metadata:
  name: dbom
  namespace: @NAMESPACE@
spec:
  selector: {app.kubernetes.io/name: dbom}
  ports:
    - {name: https, port: 443, targetPort: https}
"""

_BUDGET: Final = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: dbom
  namespace: @NAMESPACE@
spec:
  minAvailable: 1
  selector:
    matchLabels: {app.kubernetes.io/name: dbom}
"""

_NETWORK: Final = """
# In: the webhook's port (the API server has no label to select it by). Out: nothing at all.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: dbom
  namespace: @NAMESPACE@
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: dbom}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports:
        - {port: 8443, protocol: TCP}
  egress: []
"""

_WEBHOOK: Final = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: dbom.@NAMESPACE@.svc
webhooks:
  - name: provenance.dbom.dev
    admissionReviewVersions: [v1]
    sideEffects: NoneOnDryRun
    failurePolicy: @FAILURE_POLICY@
    matchPolicy: Equivalent
    timeoutSeconds: 5
    clientConfig:
      service: {name: dbom, namespace: @NAMESPACE@, path: /validate, port: 443}
      @CA_BUNDLE@
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: NotIn
          values: [kube-system, @NAMESPACE@]
    rules:
      - apiGroups: [""]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [pods, podtemplates, replicationcontrollers]
        scope: Namespaced
      - apiGroups: [""]
        apiVersions: [v1]
        operations: [UPDATE]
        resources: [pods/ephemeralcontainers]
        scope: Namespaced
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments, statefulsets, daemonsets, replicasets]
        scope: Namespaced
      - apiGroups: [batch]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [jobs, cronjobs]
        scope: Namespaced
@RULES@
"""

_RULE: Final = """\
      - apiGroups: [{group}]
        apiVersions: ["*"]
        operations: [CREATE, UPDATE]
        resources: [{resources}]
        scope: "*"
"""
