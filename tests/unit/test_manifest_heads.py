"""Who signs the heads of the installed webhook's journals: what stands in the manifests for it, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from installed import INSTALLATIONS, TRUST_CONFIG, installation, rendered

from admission.manifests import Heads, HeadsSigner, render_manifests
from dbom.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_TOKEN = Heads(HeadsSigner.TOKEN, TRUST_CONFIG)


def pod(found: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    return dict(found["Deployment", "dbom"]["spec"]["template"]["spec"])


def test_by_default_nobody_signs_heads_and_the_manifests_say_so() -> None:
    assert "- where a journal ended: nobody signs its heads" in render_manifests(installation())
    volumes = {volume["name"] for volume in pod(rendered({}))["volumes"]}
    assert volumes == {"snapshot", "tls", "journal", "tmp"}
    assert ("ConfigMap", "dbom-heads-trust") not in rendered({})


@pytest.mark.parametrize("controlled", [True, False])
def test_a_token_for_a_sigstore_is_all_that_the_webhook_s_pods_get(controlled: bool) -> None:  # noqa: FBT001  a parameter
    """It is for the Sigstore's audience alone: the API server doesn't take it, and no role is bound to the account."""
    more = {} if controlled else INSTALLATIONS["given"]
    found = rendered({**more, "heads": BY_TOKEN})
    volumes = {volume["name"]: volume for volume in pod(found)["volumes"]}
    (source,) = volumes["heads-identity"]["projected"]["sources"]
    assert {"audience": "sigstore", "expirationSeconds": 3600, "path": "token"} == source["serviceAccountToken"]
    assert pod(found)["automountServiceAccountToken"] is False
    assert found["ServiceAccount", "dbom"]["automountServiceAccountToken"] is False
    assert "dbom" not in {
        subject["name"]
        for (kind, _), item in found.items()
        if kind.endswith("Binding")
        for subject in item.get("subjects", ())
    }
    assert found["ConfigMap", "dbom-heads-trust"]["data"] == {"trust-config.json": TRUST_CONFIG.decode()}


def test_what_signs_heads_is_mounted_where_the_words_look_for_it() -> None:
    for heads in (BY_TOKEN, Heads(HeadsSigner.KEY)):
        found = pod(rendered({"heads": heads}))
        (container,) = found["containers"]
        places = {mount["mountPath"] for mount in container["volumeMounts"] if mount.get("readOnly")}
        flags = ("--identity-token-file", "--trust-config", "--signing-key")
        paths = [word.partition("=")[2] for word in container["args"] if word.partition("=")[0] in flags]
        assert paths
        assert {path.rpartition("/")[0] for path in paths} <= places


@pytest.mark.parametrize("heads", [BY_TOKEN, Heads(HeadsSigner.KEY)], ids=lambda heads: str(heads.signer))
def test_no_pod_waits_for_what_signs_heads(heads: Heads) -> None:
    """A kubelet starts no container while something is missing that isn't optional, and then nobody answers."""
    volumes = {volume["name"]: volume for volume in pod(rendered({"heads": heads}))["volumes"]}
    (where,) = (source for source in ("configMap", "secret") if source in volumes["heads"])
    assert volumes["heads"][where]["optional"] is True


def test_a_key_s_password_is_a_secret_that_may_be_missing() -> None:
    found = rendered({"heads": Heads(HeadsSigner.KEY)})
    (container,) = pod(found)["containers"]
    (variable,) = (item for item in container["env"] if item["name"] == "DBOM_KEY_PASSWORD")
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "dbom-heads-key", "key": "password", "optional": True}}
    assert found["NetworkPolicy", "dbom"]["spec"]["egress"] == []
    said = render_manifests(installation(heads=Heads(HeadsSigner.KEY)))
    assert "- Secret dbom-heads-key (key.pem; password, where it has one)" in said
    assert "a key dates nothing" in said


def test_the_webhook_reaches_a_sigstore_s_network_and_names_and_nothing_else() -> None:
    egress = rendered({"heads": Heads(HeadsSigner.TOKEN, TRUST_CONFIG, networks=("10.9.0.0/16",))})
    names, services = egress["NetworkPolicy", "dbom"]["spec"]["egress"]
    assert [53, 53] == [port["port"] for port in names["ports"]]
    assert services == {"ports": [{"protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}
    assert "--heads-network limits it" in render_manifests(installation(heads=BY_TOKEN))


PUBLIC = TRUST_CONFIG.replace(b"https://log.example.com", b"https://log2025-1.rekor.sigstore.dev")
WRONG: dict[str, dict[str, Any]] = {
    "a token and no Sigstore": {"signer": HeadsSigner.TOKEN},
    "a Sigstore and nobody": {"trust_config": TRUST_CONFIG},
    "a Sigstore and a key": {"signer": HeadsSigner.KEY, "trust_config": TRUST_CONFIG},
    "a network and a key": {"signer": HeadsSigner.KEY, "networks": ("10.0.0.0/8",)},
    "no network": {"signer": HeadsSigner.TOKEN, "trust_config": TRUST_CONFIG, "networks": ("sigstore.example.com",)},
    "no audience": {"audience": ""},
    "two words of an audience": {"audience": "a b"},
    "the public Sigstore": {"signer": HeadsSigner.TOKEN, "trust_config": PUBLIC},
    "too large": {"signer": HeadsSigner.TOKEN, "trust_config": TRUST_CONFIG + b" " * 600_000},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Heads(**WRONG[name])


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"\xff", json.dumps({**json.loads(TRUST_CONFIG), "trustedRoot": {}}).encode(), TRUST_CONFIG[:-9]],
    ids=["nothing", "no members", "no text", "no root", "half"],
)
def test_what_is_no_trust_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        Heads(HeadsSigner.TOKEN, data)
