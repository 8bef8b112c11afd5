"""Which resources are accelerators, and whose model is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attacks import found_in, pod

if TYPE_CHECKING:
    from dbom.canonical import Json

from admission.references import Pinning, Role
from admission.references.accelerators import is_accelerator


@pytest.mark.parametrize(
    "resource",
    [
        "nvidia.com/gpu",
        "nvidia.com/gpu.shared",
        "nvidia.com/mig-3g.20gb",
        "amd.com/gpu",
        "gpu.intel.com/xe",
        "intel.com/gpu",
        "google.com/tpu",
        "cloud-tpus.google.com/v2-tpu",
        "habana.ai/gaudi",
        "aws.amazon.com/neuron",
        "aws.amazon.com/neurondevice",
        "huawei.com/Ascend910",
        "cambricon.com/mlu",
        "qualcomm.com/qaic",
        "tenstorrent.com/n150",
        "volcano.sh/vgpu-number",
        "aliyun.com/gpu-mem",
        "NVIDIA.com/GPU",
        "k8s.amazonaws.com/vgpu",
        "furiosa.ai/warboy",
        "hygon.com/dcunum",
    ],
)
def test_accelerators(resource: str) -> None:
    assert is_accelerator(resource)


@pytest.mark.parametrize(
    "resource",
    [
        "cpu",
        "memory",
        "gpu",
        "ephemeral-storage",
        "hugepages-2Mi",
        "devices.kubevirt.io/kvm",
        "intel.com/sriov",
        "rdma/hca_shared",
        "nvidia.com/hostdev",
        "smarter-devices/fuse",
        "example.com/dongle",
        "squat.ai/fuse",
        "vpc.amazonaws.com/efa",
        "vpc.amazonaws.com/pod-eni",
        "xilinx.com/fpga",
    ],
)
def test_other_resources(resource: str) -> None:
    assert not is_accelerator(resource)


@pytest.mark.parametrize("amount", ["0", 0, "0.0", "0m", "00", "+0", None])
def test_none_of_an_accelerator_is_none(amount: str | int | None) -> None:
    container: Json = {"name": "c", "resources": {"limits": {"nvidia.com/gpu": amount}}}
    assert found_in(pod(container, volumes=[])) == ()


@pytest.mark.parametrize("amount", ["1", 1, "0.5", "1k", "x", "10", -1, True, "500m"])
def test_any_other_amount_is_some(amount: str | int) -> None:
    container: Json = {"name": "c", "resources": {"limits": {"nvidia.com/gpu": amount}}}
    (found,) = found_in(pod(container, volumes=[]))
    assert (found.role, found.pinning, found.text) == (Role.UNSEEN, Pinning.OPAQUE, "nvidia.com/gpu")


def test_a_worker_that_joins_the_cluster_of_its_object_loads_what_that_names() -> None:
    gpu: Json = {"limits": {"nvidia.com/gpu": 1}}
    leader: Json = {"name": "l", "command": ["vllm", "serve", "org/m"], "resources": gpu}
    worker: Json = {"name": "w", "command": ["ray", "start", "--address=l:6379", "--block"], "resources": gpu}
    template: Json = {
        "leaderTemplate": {"spec": {"containers": [leader]}},
        "workerTemplate": {"spec": {"containers": [worker]}},
    }
    whole = found_in({"spec": {"leaderWorkerTemplate": template}}, "leaderworkerset.x-k8s.io", "LeaderWorkerSet")
    assert [item.role for item in whole] == [Role.MODEL]
    alone = found_in(pod(worker, volumes=[]))
    assert [item.role for item in alone] == [Role.UNSEEN]
