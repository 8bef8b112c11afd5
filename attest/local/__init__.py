"""The embedded local Sigstore: certificates, logs and time stamps from a folder, without a network or a server.

What it signs is accepted by unmodified Sigstore clients that are given its trust root, and is only as good as the
machine that holds the folder. docs/formats/local-sigstore.md specifies the folder and what is written.
"""

from __future__ import annotations

from attest.local.embedded import LocalSigstore, find_local, open_local
from attest.local.home import data_home

__all__ = ["LocalSigstore", "data_home", "find_local", "open_local"]
