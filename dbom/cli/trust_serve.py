"""`dbom trust serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.output import say, write_file
from dbom.errors import UsageError
from dbom.printable import printable
from dbom.rules.local import SERVE_SETUP

if TYPE_CHECKING:
    from attest.http_server import Certificate
    from attest.served.issuers import Issuer

__all__ = ["HomeOption", "serve"]

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="The folder of a Sigstore that `dbom trust serve` offers."),
]


def serve(
    *,
    home: Annotated[
        Path, typer.Option("--home", metavar="DIR", help="Where its keys and logs are; made at first use.")
    ],
    issuer: Annotated[
        list[str] | None,
        typer.Option(
            "--issuer",
            metavar="URL=TYPE[,NAME=VALUE]...",
            help="Whose tokens are taken: type email, kubernetes or uri; audience, ca-file, token-file, domain.",
        ),
    ] = None,
    issuers: Annotated[
        Path | None, typer.Option("--issuers", metavar="FILE", help="The same in TOML: a table [[issuer]] for each.")
    ] = None,
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:5555",
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Where clients find it.", show_default="where it listens"),
    ] = None,
    client_files: Annotated[
        Path | None,
        typer.Option("--client-files", metavar="DIR", help="Write what clients need there: trust root and addresses."),
    ] = None,
    oidc_provider: Annotated[
        str | None,
        typer.Option(
            "--oidc-provider",
            metavar="URL",
            help="Where clients log people in.",
            show_default="the issuers of e-mail addresses",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="The serving certificate chain, in PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key, in PEM.")] = None,
    plain_http: Annotated[
        bool,
        typer.Option("--plain-http", help="Serve beyond loopback without TLS: tokens then travel in the clear."),
    ] = False,
) -> None:
    """Serve a Sigstore of your own to unmodified clients.

    It offers the HTTP interfaces of Fulcio, Rekor and a time-stamp authority: cosign, sigstore-python, sigstore-js and
    `dbom sign --trust-config` sign against it. A certificate is issued only for an identity token of a configured
    issuer that was checked. Its keys are its own: nothing is issued for this machine's local identity. One log line a
    request goes to stderr, as JSON; SIGTERM ends it.

    Example: dbom trust serve --home /var/lib/dbom --issuer https://issuer.example.com=email --client-files clients
    """
    from datetime import UTC, datetime

    from attest.http_server import parse_listen
    from attest.served.client_files import client_files as files_for
    from attest.served.client_files import providers_of
    from attest.served.home import open_served
    from attest.served.issuers import issuer_table
    from attest.served.serving import Setting
    from attest.served.serving import serve as serve_sigstore
    from dbom.cli.serving import log_line

    address, accepted = parse_listen(listen), _issuers(issuer, issuers)
    issuer_table(accepted)
    certificate = _certificate(address[0], tls_cert, tls_key, plain_http=plain_http)
    sigstore = open_served(home, now=datetime.now(UTC))

    def started(host: str, port: int) -> None:
        at = url or f"{'http' if certificate is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"
        if client_files is not None:
            client_files.mkdir(parents=True, exist_ok=True)
            providers = (oidc_provider,) if oidc_provider else providers_of(accepted)
            made = files_for(sigstore.trusted_root(), url=at, providers=providers)
            for name, data in made.items():
                write_file(client_files / name, data)
            say(f"for clients: {printable(str(client_files / 'client_trust_config.json'))}")
        log_line({"event": "listening", "url": at, "host": host, "port": port})

    serve_sigstore(sigstore, Setting(*address, accepted, log_line, certificate), started=started)
    log_line({"event": "stopped"})


def _issuers(given: list[str] | None, file: Path | None) -> tuple[Issuer, ...]:
    from attest.served.issuers import parse_issuer, read_issuers

    return (*map(parse_issuer, given or ()), *(read_issuers(file) if file is not None else ()))


def _certificate(host: str, certificate: Path | None, key: Path | None, *, plain_http: bool) -> Certificate | None:
    from attest.http_server import Certificate
    from attest.served.issuers import is_loopback
    from dbom.cli.serving import log_line

    if (certificate is None) != (key is None):
        raise UsageError(SERVE_SETUP, "--tls-cert and --tls-key are given together")
    if certificate is not None and key is not None:
        if plain_http:
            raise UsageError(SERVE_SETUP, "--plain-http serves without TLS, --tls-cert with it; not both")
        return Certificate(certificate, key, log_line)
    if not plain_http and not is_loopback(host):
        raise UsageError(
            SERVE_SETUP,
            "beyond loopback it is served over TLS",
            got=printable(host),
            hint="give --tls-cert and --tls-key, or say --plain-http where the network is one that you trust",
        )
    return None
