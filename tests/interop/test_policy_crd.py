"""A real API server takes the definition of policies, the policies that our reader takes, and refuses the others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from policies import policy_document, small_spec, whole_spec

from admission.crd import render_crd
from admission.policy import Policy
from attest.local import open_local

if TYPE_CHECKING:
    from pathlib import Path

    from cluster import Cluster

    from dbom.canonical import JsonObject


@pytest.fixture(name="api", scope="module")
def make_api(cluster_issuer: Cluster) -> Cluster:
    cluster_issuer.kubectl("apply", "--filename=-", stdin=render_crd())
    cluster_issuer.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/provenancepolicies.dbom.dev")
    return cluster_issuer


def test_the_definition_is_structural_for_the_server(api: Cluster) -> None:
    found = json.loads(api.kubectl("get", "crd/provenancepolicies.dbom.dev", "--output=json"))
    conditions = {item["type"]: item["status"] for item in found["status"]["conditions"]}
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_policies_that_are_read_are_taken_and_come_back_as_they_were(api: Cluster, tmp_path: Path) -> None:
    """What the server gives back is the policy that was read: nothing pruned, and nothing added but defaults."""
    root = open_local(tmp_path / "home", now=lambda: datetime.now(UTC)).trusted_root()
    specs: dict[str, JsonObject] = {
        "small": small_spec(),
        "whole": whole_spec(root.decode()),
        "watch": {"mode": "audit", "authorities": []},
    }
    for name, spec in specs.items():
        document = policy_document(spec, name)
        api.kubectl("apply", "--filename=-", "--namespace=default", stdin=json.dumps(document))
        text = api.kubectl("get", f"provenancepolicy/{name}", "--namespace=default", "--output=json")
        (back,) = Policy.parse(text.encode(), where=name, base=None)
        (read,) = Policy.parse(json.dumps(document).encode(), where=name, base=None)
        assert back.namespace == "default"
        assert (read.mode, read.match, read.authorities, read.locations, read.requirements) == (
            back.mode,
            back.match,
            back.authorities,
            back.locations,
            back.requirements,
        )


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "mode": ({"mode": "enforced"}, "spec.mode"),
    "pattern": ({"locations": [{"pattern": "evil", "authorities": ["signer"]}]}, "spec.locations[0].pattern"),
    "nobody": ({"locations": [{"pattern": "oci://**", "authorities": []}]}, "spec.locations[0].authorities"),
    "neither": ({"authorities": [{"name": "a"}]}, "spec.authorities[0]"),
    "kms": ({"authorities": [{"name": "a", "key": {"kms": "awskms://x"}}]}, "spec.authorities[0].key"),
    "empty": ({"match": {"namespaces": []}}, "spec.match.namespaces"),
    "misspelt": ({"licences": {}}, "spec.licences"),
    "many": ({"locations": [{"pattern": "oci://**", "authorities": ["a"]}] * 1001}, "spec.locations"),
    "role": ({"match": {"roles": ["models"]}}, "spec.match.roles[0]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_policies_are_refused_with_the_place(api: Cluster, name: str) -> None:
    change, place = WRONG[name]
    document = policy_document({**small_spec(), **change}, name)
    with pytest.raises(RuntimeError) as caught:
        api.kubectl("apply", "--server-side", "--filename=-", "--namespace=default", stdin=json.dumps(document))
    said = str(caught.value).partition("ended with")[2]
    assert place in said or place.replace("spec.", ".spec.") in said
