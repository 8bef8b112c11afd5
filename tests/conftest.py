"""What every test has: a user state of its own, and the peers where they are there.

Fixtures that give a program: `peer("crane")` is its path. Fixtures that give a running service, each described at the
top of the module it comes from:

| fixture | lives as long as | gives |
|---|---|---|
| `private_sigstore` | the session | `sigstore_stack.PrivateSigstore`: Fulcio, CT log, Rekor v2, TSA, an OIDC issuer |
| `cluster_issuer` | the session | `cluster.Cluster`: an API server whose service-account tokens that Sigstore takes |
| `controlled` | the session | `controller_cluster.ControllerCluster`: a control plane for the controller alone |
| `gate_cluster` | the session | `gate_cluster.GateCluster`: a control plane with the gate installed in enforce |
| `served_sigstore` | the session | `sigstore_stack.PrivateSigstore`, whose services are `dbom trust serve` |
| `native_registry` | the test | `registry.Registry`, which has the native referrers API |
| `guarded_registry` | the test | the same, behind a user name and a password |
| `plain_registry` | the test | `registry.Registry`, which has no referrers API |
| `hsm` | the test | `softhsm.Token`: a PKCS#11 token with a P-256 key |
| `kms` | the test | `kms.Kms`: AWS KMS, by moto |

A test that wants one that isn't there is skipped and says what to install; under `DBOM_REQUIRE_PEERS=1` that fails.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from programs import find_program, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cluster import Cluster
    from controller_cluster import ControllerCluster
    from gate_cluster import GateCluster
    from kms import Kms
    from registry import Registry
    from scheduling import ByService
    from sigstore_stack import PrivateSigstore
    from softhsm import Token

_IDENTITY_VARIABLES = ("CI", "KUBERNETES_SERVICE_HOST", "SIGSTORE_ID_TOKEN", "SOURCE_DATE_EPOCH")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByService:
    """Keep the tests of a service together, so that it is started once."""
    from scheduling import ByService

    return ByService(config, log)


@pytest.fixture(autouse=True)
def own_user_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a home for keys and settings that nobody else uses, and no identity from around it."""
    state = tmp_path_factory.mktemp("state")
    for name in [name for name in os.environ if name.startswith(("DBOM_", "GITHUB_", "ACTIONS_"))]:
        if name not in ("DBOM_TEST_PEERS", "DBOM_REQUIRE_PEERS", "DBOM_GOLDEN_UPDATE"):
            monkeypatch.delenv(name)
    for name in _IDENTITY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DBOM_HOME", str(state / "data"))
    monkeypatch.setenv("DBOM_CONFIG_HOME", str(state / "config"))
    monkeypatch.setenv("DBOM_CACHE_HOME", str(state / "cache"))


@pytest.fixture(scope="session")
def peer() -> Callable[[str], str]:
    """Return a function from a peer's name to its path; the test is skipped, saying what to do, where it is missing."""

    def find(name: str) -> str:
        found = find_program(name)
        if found is None:
            pytest.skip(f"{name} is not there: run `make peers`")
        return found

    return find


def _needed(*names: str) -> None:
    absent = missing(*names)
    if absent:
        pytest.skip(f"{', '.join(absent)} not there: run `make peers`")


@pytest.fixture(scope="session")
def private_sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSigstore]:
    """Run a whole private Sigstore for the session."""
    import sigstore_stack

    _needed(*sigstore_stack.PROGRAMS)
    with sigstore_stack.private_sigstore(tmp_path_factory.mktemp("sigstore")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster_issuer(private_sigstore: PrivateSigstore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a Kubernetes API server beside the private Sigstore, which takes its tokens."""
    import cluster
    from sigstore_stack import CLUSTER_PORT

    _needed(*cluster.PROGRAMS)
    keys = private_sigstore.keys
    certificates = keys["web-ca.pem"], keys["web.pem"], keys["web.key"]
    folder = tmp_path_factory.mktemp("cluster") / "state"
    with cluster.cluster(private_sigstore.network, folder, port=CLUSTER_PORT, certificates=certificates) as running:
        yield running


@pytest.fixture(scope="session", name="controlled")
def make_controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerCluster]:
    """Run a control plane in which the controller is installed, but doesn't run."""
    import controller_cluster

    _needed(*controller_cluster.PROGRAMS)
    with controller_cluster.controller_cluster(tmp_path_factory.mktemp("controlled")) as running:
        yield running


@pytest.fixture(scope="session", name="gate_cluster")
def make_gate_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateCluster]:
    """Run a whole control plane with the gate installed in enforce."""
    import gate_cluster

    _needed(*gate_cluster.PROGRAMS)
    with gate_cluster.gate_cluster(tmp_path_factory.mktemp("gate")) as running:
        yield running


@pytest.fixture(scope="session")
def served_sigstore(
    private_sigstore: PrivateSigstore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateSigstore]:
    """Run `dbom trust serve` in the private Sigstore's network; a `PrivateSigstore` whose services are ours."""
    import served_stack

    with served_stack.served_sigstore(private_sigstore, tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def native_registry(tmp_path: Path) -> Iterator[Registry]:
    """Run a registry with the native referrers API."""
    import registry

    _needed("registry")
    with registry.native_registry(tmp_path / "native-registry") as running:
        yield running


@pytest.fixture
def guarded_registry(tmp_path: Path) -> Iterator[Registry]:
    """Run a registry with the native referrers API, behind a user name and a password."""
    import registry

    _needed("registry")
    with registry.native_registry(tmp_path / "guarded-registry", guarded=True) as running:
        yield running


@pytest.fixture
def plain_registry(tmp_path: Path) -> Iterator[Registry]:
    """Run a registry without the referrers API."""
    import registry

    _needed("crane")
    with registry.plain_registry(tmp_path / "plain-registry") as running:
        yield running


@pytest.fixture
def hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """Make a PKCS#11 token with a key, and let the module find it."""
    import softhsm

    if softhsm.module_path() is None or find_program("softhsm2-util") is None:
        pytest.skip("SoftHSM is not there: apt-get install softhsm2")
    token = softhsm.make_token(tmp_path / "hsm")
    for name, value in token.environment.items():
        monkeypatch.setenv(name, value)
    return token


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    """Run a key management service, and let AWS's clients find it."""
    import kms

    with kms.kms() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that was told to skip nothing (`DBOM_REQUIRE_PEERS=1`) and skipped something."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if os.environ.get("DBOM_REQUIRE_PEERS") == "1" and skipped and exitstatus == 0:
        reporter.write_line(f"{len(skipped)} skipped where nothing may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
