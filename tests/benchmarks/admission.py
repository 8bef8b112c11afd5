"""How long the gate takes and what it holds in memory, against limits in the same run: warm, interleaved, medians.

`make bench` runs it. It exits 1 where a bound is missed. The rows, and what each stands against:

- a cached decision of an 18 KB review, from its bytes, against msgspec reading those bytes into the same types;
- a first decision that needs a signature of a 4 KB statement that was fetched already (verified, read, gathered into a
  new snapshot, and a small pod judged by that), against bare `verify_dsse` of sigstore-python;
- the memory of a whole process with 10,000 statements of 4 KB, each signed by the embedded local Sigstore;
- the review of a dump of 5,000 objects: objects a second, and how the time grows from 1,000.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from admission.cached import CachedGate
from admission.evidence import Evidence
from admission.files import read_reviews
from admission.gate import decide
from admission.policy import LocationRule, Match, Mode, Policy
from admission.references.shapes import object_type
from admission.requirements.attestations import AttestationsRule, RequiredAttestation
from admission.review import Review
from admission.syncing import load_evidence, sync_evidence
from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.local import open_local
from attest.location import Location
from attest.statement import Statement, Subject
from attest.stores.store import StoredBundle, open_store
from attest.trust import TrustRoot
from dbom.model import COMPUTED, Digest, Kind
from dbom.names import PREDICATE_BOM, PREDICATE_LOCATION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dbom.canonical import Json, JsonObject

_PIN = "sha256:" + "1" * 64
_PLACE = "registry.example.com/models/m"
_MODEL = Digest(Kind.FILE, "a" * 64)
_RULES = (LocationRule("oci://**", ("a",)),)
_ENTRIES = 10_000


@dataclass(frozen=True)
class Row:
    """One measurement: what it is, its value, the bound, and what it was made of."""

    what: str
    value: float
    bound: float
    detail: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the bound is met."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def told(rows: Sequence[Row]) -> int:
    """Print a table with the machine that it is of; return 1 where a bound is missed, else 0."""
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    sys.stdout.write(f"{machine}, load {os.getloadavg()[0]:.1f}\nwhat | measured | bound | made of\n")
    for row in rows:
        bound = f"{'≥' if row.at_least else '≤'} {row.bound} {'ok' if row.is_met else 'MISSED'}"
        sys.stdout.write(f"{row.what} | {row.value:.2f} | {bound} | {row.detail}\n")
    return int(not all(row.is_met for row in rows))


def interleaved(calls: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Return the median time of each call in milliseconds; they take turns, so that load falls on all."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(times):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            found[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(values) for name, values in found.items()}


def container(number: int, variables: int) -> JsonObject:
    """Return a container as API servers send it, defaults filled in."""
    probe: Json = {"httpGet": {"path": "/health", "port": 8000, "scheme": "HTTP"}, "timeoutSeconds": 1}
    limits: Json = {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "1"}
    env: list[Json] = [{"name": f"SETTING_{item}", "value": f"value-{item}"} for item in range(variables)]
    return {
        "name": f"server-{number}",
        "image": f"registry.example.com/serving/vllm@sha256:{'2' * 64}",
        "command": ["python3", "-m", "vllm.entrypoints.openai.api_server"],
        "args": ["--model", "/models/m", "--port", "8000", "--max-model-len", "8192"],
        "env": [*env, {"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
        "ports": [{"containerPort": 8000, "name": "http", "protocol": "TCP"}],
        "resources": {"limits": limits, "requests": limits},
        "volumeMounts": [
            {"name": "model", "mountPath": "/models/m", "readOnly": True},
            {"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def pod(name: str, containers: int = 1, variables: int = 6) -> JsonObject:
    """Return a pod of a serving workload, with the managed fields that API servers keep."""
    items = [container(number, variables) for number in range(containers)]
    fields: JsonObject = {
        f'k:{{"name":"{item["name"]}"}}': {
            **{f"f:{key}": {} for key in item},
            "f:env": {f'k:{{"name":"SETTING_{number}"}}': {".": {}, "f:value": {}} for number in range(variables)},
        }
        for item in items
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "prod",
            "uid": "7c0de7a2-0b1c-4f5e-9d6a-1a2b3c4d5e6f",
            "labels": {"app": "m"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "m", "controller": True}],
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:spec": {"f:containers": fields}}}],
        },
        "spec": {
            "volumes": [
                {"name": "model", "image": {"reference": f"{_PLACE}@{_PIN}", "pullPolicy": "IfNotPresent"}},
                {"name": "kube-api-access-x7k2p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            ],
            "containers": [*items],
            "serviceAccountName": "default",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
        },
        "status": {"phase": "Pending"},
    }


def small_pod() -> JsonObject:
    """Return a pod with one container that loads what an image volume holds, in the environment that it reads."""
    own: JsonObject = {
        "name": "server",
        "image": f"registry.example.com/serving/server@sha256:{'2' * 64}",
        "env": [{"name": "PORT", "value": "8000"}],
        "volumeMounts": [{"name": "model", "mountPath": "/models/m", "readOnly": True}],
    }
    volume: JsonObject = {"name": "model", "image": {"reference": f"{_PLACE}@{_PIN}"}}
    metadata: JsonObject = {"name": "m", "namespace": "prod"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [own], "volumes": [volume]}}


def review_body(size: int) -> bytes:
    """Return an AdmissionReview of about so many bytes."""
    body, variables = b"", 0
    while len(body) < size:
        request: JsonObject = {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "name": "m-7d9f8b6c5-x7k2p",
            "namespace": "prod",
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod("m-7d9f8b6c5-x7k2p", 3, variables),
            "oldObject": None,
            "dryRun": False,
        }
        document: Json = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
        body, variables = json.dumps(document, separators=(",", ":")).encode(), variables + 1
    return body


def bare_policy(authority: Authority, *attested: str) -> Policy:
    """Return a policy that asks for statements of these types about what an authority binds."""
    required = tuple(RequiredAttestation(item, (authority.name,)) for item in attested)
    rules = (AttestationsRule(required),) if required else ()
    return Policy("p", Mode.ENFORCE, Match(), (authority,), _RULES, rules, "0" * 64)


def cached_decision(times: int) -> Row:
    """Measure a cached decision against reading the review into types."""
    body, now = review_body(18_000), datetime.now(UTC)
    pod_type: Any = object_type("", "Pod")
    request = msgspec.defstruct(
        "Request",
        [("uid", str), ("operation", str), ("namespace", str), ("name", str), ("dryRun", bool), ("object", pod_type)],
        frozen=True,
    )
    decoder = msgspec.json.Decoder(msgspec.defstruct("Review", [("request", request)], frozen=True))
    policy = Policy("p", Mode.ENFORCE, Match(), (), _RULES, (), "0" * 64)
    gate = CachedGate((policy,), Evidence())
    found = interleaved(
        {"ours": lambda: gate.decide(Review.parse(body), now=now), "theirs": lambda: decoder.decode(body)}, times
    )
    detail = f"{len(body)} bytes: {found['ours'] * 1000:.0f} µs, msgspec alone {found['theirs'] * 1000:.0f} µs"
    return Row("cached decision / msgspec into the same types", found["ours"] / found["theirs"], 2.5, detail)


def bom_statement(number: int, size: int) -> Statement:
    """Return a BOM statement of about so many bytes, as `dbom generate` writes them."""
    components: list[Json] = []
    while size > 500:
        name = f"data/part-{len(components):06}.parquet"
        content = hashlib.sha256(f"{number} {name}".encode()).hexdigest()
        hashes: list[Json] = [{"alg": "SHA-256", "content": content}]
        item: JsonObject = {"type": "file", "bom-ref": f"file-{len(components)}", "name": name, "hashes": hashes}
        components.append(item)
        size -= len(json.dumps(item))
    digest = Digest(Kind.FILE, hashlib.sha256(str(number).encode()).hexdigest()) if number else _MODEL
    bom: JsonObject = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "data", "name": f"d{number}", "licenses": [{"license": {"id": "MIT"}}]}},
        "components": components,
    }
    return Statement.build(Subject.of(f"d{number}", digest), PREDICATE_BOM, bom)


@dataclass(frozen=True)
class Fetched:
    """Bundles that are in memory already, as a store."""

    items: tuple[StoredBundle, ...]
    url: str = "memory"

    def bundles(self) -> Iterator[StoredBundle]:
        """Yield the bundles."""
        return iter(self.items)

    def entries(self) -> Iterator[StoredBundle]:
        """Yield the bundles."""
        return iter(self.items)

    def add(self, raw: bytes, statement: Statement) -> str:
        """Take nothing."""
        raise NotImplementedError(raw, statement)


def first_decision(times: int) -> Row:
    """Measure the first decision that needs a new statement against bare `verify_dsse`."""
    from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, written
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.verify import Verifier
    from sigstore.verify import policy as sigstore_policy

    made, now = MadeSigstore(), SIGNED_AT + timedelta(days=100)
    root = written(made.trusted_root())
    authority = Authority("a", (IdentityPattern.exact(SUBJECT, ISSUER),), TrustRoot.parse(root, where="root"))
    place = Location(f"oci://{_PLACE}", _PIN).predicate(COMPUTED)
    location = Statement.build(Subject.of("m", _MODEL), PREDICATE_LOCATION, place)
    bom = bom_statement(0, 4_000)
    known, new = (
        StoredBundle.of(json.dumps(made.bundle(item.payload)).encode(), where="memory") for item in (location, bom)
    )
    policy = bare_policy(authority, PREDICATE_BOM)
    before = sync_evidence([Fetched((known,))], [policy], now)
    review = Review.of_object(small_pod(), where="bench")
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(root),
        "signingConfig": {"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"},
    }
    verifier = Verifier(trusted_root=ClientTrustConfig.from_json(json.dumps(config)).trusted_root)
    expected = sigstore_policy.Identity(identity=SUBJECT, issuer=ISSUER)

    def ours() -> None:
        evidence = sync_evidence([Fetched((known, new))], [policy], now, before=before).evidence
        assert decide(review, [policy], evidence, now=now).verdict == "verified"

    def theirs() -> None:
        assert verifier.verify_dsse(Bundle.from_json(new.raw), expected)[1] == bom.payload

    found = interleaved({"ours": ours, "theirs": theirs}, times)
    detail = f"{len(bom.payload)} bytes: {found['ours']:.2f} ms, verify_dsse {found['theirs']:.2f} ms"
    return Row("first decision that needs a signature / verify_dsse", found["ours"] / found["theirs"], 1.5, detail)


def memory(entries: int) -> Row:
    """Measure a process that has loaded a store of really signed statements."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108  the local log waits for the disk at each entry, and there is none
        home = Path(folder)
        local = open_local(home / "home", now=lambda: datetime.now(UTC))
        signer, store = local.signer(now=lambda: datetime.now(UTC)), open_store(str(home / "store"))
        for number in range(1, entries + 1):
            statement = bom_statement(number, 4_000)
            store.add(signer.sign(statement), statement)
        (home / "root.json").write_bytes(local.trusted_root())
        asked = {"store": str(home / "store"), "root": str(home / "root.json"), "who": local.identity.subject}
        (home / "asked.json").write_text(json.dumps({**asked, "issuer": local.identity.issuer}))
        command = [sys.executable, "-P", __file__, "--child", str(home / "asked.json")]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, env={**os.environ}).stdout)
    assert found["statements"] == entries
    detail = f"{entries} entries: {found['held']:.0f} MB held, read in {found['seconds']:.0f} s"
    return Row("peak memory of the whole process, MB", found["peak"], 120, detail)


def child(asked: Path) -> None:
    """Load a store and say what that took."""
    told = json.loads(asked.read_text())
    root = TrustRoot.parse(Path(told["root"]).read_bytes(), where="root")
    authority = Authority("a", (IdentityPattern.exact(told["who"], told["issuer"]),), root)
    start = time.perf_counter()
    evidence = load_evidence([open_store(told["store"])], [bare_policy(authority)], datetime.now(UTC))
    seconds = time.perf_counter() - start
    held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    # Not getrusage: its maximum begins with that of the process that started this one.
    high = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    peak = int(high.split()[1]) * 1024 / 1e6
    known = sum(len(item) for item in evidence.policies["p"].statements.values())
    sys.stdout.write(json.dumps({"statements": known, "held": held, "peak": peak, "seconds": seconds}))


def dump(objects: int) -> list[Row]:
    """Measure the review of a cluster dump: objects a second, and how the time grows."""
    policy = Policy("p", Mode.ENFORCE, Match(), (), _RULES, (), "0" * 64)
    took: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (objects // 5, objects):
            items: list[Json] = [pod(f"p{number}", 1 + number % 2) for number in range(count)]
            path = Path(folder) / f"{count}.json"
            path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
            start = time.perf_counter()
            found = [decide(item, [policy], Evidence(), now=datetime.now(UTC)) for item in read_reviews(path)]
            took[count] = time.perf_counter() - start
            assert len(found) == count
            assert {item.verdict for item in found} == {"can't tell"}
    growth = took[objects] / took[objects // 5] / 5
    detail = ", ".join(f"{count} in {seconds:.1f} s" for count, seconds in took.items())
    return [
        Row("review of a dump, objects a second", objects / took[objects], 500, detail, at_least=True),
        Row("time for an object in the larger dump / in the smaller", growth, 1.3, "linear: 1.0"),
    ]


def main() -> int:
    """Measure, print a table, and return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and small stores, which say little")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        child(asked.child)
        return 0
    rows = [
        cached_decision(100 if asked.quick else 3_000),
        first_decision(20 if asked.quick else 200),
        *dump(500 if asked.quick else 5_000),
        memory(200 if asked.quick else _ENTRIES),
    ]
    return told(rows)


if __name__ == "__main__":
    sys.exit(main())
