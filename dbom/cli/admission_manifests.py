"""`dbom admission manifests`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import OutputOption
from dbom.cli.output import say, write_result
from dbom.errors import PathError, UsageError
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.cluster import FOLDER_TAKEN
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["manifests"]


class _Blocking(StrEnum):
    AUDIT = "audit"
    ENFORCE = "enforce"


class _HeadsSigner(StrEnum):
    NONE = "none"
    TOKEN = "token"  # noqa: S105  a kind of signer
    KEY = "key"


def manifests(
    *,
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE@sha256:HEX", help="The image of dbom to run, by digest.")
    ],
    mode: Annotated[
        _Blocking, typer.Option("--mode", help="audit never blocks; enforce refuses what the webhook doesn't answer.")
    ] = _Blocking.ENFORCE,
    enforce: Annotated[
        list[str] | None,
        typer.Option("--enforce", metavar="NS", help="With --mode audit: a namespace that is enforced already."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="NS", help="A namespace to leave alone, beside kube-system and ours."),
    ] = None,
    allow_accelerators: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-accelerators",
            metavar="NS/ACCOUNT",
            help="A service account whose pods may have accelerators or image volumes in an excluded namespace.",
        ),
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", metavar="NS", help="Where to install it.")] = "dbom-system",
    controller: Annotated[
        bool,
        typer.Option(
            "--controller/--no-controller",
            help="Without: policies from the ConfigMap dbom-policies, evidence from the volume claim dbom-store.",
        ),
    ] = True,
    store: Annotated[
        list[str] | None, typer.Option("--store", metavar="URL", help="A store of evidence for the controller.")
    ] = None,
    cert_manager: Annotated[
        bool, typer.Option("--cert-manager", help="Let cert-manager make the certificates, not our controller.")
    ] = False,
    ca_bundle: Annotated[
        Path | None,
        typer.Option(
            "--ca-bundle", metavar="FILE", help="The CA, in PEM, of a certificate that you put into dbom-tls."
        ),
    ] = None,
    replicas: Annotated[int, typer.Option("--replicas", metavar="N", help="Of the webhook.")] = 2,
    api_server: Annotated[
        list[str] | None,
        typer.Option("--api-server", metavar="NETWORK", help="The API server's network; else any may call."),
    ] = None,
    monitoring: Annotated[
        list[str] | None, typer.Option("--monitoring", metavar="NS", help="A namespace that may read metrics.")
    ] = None,
    journal_claim: Annotated[
        str, typer.Option("--journal-claim", metavar="NAME", help="A volume claim, for many pods, that keeps journals.")
    ] = "",
    journal_most: Annotated[
        str,
        typer.Option(
            "--journal-most",
            metavar="SIZE",
            help="What a replica's journal may take before its oldest files are deleted. Without a claim 768Mi.",
        ),
    ] = "",
    heads_signer: Annotated[
        _HeadsSigner | None,
        typer.Option(
            "--heads-signer",
            help="Who signs journals' heads: the webhook's service account (token), the Secret dbom-heads-key (key)."
            " With --trust-config a token, else nobody.",
        ),
    ] = None,
    trust_config: Annotated[
        Path | None,
        typer.Option(
            "--trust-config",
            metavar="FILE",
            help="Have journals' heads signed keyless, with the Sigstore of this ClientTrustConfig.",
        ),
    ] = None,
    heads_audience: Annotated[
        str, typer.Option("--heads-audience", metavar="AUDIENCE", help="Whom that token is for.")
    ] = "sigstore",
    heads_network: Annotated[
        list[str] | None,
        typer.Option("--heads-network", metavar="NETWORK", help="That Sigstore's network; else any is reached."),
    ] = None,
    helm: Annotated[
        Path | None, typer.Option("--helm", metavar="DIR", help="Write a Helm chart, these flags its values.")
    ] = None,
    kustomize: Annotated[
        Path | None, typer.Option("--kustomize", metavar="DIR", help="Write a kustomize base instead.")
    ] = None,
    output: OutputOption = None,
) -> None:
    """Print what installs the gate in a cluster.

    Kubernetes manifests: webhook, controller, what they may do and reach, the policies of the API server's own, and
    when the webhook is asked. What this installation can't see is listed at the top: read it. Begin with --mode audit.

    Example: dbom admission manifests --mode audit --image registry.example.com/dbom@sha256:… --store s3://evidence
    """
    from admission.manifests import Certificates, Heads, HeadsSigner, Installation, render_manifests
    from admission.manifests.chart import chart_files
    from admission.manifests.kustomization import kustomize_files
    from admission.policy import Mode
    from dbom import __version__

    if cert_manager and ca_bundle is not None:
        raise UsageError(USAGE, "--cert-manager puts the CA in, --ca-bundle gives it; not both")
    if helm is not None and kustomize is not None:
        raise UsageError(USAGE, "--helm or --kustomize, not both")
    theirs = Certificates.CERT_MANAGER if cert_manager else Certificates.GIVEN
    installation = Installation(
        image,
        namespace,
        Mode(str(mode)),
        None if ca_bundle is None else _read(ca_bundle),
        Certificates.OWN if controller and not cert_manager and ca_bundle is None else theirs,
        enforced=tuple(enforce or ()),
        excluded=tuple(exclude or ()),
        accelerator_accounts=tuple(allow_accelerators or ()),
        stores=tuple(store or ()),
        replicas=replicas,
        api_servers=tuple(api_server or ()),
        monitoring=tuple(monitoring or ()),
        journal_claim=journal_claim,
        journal_most=journal_most,
        heads=Heads(
            HeadsSigner(str(heads_signer or (_HeadsSigner.TOKEN if trust_config else _HeadsSigner.NONE))),
            None if trust_config is None else _read(trust_config),
            heads_audience,
            tuple(heads_network or ()),
        ),
        has_controller=controller,
    )
    if helm is not None:
        _write_folder(helm, chart_files(installation, __version__))
    elif kustomize is not None:
        _write_folder(kustomize, kustomize_files(installation))
    else:
        write_result(render_manifests(installation), output)


def _write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder of their own: what else lies there would be installed too."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise PathError(FOLDER_TAKEN, "the folder isn't empty", where=str(folder))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PathError(FOLDER_TAKEN, f"can't be written: {error.strerror}", where=str(folder)) from error
    say(f"wrote {len(files)} files to {folder}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=str(path)) from error
