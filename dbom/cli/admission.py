"""`dbom admission`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import OutputOption, StoreOption
from dbom.cli.output import say, write_result
from dbom.cli.policy_signers import PolicySigners, with_policy_signer_flags
from dbom.cli.ready import PolicyOption, named_stores, policy_paths, ready, tell_evidence
from dbom.cli.reviewed import ReviewFormat, exit_code, write_review
from dbom.cli.signers import SignerFlags, with_signer_flags
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["review", "serve"]

_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
_DIGITS = 16


@with_policy_signer_flags
def review(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="YAML or JSON: objects, lists, reviews; folders of them; - is stdin."),
    ],
    *,
    policy: PolicyOption = None,
    store: StoreOption = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NS", help="For objects that name none; otherwise default.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each reference, its class, and the evidence that was tried.")
    ] = False,
    format_: Annotated[
        ReviewFormat, typer.Option("-f", "--format", help="How to write the result.")
    ] = ReviewFormat.TEXT,
    output: OutputOption = None,
    policy_signers: PolicySigners,
) -> None:
    """Judge pods, workloads and serving resources as the webhook would.

    Takes what is in hand before it is deployed: files, folders, dumps of a cluster, and with - what another program
    writes (`helm template chart/ | dbom admission review -`). They are judged as given: what the API server adds later
    (defaults, mutating webhooks) isn't seen.

    Exit codes: 0 verified, or no model found in it (the summary counts these apart); 1 refused, which includes what
    can't be followed; 2 not an object that can be read; 3 can't tell.

    Example: dbom admission review manifests/ --policy policy.yaml --store evidence/ -f sarif -o review.sarif
    """
    from datetime import UTC, datetime

    from admission.files import read_given
    from admission.gate import decide
    from dbom.cli.explained import explained_text

    if explain and format_ is not ReviewFormat.TEXT:
        raise UsageError(USAGE, "--explain is a text", got=f"--format {format_}")
    now = datetime.now(UTC)
    given = [found for path in files for found in read_given(path, namespace=namespace, stdin=sys.stdin.buffer)]
    policies, evidence = ready(policy, store, now, signers=policy_signers.authorities())
    decisions = [decide(item.review, policies, evidence, now=now) for item in given]
    if explain:
        results = [(item.review, decision) for item, decision in zip(given, decisions, strict=True)]
        write_result(explained_text(results, policies, evidence), output)
    else:
        write_review(given, decisions, format_, output)
    raise typer.Exit(exit_code(decisions))


@with_signer_flags
@with_policy_signer_flags
def serve(
    *,
    policy: PolicyOption = None,
    store: StoreOption = None,
    snapshot: Annotated[
        Path | None,
        typer.Option(
            "--snapshot", metavar="DIR", help="Policies and verified evidence, as a controller hands them over."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="The serving certificate, with its chain, in PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, in PEM.")] = None,
    self_signed: Annotated[
        Path | None,
        typer.Option("--self-signed", metavar="DIR", help="Make a throw-away certificate for localhost in DIR."),
    ] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option(
            "--client-ca", metavar="FILE", help="Take reviews only from clients with a certificate by this CA."
        ),
    ] = None,
    drain: Annotated[
        float,
        typer.Option(
            "--drain", metavar="SECONDS", min=0, max=300, help="After SIGTERM: be not ready for so long, then end."
        ),
    ] = 1.0,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one.")
    ] = "127.0.0.1:8443",
    journal: Annotated[
        Path | None, typer.Option("--journal", metavar="FILE", help="Append every decision to this hash chain.")
    ] = None,
    journal_most: Annotated[
        str | None,
        typer.Option(
            "--journal-most",
            metavar="SIZE",
            help="What it may take (192Mi, 2Gi) before its oldest full files are deleted; else a full disk refuses.",
        ),
    ] = None,
    policy_signers: PolicySigners,
    signer_flags: SignerFlags,
) -> None:
    """Serve the validating admission webhook over TLS.

    POST /validate takes AdmissionReviews; GET /healthz and /readyz say that it is up and ready, /metrics is for
    Prometheus, /status for `dbom admission status`. Policies and evidence are read before the first request and again
    when their files change; what can't be used leaves the last good ones in use. So does a certificate. One JSON line
    a decision goes to stderr. SIGTERM ends it in good order. Where flags say who signs, the journal's head is signed
    each minute and at the end, so that nobody can take back what was decided; while it can't be, that is logged, and
    the gate goes on.

    Example: dbom admission serve --policy policy.yaml --store evidence/ --self-signed tls/
    """
    from datetime import UTC, datetime

    from admission.mounted import MountedFiles, MountedSnapshot
    from attest.http_server import Certificate, parse_listen
    from dbom.cli.serving import log_line, serve_webhook

    address = parse_listen(listen)
    files = _certificate(tls_cert, tls_key, self_signed, datetime.now(UTC))
    source: MountedFiles | MountedSnapshot
    if snapshot is not None:
        if policy or store or policy_signers.is_anybody:
            raise UsageError(
                USAGE,
                "--snapshot brings policies and evidence; no other flag names them then, and no setting says who signs"
                " policies",
            )
        source = MountedSnapshot(snapshot)
    else:
        stores, folders = named_stores(store)
        source = MountedFiles(policy_paths(policy), stores, policy_signers.authorities(), folders)
    if signer_flags != SignerFlags() and journal is None:
        raise UsageError(USAGE, "who signs, signs the heads of a journal; --journal says where it is")
    if journal_most is not None and journal is None:
        raise UsageError(USAGE, "--journal-most is of a journal; --journal says where it is")
    serve_webhook(
        source,
        address=address,
        certificate=Certificate(*files, log_line, clients=client_ca),
        journal=journal,
        most=None if journal_most is None else _bytes_of(journal_most),
        drain=drain,
        told=tell_evidence,
        signer=signer_flags.late_signer() if signer_flags != SignerFlags() else None,
    )


def _bytes_of(text: str) -> int:
    """Return a size that was given (`512Mi`, `2Gi`, or bytes) in bytes. Raises `UsageError`."""
    from admission.journal.space import LEAST_KEPT

    digits, unit = (text[:-2], text[-2:]) if text[-2:] in _UNITS else (text, "")
    size = int(digits) * _UNITS.get(unit, 1) if digits.isascii() and digits.isdigit() and len(digits) < _DIGITS else 0
    if size < LEAST_KEPT:
        raise UsageError(
            USAGE, "not a size that a journal can be held to", got=printable(text), expected="192Mi or more"
        )
    return size


def _certificate(
    certificate: Path | None, key: Path | None, self_signed: Path | None, now: datetime
) -> tuple[Path, Path]:
    from admission.certificates import write_self_signed

    if self_signed is not None:
        if certificate is not None or key is not None:
            raise UsageError(USAGE, "--self-signed makes a certificate, --tls-cert and --tls-key give one; not both")
        files = write_self_signed(self_signed, now=now)
        say(
            f"WARNING: serving with a throw-away certificate for localhost, good for a week and for trying out only;"
            f" clients are given {printable(str(files.authority))}"
        )
        return files.certificate, files.key
    if certificate is None or key is None:
        raise UsageError(
            USAGE, "the webhook is served over TLS only", hint="give --tls-cert and --tls-key, or --self-signed DIR"
        )
    return certificate, key
