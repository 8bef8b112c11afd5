"""A Sigstore of one's own over HTTP: the APIs of Fulcio, Rekor 1 and the time-stamp authority, for unmodified clients.

Handlers are apart from the transport (`attest.http_server`): each takes bytes and returns bytes. Certificates are
issued for identity tokens that were checked, of issuers that are configured, and never for a local identity: the keys
are others than those of `attest.local`, whose log, certificates and time stamps are used.
"""

from __future__ import annotations

__all__: list[str] = []
