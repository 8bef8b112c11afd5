"""`dbom trust serve` beside the private Sigstore: in its network, configured with its issuer and with a cluster's.

The fixture `served_sigstore` (tests/conftest.py) gives a `PrivateSigstore` whose trust files are those of the served
one; its tokens are the same. The cluster's keys are asked for once a token of it comes.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from sigstore_stack import CLUSTER_ISSUER, ISSUER, SERVED_PORT, PrivateSigstore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["served_sigstore"]


@contextlib.contextmanager
def served_sigstore(stack: PrivateSigstore, folder: Path) -> Iterator[PrivateSigstore]:
    """Serve a Sigstore of ours in the network of `stack` until the `with` ends; its clients' files are in `folder`."""
    network, url = stack.network, f"http://127.0.0.1:{stack.network.outside(SERVED_PORT)}"
    issuers = [f"--issuer={ISSUER}=email", f"--issuer={CLUSTER_ISSUER}=kubernetes,ca-file={stack.keys['web-ca.pem']}"]
    at = [f"--home={folder / 'home'}", f"--listen=127.0.0.1:{SERVED_PORT}", f"--url={url}"]
    at += [f"--oidc-provider={stack.urls['oidc']}"]
    command = [sys.executable, "-P", "-m", "dbom", "trust", "serve", *issuers, *at, f"--client-files={folder}"]
    network.start("served", command)
    try:
        network.ready("served", network.answers(SERVED_PORT, "/healthz"))
        urls = {**stack.urls, "fulcio": url, "rekor": url, "tsa": f"{url}/api/v1/timestamp"}
        yield replace(stack, folder=folder, urls=urls)
    finally:
        network.stop("served", signal.SIGTERM)
