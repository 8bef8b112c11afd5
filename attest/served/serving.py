"""A served Sigstore, put together: the folder, the issuers, the services, the server."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from attest.http_server import HttpServer, Limits
from attest.served.application import SigstoreApplication
from attest.served.certifying import Certifier
from attest.served.entry_times import EntryTimes
from attest.served.issuers import issuer_table
from attest.served.keysets import KeySets
from attest.served.transparency import TransparencyLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from attest.http_server import Certificate
    from attest.served.home import ServedSigstore
    from attest.served.issuers import Issuer
    from dbom.canonical import JsonObject

__all__ = ["LIMITS", "Setting", "opened_application", "serve"]

LIMITS: Final = Limits(body_bytes=8 * 1024 * 1024, connections=64, idle=30.0, request=15.0, workers=8)
"""What the server takes. Signing clients send small requests; an envelope of a large statement is some megabytes."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How to serve: where, whose tokens count, the serving certificate (None is plain HTTP), the limits, the log."""

    host: str
    port: int
    issuers: Sequence[Issuer]
    log: Callable[[JsonObject], None] = field(repr=False)
    certificate: Certificate | None = None
    limits: Limits = LIMITS


def serve(sigstore: ServedSigstore, setting: Setting, *, started: Callable[[str, int], None]) -> None:
    """Serve until SIGTERM or SIGINT. `started` is told the address once connections are taken.

    Raises `InputError` for what can't be served so, `SigningError` where another program serves this folder,
    `PathError` where it can't be read or written.
    """
    table = issuer_table(setting.issuers)
    with opened_application(sigstore, table) as application:
        server = HttpServer(application, setting.log, limits=setting.limits, certificate=setting.certificate)
        server.run(setting.host, setting.port, started=started)


@contextmanager
def opened_application(
    sigstore: ServedSigstore,
    issuers: Mapping[str, Issuer],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    keys: KeySets | None = None,
) -> Iterator[SigstoreApplication]:
    """Open the services of a folder, and hold it meanwhile. Raises as `serve`."""
    with sigstore.served():
        services = sigstore.services()
        known = keys or KeySets(time.monotonic)
        times = EntryTimes(services.log.folder / "times")
        first = sigstore.trusted_root()
        log = TransparencyLog(services.log, times, services.authority.chain[0], first=first, now=now())
        yield SigstoreApplication(
            Certifier(services.authority, issuers, known.keys),
            log,
            services.stamper,
            sigstore.time_stamper_chain(),
            now,
            lambda: secrets.randbits(63),
        )
