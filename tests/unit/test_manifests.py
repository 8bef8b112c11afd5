"""The manifests hold what the installation rests on, weaken nothing, and are the same each time."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from installed import CA, IMAGE, INSTALLATIONS, installation, rendered

from admission.manifests import Certificates, Resources, render_manifests
from admission.policy import Mode
from admission.references.accelerators import ACCELERATOR_PATTERN, is_accelerator
from admission.references.kinds import plural_of, read_kinds
from dbom.errors import UsageError

CONFIGURATION = "ValidatingWebhookConfiguration", "dbom"


def webhooks(**changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401  fields of an Installation
    main, enforced = rendered(changes)[CONFIGURATION]["webhooks"]
    return main, enforced


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_the_same_installation_gives_the_same_bytes(name: str) -> None:
    text = render_manifests(installation(**INSTALLATIONS[name]))
    assert text == render_manifests(installation(**INSTALLATIONS[name]))
    assert "{{" not in text


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_what_everything_rests_on_is_first_and_what_blocks_is_last(name: str) -> None:
    found = list(rendered(INSTALLATIONS[name]))
    assert [kind for kind, _ in found[:2]] == ["Namespace", "CustomResourceDefinition"]
    assert CONFIGURATION == found[-1]


def test_only_enforce_blocks_when_the_webhook_is_silent() -> None:
    assert [webhook["failurePolicy"] for webhook in webhooks(mode=Mode.ENFORCE)] == ["Fail", "Fail"]
    assert [webhook["failurePolicy"] for webhook in webhooks(mode=Mode.AUDIT)] == ["Ignore", "Fail"]


def test_a_namespace_is_judged_by_one_webhook_and_by_the_name_that_nobody_can_change() -> None:
    main, enforced = webhooks(mode=Mode.AUDIT, enforced=("team-a",), excluded=("cni",), namespace="gate")
    name = "kubernetes.io/metadata.name"
    assert main["namespaceSelector"]["matchExpressions"] == [
        {"key": name, "operator": "NotIn", "values": ["kube-system", "gate", "cni", "team-a"]}
    ]
    assert enforced["namespaceSelector"]["matchExpressions"] == [{"key": name, "operator": "In", "values": ["team-a"]}]


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.ENFORCE])
def test_where_no_namespace_is_named_the_second_webhook_is_asked_about_none(mode: Mode) -> None:
    """Every namespace has its name; and an empty list of names would be none that Kubernetes takes."""
    _, enforced = webhooks(mode=mode)
    nowhere = [{"key": "kubernetes.io/metadata.name", "operator": "DoesNotExist"}]
    assert nowhere == enforced["namespaceSelector"]["matchExpressions"]
    assert {"Namespaced"} == {rule["scope"] for rule in enforced["rules"]}


@pytest.mark.parametrize("number", [0, 1])
def test_the_webhook_is_called_for_what_the_gate_reads_and_nothing_else(number: int) -> None:
    """A kind that isn't read can't be told, and so would be denied: that would stop a cluster."""
    webhook = webhooks()[number]
    assert (webhook["sideEffects"], webhook["timeoutSeconds"], webhook["matchPolicy"]) == (
        "NoneOnDryRun",
        5,
        "Equivalent",
    )
    resources = {item for rule in webhook["rules"] for item in rule["resources"]}
    assert {"pods/ephemeralcontainers"} == {item for item in resources if "/" in item or "*" in item}
    assert {"CREATE", "UPDATE"} == {operation for rule in webhook["rules"] for operation in rule["operations"]}
    called = {
        (group, resource.partition("/")[0])
        for rule in webhook["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert called == {(group, plural_of(group, kind)) for group, kind in read_kinds()}


def test_the_webhook_has_no_rights_and_reaches_nobody() -> None:
    found = rendered({"has_controller": False, "certificates": Certificates.GIVEN, "ca_bundle": CA})
    assert not any("Role" in kind for kind, _ in found)
    assert found["ServiceAccount", "dbom"]["automountServiceAccountToken"] is False
    assert found["Deployment", "dbom"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert found["NetworkPolicy", "dbom"]["spec"]["egress"] == []
    assert found["NetworkPolicy", "dbom"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    bound = {
        (subject["name"], subject["namespace"])
        for (kind, _), item in rendered({}).items()
        if kind.endswith("Binding") and "subjects" in item
        for subject in item["subjects"]
    }
    assert {("dbom-controller", "dbom-system")} == bound


@pytest.mark.parametrize("name", INSTALLATIONS)
def test_no_pod_has_more_than_the_standard_restricted_allows(name: str) -> None:
    found = rendered(INSTALLATIONS[name])
    assert all(
        "restricted"
        == found["Namespace", INSTALLATIONS[name].get("namespace", "dbom-system")]["metadata"]["labels"][key]
        for key in ("pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn")
    )
    for (kind, _), item in found.items():
        if kind == "Deployment":
            pod = item["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["image"] == IMAGE
            assert container["resources"]["limits"]["memory"]


def test_a_replica_that_ends_has_time_and_another_is_there() -> None:
    found = rendered({})
    spec = found["Deployment", "dbom"]["spec"]
    pod = spec["template"]["spec"]
    waits = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    # Before the signal, the API server's longest wait, and as much again.
    assert pod["terminationGracePeriodSeconds"] > waits + 2 * webhooks()[0]["timeoutSeconds"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert found["PodDisruptionBudget", "dbom"]["spec"]["minAvailable"] == 1


def test_secrets_of_certificates_have_no_content_that_applying_would_put_back() -> None:
    found = rendered({})
    assert not {"data", "stringData"} & {*found["Secret", "dbom-tls"], *found["Secret", "dbom-ca"]}
    assert not any(kind == "Secret" for kind, _ in rendered(INSTALLATIONS["given"]))


def test_the_controller_may_touch_its_own_secrets_and_no_others() -> None:
    rules = rendered({})["Role", "dbom-controller-certificates"]["rules"]
    assert [["dbom-tls", "dbom-ca"]] == [rule.get("resourceNames") for rule in rules if "secrets" in rule["resources"]]
    assert "create" not in {verb for rule in rules for verb in rule["verbs"]}
    assert ("Role", "dbom-controller-certificates") not in rendered(INSTALLATIONS["cert-manager"])


def test_a_given_ca_is_that_of_both_webhooks() -> None:
    bundles = [webhook["clientConfig"]["caBundle"] for webhook in webhooks(**INSTALLATIONS["given"])]
    assert [base64.b64encode(CA).decode()] * 2 == bundles


def test_gaps_are_said_at_the_top() -> None:
    text = render_manifests(installation(mode=Mode.AUDIT, enforced=("team-a",)))
    heading = text.partition("---\n")[0]
    assert all(line.startswith("#") for line in heading.splitlines())
    for gap in ("static pods", "in kube-system and in dbom-system", "outside team-a while", "caBundle", "no store"):
        assert gap in heading
    assert "failurePolicy is Ignore" not in render_manifests(installation())
    assert "without the controller" in render_manifests(installation(**INSTALLATIONS["given"]))
    assert "cert-manager, which must be there" in render_manifests(installation(**INSTALLATIONS["cert-manager"]))
    assert "--exclude its namespace" in render_manifests(installation(**INSTALLATIONS["cert-manager"]))
    given = {"certificates": Certificates.GIVEN, "has_controller": False}
    assert "until caBundle is set" in render_manifests(installation(**given))
    assert "gpu-operator/validator" in render_manifests(installation(**INSTALLATIONS["all"])).partition("---\n")[0]
    given = {"certificates": Certificates.GIVEN}
    assert "--ca-bundle FILE" in render_manifests(installation(**given)).partition("---\n")[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "registry.example.com/dbom:latest"},
        {"image": IMAGE + "\nevil: true"},
        {"namespace": "kube-system"},
        {"namespace": "a: b"},
        {"mode": Mode.WARN},
        {"mode": Mode.AUDIT, "enforced": ("kube-system",)},
        {"mode": Mode.AUDIT, "enforced": ("a", "b"), "excluded": ("b",)},
        {"enforced": ("team-a",)},
        {"excluded": ("",)},
        {"accelerator_accounts": ("default",)},
        {"accelerator_accounts": ('ns/a"] || true || "" in ["',)},
        {"stores": ("evidence",)},
        {"stores": ("s3://x --policy=/evil",)},
        {"replicas": 1},
        {"api_servers": ("10.0.0.1/8",)},
        {"api_servers": ("10.0.0.1",)},
        {"monitoring": ("Monitoring",)},
        {"journal_claim": "a/b"},
        {"has_controller": False},
        {"ca_bundle": CA},
        {
            "certificates": Certificates.GIVEN,
            "ca_bundle": b"-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n",
        },
        {"certificates": Certificates.GIVEN, "ca_bundle": b""},
    ],
)
def test_what_kubernetes_would_not_take_or_would_weaken_the_gate_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        installation(**changes)
    assert caught.value.rule.id == "DBOM-570"


def test_amounts_are_those_of_kubernetes() -> None:
    with pytest.raises(UsageError):
        Resources(memory="much")


RESOURCES = (
    "nvidia.com/gpu",
    "nvidia.com/mig-1g.5gb",
    "AMD.com/GPU",
    "google.com/tpu",
    "habana.ai/gaudi",
    "x.habana.ai/y",
)
OTHERS = (
    "cpu",
    "gpu",
    "memory",
    "example.com/legumes",
    "gpu.example.com/nic",
    "example.com/storage",
    "habana.ai.evil/x",
)


@pytest.mark.parametrize("resource", [*RESOURCES, *OTHERS])
def test_the_pattern_for_the_api_server_says_what_the_gate_says_of_a_resource(resource: str) -> None:
    told = re.search(ACCELERATOR_PATTERN, resource.lower()) is not None
    assert told is is_accelerator(resource)
    assert told is (resource in RESOURCES)


def test_allowed_accounts_stand_in_the_guard_as_a_list_of_texts() -> None:
    variables = rendered(INSTALLATIONS["all"])["ValidatingAdmissionPolicy", "dbom-excluded-namespaces"]["spec"][
        "variables"
    ]
    (allowed,) = (item["expression"] for item in variables if item["name"] == "allowed")
    assert ["gpu-operator/validator", "kube-system/default"] == json.loads(allowed)


def test_what_the_webhook_is_not_asked_about_is_told_for_the_same_kinds_and_namespaces() -> None:
    """An update without a record is either told by the API server, or its record is missing."""
    found = rendered({"mode": Mode.AUDIT, "enforced": ("team-a",), "excluded": ("cni",)})
    spec = found["ValidatingAdmissionPolicy", "dbom-unchanged"]["spec"]
    main, _ = found[CONFIGURATION]["webhooks"]
    updates = [{**rule, "operations": ["UPDATE"]} for rule in main["rules"]]
    assert updates == spec["matchConstraints"]["resourceRules"]
    (asked,), (told,) = main["matchConditions"], spec["matchConditions"]
    assert told["expression"] == f"!({asked['expression']})"
    assert spec["failurePolicy"] == "Ignore"
    assert "validations" not in spec
    binding = found["ValidatingAdmissionPolicyBinding", "dbom-unchanged"]["spec"]
    (selected,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (selected["operator"], selected["values"]) == ("NotIn", ["kube-system", "dbom-system", "cni"])
    assert binding["validationActions"] == ["Audit"]


def test_a_journal_never_outgrows_a_volume_that_a_kubelet_would_end_the_pod_for() -> None:
    """Who may make pods writes to every replica's journal: without a bound, all of them would end at once."""

    def held(**changes: Any) -> tuple[list[str], dict[str, Any]]:  # noqa: ANN401  fields of an Installation
        spec = rendered(changes)["Deployment", "dbom"]["spec"]["template"]["spec"]
        words = [word for word in spec["containers"][0]["args"] if word.startswith("--journal-most=")]
        (volume,) = (volume for volume in spec["volumes"] if volume["name"] == "journal")
        return words, volume

    words, volume = held()
    assert words == ["--journal-most=768Mi"]
    assert volume["emptyDir"] == {"sizeLimit": "1Gi"}
    assert held(has_controller=False, certificates=Certificates.GIVEN)[0] == ["--journal-most=768Mi"]
    assert held(journal_claim="kept")[0] == []
    assert "who may make pods can fill it" in render_manifests(installation(journal_claim="kept"))
    assert held(journal_claim="kept", journal_most="5Gi")[0] == ["--journal-most=5Gi"]
    for most in ("900Mi", "1Gi", "100Mi", "2", "200MB", "0200Mi"):
        with pytest.raises(UsageError):
            installation(journal_most=most)
