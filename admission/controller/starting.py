"""From flags and a pod's environment to a controller that runs."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from admission.controller.client import Api
from admission.controller.controlling import CERTIFICATES_EVERY, Controller, ControllerSettings
from admission.controller.rotation import DEFAULT_LIFETIMES, Lifetimes
from admission.controller.status_server import StatusPages
from admission.policy_reading import OWN_NAMESPACE
from attest.http_server import HttpServer, parse_listen
from attest.stores.store import open_store
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.cluster import CLUSTER_SETUP
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dbom.canonical import JsonObject

__all__ = ["ControllerFlags", "run_controller"]

_MOUNTED: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CERTIFICATES: Final = ("own", "cert-manager", "given")


@dataclass(frozen=True, slots=True)
class ControllerFlags:
    """What the command line says; None where it says nothing."""

    stores: Sequence[str] = ()
    certificates: str = "own"
    namespace: str | None = None
    sync_every: float = 60.0
    certificates_last: float = DEFAULT_LIFETIMES.serving.total_seconds()
    listen: str = "127.0.0.1:8080"
    server: str | None = None
    token_file: Path | None = None
    server_ca: Path | None = None
    offline: bool = False


def run_controller(
    flags: ControllerFlags, environment: Mapping[str, str], *, log: Callable[[JsonObject], None]
) -> None:
    """Run until SIGTERM or SIGINT. Raises `UsageError` where nothing says which cluster this is, or for a bad flag."""
    if flags.certificates not in _CERTIFICATES:
        got, expected = printable(flags.certificates), ", ".join(_CERTIFICATES)
        raise UsageError(USAGE, "nobody known makes certificates", got=got, expected=expected)
    address = parse_listen(flags.listen)
    stores = [open_store(url, offline=flags.offline, at_once=False) for url in flags.stores]
    settings = ControllerSettings(
        identity=f"{environment.get('POD_NAME') or 'dbom-controller'}_{uuid.uuid4().hex[:12]}",
        namespace=flags.namespace or environment.get("POD_NAMESPACE") or OWN_NAMESPACE,
        makes_certificates=flags.certificates == "own",
        sync_every=flags.sync_every,
        certificates_every=min(CERTIFICATES_EVERY, flags.certificates_last / 30),
        lifetimes=Lifetimes.of(timedelta(seconds=flags.certificates_last)),
    )
    controller = Controller(_api(flags, environment), stores, settings, log=log)
    stop = threading.Event()
    working = threading.Thread(target=controller.run, args=(stop,), name="controller")
    pages = HttpServer(StatusPages(controller), log)
    working.start()
    try:
        pages.run(*address, started=lambda host, port: log({"event": "listening", "host": host, "port": port}))
    finally:
        stop.set()
        working.join(20)
        log({"event": "stopped"})


def _api(flags: ControllerFlags, environment: Mapping[str, str]) -> Api:
    server = flags.server
    if server is None:
        host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise UsageError(CLUSTER_SETUP, "this is no pod of a cluster, and no --server is given")
        server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Api.open(server, flags.token_file or _MOUNTED / "token", flags.server_ca or _MOUNTED / "ca.crt")
