"""What else in a pod could undo a load-time proof: whoever could write to the volume once it was checked.

Pure: from the containers and volumes of a pod to a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from admission.references.mounts import read_volumes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from admission.documents import Node
    from admission.references.mounts import Volume
    from dbom.canonical import Json

__all__ = ["OWN_KIND", "PodReach"]

OWN_KIND: Final = "emptyDir"
"""The kind of volume that no other pod can mount."""
_CLOSED_KINDS: Final = (OWN_KIND, "configMap", "secret", "downwardAPI", "projected", "image")
_HARMLESS: Final = frozenset(
    """
    AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID IPC_LOCK KILL MKNOD NET_ADMIN NET_BIND_SERVICE NET_RAW SETFCAP SETGID
    SETPCAP SETUID SYS_CHROOT SYS_NICE SYS_PTRACE SYS_RESOURCE
    """.split()  # noqa: SIM905  a list of names is read more easily so
)


@dataclass(frozen=True, slots=True)
class _Reach:
    """What containers could do: to any volume (`power`), by what they mount, and to what they see the processes of.

    Each is a sentence by the name of the volume or the container: `writes` for writable mounts, `nodes` for folders of
    the node. `path` is the JSON path of the first of them, `names` are all volumes that they mount.
    """

    path: str = ""
    is_sidecar: bool = False
    power: str = ""
    writes: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def fault(self, twins: set[str], prover: str) -> str:
        """Return how they could change what `prover` checked on any of these volumes, empty where they couldn't."""
        found = [*(self.writes[name] for name in twins & self.writes.keys()), *self.elsewhere(twins)]
        return self.power or self.targets.get(prover, "") or min(found, default="")

    def elsewhere(self, twins: set[str]) -> list[str]:
        """Return which other folders of the node they mount."""
        return [fault for name, fault in self.nodes.items() if name not in twins]


@dataclass(frozen=True, slots=True)
class PodReach:
    """A pod as its proofs see it: each init container, and all those that run after them or at any time."""

    spec: Node
    volumes: Mapping[str, Volume]
    sources: Mapping[str, Mapping[str, Json]]
    inits: tuple[_Reach, ...]
    others: _Reach

    @classmethod
    def of(cls, spec: Node, inits: Sequence[Node]) -> Self:
        """Read the pod once, for all its proofs."""
        volumes = read_volumes(spec)
        hosts = {name for name, item in volumes.items() if "hostPath" in item.kind}
        sources = {
            item.get("name").text() or "": {
                key: _source(node) for key, node in item.members() if key != "name" and node.is_there
            }
            for item in spec.get("volumes").items()
        }
        rest = [item for key in ("containers", "ephemeralContainers") for item in spec.get(key).items()]
        return cls(spec, volumes, sources, tuple(_reach([item], hosts) for item in inits), _reach(rest, hosts))

    def fault(self, number: int, volume: str, prover: str) -> str:
        """Return what else could write to a volume once init container `number`, called `prover`, has checked it.

        Empty where nothing could.
        """
        if self.spec.get("hostPID").flag():
            return "the pod sees the processes of its node (hostPID)"
        if self.spec.get("shareProcessNamespace").flag():
            return "its containers see each other's processes, and files through them (shareProcessNamespace)"
        twins = _twins(self.sources, volume)
        for before in self.inits[:number]:
            if not before.is_sidecar and (before.power or before.elsewhere(twins)):
                return (
                    f"{before.path} is privileged or mounts the node's folders, and could leave something running there"
                )
        beside = [item for item in self.inits[:number] if item.is_sidecar]
        found = (other.fault(twins, prover) for other in (*beside, *self.inits[number + 1 :], self.others))
        return next(filter(None, found), "")

    def handed(self, number: int, volume: str) -> str:
        """Return how a file that was opened before the check could be written to after it, empty where it couldn't.

        Whoever opens a file for writing may hand it on over a socket, and end: whoever took it can still write.
        """
        before = [item for item in self.inits[:number] if not item.is_sidecar and volume in item.writes]
        if not before:
            return ""
        writer = before[0].path
        if any(item.is_sidecar for item in self.inits[:number]) or list(self.spec.get("ephemeralContainers").items()):
            return f"{writer} writes to the volume while others run, who could be handed its open files"
        if self.spec.get("hostNetwork").flag():
            return f"{writer} writes to the volume on the network of its node, where it could hand on its open files"
        open_kinds = {name for name, item in self.volumes.items() if item.kind not in _CLOSED_KINDS}
        for item in before:
            if shared := sorted(item.names & open_kinds):
                return (
                    f"{item.path} writes to the volume, and could hand on its open files through the volume {shared[0]}"
                )
        return ""


def _reach(containers: Sequence[Node], hosts: set[str]) -> _Reach:
    """Return what all of these could do."""
    power, names = "", set[str]()
    writes, nodes, targets = dict[str, str](), dict[str, str](), dict[str, str]()
    for other in containers:
        power = power or _power(other)
        target = other.get("targetContainerName").text()
        if target:
            targets.setdefault(target, f"{other.path} sees its processes, and files through them (targetContainerName)")
        for mount in other.get("volumeMounts").items():
            name = mount.get("name").text() or ""
            names.add(name)
            if name in hosts:
                # A socket in a folder of the node, like that of its container runtime, takes orders read-only too.
                nodes.setdefault(name, f"{other.path} mounts folders of its node")
            if not mount.get("readOnly").flag():
                writes.setdefault(name, f"{other.path} mounts the volume so that it can write to it")
    first = containers[0] if containers else None
    path, is_sidecar = ("", False) if first is None else (first.path, first.get("restartPolicy").is_there)
    return _Reach(path, is_sidecar, power, writes, nodes, targets, frozenset(names))


def _power(other: Node) -> str:
    """Return what lets a container write where it may only read."""
    context = other.get("securityContext")
    added = {(item.text() or "").upper().removeprefix("CAP_") for item in context.at("capabilities", "add").items()}
    if context.get("privileged").flag() or not added <= _HARMLESS:
        return f"{other.path} is privileged, and could make a read-only mount writable"
    return f"{other.path} has block devices" if list(other.get("volumeDevices").items()) else ""


def _twins(sources: Mapping[str, Mapping[str, Json]], volume: str) -> set[str]:
    """Return the names of the volumes that may be the same as `volume`, which is one of them.

    Of one claim these are the same. Other kinds spell one place in many ways, so all of the kind count; an ephemeral
    volume is a claim too, which is called after the pod and it.
    """
    own = sources.get(volume, {})
    if not own or own.keys() == {OWN_KIND}:
        return {volume}
    claims = _claims(own, volume)
    return {volume} | {
        name
        for name, source in sources.items()
        if _same_claim(claims, _claims(source, name)) or (not claims and not own.keys().isdisjoint(source))
    }


def _claims(source: Mapping[str, Json], name: str) -> tuple[str, str] | None:
    """Return the name of a volume's claim, and how the name of its claim ends; None for other kinds."""
    claim = source.get("persistentVolumeClaim")
    if isinstance(claim, dict):
        return str(claim.get("claimName")), ""
    return ("", f"-{name}") if "ephemeral" in source else None


def _same_claim(one: tuple[str, str] | None, other: tuple[str, str] | None) -> bool:
    if one is None or other is None:
        return False
    (claim, ending), (its, its_ending) = one, other
    return (
        bool(claim and claim == its)
        or bool(ending and its.endswith(ending))
        or bool(its_ending and claim.endswith(its_ending))
    )


def _source(node: Node) -> Json:
    # Whether a claim is mounted read-only by the volume says nothing of which claim it is.
    if not isinstance(node.value, dict):
        return node.value
    return {key: value for key, value in node.value.items() if key != "readOnly"}
