"""The files that the demo starts from: the table, the training script, the policy and the pod."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from dbom.canonical import json_object

if TYPE_CHECKING:
    from pathlib import Path

    from attest.identity import Identity
    from dbom.canonical import JsonObject

__all__ = ["PLACE", "flip_one_label", "pod_of", "policy_text", "write_dataset", "write_trainer"]

PLACE = "registry.example.com/models/penguins"
"""Where the model would be pushed; nothing is ever sent there."""


def write_dataset(folder: Path) -> None:
    """Write the table and its licence to `folder`."""
    data = files("dbom.demo") / "data"
    folder.mkdir(parents=True)
    (folder / "penguins.csv").write_bytes((data / "penguins.csv").read_bytes())
    (folder / "LICENSE").write_bytes((data / "LICENSE-penguins").read_bytes())


def write_trainer(path: Path) -> None:
    """Write the training script, which needs nothing but Python."""
    path.write_bytes((files("dbom.demo") / "train.py").read_bytes())


def flip_one_label(table: Path, *, back_to: str | None = None) -> tuple[int, str, str]:
    """Say of the first bird that it is of another species; return its line, and what stood and stands there.

    `back_to` is what stood there before, to undo it.
    """
    lines = table.read_text(encoding="utf-8").split("\n")
    old, rest = lines[1].split(",", 1)
    new = back_to or ("Gentoo" if old == "Adelie" else "Adelie")
    lines[1] = f"{new},{rest}"
    table.write_text("\n".join(lines), encoding="utf-8")
    return 2, old, new


def policy_text(identity: Identity, root: str) -> str:
    """Return the policy of the demo: everything signed by one identity, ancestors too, and open licences only."""
    return _POLICY.format(root=root, subject=json.dumps(identity.subject), issuer=json.dumps(identity.issuer))


_POLICY = """\
apiVersion: dbom.dev/v1alpha1
kind: ProvenancePolicy
metadata:
  name: only-models-with-a-past
spec:
  mode: enforce
  trustRoots:
    - name: this-machine
      path: {root}
  authorities:
    - name: signer
      keyless:
        trustRootRef: this-machine
        identities:
          - issuer: {issuer}
            subject: {subject}
  # Who may say what lies where.
  locations:
    - pattern: oci://registry.example.com/models/*
      authorities: [signer]
  # The model needs a signed BOM, and a signed record of its training.
  attestations:
    - predicateType: https://cyclonedx.org/bom
      authorities: [signer]
    - predicateType: https://slsa.dev/provenance/v1
      authorities: [signer]
  # So does, with a BOM, everything that it came from; the data itself may come from nothing.
  ancestors:
    signed: true
    noInputs: allow
    attestations:
      - predicateType: https://cyclonedx.org/bom
        authorities: [signer]
  licenses:
    allow: [Apache-2.0, CC0-1.0]
"""


def pod_of(name: str, digest: str) -> JsonObject:
    """Return a pod that mounts the model image of this digest, as `kubectl` would send it."""
    pod = _POD.replace("NAME", name).replace("REFERENCE", f"{PLACE}@{digest}")
    return json_object(pod.encode(), where="pod")


_POD = """\
{
  "apiVersion": "v1",
  "kind": "Pod",
  "metadata": {"name": "NAME", "namespace": "default"},
  "spec": {
    "containers": [
      {
        "name": "server",
        "image": "registry.example.com/penguin-server:1",
        "volumeMounts": [{"name": "model", "mountPath": "/model", "readOnly": true}]
      }
    ],
    "volumes": [{"name": "model", "image": {"reference": "REFERENCE", "pullPolicy": "IfNotPresent"}}]
  }
}
"""
