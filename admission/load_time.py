"""Load-time proofs: what an init container of ours makes sure of before anything in its pod can load it.

docs/guide/load-time-proof.md is the specification. A proof says: at this path of this volume lie the very bytes of this
digest, and nothing else in the pod can write there from then on. It is recognised by the image's digest and the
arguments, never by a name. Pure: from the object to its proofs.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.load_time_others import OWN_KIND, PodReach
from admission.references.mounts import read_mounts
from admission.references.places import image_target
from admission.references.reference import Held
from dbom.model import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from admission.documents import Node
    from admission.references.mounts import Mount, Volume

__all__ = ["LoadTimeProof", "find_proofs"]

_MOUNTABLE: Final = ("/mnt", "/models", "/data", "/var/run/secrets/kubernetes.io")
_ENVIRONMENT: Final = frozenset(
    """
    AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL
    AWS_ENDPOINT_URL_S3 AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AZURE_STORAGE_ACCOUNT_NAME AZURE_STORAGE_ACCOUNT_KEY
    AZURE_STORAGE_SAS_TOKEN GOOGLE_APPLICATION_CREDENTIALS HF_TOKEN NO_COLOR
    """.split()  # noqa: SIM905  a list of names is read more easily so
)
_STARTED_BESIDES: Final = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")
_MESSAGE_PATH: Final = "/dev/termination-log"
_MOST_CONTAINERS: Final = 500
_MOST_PROOFS: Final = 50


@dataclass(frozen=True, slots=True)
class LoadTimeProof:
    """An init container that demands a digest on a volume.

    `because` says why it proves nothing, empty where it does, as far as the pod's own object tells; whether its image
    is ours is the policy's to say (`image` is its digest, `sha256:…`). `is_shared` is set where others than this pod
    can write to the volume, at any time. `path` is the init container's JSON path.
    """

    digest: Digest
    held: Held
    image: str
    path: str
    is_shared: bool
    because: str = ""

    def covers(self, held: Held) -> bool:
        """Return whether something lies at or below what is proven."""
        if (held.volume, held.pod) != (self.held.volume, self.held.pod):
            return False
        return not self.held.path or held.path == self.held.path or held.path.startswith(self.held.path + "/")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the arguments of `dbom verify --for-pod` ask for; `fault` where they say more than that."""

    digest: Digest | None
    path: str
    fault: str = ""


def find_proofs(spec: Node) -> tuple[LoadTimeProof, ...]:
    """Return the init containers of a pod that demand a digest, those that prove nothing with the reason.

    None where there are more of them than any pod needs: each is held against all other containers.
    """
    inits = list(spec.get("initContainers").items())
    if not inits or len(inits) > _MOST_CONTAINERS:
        return ()
    asked = [(number, node, found) for number, node in enumerate(inits) if (found := _asked(node)) is not None]
    if not asked or len(asked) > _MOST_PROOFS:
        return ()
    pod = PodReach.of(spec, inits)
    return tuple(
        _proof(pod, number, node, found, found.digest) for number, node, found in asked if found.digest is not None
    )


def _proof(pod: PodReach, number: int, node: Node, asked: _Asked, digest: Digest) -> LoadTimeProof:
    location = image_target(node.get("image").text() or "").location
    mount = _mount_at(node, asked.path, pod.volumes)
    held = None if mount is None else mount.holding(asked.path).held
    because = asked.fault or next(_own_faults(node), "")
    if held is None:
        because = because or "the path that it checks is on no volume that could be told, or on several"
        held = Held("", pod=pod.spec.path)
    elif mount is not None and mount.sub_path:
        because = because or "it sees a part of the volume only (subPath): what leads there could be a link"
    is_shared = not held.volume or pod.volumes[held.volume].kind != OWN_KIND
    prover = node.get("name").text() or ""
    because = because or pod.fault(number, held.volume, prover)
    if not is_shared:
        because = because or pod.handed(number, held.volume)
    return LoadTimeProof(digest, held, "" if location is None else location.pin, node.path, is_shared, because)


def _asked(node: Node) -> _Asked | None:
    """Return what a container asks of `dbom verify --for-pod`, None where it starts something else."""
    command, args = ([item.text() or "" for item in node.get(key).items()] for key in ("command", "args"))
    words = [*command, *args]
    if command[:1] == ["dbom"]:
        words = words[1:]
    elif command:
        return None
    if words[:1] != ["verify"] or not any(word.partition("=")[0] == "--for-pod" for word in words):
        return None
    return _read_arguments(words[1:])


def _read_arguments(words: list[str]) -> _Asked:
    """Read the arguments as strictly as can be: what isn't known of a flag could be anything."""
    given: dict[str, str] = {}
    paths: list[str] = []
    waiting = ""
    for word in words:
        name, equals, value = word.partition("=")
        if "$" in word:
            # `$$` is a dollar to Kubernetes: a path with one isn't the path that is checked.
            return _Asked(_digest(given), "", "its arguments take variables")
        if waiting:
            given[waiting], waiting = word, ""
        elif name in ("--for-pod", "--copy-from", "--jobs") and name not in given:
            given[name] = value
            waiting = "" if equals else name
        elif word.startswith("-"):
            return _Asked(_digest(given), "", f"its arguments say more than is known: {name}")
        else:
            paths.append(word)
    path = paths[0] if len(paths) == 1 else ""
    clean = path.startswith("/") and path == posixpath.normpath(path) and not path.startswith("//")
    fault = "" if clean and not waiting else "it names no one absolute path to check"
    return _Asked(_digest(given), path if clean else "", fault)


def _digest(given: dict[str, str]) -> Digest | None:
    try:
        return Digest.parse(given.get("--for-pod", ""))
    except ValueError:
        return None


def _own_faults(node: Node) -> Iterator[str]:
    """Yield what in the container itself could make it do something else."""
    if node.get("restartPolicy").is_there:
        yield "it is a sidecar, and keeps running beside the others"
    if list(node.get("envFrom").items()):
        yield "its environment comes from elsewhere (envFrom)"
    names = {item.get("name").text() or "" for item in node.get("env").items()}
    for name in sorted(names - _ENVIRONMENT):
        yield f"its environment sets {name}, which could change what it does"
    if node.get("workingDir").is_there:
        yield "it is started in a folder of the pod's choice"
    if any(node.get(key).is_there for key in _STARTED_BESIDES):
        yield "hooks or probes start something else in it"
    if list(node.get("volumeDevices").items()):
        yield "it has block devices"
    yield from _covered(node)
    if image_target(node.get("image").text() or "").location is None:
        yield "its image is not named by digest"


def _covered(node: Node) -> Iterator[str]:
    """Yield what could lie over files of the container's own image."""
    if (node.get("terminationMessagePath").text() or _MESSAGE_PATH) != _MESSAGE_PATH:
        yield "a file for its last words lies where others could lie (terminationMessagePath)"
    for item in node.get("volumeMounts").items():
        place = posixpath.normpath(item.get("mountPath").text() or "")
        if place not in _MOUNTABLE and not place.startswith(tuple(f"{prefix}/" for prefix in _MOUNTABLE)):
            yield f"a volume is mounted at {place}, where files of its own image could lie"


def _mount_at(node: Node, path: str, volumes: Mapping[str, Volume]) -> Mount | None:
    """Return the one mount that a path lies on; None where there is none, or where others are above or below it.

    A volume that is mounted within another is where a link in that one leads, as long as nobody changes it.
    """
    mounts = read_mounts(node, volumes).mounts
    over = [mount for mount in mounts if path == mount.path or path.startswith(mount.path.rstrip("/") + "/")]
    below = [mount for mount in mounts if mount.path.startswith(path.rstrip("/") + "/")]
    return over[0] if path and len(over) == 1 and not below else None
