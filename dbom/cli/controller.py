"""`dbom admission controller`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbom.cli.options import StoreOption

__all__ = ["controller"]


def controller(
    *,
    store: StoreOption = None,
    certificates: Annotated[
        str, typer.Option("--certificates", help="Who makes the webhook's certificates: own, cert-manager or given.")
    ] = "own",
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", metavar="NS", help="Its own namespace; otherwise POD_NAMESPACE, or dbom-system."),
    ] = None,
    sync_every: Annotated[
        float, typer.Option("--sync-every", metavar="SECONDS", min=1, help="How often the stores are read.")
    ] = 60,
    certificates_last: Annotated[
        float,
        typer.Option(
            "--certificates-last",
            metavar="SECONDS",
            min=20,
            help="How long a serving certificate lasts; its authority twelve times as long. Pods see a new one late.",
        ),
    ] = 30 * 86_400,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where /healthz, /readyz and /metrics are.")
    ] = "127.0.0.1:8080",
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="The API server; in a pod it is told by Kubernetes.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="The service account's token.")
    ] = None,
    server_ca: Annotated[
        Path | None, typer.Option("--server-ca", metavar="FILE", help="The API server's authority, in PEM.")
    ] = None,
) -> None:
    """Hand policies and verified evidence to the webhooks of a cluster.

    Watches ProvenancePolicy objects, reads the stores, and writes both as a snapshot into ConfigMaps that webhooks
    mount; renews the webhook's certificates; says in Events and PolicyReports what of all that runs would be refused
    now. Of several controllers one leads. The gate works on without it, and its evidence grows stale. What it may do in
    the cluster is in `dbom admission manifests`. One JSON line an event goes to stderr; SIGTERM ends it in good order.

    Example: dbom admission controller --store s3://evidence/ --certificates own --listen 0.0.0.0:8080
    """
    import os

    from admission.controller.starting import ControllerFlags, run_controller
    from dbom.cli.serving import log_line
    from dbom.cli.session import current_session, current_settings

    flags = ControllerFlags(
        stores=current_settings(store=tuple(store or ())).store,
        certificates=certificates,
        namespace=namespace,
        sync_every=sync_every,
        certificates_last=certificates_last,
        listen=listen,
        server=server,
        token_file=token_file,
        server_ca=server_ca,
        offline=current_session().offline,
    )
    run_controller(flags, os.environ, log=log_line)
